"""Checks untrusted bytes by signature and header; nothing here decodes a picture or a sound."""

import hashlib
import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final

from django.conf import settings

from catalog.exceptions import MediaTooLarge, UnsupportedMedia
from catalog.headers import MediaHeader, audio_header, image_header, is_film, video_header
from catalog.models.media import Media
from catalog.signatures import FORMATS, M4A, MP4, Format, sniff

Modality = Media.Modality

CHUNK_BYTES = 256 * 1024
HEAD_BYTES = 4096
NO_CLAIM = ("", "application/octet-stream", "binary/octet-stream")


@dataclass(frozen=True, slots=True)
class CheckedUpload:
    """A file that is what it says: its facts, and where its bytes are.

    An open ``source`` stays the caller's to close, after the upload was stored.
    """

    source: BinaryIO | Path
    modality: Modality
    content_type: str
    extension: str
    bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes, from the start."""
        with _opened(self.source) as file:
            yield file

    def as_media(self, **fields: Any) -> Media:
        """An unsaved row with this file's facts; ``file`` is set where the file is stored."""
        return Media(
            modality=self.modality,
            content_type=self.content_type,
            bytes=self.bytes,
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            duration_s=self.duration_s,
            **fields,
        )


def check_upload(
    source: BinaryIO | Path,
    *,
    claimed_type: str | None = None,
    name: str = "",
    modality: Modality | None = None,
) -> CheckedUpload:
    """The facts of a picture, sound or video: a seekable binary file, or a path.

    The signature decides what it is; ``claimed_type`` (a Content-Type) and the extension of
    ``name`` must not contradict it, nor ``modality`` where the caller wants one. Reads in chunks
    and stops at the limits of ``settings.CATALOG``. A good header with a broken body passes: the
    worker marks it later. Raises ``UnsupportedMedia`` and ``MediaTooLarge``.
    """
    if not name:
        name = source.name if isinstance(source, Path) else ""
    with _opened(source) as file:
        found = _identified(file)
        _check_claims(found, claimed_type, name, modality)
        size, sha256 = _measured(file, found)
        file.seek(0)
        header = _header(file, found, size)
        file.seek(0)
    return CheckedUpload(
        source=source,
        modality=Modality(found.modality),
        content_type=found.content_type,
        extension=found.extension,
        bytes=size,
        sha256=sha256,
        width=header.width,
        height=header.height,
        duration_s=header.duration_s,
    )


@contextmanager
def _opened(source: BinaryIO | Path) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        source.seek(0)
        yield source


def _identified(file: BinaryIO) -> Format:
    head = file.read(HEAD_BYTES)
    if not head:
        raise UnsupportedMedia("The file is empty.")
    found = sniff(head)
    if found is M4A and is_film(file, file.seek(0, os.SEEK_END)):
        return MP4
    if found is None:
        supported = ", ".join(each.label for each in FORMATS)
        raise UnsupportedMedia(f"The file is none of the supported formats: {supported}.")
    return found


def _check_claims(
    found: Format, claimed_type: str | None, name: str, modality: Modality | None
) -> None:
    if modality is not None and modality != found.modality:
        raise UnsupportedMedia(
            f"The file is {found.label} ({found.modality}), but {modality} was asked for."
        )
    claim = (claimed_type or "").partition(";")[0].strip().lower()
    if claim not in NO_CLAIM and claim not in found.content_types:
        raise UnsupportedMedia(
            f"The Content-Type says {claim[:100]!r}, but the bytes are {found.label} "
            f"({found.content_type})."
        )
    suffix = PurePath(name).suffix.lower()
    if suffix and suffix not in found.suffixes and _means_something(suffix):
        raise UnsupportedMedia(
            f"The name ends in {suffix[:20]!r}, but the bytes are {found.label} "
            f"(.{found.extension})."
        )


def _means_something(suffix: str) -> bool:
    """Whether a suffix claims a type: .jpg and .html do, the end of ``frog.v2`` does not."""
    known = {known for each in FORMATS for known in each.suffixes}
    return suffix in known or mimetypes.guess_type(f"x{suffix}", strict=False)[0] is not None


def _measured(file: BinaryIO, found: Format) -> tuple[int, str]:
    """Size in bytes and SHA-256; stops reading at the limit."""
    limit = settings.CATALOG[f"MAX_{found.modality.upper()}_BYTES"]
    digest = hashlib.sha256()
    size = 0
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise MediaTooLarge(f"The file is over {limit / 2**20:g} MiB ({found.label}).")
        digest.update(chunk)
    return size, digest.hexdigest()


def _header(file: BinaryIO, found: Format, size: int) -> MediaHeader:
    header = _READ[Modality(found.modality)](file, found, size)
    pixels, limit = (header.width or 0) * (header.height or 0), settings.CATALOG["MAX_IMAGE_PIXELS"]
    if pixels > limit:
        raise MediaTooLarge(
            f"The {_NOUNS[found.modality]} has {header.width} x {header.height} pixels; the limit is "
            f"{limit / 1e6:g} million."
        )
    limit_s = settings.CATALOG.get(f"MAX_{found.modality.upper()}_S")
    if header.duration_s is not None and limit_s is not None and header.duration_s > limit_s:
        raise MediaTooLarge(
            f"The {_NOUNS[found.modality]} lasts {header.duration_s:.0f} s; the limit is {limit_s} s."
        )
    return header


_NOUNS: Final = {"image": "picture", "audio": "sound", "video": "video"}
_READ: Final[dict[Modality, Callable[[BinaryIO, Format, int], MediaHeader]]] = {
    Modality.IMAGE: lambda file, found, _: image_header(file, found),
    Modality.AUDIO: audio_header,
    Modality.VIDEO: video_header,
}
