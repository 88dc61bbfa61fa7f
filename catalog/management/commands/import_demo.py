"""``manage.py import_demo``: the demo catalog, fetched through apt and npm."""

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand
from catalog.importers.console import import_file
from catalog.importers.demo import CATALOG_FILE, SETS, FetchError, prepared, spread
from catalog.importers.rows import ImportFileError
from catalog.wake import workers_wake


class Command(ExampleCommand):
    """Fetches a demo set once, then loads it like any other import."""

    requires_migrations_checks = True
    help = (
        "Load the demo catalog: 530 stamps of Tux Paint (through apt, 161 MB) and 857 emoji "
        "(through npm, 81 MB). Fetched once into DEMO_CACHE, then no network is needed."
    )

    epilog = """examples:
  manage.py import_demo                       both sets
  manage.py import_demo stamps --limit 50     fifty stamps, spread over the set"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("set", nargs="?", default="all", choices=[*SETS, "all"])
        parser.add_argument("--limit", type=int, metavar="N", help="at most N items of each set")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run it. Raises ``CommandError`` when no set can be had."""
        limit: int | None = options["limit"]
        if limit is not None and limit < 1:
            raise CommandError("--limit must be 1 or more.")
        console = Console(file=self.stdout._out)  # type: ignore[arg-type]
        names = list(SETS) if options["set"] == "all" else [options["set"]]
        try:
            folders = self._folders(names, console)
            failed = sum(self._load(folder, limit, console) for folder in folders)
        except ImportFileError as err:
            raise CommandError(str(err)) from err
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run the same command again to go on.") from None
        if failed:
            sys.exit(1)

    def _folders(self, names: list[str], console: Console) -> list[Path]:
        folders, reasons = [], []
        for name in names:
            try:
                folders.append(prepared(SETS[name], settings.DEMO_CACHE, console))
            except FetchError as err:
                reasons.append(f"{name}: {err}")
        if not folders:
            raise CommandError(
                "The demo catalog cannot be fetched.\n  "
                + "\n  ".join(reasons)
                + "\nUse `manage.py import_catalog FILE` to load items of your own."
            )
        for reason in reasons:
            console.print(f"Going on without {reason}", style="yellow", markup=False)
        return folders

    def _load(self, folder: Path, limit: int | None, console: Console) -> int:
        """Returns the number of rows that failed."""
        with tempfile.TemporaryDirectory() as scratch:
            file = folder / CATALOG_FILE
            if limit is not None:
                lines = spread(file.read_bytes().splitlines(keepends=True), limit)
                file = Path(scratch) / CATALOG_FILE
                file.write_bytes(b"".join(lines))
            console.print(f"Loading {folder.name}", highlight=False)
            return import_file(file, console, media_root=folder, wake=workers_wake).failed
