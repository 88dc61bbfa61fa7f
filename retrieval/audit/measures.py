"""What is odd about texts, pictures and sounds, in numbers. Pure functions."""

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vectors, Waveform

NEIGHBOURS = 10
BLOCK = 1_000
MAD_TO_SIGMA = 1.4826
WINDOW_S = 0.4
"""Of loudness: the momentary one of EBU R 128."""
FULL_SCALE = 0.985
"""Resampling rounds the corners of a clipped wave off by a hundredth."""


def robust_z(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """How many standard deviations from the median; the deviation is the median one, so that
    outliers do not hide themselves. Zeros where more than half of the values are equal.
    """
    away = values - np.median(values)
    spread = MAD_TO_SIGMA * np.median(np.abs(away))
    return np.asarray(away / spread if spread > 0 else np.zeros(len(values)), np.float64)


def agreement(left: Vectors, right: Vectors, labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """How well each pair of rows fits, against how well each of both fits its best strangers.

    Unit rows (n, dim) each; ``labels`` (n,), equal ones are no strangers. Cross-domain similarity
    local scaling (Conneau et al. 2018): 2 cos - mean of the NEIGHBOURS nearest on either side.
    """
    own = (left * right).sum(1)
    nearest = _strangers(left, right, labels) + _strangers(right, left, labels)
    return np.asarray(2 * own - nearest, np.float64)


def _strangers(left: Vectors, right: Vectors, labels: NDArray[np.integer]) -> NDArray[np.float32]:
    count = min(NEIGHBOURS, len(right))
    means = np.zeros(len(left), np.float32)
    for start in range(0, len(left), BLOCK):
        part = slice(start, start + BLOCK)
        scores = left[part] @ right.T
        same = labels[part][:, None] == labels[None]
        scores[same] = np.nan
        nearest = -np.partition(np.where(same, np.inf, -scores), count - 1, axis=1)[:, :count]
        found = np.isfinite(nearest)
        means[part] = np.where(found, nearest, 0).sum(1) / np.maximum(found.sum(1), 1)
    return means


def contrast(pixels: NDArray[np.uint8]) -> float:
    """Standard deviation of the most varied colour channel, 0 to 127.5; 0 for one plain colour."""
    return float(pixels.reshape(-1, 3).astype(np.float32).std(0).max())


def clipped_share(sound: Waveform) -> float:
    """Share of samples at full scale, in [0, 1]. A pure tone at full scale has a tenth there too."""
    return float((np.abs(sound.samples) >= FULL_SCALE).mean()) if len(sound.samples) else 0.0


def loudest_dbfs(sound: Waveform) -> float:
    """Level of the loudest WINDOW_S, in dB of full scale: 0 for a square wave, -inf for nothing."""
    size = max(1, min(len(sound.samples), round(WINDOW_S * sound.rate)))
    energy = np.concatenate([[0.0], np.cumsum(sound.samples.astype(np.float64) ** 2)])
    loudest = (energy[size:] - energy[:-size]).max() / size if len(sound.samples) else 0.0
    return float(10 * np.log10(loudest)) if loudest > 0 else float("-inf")
