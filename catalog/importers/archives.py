"""Unpacks a zip of media that nobody vouches for: only plain files, only below its folder, only so much."""

import lzma
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from django.conf import settings

from catalog.importers.rows import ImportFileError

MAX_FILES: Final = 50_000
MAX_DEPTH: Final = 16
CHUNK_BYTES: Final = 256 * 1024
BROKEN: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading a part may raise, by how it is compressed."""


def media_unpack(archive: Path, folder: Path) -> int:
    """Unpack into the folder, which is made; the number of files. Raises ``ImportFileError``.

    What is there already is written again. The sizes in the zip's directory are checked first; since
    zipfile reads no part further than that, no more than that is written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            parts = [part for part in opened.infolist() if not part.is_dir()]
            _check(parts)
            folder.mkdir(parents=True, exist_ok=True)
            for part in parts:
                _unpack(opened, part, folder)
    except BROKEN as err:
        raise ImportFileError(f"The zip of media is broken: {err}"[:300]) from err
    return len(parts)


def _check(parts: list[zipfile.ZipInfo]) -> None:
    limit = settings.CATALOG["MAX_UNPACKED_BYTES"]
    if len(parts) > MAX_FILES:
        raise ImportFileError(f"The zip of media has {len(parts)} files; the limit is {MAX_FILES}.")
    if sum(part.file_size for part in parts) > limit:
        raise ImportFileError(f"The zip of media would unpack to over {limit >> 20} MiB.")
    for part in parts:
        if part.flag_bits & 1:
            raise ImportFileError("The zip of media is protected by a password.")
        inside(part.filename)
        kind = stat.S_IFMT(part.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ImportFileError(f"{part.filename[:200]!r} in the zip of media is no plain file.")


def inside(name: str) -> PurePosixPath:
    """A path below the folder. Raises ``ImportFileError`` for any other, such as ``../x`` or ``/x``."""
    path = PurePosixPath(name)
    usable = 1 <= len(path.parts) <= MAX_DEPTH and name.isprintable() and "\\" not in name
    if not usable or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ImportFileError(f"{name[:200]!r} in the zip of media leads out of its folder.")
    return path


def _unpack(archive: zipfile.ZipFile, part: zipfile.ZipInfo, folder: Path) -> None:
    path = folder / inside(part.filename)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(part) as source, path.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
    except OSError as err:  # a file where another's folder should be, a name that is too long
        raise ImportFileError(
            f"{part.filename[:200]!r} cannot be unpacked: {err.strerror}."
        ) from err
