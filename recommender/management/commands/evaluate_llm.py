"""``manage.py evaluate_llm``: what the configured language model is worth, beside none and others."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand, positive
from catalog.importers.demo.fetch import FetchError
from recommender.exceptions import LlmUnavailable
from recommender.llm import calls
from recommender.llm.evaluation import run, tables
from recommender.llm.providers.types import Message

PARTS: Final = ("interpretation", "rerank", "explanations")
GREET_S: Final = 60.0
"""A worker may be loading its model."""
EPILOG: Final = """examples:
  manage.py evaluate_llm                                   what is answered without a model
  LLM=local manage.py evaluate_llm --keep llm.json         the local one; a worker of the queue llm runs
  LLM=openai manage.py evaluate_llm --keep llm.json        an endpoint; tables of all that the file holds
  manage.py evaluate_llm --split dev --wrong               what the rules read wrong

MovieLens 100K (GroupLens: for research only) is fetched the first time by pip and kept in DEMO_CACHE.
Reasons are written about this catalog's items: load some (manage.py import_demo all).
"""


class Command(ExampleCommand):
    """Reads only; asks the provider, which may cost: LLM_TOKENS_A_DAY and LLM_MONEY_A_DAY hold."""

    help = (
        "Measure the language model in LLM: how questions are understood, nDCG with and without its order "
        "for cold visitors, how often its reasons are borne out, time, tokens and cost."
    )
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
        parser.add_argument("--split", choices=("dev", "held-out", "all"), default="held-out")
        parser.add_argument("--questions", type=positive, help="at most, of each language")
        parser.add_argument(
            "--visitors", type=positive, default=100, help="cold ones (%(default)s)"
        )
        parser.add_argument(
            "--sentences", type=positive, default=30, help="a language (%(default)s)"
        )
        parser.add_argument("--keep", type=Path, metavar="FILE", help="add to this JSON file")
        parser.add_argument("--wrong", action="store_true", help="list what the rules read wrong")

    def handle(self, **options: Any) -> None:
        """Raises CommandError with what to do."""
        console = Console(file=self.stdout._out, width=None if self.stdout.isatty() else 140)  # type: ignore[arg-type]
        if options["wrong"]:
            self._list_wrong(options["split"])
            return
        sizes = run.Sizes(
            options["split"], options["questions"], options["visitors"], options["sentences"]
        )
        self._greet()
        try:
            found = run.measured(sizes, options["only"], console)
        except FetchError as err:
            raise CommandError(f"{err}. `--only interpretation` needs no network.") from err
        kept = self._kept(options["keep"], found)
        self.stdout.write(tables.markdown(list(kept.values())))

    def _greet(self) -> None:
        """A provider that is not there shows now, not after every question waited for it."""
        if not calls.enabled():
            return
        try:
            calls.complete("evaluate", [Message("user", "Hello")], max_tokens=2, timeout_s=GREET_S)
        except LlmUnavailable as err:
            raise CommandError(
                f"{err}\nFor LLM=local start a worker: celery -A workers worker -Q llm -c 1"
            ) from err

    def _kept(self, path: Path | None, found: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text("utf-8"))
        name = found["provider"]
        kept[name] = kept.get(name, {}) | found
        if path is not None:
            path.write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")
        return kept

    def _list_wrong(self, split: str) -> None:
        if split == "held-out":
            raise CommandError("The held-out questions only measure: look at --split dev.")
        for text, slots, said in tables.wrong():
            self.stdout.write(f"{text}\n  {', '.join(slots)}: {said}")
        self.stdout.write(f"LLM={settings.LLM['PROVIDER']} was not asked.")
