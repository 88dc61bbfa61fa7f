"""Catalog rows and real little media files for tests."""

import io
import struct
import wave
import zlib
from collections.abc import Sequence
from itertools import count
from typing import Any

import av
import factory
import numpy as np
from factory.django import DjangoModelFactory
from PIL import Image

from catalog.categories import category_get
from catalog.models import Category, Item, ItemText, Media
from catalog.services import media_add
from catalog.uploads import CheckedUpload, check_upload

_colours = count(1)


def image_bytes(
    image_format: str = "PNG", size: tuple[int, int] = (8, 6), colour: int | None = None
) -> bytes:
    """A picture of one colour; every call another one unless ``colour`` is given."""
    colour = next(_colours) if colour is None else colour
    file = io.BytesIO()
    rgb = (colour >> 16 & 255, colour >> 8 & 255, colour & 255)
    Image.new("RGB", size, rgb).save(file, image_format)
    return file.getvalue()


def wav_bytes(seconds: float = 0.5, hertz: float = 440, rate: int = 8000) -> bytes:
    """A 16-bit mono tone."""
    at = np.arange(int(seconds * rate)) / rate
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((12_000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes())
    return file.getvalue()


def sound_bytes(container: str, codec: str, seconds: float = 2.0, rate: int = 48_000) -> bytes:
    """A tone, encoded by FFmpeg. Its Vorbis is experimental and stereo only."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        layout = "stereo" if codec == "vorbis" else "mono"
        options = {"strict": "experimental"}
        stream = output.add_stream(codec, rate=rate, layout=layout, options=options)
        at = np.arange(int(seconds * rate)) / rate
        tone = (12_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


RED, GREEN, BLUE, BLACK = (220, 20, 20), (20, 200, 20), (20, 20, 220), (0, 0, 0)
VIDEO_CODECS = {
    "mp4": ("mpeg4", "aac"),
    "webm": ("libvpx", "libopus"),
    "matroska": ("mpeg4", "mp3"),
}


def video_bytes(
    container: str = "mp4",
    colours: Sequence[tuple[int, int, int]] = (RED, GREEN, BLUE, BLACK),
    *,
    hertz: float | None = 440,
    size: tuple[int, int] = (64, 48),
    fps: int = 10,
) -> bytes:
    """A second of each colour, starting with a key frame, and a tone if ``hertz`` is given: silence for 0."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        video_codec, audio_codec = VIDEO_CODECS[container]
        pictures = output.add_stream(video_codec, rate=fps)
        pictures.width, pictures.height = size
        pictures.pix_fmt, pictures.gop_size = "yuv420p", fps
        pictures.bit_rate = 400_000
        heard = hertz is not None
        sound = output.add_stream(audio_codec, rate=48_000, layout="mono") if heard else None
        for number in range(len(colours) * fps):
            pixels = np.full((size[1], size[0], 3), colours[number // fps], np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            if number % fps == 0:
                frame.pict_type = av.video.frame.PictureType.I
            output.mux(pictures.encode(frame))
        output.mux(pictures.encode(None))
        if sound:
            at = np.arange(48_000 * len(colours)) / 48_000
            tone = (12_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(tone[None, :], format="s16", layout="mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(sound.format, "mono", 48_000, sound.frame_size or 1024)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(sound.encode(piece))
            output.mux(sound.encode(None))
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    header = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I4s", 64, b"IDAT") + bytes(68)


def upload(content: bytes | None = None, **claims: Any) -> CheckedUpload:
    """A checked upload of these bytes, or of a new picture."""
    return check_upload(io.BytesIO(image_bytes() if content is None else content), **claims)


class CategoryFactory(DjangoModelFactory):
    """``CategoryFactory(path="animals/birds")``, parents included."""

    class Meta:
        model = Category

    path = factory.Sequence(lambda n: f"category {n}")

    @classmethod
    def _create(cls, model_class: type[Category], *args: Any, **kwargs: Any) -> Category:
        return category_get(kwargs["path"])


class ItemFactory(DjangoModelFactory):
    """An item; ``categories`` takes paths."""

    class Meta:
        model = Item
        skip_postgeneration_save = True

    external_id = factory.Sequence(lambda n: f"item:{n}")
    title = factory.Sequence(lambda n: f"Item {n}")

    @factory.post_generation
    def categories(self, create: bool, paths: tuple[str, ...] | None, **_: Any) -> None:
        """Puts the item into these categories."""
        if create and paths:
            self.categories.set([category_get(path) for path in paths])


class ItemTextFactory(DjangoModelFactory):
    """An item's words in Chinese, unless another language is given."""

    class Meta:
        model = ItemText

    item = factory.SubFactory(ItemFactory)
    language = "zh"
    title = factory.Sequence(lambda n: f"东西{n}")


class MediaFactory(DjangoModelFactory):
    """A stored file: a new picture, or ``content``."""

    class Meta:
        model = Media

    item = factory.SubFactory(ItemFactory)

    @classmethod
    def _create(cls, model_class: type[Media], *args: Any, **kwargs: Any) -> Media:
        return media_add(kwargs.pop("item"), upload(kwargs.pop("content", None)), **kwargs).medium
