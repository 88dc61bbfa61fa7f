"""Reads the first sheet of an XLSX file: the columns are those of CSV.

An XLSX file is a zip of XML: what it would become in memory is known from its directory, which zipfile
reads no further than, and is checked before anything is parsed.
"""

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final
from zlib import error as ZlibError  # noqa: N812 - an exception

from catalog.importers.csv import header_of, row_of
from catalog.importers.rows import ImportFileError, RawRow

MAX_UNPACKED_BYTES: Final = 512 * 1024 * 1024
"""Of all parts; the sheet is streamed."""
MAX_STRINGS_BYTES: Final = 64 * 1024 * 1024
"""Of the shared texts, which are all held in memory, some ten times as large there."""
MAX_PARTS: Final = 10_000
MAX_COLUMNS: Final = 1_000
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What encrypted files and those of Excel before 2007 begin with."""
STRINGS: Final = "xl/sharedStrings.xml"
DECLARED: Final = 4096
"""A DOCTYPE comes before the first element."""
MIDNIGHT: Final = dt.time()


def read_xlsx(file: BinaryIO) -> Iterator[RawRow]:
    """One row for every row of the sheet that is not blank. Raises ``ImportFileError``."""
    _check(file)
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
        try:
            yield from _rows(book.worksheets[0])
        finally:
            book.close()
    except ImportFileError:
        raise
    except IndexError as err:
        raise ImportFileError("The file has no sheet of cells.") from err
    except (
        *(InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError),
        *(AttributeError, SyntaxError, OSError, EOFError, ZlibError, RuntimeError),
    ) as err:  # what openpyxl raises for broken XML, and zipfile for broken parts
        raise ImportFileError(f"The file is broken: {type(err).__name__}: {err}"[:300]) from err


def _check(file: BinaryIO) -> None:
    """Raises ``ImportFileError`` for what is no XLSX file, or would grow too large."""
    start = file.read(len(OLE))
    file.seek(0)
    if start == OLE:
        raise ImportFileError(
            "The file is protected by a password, or an .xls of old: save it as .xlsx without a password."
        )
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
                raise ImportFileError("The file is a zip, but no XLSX file.")
            if len(parts) > MAX_PARTS or sum(p.file_size for p in parts) > MAX_UNPACKED_BYTES:
                raise ImportFileError(
                    f"The file would unpack to over {MAX_UNPACKED_BYTES >> 20} MiB: split it, or use CSV."
                )
            _check_parts(archive, parts)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ZlibError) as err:
        raise ImportFileError(f"The file is no XLSX file, or broken: {err}"[:300]) from err
    file.seek(0)


def _check_parts(archive: zipfile.ZipFile, parts: Sequence[zipfile.ZipInfo]) -> None:
    for part in parts:
        if part.flag_bits & 1:
            raise ImportFileError("The file is protected by a password: save it without one.")
        if part.filename == STRINGS and part.file_size > MAX_STRINGS_BYTES:
            raise ImportFileError(
                f"The file's texts take over {MAX_STRINGS_BYTES >> 20} MiB: split it, or use CSV."
            )
        if part.filename.endswith((".xml", ".rels")):
            with archive.open(part) as content:
                head = content.read(DECLARED)
            # entities that stand for each other grow without end, and no spreadsheet writes any
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise ImportFileError("The file declares XML entities, which no spreadsheet needs.")


def _rows(sheet: Any) -> Iterator[RawRow]:
    sheet.reset_dimensions()  # what the file says of its size need not be so
    header: list[str] | None = None
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), start=1):
        try:
            texts = [_text(cell) for cell in cells]
        except _Unusable as err:
            if header is None:
                raise ImportFileError(f"The header: {err}.") from err
            yield RawRow(number, problem=str(err))
            continue
        while texts and not texts[-1].strip():
            texts.pop()
        if not texts:
            continue
        if header is None:
            header = header_of(texts)
        elif len(texts) > len(header):
            problem = f"has {len(texts)} cells; the header has {len(header)}"
            yield RawRow(number, problem=problem)
        else:
            yield row_of(number, header, texts + [""] * (len(header) - len(texts)))


class _Unusable(Exception):
    """A cell that holds no value."""


def _text(cell: Any) -> str:
    """As CSV would have it. Raises ``_Unusable``."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type in ("f", "e"):
        what = "a formula" if cell.data_type == "f" else f"the error {value}"
        raise _Unusable(f"cell {cell.coordinate} is {what}: paste its value")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == MIDNIGHT else value.isoformat()
    return value if isinstance(value, str) else str(value)
