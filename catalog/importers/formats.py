"""The formats that items can be imported from."""

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import BinaryIO, Final

from catalog.importers.csv import read_csv
from catalog.importers.jsonl import read_jsonl
from catalog.importers.rows import RawRow
from catalog.importers.xlsx import read_xlsx

Reader = Callable[[BinaryIO], Iterator[RawRow]]

READERS: Final[dict[str, Reader]] = {"jsonl": read_jsonl, "csv": read_csv, "xlsx": read_xlsx}
SUFFIXES: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".xlsx": "xlsx"}


def format_of(name: str) -> str | None:
    """What a file's name says it is."""
    return SUFFIXES.get(PurePath(name).suffix.lower())
