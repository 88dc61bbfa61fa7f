"""``manage.py recommender_model``: the life of model versions, one subcommand a step."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand
from recommender import versions
from recommender.collaborative.holdout import K
from recommender.exceptions import RecommenderError
from recommender.models import RecommenderModel

TABLE_WIDTH = 140  # of a table that is not printed to a terminal
SHOWN = (f"hr@{K}", f"ndcg@{K}", f"coverage@{K}")


class Command(ExampleCommand):
    """Every subcommand is one method; ``handle`` calls it by name."""

    help = "List, activate, roll back and retire versions of the recommender's models."
    epilog = """examples:
  manage.py recommender_model list
  manage.py recommender_model activate 'ease 2026-11-23 03:00:00'
  manage.py recommender_model rollback item-item       back to the one before
  manage.py recommender_model retire 'ease 2026-11-21 03:00:00'

`manage.py train_recommender` makes one."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        steps = parser.add_subparsers(dest="step", required=True, metavar="SUBCOMMAND")
        steps.add_parser("list", help="all versions, newest first")
        activate = steps.add_parser("activate", help="let a version answer, in one transaction")
        activate.add_argument("name")
        rollback = steps.add_parser("rollback", help="back to the version that was active before")
        rollback.add_argument("kind", choices=RecommenderModel.Kind.values)
        retire = steps.add_parser("retire", help="forget what a version learned")
        retire.add_argument("name")

    def handle(self, *, step: str, **options: Any) -> None:
        """Raises CommandError with what to do."""
        steps: dict[str, Callable[..., None]] = {
            "list": self._list,
            "activate": self._activate,
            "rollback": self._rollback,
            "retire": self._retire,
        }
        try:
            steps[step](**options)
        except RecommenderError as err:
            raise CommandError(str(err)) from err

    def _list(self, **_: Any) -> None:
        columns = ("name", "kind", "algorithm", "state", "events", "items", "s")
        table = Table(*columns, *SHOWN)
        rows = list(
            RecommenderModel.objects.select_related("space").defer("parameters", "space__head")
        )
        for row in rows:
            measured = row.metrics.get("model", {})
            figures = [f"{measured[name]:.3f}" if name in measured else "" for name in SHOWN]
            cells = (
                row.name,
                row.kind,
                row.algorithm,
                row.state,
                row.events,
                row.items,
                row.seconds,
            )
            table.add_row(*("" if cell is None else str(cell) for cell in cells), *figures)
        console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
        with console.capture() as printed:
            console.print(table)
        self.stdout.write(printed.get())
        for row in rows:
            if row.error or row.note:
                self.stdout.write(f"{row.name}: {row.error or row.note}")
            if why := versions.version_stale(row):
                self.stdout.write(
                    f"{row.name}: a training is due: {why}. The next night asks for it; now: "
                    f"`manage.py train_recommender --kind {row.kind} --activate`."
                )

    def _activate(self, *, name: str, **_: Any) -> None:
        row = versions.version_named(name)
        row = versions.version_activate(row.pk, expected=versions.active_id(row.kind))
        self.stdout.write(
            f"Model {row.name!r} is active. `manage.py recommender_model rollback {row.kind}` goes back."
        )

    def _rollback(self, *, kind: str, **_: Any) -> None:
        self.stdout.write(f"Model {versions.version_rollback(kind).name!r} is active again.")

    def _retire(self, *, name: str, **_: Any) -> None:
        row = versions.version_retire(versions.version_named(name).pk)
        self.stdout.write(f"Model {row.name!r} is retired: its row stays as a record.")
