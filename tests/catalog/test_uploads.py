"""Untrusted bytes: what is taken, what is refused and why."""

import io
import struct
import time
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from catalog.exceptions import MediaTooLarge, UnsupportedMedia
from catalog.models import Media
from catalog.uploads import check_upload
from tests.catalog.factories import image_bytes, png_header, sound_bytes, video_bytes, wav_bytes

M3U8 = b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret\n"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("image_format", "content_type", "extension"),
    [
        ("PNG", "image/png", "png"),
        ("JPEG", "image/jpeg", "jpg"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
    ],
)
def test_takes_a_picture(image_format, content_type, extension):
    content = image_bytes(image_format, (30, 20))
    found = check_upload(io.BytesIO(content), name=f"x.{extension}", claimed_type=content_type)
    assert (found.modality, found.content_type, found.extension) == (
        "image",
        content_type,
        extension,
    )
    assert (found.width, found.height, found.duration_s) == (30, 20, None)
    assert found.bytes == len(content)


def test_webp_sizes_without_pillow_allocating_the_canvas():
    from PIL import Image

    for options in ({"lossless": True}, {"quality": 50}, {"quality": 50, "exif": b"Exif\0\0"}):
        file = io.BytesIO()
        Image.new("RGB", (301, 77), "red").save(file, "WEBP", **options)
        found = check_upload(file)
        assert (found.width, found.height) == (301, 77)
    huge = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4
    with pytest.raises(MediaTooLarge, match="16777216 x 16777216"):
        check_upload(io.BytesIO(huge + b"\xff" * 6 + b"\0" * 50))


@pytest.mark.parametrize(
    ("container", "codec", "content_type", "extension"),
    [
        ("wav", "pcm_s16le", "audio/wav", "wav"),
        ("flac", "flac", "audio/flac", "flac"),
        ("ogg", "vorbis", "audio/ogg", "ogg"),
        ("ogg", "libopus", "audio/ogg", "ogg"),
        ("mp3", "libmp3lame", "audio/mpeg", "mp3"),
        ("mp4", "aac", "audio/mp4", "m4a"),
    ],
)
def test_takes_a_sound_and_agrees_with_ffmpeg_on_its_length(
    container, codec, content_type, extension
):
    content = sound_bytes(container, codec)
    found = check_upload(io.BytesIO(content), name=f"x.{extension}", claimed_type=content_type)
    assert (found.modality, found.content_type, found.extension) == (
        "audio",
        content_type,
        extension,
    )
    with av.open(io.BytesIO(content)) as reference:
        assert reference.duration is not None
        assert found.duration_s == pytest.approx(reference.duration / 1e6, abs=0.06)


def test_mp3_without_a_length_header_is_estimated_from_its_bit_rate():
    content = sound_bytes("mp3", "libmp3lame")
    at = content.find(b"Info")
    bare = content[:at] + b"\0\0\0\0" + content[at + 4 :]
    assert check_upload(io.BytesIO(bare)).duration_s == pytest.approx(2.0, abs=0.2)


def test_measures_a_path_and_leaves_an_open_file_at_its_start(tmp_path: Path):
    path = tmp_path / "tone.wav"
    path.write_bytes(wav_bytes(0.25))
    found = check_upload(path)
    assert (found.bytes, found.duration_s) == (4044, 0.25)
    file = io.BytesIO(path.read_bytes())
    assert check_upload(file).sha256 == found.sha256
    assert file.tell() == 0


@pytest.mark.parametrize("content", [M3U8, EPS, SVG, b"PK\x03\x04zip", b"<html>", b"x", b"RIFF"])
@pytest.mark.parametrize("name", ["a.mp3", "a.jpg", ""])
def test_refuses_what_is_no_supported_format(content, name):
    with pytest.raises(UnsupportedMedia, match="none of the supported formats: PNG, JPEG"):
        check_upload(io.BytesIO(content), name=name)


