"""``manage.py experiment_report``: what an experiment has shown so far."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from catalog.commands import ExampleCommand
from recommender.exceptions import UnknownExperiment
from recommender.experiments import experiment_named
from recommender.reports import ExperimentReport, experiment_report
from recommender.reports.text import metric_rows, size_rows

EPILOG = """
  manage.py experiment_report colours
  manage.py experiment_report colours --json > colours.json
Figures with 95 % intervals; docs/howto/experiments.md says how to read them.
"""


class Command(ExampleCommand):
    """Reads only."""

    help = "Show each variant's figures, how they differ from the first one's, and whether to believe it."
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_: Any, **options: Any) -> None:
        """Raises CommandError, naming the experiments there are."""
        try:
            report = experiment_report(experiment_named(options["name"]))
        except UnknownExperiment as err:
            raise CommandError(str(err)) from err
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
            return
        # the terminal's own: a table wider than it is still readable when piped into a file
        width = None if self.stdout.isatty() else 160
        show(Console(file=self.stdout._out, width=width), report)  # type: ignore[arg-type]


def show(console: Console, report: ExperimentReport) -> None:
    """Sizes, notes, metrics, guardrails."""
    started = f"{report.started_at:%Y-%m-%d %H:%M}" if report.started_at else "not started"
    stopped = f" to {report.stopped_at:%Y-%m-%d %H:%M}" if report.stopped_at else ""
    console.print(
        f"{report.name}: {report.state} in {report.placement}, {started}{stopped}", highlight=False
    )
    _table(
        console,
        ("variant", "asked for", "visitors", "answers", "items shown"),
        size_rows(report),
        "",
    )
    split = (
        "too few visitors to tell" if report.mismatch_p is None else f"p = {report.mismatch_p:.4f}"
    )
    console.print(f"sample ratio: {split}", highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", highlight=False)
    columns = ("variant", "figure", "difference", "relative", "p", "")
    for metric in report.metrics:
        _table(console, columns, metric_rows(report, metric), f"{metric.name}: {metric.about}")
    for guardrail in report.guardrails:
        title = f"guardrail {guardrail.name}: {guardrail.about}"
        _table(console, columns, metric_rows(report, guardrail), title)


def _table(
    console: Console, columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str
) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table, highlight=False)
