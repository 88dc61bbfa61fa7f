"""Events from JSON Lines or CSV files: read, checked and stored in batches, bad rows reported."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from catalog.importers.lines import MAX_LINE_BYTES, bounded_lines
from catalog.importers.rows import ImportFileError
from recommender.event_input import FIELDS, EventReader, NewEvent, read_json
from recommender.events import events_record
from recommender.exceptions import EventConflict, InvalidEvent

BATCH_ROWS: Final = 1_000
NUMBERS: Final = frozenset({"value", "share"})
TOO_LONG: Final = "\udfff"
"""Stands for a line that is too long: decoding never gives this half of a surrogate pair."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its first line's number (from 1), and its value or what is wrong."""

    line: int
    data: Any = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was left out."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(slots=True)
class Batch:
    """What became of some rows."""

    accepted: int = 0
    duplicates: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.accepted + self.duplicates + len(self.problems)


def load(rows: Iterable[Row], reader: EventReader) -> Iterator[Batch]:
    """Store the rows, yielding after each committed batch.

    An interrupted import is resumed by running it again: what is there is a duplicate.
    """
    batch, events, lines = Batch(), list[NewEvent](), list[int]()
    for row in rows:
        try:
            if row.problem:
                batch.problems.append(RowProblem(row.line, row.problem))
            else:
                events.append(reader.read(row.data))
                lines.append(row.line)
        except InvalidEvent as err:
            batch.problems.append(RowProblem(row.line, str(err)))
        if len(events) + len(batch.problems) >= BATCH_ROWS:
            yield _stored(batch, events, lines)
            batch, events, lines = Batch(), [], []
    if events or batch.problems:
        yield _stored(batch, events, lines)


def _stored(batch: Batch, events: list[NewEvent], lines: list[int]) -> Batch:
    recorded = events_record(events)
    batch.accepted, batch.duplicates = len(recorded.new), len(recorded.duplicates)
    for at in recorded.conflicts:
        batch.problems.append(RowProblem(lines[at], str(EventConflict(events[at].key))))
    batch.problems.sort(key=lambda problem: problem.line)
    return batch


def read_jsonl(file: BinaryIO) -> Iterator[Row]:
    """One row for every line that is not blank."""
    for number, line in enumerate(bounded_lines(file), start=1):
        if line is None:
            yield Row(number, problem=f"the line is over {MAX_LINE_BYTES} bytes")
        elif line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Row:
    try:
        return Row(number, read_json(line.decode()))
    except UnicodeDecodeError as err:
        return Row(number, problem=f"is not UTF-8 (byte {err.start + 1})")
    except json.JSONDecodeError as err:
        return Row(number, problem=f"is not JSON: {err.msg} at character {err.pos + 1}")
    except RecursionError:
        return Row(number, problem="is nested too deeply")


def read_csv(file: BinaryIO) -> Iterator[Row]:
    """One row for every record that is not blank; an empty cell is "not given".

    Raises ``ImportFileError`` for the header.
    """
    reader = csv.reader(_decoded(file), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            if header is None:
                raise ImportFileError(f"The header is not CSV: {err}.") from err
            yield Row(line, problem=f"is not CSV: {err}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells)
        else:
            yield _csv_row(line, header, cells)


def _decoded(file: BinaryIO) -> Iterator[str]:
    for line in bounded_lines(file):
        yield TOO_LONG + "\n" if line is None else line.decode(errors="surrogateescape")


def _header(cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    for at, name in enumerate(header):
        if name not in FIELDS:
            shown = name[:100].encode("ascii", "backslashreplace").decode()
            raise ImportFileError(f"Unknown column {shown!r}; allowed: {', '.join(FIELDS)}.")
        if name in header[:at]:
            raise ImportFileError(f"The column {name!r} is there twice.")
    return header


def _csv_row(line: int, header: list[str], cells: list[str]) -> Row:
    if any(TOO_LONG in cell for cell in cells):
        return Row(line, problem=f"the line is over {MAX_LINE_BYTES} bytes")
    if len(cells) != len(header):
        return Row(line, problem=f"has {len(cells)} cells; the header has {len(header)}")
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    return Row(line, {n: _number(cell) if n in NUMBERS else cell for n, cell in given.items()})


def _number(cell: str) -> Any:
    """As JSON would have it; a cell that is none is left for ``EventReader`` to refuse."""
    try:
        return read_json(cell)
    except (json.JSONDecodeError, RecursionError):
        return cell


READERS: Final[dict[str, Callable[[BinaryIO], Iterator[Row]]]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
}
