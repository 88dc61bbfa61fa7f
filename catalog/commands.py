"""What the management commands of all apps share."""

from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand

MAX_INTEGER = 2**31 - 1  # of a column of PostgreSQL; random generators take it too


class ExampleCommand(BaseCommand):
    """A command whose ``--help`` ends with ``epilog``, line breaks kept: examples belong there."""

    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Django's parser with the epilog."""
        parser = super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser


def positive(text: str) -> int:
    """An argument's type: an integer of at least 1."""
    return _integer(text, 1)


def non_negative(text: str) -> int:
    """An argument's type: an integer of at least 0, as seeds are."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= MAX_INTEGER:
        raise ArgumentTypeError(f"{text!r} is not an integer from {least} to {MAX_INTEGER}")
    return number
