"""Small copies of pictures, films and sounds, compared by correlation: the same thing scaled, cut, flipped,
compressed or brightened correlates to nearly 1, two things do not.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval import outputs
from retrieval.exceptions import DecodeFailed
from retrieval.fusion import unit
from retrieval.models import ContentPrint
from retrieval.outputs import Piece
from retrieval.preprocess.image import content_box
from retrieval.types import Vectors, Waveform

RECIPE: Final = 1
"""Raise it when prints are made another way: they are made anew then."""
SIDE: Final = 12
"""Pixels. At 24 a picture scaled down correlates to .94 with itself, at 12 to .99; two clocks to .97 at both."""
CHANNELS: Final = 3
INSETS: Final = (0.05, 0.1)
"""Of the sides, left out all around: a copy cut so correlates with what is left. Of 120 pictures cut by a
tenth 2 % are found without, all with them.
"""
VIEWS: Final = 2 + len(INSETS)
"""The whole, the whole without its background's margin, the insets. Of two pictures, one shows itself whole or
trimmed.
"""
VIEW: Final = SIDE * SIDE * CHANNELS
MIN_CONTRAST: Final = 4.0
"""Of 127: less is a blank picture, and blank pictures are not the same thing."""
TIMES: Final = 32
BANDS: Final = 24
LOWEST_HZ: Final = 100.0
HIGHEST_HZ: Final = 8_000.0
WINDOW: Final = 1_024
FLOOR_DB: Final = 40.0
"""Below the loudest: quieter is silence, or somebody's noise."""
MIN_S: Final = 0.2


def picture_print(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Of a picture, or a film's key frames: RGB (h, w, 3) each. VIEWS of each frame; empty for what shows
    nothing.
    """
    small = np.stack([_views(frame) for frame in frames])
    if small[:, 0].astype(np.float32).std((1, 2, 3)).max() < MIN_CONTRAST:
        return b""
    return small.tobytes()


def _views(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(VIEWS, SIDE, SIDE, CHANNELS)."""
    height, width = pixels.shape[:2]
    top, left, bottom, right = content_box(pixels)
    boxes = [(0, 0, width, height), (left, top, right, bottom)]
    boxes += [
        (int(share * width), int(share * height), width - int(share * width),
         height - int(share * height))
        for share in INSETS
    ]  # fmt: skip
    image, how = Image.fromarray(pixels), Image.Resampling.BICUBIC
    return np.stack([np.asarray(image.resize((SIDE, SIDE), how, box=box)) for box in boxes])


def views(data: bytes, *, mirrored: bool = False) -> Vectors:
    """A picture's print as unit rows (VIEWS, dim), each less its mean: inner products are correlations. A
    film's frames stand one after the other.
    """
    frames = np.frombuffer(data, np.uint8).reshape(-1, VIEWS, SIDE, SIDE, CHANNELS)
    if mirrored:
        frames = frames[:, :, :, ::-1]
    rows = frames.swapaxes(0, 1).reshape(VIEWS, -1).astype(np.float32)
    return unit(rows - rows.mean(1, keepdims=True))


def pictures_alike(left: bytes, right: bytes) -> tuple[float, bool]:
    """The best correlation of two pictures or films of as many frames, -1 to 1; whether in a mirror."""
    if len(left) != len(right):
        return -1.0, False
    other = views(right)
    straight, flipped = (
        max(float((own[:2] @ other.T).max()), float((own @ other[:2].T).max()))
        for own in (views(left), views(left, mirrored=True))
    )
    return max(straight, flipped), flipped > straight


def sound_print(sound: Waveform) -> bytes:
    """Loudness of BANDS bands over TIMES moments of the whole, in steps of a quarter decibel below the
    loudest. Empty for what is silent or next to nothing.
    """
    samples = sound.samples.astype(np.float32)
    if len(samples) < MIN_S * sound.rate or not samples.any():
        return b""
    hop = max(1, (len(samples) - WINDOW) // (8 * TIMES))
    padded = np.pad(samples, (0, max(0, WINDOW + 8 * TIMES * hop - len(samples))))
    starts = np.arange(8 * TIMES) * hop
    windows = np.stack([padded[at : at + WINDOW] for at in starts]) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows)) ** 2
    hertz = np.fft.rfftfreq(WINDOW, 1 / sound.rate)
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    bands = np.stack(
        [power[:, (hertz >= low) & (hertz < max(high, low + 43))].sum(1)
         for low, high in pairwise(edges)], 1
    )  # fmt: skip
    moments = bands.reshape(TIMES, 8, BANDS).mean(1)
    db = 10 * np.log10(moments / max(float(moments.max()), 1e-12) + 1e-12)
    return np.clip(np.round(4 * (db + FLOOR_DB)), 0, 240).astype(np.uint8).tobytes()


def sound_vector(data: bytes) -> NDArray[np.float32]:
    """A sound's print less its mean, unit norm: an inner product of two is their correlation."""
    values = np.frombuffer(data, np.uint8).astype(np.float32)
    values = values - values.mean()
    norm = float(np.linalg.norm(values))
    return values / norm if norm else values


def prints_of(pieces: Iterable[Piece]) -> dict[tuple[str, str], bytes]:
    """Of pictures, films and sounds by modality and hash; those not known yet are decoded, and stored.

    Commits. What cannot be decoded has an empty one.
    """
    wanted = {piece.key: piece for piece in pieces if piece.modality != "text"}
    hashes = {sha256 for _, sha256 in wanted}
    rows = ContentPrint.objects.filter(sha256__in=hashes, recipe=RECIPE)
    found: dict[tuple[str, str], bytes] = {
        (modality, sha256): bytes(data)
        for modality, sha256, data in rows.values_list("modality", "sha256", "data")
    }
    new = {key: _made(piece) for key, piece in wanted.items() if key not in found}
    ContentPrint.objects.bulk_create(
        [
            ContentPrint(modality=modality, sha256=sha256, recipe=RECIPE, data=data)
            for (modality, sha256), data in new.items()
        ],
        update_conflicts=True,
        unique_fields=["modality", "sha256"],
        update_fields=["recipe", "data"],
    )
    return {key: found.get(key, new.get(key, b"")) for key in wanted}


def _made(piece: Piece) -> bytes:
    try:
        contents = outputs.content_of(piece)
    except (DecodeFailed, OSError):
        return b""  # the worker that embeds it says why
    if piece.modality == "image":
        return picture_print(cast("list[NDArray[np.uint8]]", contents))
    return sound_print(cast("Waveform", contents[0]))
