"""``manage.py train_space``: align words, pictures and sounds on the catalog itself."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from catalog.commands import ExampleCommand
from retrieval import space_training, spaces
from retrieval.exceptions import RetrievalError
from retrieval.models import EmbeddingSpace
from retrieval.training import TrainingConfig


class Command(ExampleCommand):
    """The active space goes on answering until the new one is complete and activated."""

    help = (
        "Train a head on every embedded item, put it into a new embedding space with its held-out "
        "metrics, embed the catalog there and, with --activate, let it answer."
    )
    epilog = """examples:
  manage.py train_space                      a space named by the date, for a look in the admin
  manage.py train_space spring --activate    and let it answer once it is complete
  manage.py train_space --seed 1 --here      without workers"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("name", nargs="?", help="of the new space")
        parser.add_argument("--seed", type=int, default=0, help="of the held-out split")
        parser.add_argument("--activate", action="store_true", help="switch to it when complete")
        parser.add_argument("--here", action="store_true", help="embed in this process")

    def handle(self, *, name: str | None, seed: int, activate: bool, here: bool, **_: Any) -> None:
        """Raises CommandError with what to do."""
        name = name or f"trained {timezone.now():%Y-%m-%d %H:%M:%S}"
        config = TrainingConfig(dim=settings.RETRIEVAL["DIM"], seed=seed)
        try:
            space = self._train(name, config)
            self._report(space)
            call_command("embed", wait=not here, here=here, warn=True, stdout=self.stdout)
            spaces.space_ready(space.pk)
            if activate:
                spaces.space_activate(space.pk)
                self.stdout.write(f"Space {name!r} is active.")
            else:
                self.stdout.write(f"Space {name!r} is ready; activate it in the admin.")
        except RetrievalError as err:
            raise CommandError(str(err)) from err

    def _train(self, name: str, config: TrainingConfig) -> EmbeddingSpace:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn()) as progress:
            bar = progress.add_task("collecting", total=None)

            def show(entry: dict[str, Any]) -> None:
                if entry["stage"] == "collect":
                    progress.update(bar, completed=entry["items"], total=entry["of"])
                else:
                    facts = ", ".join(f"{k} {v}" for k, v in entry.items() if k != "stage")
                    progress.console.print(f"  {entry['stage']}: {facts}")

            return space_training.space_train(
                name, profile=settings.RETRIEVAL["PROFILE"], config=config, progress=show
            )

    def _report(self, space: EmbeddingSpace) -> None:
        for task, languages in space.metrics["held_out"].items():
            for language, found in languages.items():
                low, high = found["r@10_interval"]
                self.stdout.write(
                    f"  held out, {task.replace('_', ' ')}, {language}: R@1 {found['r@1']:.3f}, "
                    f"R@10 {found['r@10']:.3f} [{low:.3f}, {high:.3f}], MRR {found['mrr']:.3f} "
                    f"({found['queries']} queries)"
                )
