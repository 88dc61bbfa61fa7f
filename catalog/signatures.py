"""The media formats we take, and how their first bytes look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Format:
    """One supported format; the first of ``content_types`` and ``suffixes`` is what we store."""

    label: str
    modality: Literal["image", "audio", "video"]
    content_types: tuple[str, ...]
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]

    @property
    def content_type(self) -> str:
        """The type we serve it with."""
        return self.content_types[0]

    @property
    def extension(self) -> str:
        """The ending we store it with, without the dot."""
        return self.suffixes[0].removeprefix(".")


def sniff(head: bytes) -> Format | None:
    """The format of a file that starts with these bytes, or None.

    Sound and video in MP4 start alike: ``M4A`` stands for both until ``headers.is_film`` has looked.
    """
    return next((each for each in FORMATS if each.matches(head)), None)


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == form


OGG_CODECS = (b"\x01vorbis", b"OpusHead")


def _is_ogg(head: bytes) -> bool:
    """The first page holds the codec's identification header after its segment table."""
    if head[:4] != b"OggS" or len(head) < 28:
        return False
    return head[27 + head[26] :].startswith(OGG_CODECS)


def _is_mp3(head: bytes) -> bool:
    """An ID3v2 tag, or the header of an MPEG layer III frame."""
    if head.startswith(b"ID3"):
        return True
    return is_mp3_frame(head[:4])


def is_mp3_frame(header: bytes) -> bool:
    """Whether four bytes are the header of an MPEG layer III frame, no reserved value in it."""
    return (
        len(header) == 4
        and header[0] == 0xFF
        and header[1] & 0xE0 == 0xE0
        and header[1] & 0x18 != 0x08  # version
        and header[1] & 0x06 == 0x02  # layer III
        and header[2] & 0xF0 not in (0x00, 0xF0)  # bit rate
        and header[2] & 0x0C != 0x0C  # sample rate
    )


MP4_BRANDS = frozenset(
    b"M4A ,M4B ,mp41,mp42,isom,iso2,iso4,iso5,iso6,dash,3gp4,3gp5,3gp6,qt  ".split(b",")
)


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in MP4_BRANDS


AUDIO_BRANDS = (b"M4A ", b"M4B ")
"""A track of pictures in these is a cover or a chapter's illustration."""


def _ebml(*document_types: bytes) -> Callable[[bytes], bool]:
    """EBML whose header names one of the types. https://www.rfc-editor.org/rfc/rfc8794"""

    def matches(head: bytes) -> bool:
        at = head.find(b"\x42\x82", 4, 64)
        named = any(head.startswith(each, at + 3) for each in document_types)
        return head.startswith(b"\x1a\x45\xdf\xa3") and at > 0 and named

    return matches


MP4 = Format(
    "MP4",
    "video",
    ("video/mp4", "video/x-m4v", "video/quicktime", "video/3gpp"),
    (".mp4", ".m4v", ".mov", ".qt", ".3gp"),
    lambda head: False,  # the first bytes cannot tell
)
M4A = Format(
    "M4A",
    "audio",
    ("audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"),
    (".m4a", ".m4b", ".mp4"),
    _is_mp4,
)
FORMATS = (
    Format(
        "PNG",
        "image",
        ("image/png", "image/apng"),
        (".png", ".apng"),
        _starts(b"\x89PNG\r\n\x1a\n"),
    ),
    Format(
        "JPEG",
        "image",
        ("image/jpeg", "image/jpg", "image/pjpeg"),
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _starts(b"\xff\xd8\xff"),
    ),
    Format("WebP", "image", ("image/webp",), (".webp",), _riff(b"WEBP")),
    Format("GIF", "image", ("image/gif",), (".gif",), _starts(b"GIF87a", b"GIF89a")),
    Format(
        "WAV",
        "audio",
        ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
        (".wav", ".wave"),
        _riff(b"WAVE"),
    ),
    Format("FLAC", "audio", ("audio/flac", "audio/x-flac"), (".flac",), _starts(b"fLaC")),
    Format(
        "Ogg",
        "audio",
        ("audio/ogg", "audio/opus", "audio/vorbis", "application/ogg"),
        (".ogg", ".oga", ".opus"),
        _is_ogg,
    ),
    M4A,
    Format("MP3", "audio", ("audio/mpeg", "audio/mp3", "audio/x-mp3"), (".mp3",), _is_mp3),
    MP4,
    Format("WebM", "video", ("video/webm",), (".webm",), _ebml(b"webm")),
    Format(
        "Matroska",
        "video",
        ("video/x-matroska", "video/matroska"),
        (".mkv",),
        _ebml(b"matroska"),
    ),
)
