"""The outline of a sound, for people: decoded once in a child process, kept as peaks in the cache."""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from django.core.cache import cache as kept
from django.core.files.storage import default_storage
from django.utils.html import escape
from numpy.typing import NDArray

from catalog.models import Media
from retrieval.exceptions import DecodeFailed
from retrieval.preprocess.decoder import Decoder

PEAKS: Final = 120
RATE: Final = 8_000
"""Enough for an outline, and a fifth of the samples."""
TIMEOUT_S: Final = 8.0
"""Somebody waits for the page."""
MEMORY_BYTES: Final = 1024**3
KEEP_S: Final = 30 * 24 * 3600
HEIGHT: Final = 40
STEP: Final = 3
BAR: Final = 2


def waveform(media: Media) -> list[float]:
    """PEAKS numbers from 0 to 1 of a sound, or of a video's sound track.

    Raises DecodeFailed for a file that cannot be decoded.
    """
    key = f"waveform:{media.sha256}"
    known: list[float] | None = kept.get(key)
    if known is None:
        known = peaks(_samples(media))
        kept.set(key, known, KEEP_S)
    return known


def peaks(samples: NDArray[np.float32], count: int = PEAKS) -> list[float]:
    """The largest sizes in ``count`` equal parts of (n,), relative to the largest of all."""
    if not samples.size:
        return [0.0] * count
    edges = np.linspace(0, samples.size, count + 1).astype(int)[:-1]
    sizes = np.maximum.reduceat(np.abs(samples), np.minimum(edges, samples.size - 1))
    top = float(sizes.max())
    return [round(float(size) / top, 3) if top > 0 else 0.0 for size in sizes]


def waveform_svg(found: list[float]) -> str:
    """A picture of bars; it holds numbers only."""
    bars = "".join(
        f'<rect x="{n * STEP}" y="{(HEIGHT - height) / 2:.1f}" width="{BAR}" height="{height:.1f}"/>'
        for n, height in enumerate(max(1.0, size * HEIGHT) for size in found)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(found) * STEP} {HEIGHT}"'
        f' preserveAspectRatio="none" fill="#7c3aed">{bars}</svg>'
    )


def sentence_svg(words: str) -> str:
    """Words in place of a waveform, of the same size."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PEAKS * STEP} {HEIGHT}">'
        f'<text x="0" y="{HEIGHT * 0.6}" font-family="sans-serif" font-size="13" fill="#b91c1c">'
        f"{escape(words)}</text></svg>"
    )


def _samples(media: Media) -> NDArray[np.float32]:
    name = media.file.name
    try:
        source: bytes | Path = Path(default_storage.path(name))
    except NotImplementedError:  # not on a local disk
        source = _read(name)
    return _decoder().decode_audio(source).samples


def _read(name: str) -> bytes:
    try:
        with default_storage.open(name, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError as err:
        raise DecodeFailed("The file is gone.", code="file_missing") from err


@cache
def _decoder() -> Decoder:
    return Decoder(timeout_s=TIMEOUT_S, audio_rate=RATE, memory_bytes=MEMORY_BYTES)
