"""Makes an API key."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from catalog.commands import ExampleCommand
from catalog.models import ApiKey
from catalog.models.api_keys import Scope

NAME_LENGTH = 50
MAX_DAYS = 36_500


class Command(ExampleCommand):
    """Prints the key once; only its hash is kept."""

    help = "Make an API key and print it, once: only its hash is kept. Revoke it in the admin."
    epilog = """example:
  manage.py create_api_key shop-backend --scopes read,catalog --expires 365"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        scopes = ", ".join(Scope.values)
        parser.add_argument("name", help=f"who uses it, up to {NAME_LENGTH} characters")
        parser.add_argument("--scopes", default="read", help=f"comma-separated, of: {scopes}")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="default: never")

    def handle(self, *args: Any, **options: Any) -> None:
        """Only the key goes to stdout, so that a script can read it."""
        name, days = options["name"].strip(), options["expires"]
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        if not 1 <= len(name) <= NAME_LENGTH:
            raise CommandError(f"The name must have 1 to {NAME_LENGTH} characters.")
        if unknown := sorted(set(scopes) - set(Scope.values)):
            raise CommandError(
                f"Unknown scopes: {', '.join(unknown)}. Use some of: {', '.join(Scope.values)}."
            )
        if not scopes:
            raise CommandError(f"Give at least one scope of: {', '.join(Scope.values)}.")
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--expires takes 1 to {MAX_DAYS} days.")
        expiry_date = None if days is None else timezone.now() + timedelta(days=days)
        _, key = ApiKey.objects.create_key(
            name=name, scopes=sorted(set(scopes)), expiry_date=expiry_date
        )
        self.stderr.write(
            "Keep this key, it is not shown again. Send it as: Authorization: Api-Key KEY"
        )
        self.stdout.write(key)
