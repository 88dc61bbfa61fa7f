"""``manage.py import_catalog``: items from a JSON Lines, CSV or XLSX file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand
from catalog.importers.console import import_file
from catalog.importers.formats import READERS
from catalog.importers.rows import ImportFileError
from catalog.wake import workers_wake

EPILOG = """
One JSON object a line:
  {"external_id": "frog-1", "title": {"en": "A frog", "zh": "青蛙"}, "tags": ["green"],
   "categories": ["animals/amphibians"], "attributes": {"price": 3},
   "media": [{"modality": "image", "path": "frog.png", "alt": "A green frog"}]}
Only external_id and, for a new item, title are needed; what a row leaves out stays as it is.

The same as CSV, or as the first sheet of an XLSX file:
  external_id,title,title.zh,tags,categories,attributes.price,image
  frog-1,A frog,青蛙,green|small,animals/amphibians,3,frog.png

  manage.py import_catalog items.jsonl --media-root pictures/ --errors failed.txt
Interrupted? Run it again: rows that are in the catalog already are only compared.
"""


class Command(ExampleCommand):
    """Creates and changes items by ``external_id``."""

    requires_migrations_checks = True
    help = "Import items from a JSON Lines, CSV or XLSX file. Exit code 1 if any row failed."

    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--media-root", type=Path, metavar="DIR", help="folder of the media (FILE's folder)"
        )
        parser.add_argument("--format", choices=list(READERS), help="default: by FILE's name")
        parser.add_argument("--dry-run", action="store_true", help="check all rows, write nothing")
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="write every failed row's line and reason"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the import. Raises ``CommandError`` if the file cannot be read."""
        file: Path = options["file"]
        try:
            summary = import_file(
                file,
                Console(file=self.stdout._out),  # type: ignore[arg-type]
                media_root=options["media_root"] or file.parent,
                file_format=options["format"],
                dry_run=options["dry_run"],
                errors=options["errors"],
                wake=workers_wake,
            )
        except ImportFileError as err:
            raise CommandError(str(err)) from err
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run the same command again to go on.") from None
        if summary.failed:
            sys.exit(1)
