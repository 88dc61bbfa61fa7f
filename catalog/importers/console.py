"""An import on a terminal: progress while it runs, a summary when it ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from catalog.importers.formats import READERS, format_of
from catalog.importers.load import BatchReport, RowProblem, load
from catalog.importers.rows import ImportFileError

PROBLEMS_SHOWN: Final = 20


@dataclass(slots=True)
class Summary:
    """What became of all rows; keeps the first problems and counts the others."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    seconds: float = 0.0
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows done, failed ones included."""
        return self.created + self.changed + self.unchanged + self.failed

    def add(self, report: BatchReport) -> None:
        """Add one batch."""
        self.created += report.created
        self.changed += report.changed
        self.unchanged += report.unchanged
        self.failed += len(report.problems)
        self.problems += report.problems[: max(0, PROBLEMS_SHOWN - len(self.problems))]


def import_file(
    path: Path,
    console: Console,
    *,
    media_root: Path,
    file_format: str | None = None,
    dry_run: bool = False,
    errors: Path | None = None,
    wake: Callable[[list[int]], None],
) -> Summary:
    """Load a file with a progress bar and a summary on ``console``.

    ``wake`` is called after each batch with the ids of the items that changed. Raises
    ``ImportFileError`` when the file cannot be imported at all.
    """
    read = READERS[file_format or _format_of(path)]
    if not media_root.is_dir():
        raise ImportFileError(f"There is no media folder {media_root}; give --media-root.")
    summary, started = Summary(), time.monotonic()
    try:
        with path.open("rb") as file, _log(errors) as note, _bar(console, path) as progress:
            for report in load(read(file), media_root=media_root, dry_run=dry_run):
                summary.add(report)
                if not dry_run and report.touched_ids:
                    wake(report.touched_ids)
                for problem in report.problems:
                    note(f"{path.name} {problem}\n")
                summary.seconds = time.monotonic() - started
                progress(file, summary)
    except OSError as err:
        raise ImportFileError(f"{err.filename or path}: {err.strerror}") from err
    finally:
        _show(console, summary, dry_run=dry_run, errors=errors)
    return summary


def _format_of(path: Path) -> str:
    if path.is_dir():
        raise ImportFileError(f"{path} is a folder; name a file in it.")
    found = format_of(path.name)
    if found is None:
        raise ImportFileError(
            f"{path.name}: the name does not say the format; give --format {' or '.join(READERS)}."
        )
    return found


@contextmanager
def _log(errors: Path | None) -> Iterator[Callable[[str], object]]:
    if errors is None:
        yield lambda line: None
    else:
        with errors.open("w", encoding="utf-8", errors="backslashreplace") as file:
            yield file.write


@contextmanager
def _bar(console: Console, path: Path) -> Iterator[Callable[[BinaryIO, Summary], None]]:
    """Bytes done, rows, rate and time left. Off a terminal only the last state is printed."""
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), DownloadColumn()),
        *(
            TextColumn("{task.fields[rows]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        ),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Importing {path.name}", total=path.stat().st_size, rows="")

        def update(file: BinaryIO, summary: Summary) -> None:
            rate = summary.rows / max(summary.seconds, 1e-9)
            progress.update(
                task, completed=file.tell(), rows=f"{summary.rows:,} rows, {rate:,.0f}/s"
            )

        yield update


def _show(console: Console, summary: Summary, *, dry_run: bool, errors: Path | None) -> None:
    for problem in summary.problems:
        printable = str(problem).encode(errors="backslashreplace").decode()  # lone surrogates
        console.print(printable, markup=False, highlight=False, soft_wrap=True)
    hidden = summary.failed - len(summary.problems)
    if hidden:
        where = f"see {errors}" if errors else "--errors FILE writes them all"
        console.print(f"… and {hidden:,} more; {where}", highlight=False)
    rate = f" ({summary.rows / summary.seconds:,.0f} rows/s)" if summary.seconds > 1 else ""
    console.print(
        f"{'Nothing was written. Would be: ' if dry_run else ''}"
        f"{summary.created:,} created, {summary.changed:,} changed, "
        f"{summary.unchanged:,} unchanged, {summary.failed:,} failed "
        f"in {summary.seconds:.1f} s{rate}",
        highlight=False,
    )
