"""Reads CSV: a header, then one item a row, as the same objects that JSON Lines has.

A cell may begin with ``'`` before what a spreadsheet would take for a formula (``escaping``), and a list
may be written as JSON. An empty cell empties what may be empty (description, tags, categories, attributes, expires_at,
media) and is "not given" for the rest.

A quote that is not closed costs its own line only: when a record over several lines is not valid, its
first line is reported and reading goes on with the line after that one.
"""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, BinaryIO, Final, Self

from catalog.importers.escaping import unescaped
from catalog.importers.lines import MAX_LINE_BYTES, bounded_lines
from catalog.importers.rows import DEFAULT_LANGUAGE, ImportFileError, RawRow, RowError
from catalog.strict_json import RefusedValue, RepeatedKey, strict_json

SEPARATOR: Final = "|"
TOO_LONG: Final = "\ud800"
"""Stands for a line that is too long: a lone surrogate never comes out of decoding."""
PLAIN: Final = ("external_id", "kind", "language", "published_at")
COLUMNS: Final = (
    *PLAIN,
    *("expires_at", "published", "title", "title.LANGUAGE", "description"),
    *("description.LANGUAGE", "tags", "tags.LANGUAGE", "categories"),
    *("attributes", "attributes.NAME", "image", "audio", "video"),
)
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LANGUAGED: Final = ("title", "description", "tags")


