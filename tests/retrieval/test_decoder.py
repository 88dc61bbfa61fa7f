"""Hostile and ordinary files through the real child process."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from retrieval.exceptions import DecodeFailed
from retrieval.preprocess import Decoder
from tests.catalog.factories import BLACK, BLUE, GREEN, RED, video_bytes


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sound(container: str, codec: str, rate: int = 44_100, peak: float = 0.5) -> bytes:
    """One second of 440 Hz."""
    seconds = 1.0
    tone = peak * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (tone * 32_767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A valid header that claims side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def code_of(decoder: Decoder, kind: str, data: bytes | Path) -> str:
    with pytest.raises(DecodeFailed) as caught:
        (decoder.decode_image if kind == "image" else decoder.decode_audio)(data)
    return caught.value.code


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_formats(decoder, kind):
    pixels = decoder.decode_image(encoded(Image.new("RGB", (40, 30), (255, 0, 0)), kind))
    assert pixels.shape == (30, 40, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 3


def test_a_path_gives_what_its_bytes_give(decoder, tmp_path):
    data = encoded(Image.radial_gradient("L").convert("RGB"))
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert np.array_equal(decoder.decode_image(path), decoder.decode_image(data))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white(decoder, mode):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": picture.getpixel((0, 0))} if mode == "P" else {}
    pixels = decoder.decode_image(encoded(picture, **options))
    assert (pixels == 255).all()


@pytest.mark.parametrize(
    ("orientation", "shape", "corner"),
    [
        (1, (32, 64), "top left"),
        (2, (32, 64), "top right"),
        (3, (32, 64), "bottom right"),
        (4, (32, 64), "bottom left"),
        (5, (64, 32), "top left"),
        (6, (64, 32), "top right"),
        (7, (64, 32), "bottom right"),
        (8, (64, 32), "bottom left"),
    ],
)
def test_exif_orientation(decoder, orientation, shape, corner):
    """A black corner, top left in the file, is where the camera's orientation puts it."""
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste("black", (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decoder.decode_image(encoded(picture, "JPEG", exif=exif))
    assert pixels.shape == (*shape, 3)
    height, width = shape
    rows = {"top": height // 4, "bottom": 3 * height // 4}
    columns = {"left": width // 4, "right": 3 * width // 4}
    dark = {f"{r} {c}" for r, y in rows.items() for c, x in columns.items() if pixels[y, x, 0] < 99}
    assert dark == {corner}


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged: a red pixel of it is a blue one of ours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack(">I", profile[128:132])
    starts = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = (slice(starts[tag] + 4, starts[tag] + 12) for tag in (b"rXYZ", b"bXYZ"))
    profile[red], profile[blue] = profile[blue], profile[red]
    return bytes(profile)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [("RGB", (255, 0, 0), (0, 0, 255)), ("RGBA", (255, 0, 0, 128), (127, 127, 255))],
)
def test_colours_are_read_by_their_profile(decoder, mode, colour, expected):
    picture = Image.new(mode, (8, 8), colour)
    pixels = decoder.decode_image(encoded(picture, icc_profile=swapped_profile()))
    assert np.abs(pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("profile", [b"", b"broken", swapped_profile()[:200]])
def test_a_broken_profile_is_left_aside(decoder, profile):
    pixels = decoder.decode_image(encoded(Image.new("RGB", (8, 8), "red"), icc_profile=profile))
    assert (pixels == (255, 0, 0)).all()


def ink_profile() -> bytes:
    """A CMYK profile in which magenta ink looks blue and every other mixture black: a table with a
    corner for each mixture (ICC.1:2010, lut8Type), L*a*b* as three bytes.
    """
    paper, black, blue = bytes([255, 128, 128]), bytes([0, 128, 128]), bytes([82, 207, 20])
    table = paper + black * 3 + blue + black * 11
    ramp = bytes(range(256))
    identity = struct.pack(
        ">9i", *(65_536 * (row == column) for row in range(3) for column in range(3))
    )
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63_190, 65_536, 54_061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(lut), b"wtpt", 156 + len(lut), len(white))
    header = bytearray(128)
    header[0:4] = struct.pack(">I", 128 + len(tags) + len(lut) + len(white))
    header[8:12] = b"\x02\x40\0\0"
    header[12:24] = b"prtrCMYKLab "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63_190, 65_536, 54_061)
    return bytes(header) + tags + lut + white


def test_inks_are_read_by_their_profile(decoder):
    picture = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    picture.paste((0, 255, 0, 0), (8, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture, "JPEG", quality=95, icc_profile=ink_profile(), exif=exif)
    pixels = decoder.decode_image(data).astype(int)
    assert (pixels[:6] > 240).all()
    red, green, blue = pixels[10:].reshape(-1, 3).mean(0)
    assert blue > 200
    assert red < 120  # of magenta without its profile: 255
    assert green < 60


def test_cmyk(decoder):
    picture = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    picture.paste((255, 0, 255, 0), (8, 0, 16, 16))
    pixels = decoder.decode_image(encoded(picture, "JPEG", quality=95)).astype(int)
    assert np.abs(pixels[:, :6] - (255, 0, 0)).max() <= 4
    assert np.abs(pixels[:, 10:] - (0, 255, 0)).max() <= 4


def test_large_pictures_are_scaled_down(decoder):
    assert decoder.decode_image(encoded(Image.new("RGB", (1600, 400)))).shape == (128, 512, 3)


def test_sixteen_bit_grey_is_not_clipped(decoder):
    grey = Image.fromarray(np.full((4, 4), 32_768, np.uint16))
    assert np.abs(decoder.decode_image(encoded(grey)).astype(int) - 128).max() <= 1


def test_too_many_pixels(decoder):
    assert code_of(decoder, "image", huge_png(13_000)) == "too_many_pixels"


def test_eps_renamed_to_jpg(decoder, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    assert code_of(decoder, "image", path) == "unsupported_format"


def test_truncated_picture(decoder):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise))
    assert code_of(decoder, "image", data[: len(data) // 2]) == "undecodable"


@pytest.mark.parametrize("kind", ["image", "audio"])
@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"not a medium at all"])
def test_garbage(decoder, kind, data):
    assert code_of(decoder, kind, data) in {"undecodable", "unsupported_format"}


def test_missing_file(decoder, tmp_path):
    assert code_of(decoder, "image", tmp_path / "gone.png") == "undecodable"


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("flac", "flac"),
        ("ogg", "libopus"),
        ("mp3", "libmp3lame"),
        ("ipod", "aac"),
    ],
)
def test_sounds(decoder, container, codec):
    rate = 48_000 if codec == "libopus" else 44_100  # Opus knows no 44.1 kHz
    wave = decoder.decode_audio(sound(container, codec, rate))
    assert wave.rate == 22_050
    assert wave.samples.dtype == np.float32
    assert abs(len(wave.samples) / wave.rate - 1) < 0.1
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert abs(spectrum.argmax() / len(wave.samples) * wave.rate - 440) < 5
    middle = wave.samples[len(wave.samples) // 4 : -len(wave.samples) // 4]
    assert abs(np.abs(middle).max() - 0.5) < 0.05


def main_colours(frames: np.ndarray) -> list[str]:
    """The strongest channel of each frame's mean, or black."""
    means = frames.mean((1, 2))
    return ["RGB"[mean.argmax()] if mean.max() > 60 else "black" for mean in means]


@pytest.mark.parametrize("container", ["mp4", "webm", "matroska"])
def test_key_frames_of_a_video_are_spread_over_it(decoder, container):
    frames = decoder.decode_frames(video_bytes(container))
    assert (frames.shape, frames.dtype) == ((4, 48, 64, 3), np.uint8)
    assert main_colours(frames) == ["R", "G", "B", "black"]
    (red, *_), expected = frames, RED
    assert np.abs(red.reshape(-1, 3).mean(0) - expected).max() < 12


def test_a_video_with_fewer_key_frames_gives_fewer(decoder):
    assert main_colours(decoder.decode_frames(video_bytes(colours=[GREEN]))) == ["G"]
    frames = decoder.decode_frames(video_bytes(colours=[GREEN, RED]))
    assert main_colours(frames) == ["G", "R"]


def test_frames_of_a_long_video_are_the_middles_of_its_quarters(decoder):
    colours = [RED] * 2 + [GREEN] * 2 + [BLUE] * 2 + [BLACK] * 2
    assert main_colours(decoder.decode_frames(video_bytes(colours=colours))) == [
        *("R", "G", "B", "black")
    ]


def test_frames_are_scaled_down():
    decoder = Decoder(max_side=32)
    assert decoder.decode_frames(video_bytes()).shape == (4, 24, 32, 3)
    decoder.close()


def test_a_frame_of_too_many_pixels_is_refused():
    decoder = Decoder(max_pixels=1_000)
    with pytest.raises(DecodeFailed, match="64 x 48 is over 1000 pixels") as caught:
        decoder.decode_frames(video_bytes())
    assert caught.value.code == "too_many_pixels"
    decoder.close()


@pytest.mark.parametrize("container", ["mp4", "webm", "matroska"])
def test_the_sound_track_of_a_video(decoder, container):
    wave = decoder.decode_audio(video_bytes(container, hertz=880))
    assert len(wave.samples) / wave.rate == pytest.approx(4.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(wave.samples))
    assert abs(spectrum.argmax() / len(wave.samples) * wave.rate - 880) < 5


def test_a_silent_film_has_no_sound(decoder):
    assert code_of(decoder, "audio", video_bytes(hertz=None)) == "no_audio_stream"


def test_a_sound_has_no_frames(decoder):
    with pytest.raises(DecodeFailed) as caught:
        decoder.decode_frames(sound("ipod", "aac"))
    assert caught.value.code == "no_video_stream"


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"#EXTM3U\nfile:///etc/hostname\n"])
def test_garbage_is_no_video(decoder, data):
    with pytest.raises(DecodeFailed) as caught:
        decoder.decode_frames(data)
    assert caught.value.code == "undecodable"


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def test_a_made_up_sample_table_of_a_video_is_bounded(decoder):
    """80 million frames in 400 bytes, which FFmpeg's demuxer makes a table of."""
    table = [
        box(b"stts", struct.pack(">IIII", 0, 1, 80_000_000, 1024)),
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 80_000_000, 1)),
        box(b"stsz", struct.pack(">III", 0, 1, 80_000_000)),
        box(b"stco", struct.pack(">III", 0, 1, 100)),
    ]
    kind = box(b"hdlr", struct.pack(">II4s", 0, 0, b"vide"), bytes(13))
    length = box(b"mdhd", struct.pack(">IIIIII", 0, 0, 0, 1000, 10_000, 0))
    track = box(b"trak", box(b"mdia", length, kind, box(b"minf", box(b"stbl", *table))))
    bomb = box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moov", track)
    with pytest.raises(DecodeFailed) as caught:
        decoder.decode_frames(bomb)
    assert caught.value.code in {"decoder_died", "undecodable", "no_video_stream"}
    assert decoder.decode_frames(video_bytes(colours=[RED])).shape == (1, 48, 64, 3)


