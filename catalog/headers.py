"""Reads size and duration from the headers of media files, in bounded time and memory.

Sounds and videos are read here and not by FFmpeg: a 577-byte M4A with a made-up sample table costs FFmpeg's
demuxer 2.8 GB and 7 s, and this runs in web processes.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

from catalog.exceptions import MediaTooLarge, UnsupportedMedia
from catalog.signatures import AUDIO_BRANDS, Format, is_mp3_frame

SCAN_BYTES = 64 * 1024
MAX_BOXES = 1000


@dataclass(frozen=True, slots=True)
class MediaHeader:
    """What a header says; None where it says nothing."""

    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


class _BrokenHeader(Exception):
    pass


def image_header(file: BinaryIO, found: Format) -> MediaHeader:
    """Width and height in pixels. Raises ``UnsupportedMedia``, or ``MediaTooLarge`` when Pillow
    refuses the size by itself.
    """
    try:
        if found.label == "WebP":  # Pillow allocates the whole canvas when it opens one
            return _webp(file)
        with Image.open(file, formats=[found.label.upper()]) as image:
            return MediaHeader(width=image.width, height=image.height)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as err:
        raise MediaTooLarge(f"The picture has too many pixels: {err}") from err
    except _BROKEN_IMAGE as err:
        raise UnsupportedMedia(f"The header of the {found.label} file is broken.") from err


_BROKEN_IMAGE: Final = (
    _BrokenHeader,
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    EOFError,
    struct.error,
)


def audio_header(file: BinaryIO, found: Format, size: int) -> MediaHeader:
    """Duration in seconds of a sound of ``size`` bytes. Raises ``UnsupportedMedia``."""
    try:
        duration_s = _DURATIONS[found.label](file, size)
    except (_BrokenHeader, struct.error, ZeroDivisionError) as err:
        detail = f": {err}" if isinstance(err, _BrokenHeader) else "."
        raise UnsupportedMedia(f"The header of the {found.label} file is broken{detail}") from err
    return MediaHeader(duration_s=duration_s)


def video_header(file: BinaryIO, found: Format, size: int) -> MediaHeader:
    """Width and height in pixels and, where it is known, the duration of a video of ``size`` bytes.

    Raises ``UnsupportedMedia``.
    """
    try:
        header = _VIDEOS[found.label](file, size)
    except (_BrokenHeader, struct.error, ZeroDivisionError) as err:
        raise UnsupportedMedia(f"The header of the {found.label} file is broken: {err}") from err
    if not header.width or not header.height:
        raise UnsupportedMedia(f"The header of the {found.label} file gives no size.")
    return header


def _webp(file: BinaryIO) -> MediaHeader:
    """https://developers.google.com/speed/webp/docs/riff_container"""
    file.seek(12)
    kind, _, body = struct.unpack("<4sI10s", file.read(18))
    if kind == b"VP8X":
        return MediaHeader(
            1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        )
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return MediaHeader(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return MediaHeader(width & 0x3FFF, height & 0x3FFF)
    raise _BrokenHeader("no picture chunk")


def _chunks(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """RIFF chunks as (name, start, length)."""
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or at >= end:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _wav_duration(file: BinaryIO, size: int) -> float:
    byte_rate = 0
    for name, start, length in _chunks(file, 12, size):
        if name == b"fmt ":
            file.seek(start)
            channels, rate, byte_rate = struct.unpack("<HII", file.read(12)[2:])
            if not channels or not rate or not byte_rate:
                raise _BrokenHeader("no channels or no sample rate")
        elif name == b"data":
            if not byte_rate:
                break
            return min(length, size - start) / byte_rate  # streams say 0xFFFFFFFF
    raise _BrokenHeader("no fmt chunk before a data chunk")


def _flac_duration(file: BinaryIO, _size: int) -> float | None:
    """https://www.rfc-editor.org/rfc/rfc9639#section-8.2"""
    file.seek(4)
    block_type, packed = struct.unpack(">B13xQ", file.read(22))
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if block_type & 0x7F or not rate:
        raise _BrokenHeader("no stream info")
    return samples / rate or None


def _ogg_duration(file: BinaryIO, size: int) -> float | None:
    """From the position that the last page gives. https://www.rfc-editor.org/rfc/rfc3533"""
    file.seek(0)
    head = file.read(512)
    packet = head[27 + head[26] :]
    if packet.startswith(b"OpusHead"):
        skipped, rate = struct.unpack("<H", packet[10:12])[0], 48_000
    else:
        skipped, rate = 0, struct.unpack("<I", packet[12:16])[0]
    file.seek(max(0, size - SCAN_BYTES - 27))
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or at + 14 > len(tail):
        return None
    position = struct.unpack("<q", tail[at + 6 : at + 14])[0]
    return max(0.0, (position - skipped) / rate) or None


_BIT_RATES: Final = {  # kbit/s by the header's index, for MPEG 1 and for MPEG 2 and 2.5
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES: Final = (44_100, 48_000, 32_000)


def _mp3_duration(file: BinaryIO, size: int) -> float:
    """From the Xing or VBRI header; else as if the first frame's bit rate held to the end."""
    start = _after_id3(file)
    file.seek(start)
    window = file.read(SCAN_BYTES)
    at = next((at for at in range(len(window)) if is_mp3_frame(window[at : at + 4])), None)
    if at is None:
        raise _BrokenHeader("no frame found")
    frame = window[at : at + 200]
    version = 1 if frame[1] & 0x18 == 0x18 else 2
    rate = _SAMPLE_RATES[frame[2] >> 2 & 3] >> {0x18: 0, 0x10: 1, 0x00: 2}[frame[1] & 0x18]
    frames = _frame_count(frame)
    if frames:
        return frames * (1152 if version == 1 else 576) / rate
    return (size - start - at) * 8 / (_BIT_RATES[version][frame[2] >> 4] * 1000)


def _after_id3(file: BinaryIO) -> int:
    """Where the sound starts: ID3v2 says its length in four bytes of seven bits."""
    file.seek(0)
    head = file.read(10)
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return 10 + length + (10 if head[5] & 0x10 else 0)


def _frame_count(frame: bytes) -> int:
    for tag in (b"Xing", b"Info"):
        at = frame.find(tag)
        if at >= 0 and len(frame) >= at + 12 and frame[at + 7] & 1:
            return int(struct.unpack(">I", frame[at + 8 : at + 12])[0])
    at = frame.find(b"VBRI")
    return int(struct.unpack(">I", frame[at + 14 : at + 18])[0]) if 0 <= at <= 180 else 0


def _m4a_duration(file: BinaryIO, size: int) -> float | None:
    """Refuses a file without sound."""
    duration_s, tracks = _mp4(file, size)
    if not any(track.handler == b"soun" for track in tracks):
        raise _BrokenHeader("no sound track")
    return duration_s


@dataclass(slots=True)
class _Track:
    handler: bytes = b""
    width: int = 0
    height: int = 0


def _mp4(file: BinaryIO, size: int) -> tuple[float | None, list[_Track]]:
    """Length in seconds and tracks, from ``moov``. ISO/IEC 14496-12."""
    duration_s: float | None = None
    tracks: list[_Track] = []
    for path, start, end in _boxes(file, 0, size, ()):
        file.seek(start)
        if path == (b"moov", b"mvhd"):
            version = file.read(4)[0]
            layout = ">16xIQ" if version else ">8xII"
            scale, length = struct.unpack(layout, file.read(struct.calcsize(layout)))
            unknown = (1 << (64 if version else 32)) - 1
            duration_s = None if length in (0, unknown) else length / scale
        elif path == (b"moov", b"trak"):
            tracks.append(_Track())
        elif path == (b"moov", b"trak", b"tkhd") and end - start >= 8:
            file.seek(end - 8)  # 16.16 fixed point
            tracks[-1].width, tracks[-1].height = struct.unpack(">H2xH2x", file.read(8))
        elif path == (b"moov", b"trak", b"mdia", b"hdlr"):
            tracks[-1].handler = file.read(12)[8:]
    return duration_s, tracks


def is_film(file: BinaryIO, size: int) -> bool:
    """Whether a file that starts as MP4 holds moving pictures; False for a broken one."""
    file.seek(8)
    if file.read(4) in AUDIO_BRANDS:
        return False
    try:
        _, tracks = _mp4(file, size)
    except (struct.error, ZeroDivisionError, IndexError):
        return False
    return any(track.handler == b"vide" for track in tracks)


def _mp4_video(file: BinaryIO, size: int) -> MediaHeader:
    duration_s, tracks = _mp4(file, size)
    pictures = [each for each in tracks if each.handler == b"vide"]
    width, height = max(((each.width, each.height) for each in pictures), default=(0, 0))
    return MediaHeader(width, height, duration_s)


_CONTAINERS: Final = {(b"moov",), (b"moov", b"trak"), (b"moov", b"trak", b"mdia")}


def _boxes(
    file: BinaryIO, start: int, end: int, parents: tuple[bytes, ...]
) -> Iterator[tuple[tuple[bytes, ...], int, int]]:
    """Boxes as (path of names, start, end), those inside a track's header included."""
    for _ in range(MAX_BOXES):
        file.seek(start)
        head = file.read(16)
        if start + 8 > end or len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head[:8])
        body = start + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack(">Q", head[8:])[0], start + 16
        stop = end if length == 0 else start + length
        if stop <= body - 1 or stop > end:
            return  # cut short: the worker finds out what is left
        path = (*parents, name)
        yield path, body, stop
        if path in _CONTAINERS:
            yield from _boxes(file, body, stop, path)
        start = stop


_SEGMENT, _INFO, _TRACKS, _TRACK, _VIDEO = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0
_CLUSTER: Final = 0x1F43B675
_TICK_NS, _TICKS, _WIDTH, _HEIGHT = 0x2AD7B1, 0x4489, 0xB0, 0xBA


def _matroska_video(file: BinaryIO, size: int) -> MediaHeader:
    """What lies before the first cluster. https://www.rfc-editor.org/rfc/rfc9559"""
    tick_ns, ticks, width, height = 1_000_000, 0.0, 0, 0
    for name, value in _elements(file, size):
        number = int.from_bytes(value)
        if name == _TICK_NS:
            tick_ns = number
        elif name == _TICKS and len(value) in (4, 8):
            ticks = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
        elif name == _WIDTH:
            width = max(width, number)
        elif name == _HEIGHT:
            height = max(height, number)
    if not width or not height:
        raise _BrokenHeader("no track of pictures")
    duration_s = ticks * tick_ns / 1e9
    return MediaHeader(width, height, duration_s if 0 < duration_s < math.inf else None)


def _elements(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """EBML elements up to the first cluster as (id with its marker, value); of the containers that
    matter their content, of others and of long values nothing.
    """
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        name, length = _vint(file, marked=True), _vint(file, marked=False)
        if name is None or length is None or name == _CLUSTER:
            return
        at = file.tell()
        if name in (_SEGMENT, _INFO, _TRACKS, _TRACK, _VIDEO):
            continue
        if length <= 8:
            yield name, file.read(length)
        at += length
        if at >= size:
            return


def _vint(file: BinaryIO, *, marked: bool) -> int | None:
    """A number of variable length, None at the end or for one that is too long.

    https://www.rfc-editor.org/rfc/rfc8794#section-4
    """
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(first + file.read(more))
    return value if marked else value & (1 << 7 * (more + 1)) - 1


_DURATIONS: Final[dict[str, Callable[[BinaryIO, int], float | None]]] = {
    "WAV": _wav_duration,
    "FLAC": _flac_duration,
    "Ogg": _ogg_duration,
    "MP3": _mp3_duration,
    "M4A": _m4a_duration,
}
_VIDEOS: Final[dict[str, Callable[[BinaryIO, int], MediaHeader]]] = {
    "MP4": _mp4_video,
    "WebM": _matroska_video,
    "Matroska": _matroska_video,
}