def read_csv(file: BinaryIO) -> Iterator[RawRow]:
    """One row for every record that is not blank. Raises ``ImportFileError`` for the header."""
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        line = lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            if header is None:
                raise ImportFileError(f"The header is not CSV: {err}.") from err
            yield RawRow(line, problem=f"is not CSV: {err}{lines.rewind()}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = header_of(cells)
            lines.max_ends = 2 * len(header)
        elif len(cells) != len(header) and TOO_LONG not in cells[0]:
            problem = f"has {len(cells)} cells; the header has {len(header)}{lines.rewind()}"
            yield RawRow(line, problem=problem)
        else:
            yield row_of(line, header, cells)


class _Lines:
    """A file's lines; those of a record that is not valid can be read again.

    Holds one record: at most ``MAX_LINE_BYTES`` characters, what an item may have in JSON Lines too,
    and one line.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.max_ends: float = inf
        """A quote before a comma ends a cell, or opens one: two a cell at most."""
        self._new = _decoded(file)
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._begun = 1
        self._chars = self._ends = 0

    def begin_record(self) -> int:
        """The number of the line, from 1, that the next record begins in."""
        self._begun += len(self._record)
        self._record.clear()
        self._chars = self._ends = 0
        return self._begun

    def rewind(self) -> str:
        """Leave the record after its first line. What to tell about that."""
        again = self._record[1:]
        del self._record[1:]
        self._again.extendleft(reversed(again))
        return "; is a quote open? The next lines are read by themselves" if again else ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Raises ``csv.Error`` where no record may go on."""
        line = self._again.popleft() if self._again else next(self._new)
        self._record.append(line)
        self._chars += len(line)
        if len(self._record) > 1 and (line[0] == TOO_LONG or self._chars > MAX_LINE_BYTES):
            raise csv.Error(f"the record is over {MAX_LINE_BYTES} bytes")
        # not left to the count of cells at the record's end: lines such as x"," never end one, and
        # reading to the limit above again from each took minutes for some thousand of them
        self._ends += line.replace('""', "").count('",')
        if len(self._record) > 1 and self._ends > self.max_ends:
            raise csv.Error("the record has more cells than the header")
        return line


def _decoded(file: BinaryIO) -> Iterator[str]:
    for line in bounded_lines(file):
        yield TOO_LONG + "\n" if line is None else line.decode(errors="surrogateescape")


def header_of(cells: list[str]) -> list[str]:
    """The names of the columns. Raises ``ImportFileError``."""
    if any(each == "\0" or "\ud800" <= each <= "\udfff" for cell in cells for each in cell):
        raise ImportFileError("The file is not UTF-8: save it as CSV UTF-8.")
    header = [cell.strip() for cell in cells]
    for at, name in enumerate(header):
        base, dot, rest = name.partition(".")
        dotted = base in (*LANGUAGED, "attributes") and bool(rest)
        if not (dotted if dot else name in COLUMNS):
            hint = " Separate cells by commas." if len(header) == 1 and ";" in name else ""
            raise ImportFileError(
                f"Unknown column {name[:100]!r}; allowed: {', '.join(COLUMNS)}.{hint}"
            )
        if name in header[:at]:
            raise ImportFileError(f"The column {name!r} is there twice.")
    if "external_id" not in header:
        raise ImportFileError("The column external_id is missing.")
    return header


def row_of(line: int, header: list[str], cells: list[str]) -> RawRow:
    """A record's cells, as many as the header has, as an object or with a problem."""
    text = "".join(cells)
    if TOO_LONG in text:
        return RawRow(line, problem=f"the line is over {MAX_LINE_BYTES} bytes")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return RawRow(line, problem="is not UTF-8")
    try:
        return RawRow(line, _Record(dict(zip(header, cells, strict=True))).as_object())
    except RowError as err:
        return RawRow(line, problem=str(err))


@dataclass(frozen=True, slots=True)
class _Record:
    cells: dict[str, str]

    def as_object(self) -> dict[str, Any]:
        """The row as JSON Lines would have it. Raises ``RowError``."""
        row: dict[str, Any] = {name: cell for name in PLAIN if (cell := self._cell(name))}
        if cell := self._cell("published"):
            if cell.lower() not in BOOLEANS:
                raise RowError(f"published: {cell[:20]!r}: use one of {', '.join(BOOLEANS)}")
            row["published"] = BOOLEANS[cell.lower()]
        if "expires_at" in self.cells:
            row["expires_at"] = self._cell("expires_at") or None
        if "categories" in self.cells:
            row["categories"] = _parts(self._cell("categories"))
        for name in LANGUAGED:
            self._add_words(row, name, _parts if name == "tags" else str)
        self._add_attributes(row)
        self._add_media(row)
        return row

    def _cell(self, name: str) -> str:
        return unescaped(self.cells.get(name, "").strip())

    def _dotted(self, base: str) -> dict[str, str]:
        names = [name for name in self.cells if name.startswith(f"{base}.")]
        return {name.partition(".")[2]: self._cell(name) for name in names}

    def _add_words(
        self, row: dict[str, Any], name: str, convert: Callable[[str], str | list[str]]
    ) -> None:
        others = self._dotted(name)
        own = self._cell(name)
        if not others:
            if own or (name in self.cells and name != "title"):
                row[name] = convert(own)
            return
        language = self._cell("language") or DEFAULT_LANGUAGE
        if own and others.get(language):
            raise RowError(f"{name}: {name}.{language} is given too")
        words = {language: own, **{each: cell for each, cell in others.items() if cell}}
        if name == "title":
            words = {each: cell for each, cell in words.items() if cell}
        if words:
            row[name] = {each: convert(cell) for each, cell in words.items()}

    def _add_attributes(self, row: dict[str, Any]) -> None:
        named = {name: cell for name, cell in self._dotted("attributes").items() if cell}
        if "attributes" not in self.cells and not self._dotted("attributes"):
            return
        try:
            attributes = strict_json(self._cell("attributes") or "{}")
        except (RepeatedKey, RefusedValue) as err:
            raise RowError(f"attributes: {err}") from err
        except (ValueError, RecursionError) as err:
            raise RowError(f"attributes: is not JSON: {err}") from err
        row["attributes"] = {**attributes, **named} if isinstance(attributes, dict) else attributes

    def _add_media(self, row: dict[str, Any]) -> None:
        columns = [name for name in ("image", "audio", "video") if name in self.cells]
        if columns:
            row["media"] = [
                {"modality": name, "path": path}
                for name in columns
                for path in _parts(self._cell(name))
            ]


def _parts(cell: str) -> list[str]:
    """What ``|`` separates; or a JSON list of texts, whose parts may hold it."""
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(part, str) for part in found):
            return found
    return [part for each in cell.split(SEPARATOR) if (part := each.strip())]
