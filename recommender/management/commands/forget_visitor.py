"""``manage.py forget_visitor``: deletes whatever mentions somebody."""

import re
from argparse import ArgumentParser
from typing import Any

from catalog.commands import ExampleCommand
from recommender.models.visitors import VISITOR_PATTERN
from recommender.visitors import visitor_forget

EPILOG = """
  manage.py forget_visitor anna@shop.example cookie-81f3
Who is not known, or was forgotten before, is no error.
"""


class Command(ExampleCommand):
    """Forgets visitors under all identifiers that were merged with theirs."""

    help = "Delete every row that mentions the visitors, under all of their identifiers."
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("visitors", nargs="+", metavar="VISITOR")

    def handle(self, *_: Any, **options: Any) -> None:
        """Each in a transaction of its own."""
        for visitor in options["visitors"]:
            known = re.fullmatch(VISITOR_PATTERN, visitor) and visitor_forget(visitor)
            self.stdout.write(f"{visitor}: {'forgotten' if known else 'nothing mentions them'}")
