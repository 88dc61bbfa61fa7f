"""``manage.py audit_catalog``: what is missing, blank, broken or at odds with itself."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db.models import F
from rich.console import Console

from catalog.commands import ExampleCommand, non_negative
from retrieval import audit, spaces
from retrieval.exceptions import NoActiveSpace
from retrieval.management.bars import stage_bars
from retrieval.models import AuditFinding

SHOWN = 20


class Command(ExampleCommand):
    """Writes nothing but its findings."""

    help = (
        "Look for items that lack what their kind usually has, files that are broken, blank, clipped "
        "or silent, pictures that do not fit their words, translations that say something else, and "
        "words in another language than they are said to be in. The admin's filter 'quality' lists "
        "what was found."
    )
    epilog = """examples:
  manage.py audit_catalog                            every check
  manage.py audit_catalog --check captions translations --limit 50
  manage.py audit_catalog --json findings.json       everything that was found, into a file"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument(
            "--check", nargs="+", choices=list(audit.CHECKS), default=[], metavar="NAME",
            help=f"only these of: {', '.join(audit.CHECKS)}",
        )  # fmt: skip
        parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings there")
        parser.add_argument(
            "--limit",
            type=non_negative,
            default=SHOWN,
            help="findings printed a check (%(default)s)",
        )

    def handle(self, *, check: list[str], json: Path | None, limit: int, **_: Any) -> None:
        """Findings are no error: exit code 0."""
        console = Console(file=self.stdout._out)  # type: ignore[arg-type]
        with stage_bars(console) as tell:
            counts = audit.audit(check, tell)
        for name, number in counts.items():
            console.print(f"[bold]{audit.Check(name).label}[/bold]: {number:,}", highlight=False)
            for finding in _findings([name])[:limit]:
                line = f"  {finding.item.external_id}  {finding.item.title}  ({finding.detail})"
                printable = line.encode(errors="backslashreplace").decode()
                console.print(printable, markup=False, highlight=False, soft_wrap=True)
            if number > limit:
                console.print(f"  … and {number - limit:,} more", highlight=False)
        self._untrained(check, console)
        if json is not None:
            _write(json, list(counts))

    def _untrained(self, check: list[str], console: Console) -> None:
        if check and not {"captions", "translations"} & set(check):
            return
        try:
            if spaces.active_space().head.metadata.get("trained", True):
                return
            why = "the active space is untrained (`manage.py train_space --activate`)"
        except NoActiveSpace:
            why = (
                "there is no active space (`manage.py embed --here`, then "
                "`manage.py train_space --activate`)"
            )
        console.print(f"captions and translations were not compared: {why}.", highlight=False)


def _findings(names: list[str]) -> Any:
    found = AuditFinding.objects.filter(check_name__in=names).select_related("item")
    return found.order_by("check_name", "-score", "item_id")


def _write(path: Path, names: list[str]) -> None:
    rows = _findings(names).values(
        "score", "detail", "content_version", external_id=F("item__external_id"),
        title=F("item__title"), check=F("check_name"),
    )  # fmt: skip
    try:
        path.write_text(json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n")
    except OSError as err:
        raise CommandError(f"{path} cannot be written: {err.strerror}.") from err