def test_refuses_an_empty_file():
    with pytest.raises(UnsupportedMedia, match="empty"):
        check_upload(io.BytesIO())


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"claimed_type": "image/jpeg"}, "says 'image/jpeg', but the bytes are PNG"),
        ({"claimed_type": "text/html; charset=utf-8"}, "says 'text/html'"),
        ({"name": "a.jpg"}, "ends in '.jpg', but the bytes are PNG"),
        ({"name": "a.html"}, "ends in '.html'"),
        ({"modality": Media.Modality.AUDIO}, r"is PNG \(image\), but audio was asked for"),
    ],
)
def test_refuses_bytes_that_are_not_what_they_claim(claims, message):
    with pytest.raises(UnsupportedMedia, match=message):
        check_upload(io.BytesIO(image_bytes()), **claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"claimed_type": "application/octet-stream"},
        {"claimed_type": "IMAGE/PNG; x=1"},
        {"name": "frog.v2"},
        {"name": "FROG.PNG"},
        {"name": "frog"},
    ],
)
def test_takes_claims_that_do_not_contradict(claims):
    assert check_upload(io.BytesIO(image_bytes()), **claims).content_type == "image/png"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_refuses_a_png_with_too_many_pixels_by_its_header():
    with pytest.raises(MediaTooLarge, match="13000 x 13000 pixels; the limit is 50 million"):
        check_upload(io.BytesIO(png_header(13_000, 13_000)))
    with pytest.raises(MediaTooLarge, match="too many pixels"):
        check_upload(io.BytesIO(png_header(100_000, 100_000)))


def test_stops_reading_at_the_limit(settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_IMAGE_BYTES": 1_000_000}

    class Endless(io.BytesIO):
        served = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 < size <= 2**20
            self.served += size
            start = b"\x89PNG\r\n\x1a\n" if self.served == size else b""
            return start + bytes(size - len(start))

    file = Endless()
    with pytest.raises(MediaTooLarge, match=r"over 0\.95\d* MiB"):
        check_upload(file)
    assert file.served < 2_000_000


def test_refuses_a_sound_that_is_too_long(settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_AUDIO_S": 1}
    with pytest.raises(MediaTooLarge, match="lasts 2 s; the limit is 1 s"):
        check_upload(io.BytesIO(wav_bytes(2)))


def test_takes_a_good_header_with_a_broken_body():
    png = image_bytes("PNG", (64, 64))
    assert check_upload(io.BytesIO(png[:60])).width == 64
    flac = sound_bytes("flac", "flac")
    assert check_upload(io.BytesIO(flac[:200] + b"\xff" * 99)).duration_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 50,
        b"\xff\xd8\xff" + b"\0" * 50,
        b"GIF89a",
        b"RIFF\x10\0\0\0WEBP",
        b"RIFF\x10\0\0\0WEBPVP8X" + b"\0" * 4,
        b"RIFF\xff\xff\xff\xffWAVEfmt \x02\0\0\0\x01\0",
        b"RIFF\xff\xff\xff\xffWAVEdata\x02\0\0\0\x01\0",
        b"fLaC\0\0\0\x22" + b"\0" * 10,
        b"OggS" + b"\0" * 22 + b"\x01\x07OpusHead",
        b"ID3\x04\0\0\0\0\0\x0a" + b"nothing here" * 9,
        b"\0\0\0\x14ftypM4A \0\0\0\0M4A ",
        b"\0\0\0\x14ftypM4A \0\0\0\0M4A \0\0\0\x09moov",
    ],
)
def test_refuses_a_broken_header(content):
    with pytest.raises(UnsupportedMedia, match=r"header of the .* file is broken"):
        check_upload(io.BytesIO(content))