@pytest.mark.parametrize("container", ["mp4", "webm", "matroska"])
def test_damaged_videos_give_frames_or_a_code(decoder, container):
    content, chance = video_bytes(container), np.random.default_rng(0)
    for _ in range(25):
        damaged = bytearray(content)
        for at in chance.integers(0, len(damaged), 60):
            damaged[at] = int(chance.integers(256))
        try:
            assert decoder.decode_frames(bytes(damaged)).shape[3] == 3
        except DecodeFailed as err:
            assert err.code in {"undecodable", "no_video_stream", "too_many_pixels", "decoder_died"}  # noqa: PT017


def test_a_video_cut_short_gives_what_it_holds(decoder):
    content = video_bytes("matroska")
    assert main_colours(decoder.decode_frames(content[: len(content) // 2]))[0] == "R"


def test_a_stream_of_unknown_length_gives_its_first_key_frames(decoder):
    content = video_bytes("webm", hertz=None)
    at = content.index(b"\x44\x89")  # the length becomes an element to skip
    frames = decoder.decode_frames(content[:at] + b"\xec\x89" + content[at + 2 :])
    assert main_colours(frames) == ["R", "G", "B", "black"]


def test_a_video_from_a_path(decoder, tmp_path):
    path = tmp_path / "film"
    path.write_bytes(video_bytes())
    assert np.array_equal(decoder.decode_frames(path), decoder.decode_frames(path.read_bytes()))


def test_long_sounds_are_cut():
    decoder = Decoder(max_audio_s=0.5)
    assert len(decoder.decode_audio(sound("wav", "pcm_s16le")).samples) == 11_025
    decoder.close()


def test_silence(decoder):
    assert code_of(decoder, "audio", sound("wav", "pcm_s16le", peak=0.0)) == "blank_audio"


def test_a_picture_has_no_sound(decoder):
    assert code_of(decoder, "audio", encoded(Image.new("RGB", (8, 8)))) == "undecodable"


def test_a_playlist_fetches_nothing(decoder, tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(sound("wav", "pcm_s16le"))
    playlist = tmp_path / "song.mp3"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    assert code_of(decoder, "audio", playlist) == "undecodable"


def test_a_slow_child_is_killed_and_replaced():
    decoder = Decoder(timeout_s=0.0)
    data = encoded(Image.new("RGB", (8, 8)))
    assert code_of(decoder, "image", data) == "decode_timeout"
    decoder._timeout_s = 20.0
    assert decoder.decode_image(data).shape == (8, 8, 3)
    decoder.close()


def test_a_dead_child_is_replaced(decoder):
    data = encoded(Image.new("RGB", (8, 8)))
    decoder.decode_image(data)
    first = decoder._child
    first.kill()
    first.wait()
    assert decoder.decode_image(data).shape == (8, 8, 3)
    assert decoder._child.pid != first.pid


def test_memory_is_bounded():
    decoder = Decoder(memory_bytes=400 * 1024**2, max_pixels=10**9)
    picture = encoded(Image.new("RGB", (13_000, 13_000)))  # 500 MB of pixels in 500 kB
    assert code_of(decoder, "image", picture) in {"decoder_died", "undecodable"}
    assert decoder.decode_image(encoded(Image.new("RGB", (8, 8)))).shape == (8, 8, 3)
    decoder.close()


def test_the_child_ends_with_its_input(decoder):
    decoder.decode_image(encoded(Image.new("RGB", (8, 8))))
    child = decoder._child
    child.stdin.close()
    assert child.wait(timeout=10) == 0


def test_a_forked_process_has_a_child_of_its_own(decoder):
    data = encoded(Image.new("RGB", (8, 8)))
    decoder.decode_image(data)
    mine = decoder._child.pid
    pid = os.fork()
    if pid == 0:
        shape = decoder.decode_image(data).shape
        fresh = decoder._child.pid != mine
        decoder.close()
        os._exit(0 if shape == (8, 8, 3) and fresh else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert decoder.decode_image(data).shape == (8, 8, 3)
    assert decoder._child.pid == mine
