"""``manage.py tune_index``: how much the approximate search may look at to miss next to nothing."""

import argparse
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand, non_negative, positive
from retrieval import spaces, tuning
from retrieval.exceptions import RetrievalError
from retrieval.models import EmbeddingSpace

TABLE_WIDTH = 100  # of a table that is not printed to a terminal
HEADINGS = ("ef_search", "recall@10", "95 % interval", "of noise", "p50 ms", "exact / this")


class Command(ExampleCommand):
    """Measures, prints a table, stores the least setting that reaches the target."""

    help = (
        "Measure recall@10 of the index against exact search on the catalog as it is, for items and "
        "for points beside items, and let the space's searches use the least setting that reaches "
        "the target. A catalog too small to need its index is measured, and nothing stored."
    )
    epilog = """examples:
  manage.py tune_index                              the active space, recall@10 of at least .99
  manage.py tune_index --dry-run --queries 300      measure only, and more closely
  manage.py tune_index --modality-indexes on        searches weighted to pictures get quick"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--space", help="its name; the active one unless given")
        parser.add_argument("--target", type=_share, default=tuning.TARGET, help="recall@10")
        parser.add_argument("--queries", type=positive, default=tuning.QUERIES)
        parser.add_argument("--seed", type=non_negative, default=0, help="of the sample")
        parser.add_argument(
            "--apply",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="store the setting (default)",
        )
        parser.add_argument("--dry-run", dest="apply", action="store_false", help="as --no-apply")
        parser.add_argument(
            "--modality-indexes",
            choices=("on", "off"),
            help="make or drop an index on each modality's vectors, and measure nothing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for what the caller can repair."""
        try:
            row = self._space(options["space"])
            if options["modality_indexes"]:
                tuning.modality_indexes_set(row, on=options["modality_indexes"] == "on")
                self.stdout.write(
                    f"Space {row.name!r}: modality indexes {options['modality_indexes']}."
                )
                return
            found = tuning.measure(
                row, target=options["target"], queries=options["queries"], seed=options["seed"]
            )
        except RetrievalError as err:
            raise CommandError(str(err)) from err
        self._show(row, found)
        if options["apply"]:
            try:
                tuning.space_tuned(row, found)
            except RetrievalError as err:
                raise CommandError(str(err)) from err
            self.stdout.write(f"ef_search of {row.name!r} is {row.ef_search} now.")
        if not found.reached:
            raise CommandError(
                f"No setting reaches {found.target}: the best has {found.chosen.recall:.4f}. Rebuild "
                "the index (REINDEX) after large changes, or set a lower --target."
            )

    @staticmethod
    def _space(name: str | None) -> EmbeddingSpace:
        return spaces.space_named(name or spaces.active_space().name)

    def _show(self, row: EmbeddingSpace, found: tuning.Tuning) -> None:
        title = f"{row.name}: {found.queries} queries, exact search {found.exact_p50_ms:.2f} ms"
        shown = Table(*HEADINGS, title=title)
        for cells in tuning.table(found):
            shown.add_row(*cells)
        console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
        with console.capture() as printed:
            console.print(shown)
        self.stdout.write(printed.get())


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 1")
    return number
