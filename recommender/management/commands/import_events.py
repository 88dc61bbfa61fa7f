"""``manage.py import_events``: events from a JSON Lines or CSV file."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from catalog.commands import ExampleCommand, positive
from catalog.importers.formats import format_of
from catalog.importers.rows import ImportFileError
from recommender.event_input import EventReader
from recommender.importing import READERS, Batch, load

PROBLEMS_SHOWN: Final = 20
# datetime reaches back to the year 1
MAX_DAYS: Final = 365 * 200

EPILOG = """
One JSON object a line:
  {"id": "7f0c", "visitor": "anna", "item": "frog-1", "type": "like",
   "occurred_at": "2026-11-01T09:30:00Z"}
The same as CSV, and a film that was watched to its middle:
  id,visitor,item,type,share,occurred_at
  7f0c,anna,frog-1,like,,2026-11-01T09:30:00Z
  7f0d,anna,film-3,play,0.5,2026-11-01T10:30:00+01:00
Without id the same content is the same event. Items may be imported later.

  manage.py import_events history.csv --max-age-days 12000
Interrupted? Run it again: events that are there already are duplicates.
"""


class Command(ExampleCommand):
    """Stores events, each once however often their file is imported."""

    requires_migrations_checks = True
    help = "Import events from a JSON Lines or CSV file. Exit code 1 if any row failed."
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--format", choices=list(READERS), help="default: by FILE's name")
        parser.add_argument(
            "--max-age-days",
            type=positive,
            metavar="N",
            help="take events up to N days old (default: EVENT_MAX_AGE_DAYS)",
        )
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="write every failed row's line and reason"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the import. Raises ``CommandError`` if the file cannot be read."""
        path: Path = options["file"]
        file_format = options["format"] or format_of(path.name)
        if file_format not in READERS:
            raise CommandError(
                f"{path.name}: the name does not say the format; give --format jsonl or csv."
            )
        if (options["max_age_days"] or 0) > MAX_DAYS:
            raise CommandError(f"--max-age-days: at most {MAX_DAYS}.")
        console = Console(file=self.stdout._out)  # type: ignore[arg-type]
        total = Batch()
        try:
            self._import(path, file_format, options, console, total)
        except ImportFileError as err:
            raise CommandError(str(err)) from err
        except OSError as err:
            raise CommandError(f"{err.filename or path}: {err.strerror}") from err
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run the same command again to go on.") from None
        if total.problems:
            sys.exit(1)

    def _import(
        self,
        path: Path,
        file_format: str,
        options: dict[str, Any],
        console: Console,
        total: Batch,
    ) -> None:
        reader = EventReader(max_age_days=options["max_age_days"])
        failed, started = 0, time.monotonic()
        log = options["errors"].open("w", encoding="utf-8") if options["errors"] else None
        bar = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        try:
            with (
                path.open("rb") as file,
                Progress(
                    *bar, TimeRemainingColumn(), console=console, disable=not console.is_terminal
                ) as progress,
            ):
                task = progress.add_task(path.name, total=path.stat().st_size)
                for batch in load(READERS[file_format](file), reader):
                    total.accepted += batch.accepted
                    total.duplicates += batch.duplicates
                    failed += len(batch.problems)
                    room = PROBLEMS_SHOWN - len(total.problems)
                    total.problems += batch.problems[: max(0, room)]
                    if log:
                        log.writelines(f"{path.name} {problem}\n" for problem in batch.problems)
                    rows = total.accepted + total.duplicates + failed
                    progress.update(
                        task, completed=file.tell(), description=f"{path.name}: {rows:,} events"
                    )
        finally:
            if log:
                log.close()
            _show(console, total, failed, time.monotonic() - started, options["errors"])


def _show(console: Console, total: Batch, failed: int, seconds: float, errors: Path | None) -> None:
    for problem in total.problems:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    if hidden := failed - len(total.problems):
        where = f"see {errors}" if errors else "--errors FILE writes them all"
        console.print(f"… and {hidden:,} more; {where}", highlight=False)
    rate = (total.accepted + total.duplicates + failed) / max(seconds, 1e-9)
    console.print(
        f"{total.accepted:,} stored, {total.duplicates:,} known already, {failed:,} failed "
        f"in {seconds:.1f} s ({rate:,.0f} rows/s)",
        highlight=False,
    )