@pytest.mark.parametrize(
    ("container", "content_type", "extension"),
    [
        ("mp4", "video/mp4", "mp4"),
        ("webm", "video/webm", "webm"),
        ("matroska", "video/x-matroska", "mkv"),
    ],
)
@pytest.mark.parametrize("hertz", [440, None])
def test_takes_a_video_and_agrees_with_ffmpeg_on_its_length(
    container, content_type, extension, hertz
):
    content = video_bytes(container, hertz=hertz)
    found = check_upload(io.BytesIO(content), name=f"x.{extension}", claimed_type=content_type)
    assert (found.modality, found.content_type, found.extension) == (
        "video",
        content_type,
        extension,
    )
    assert (found.width, found.height) == (64, 48)
    assert found.duration_s == pytest.approx(4.0, abs=0.1)


def test_a_stream_that_was_never_finished_says_no_length():
    content = video_bytes("webm")
    at = content.index(b"\x44\x89")  # the length becomes an element to skip
    assert (
        check_upload(io.BytesIO(content[:at] + b"\xec\x89" + content[at + 2 :])).duration_s is None
    )


def test_a_cover_does_not_make_a_sound_a_video():
    content = video_bytes("mp4")
    with pytest.raises(UnsupportedMedia, match=r"MP4 \(video\), but audio was asked for"):
        check_upload(io.BytesIO(content), modality=Media.Modality.AUDIO)
    book = content.replace(b"ftypisom", b"ftypM4B ", 1)
    assert check_upload(io.BytesIO(book), name="book.m4b").modality == "audio"


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_VIDEO_S", 3, "The video lasts 4 s; the limit is 3 s"),
        ("MAX_VIDEO_BYTES", 1024, r"over 0\.000976562 MiB \(MP4\)"),
        ("MAX_IMAGE_PIXELS", 1_000, "The video has 64 x 48 pixels; the limit is 0.001 million"),
    ],
)
def test_refuses_a_video_over_a_limit(settings, limit, value, message):
    settings.CATALOG = {**settings.CATALOG, limit: value}
    with pytest.raises(MediaTooLarge, match=message):
        check_upload(io.BytesIO(video_bytes()))


@pytest.mark.parametrize(
    "content",
    [
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm",
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01" + b"\xff" * 7,
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + b"\xec\x80" * 500_000,
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm" + b"\0" * 1_000,
    ],
)
def test_refuses_a_broken_webm_quickly(content):
    started = time.monotonic()
    with pytest.raises(UnsupportedMedia, match="WebM file is broken: no track of pictures"):
        check_upload(io.BytesIO(content))
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("container", ["mp4", "webm", "matroska"])
def test_a_damaged_video_is_taken_or_refused_but_nothing_else(container):
    content = bytearray(video_bytes(container))
    chance = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for at in chance.integers(0, min(len(damaged), 1_200), 20):
            damaged[at] = int(chance.integers(256))
        try:
            check_upload(io.BytesIO(damaged[: chance.integers(100, len(damaged))]))
        except (UnsupportedMedia, MediaTooLarge):
            continue


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def test_a_made_up_sample_table_costs_nothing():
    """FFmpeg's demuxer takes 2.8 GB and 7 s for these 577 bytes."""
    table = [
        box(b"stts", struct.pack(">IIII", 0, 1, 80_000_000, 1024)),
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 80_000_000, 1)),
        box(b"stsz", struct.pack(">III", 0, 1, 80_000_000)),
    ]
    sound = box(b"hdlr", struct.pack(">II4s", 0, 0, b"soun"), bytes(13))
    track = box(b"trak", box(b"mdia", sound, box(b"minf", box(b"stbl", *table))))
    length = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 10_000), bytes(80))
    bomb = box(b"ftyp", b"M4A \0\0\0\0M4A ") + box(b"moov", length, track)
    tracemalloc.start()
    started = time.monotonic()
    assert check_upload(io.BytesIO(bomb)).duration_s == 10.0
    assert time.monotonic() - started < 0.5
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()


def test_boxes_that_never_end_are_bounded():
    nested = box(b"ftyp", b"M4A \0\0\0\0M4A ") + b"\0\0\0\x08free" * 500_000
    started = time.monotonic()
    with pytest.raises(UnsupportedMedia):
        check_upload(io.BytesIO(nested))
    assert time.monotonic() - started < 1
