"""``manage.py index_filters``: the indexes of the attributes that can be filtered by."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from catalog.commands import ExampleCommand
from retrieval.exceptions import RetrievalError
from retrieval.filters import indexes


class Command(ExampleCommand):
    """Idempotent; the catalog stays readable and writable meanwhile."""

    help = 'Make the indexes that RETRIEVAL["FILTERS"] asks for, drop those it no longer does.'
    epilog = """examples:
  manage.py index_filters --dry-run  only say what would be done
  manage.py index_filters            do it"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *, dry_run: bool, **_: Any) -> None:
        """Exit code 1 if another process does the same."""
        if dry_run:
            self._work(indexes.plan(), dry_run=True)
            return
        try:
            with indexes.alone():
                self._work(indexes.plan(), dry_run=False)
        except RetrievalError as err:
            raise CommandError(str(err)) from err

    def _work(self, plan: indexes.Plan, *, dry_run: bool) -> None:
        steps = [indexes.drop(name) for name in plan.drop]
        steps += [index.create() for index in plan.create]
        for step in steps:
            self.stdout.write(f"{step.as_string(None)};")
            if not dry_run:
                indexes.carry_out(step)
        if plan.create and not dry_run:
            indexes.analyse()
        verb = "would be " if dry_run else ""
        self.stdout.write(
            f"{len(plan.create)} {verb}created, {len(plan.drop)} {verb}dropped, "
            f"{len(plan.keep)} kept."
        )
