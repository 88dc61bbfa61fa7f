"""``manage.py moderate``: hold the whole catalog against the policies."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand, non_negative
from catalog.models import Item
from retrieval import moderation
from retrieval.exceptions import RetrievalError
from retrieval.management.bars import stage_bars
from retrieval.models import Policy

SHOWN = 20


class Command(ExampleCommand):
    """Opens cases, and hides what a policy holds; decides nothing."""

    help = (
        "Hold every embedded item against the policies of the admin and open a case for what resembles "
        "their examples. New and changed items are checked by the workers; this checks the older ones too, "
        "after a policy was written or changed. What was decided stays decided."
    )
    epilog = """examples:
  manage.py moderate --dry-run                       what every policy would find
  manage.py moderate --policy "No knives" --dry-run  one policy, switched on or not
  manage.py moderate                                 open the cases, measure precision and recall"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--policy", metavar="NAME", help="only this one")
        parser.add_argument("--dry-run", action="store_true", help="open no cases, hide nothing")
        parser.add_argument(
            "--limit",
            type=non_negative,
            default=SHOWN,
            help="of a dry run, items printed (%(default)s)",
        )

    def handle(self, *, policy: str | None, dry_run: bool, limit: int, **_: Any) -> None:
        """What is found is no error: exit code 0."""
        policy_id = _policy_id(policy)
        console = Console(file=self.stdout._out)  # type: ignore[arg-type]
        try:
            with stage_bars(console) as tell:
                report = moderation.catalog_screen(policy_id, rehearsal=dry_run, progress=tell)
            moderation.qualities_measure(policy_id)
        except RetrievalError as err:
            raise CommandError(str(err)) from err
        self.stdout.write(f"{report.items:,} items checked.")
        for name, count in report.matched.items():
            new = "" if dry_run else f", {report.new[name]:,} new cases"
            self._print(console, f"{name}: {count:,} found{new}")
        if report.decided:
            self.stdout.write(f"{report.decided:,} of them were decided before.")
        titles = Item.objects.in_bulk([row["item"] for row in report.examples])
        for row in report.examples[:limit]:
            self._print(console, f"  {row['score']:.2f}  {titles[row['item']]}  ({row['policy']})")

    def _print(self, console: Console, line: str) -> None:
        printable = line.encode(errors="backslashreplace").decode()
        console.print(printable, markup=False, highlight=False, soft_wrap=True)


def _policy_id(name: str | None) -> int | None:
    if name is None:
        if not Policy.objects.filter(enabled=True).exists():
            raise CommandError("No policy is switched on: write one in the admin, under Policies.")
        return None
    found = Policy.objects.filter(name=name).values_list("pk", flat=True).first()
    if found is None:
        names = ", ".join(repr(each) for each in Policy.objects.values_list("name", flat=True))
        raise CommandError(f"There is no policy {name!r}; there are: {names or 'none'}.")
    return found
