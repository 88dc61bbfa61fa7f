"""Encoders without weights whose vectors follow from the content: like things lie close."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from retrieval.types import Modality, Role, Vectors, Waveform


class _FakeEncoder:
    modality: Modality
    dim = 96

    def __init__(self, **options: Any) -> None:
        self.options = options

    @property
    def modalities(self) -> frozenset[Modality]:
        return frozenset([self.modality])

    @property
    def fingerprint(self) -> str:
        return f"{type(self).__name__}/1"

    def encode(self, modality: Modality, batch: Sequence[Any], role: Role = "document") -> Vectors:
        if not batch:
            return np.zeros((0, self.dim), np.float32)
        rows = np.stack([self.vector(content) for content in batch])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def vector(self, content: Any) -> Any:
        raise NotImplementedError


class FakeTextEncoder(_FakeEncoder):
    """Hashed words: texts that share words are alike."""

    modality: Modality = "text"

    def vector(self, content: str) -> Any:
        vector = np.full(self.dim, 1e-3)
        for word in content.lower().split():
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dim] += 1
        return vector


class UnrulyTextEncoder(FakeTextEncoder):
    """Breaks an encoder's promises on request: a text says how."""

    def encode(self, modality: Modality, batch: Sequence[Any], role: Role = "document") -> Vectors:
        vectors = super().encode(modality, batch, role)
        for row, text in enumerate(batch):
            if "nan" in text:
                vectors[row, 3] = np.nan
            elif "infinite" in text:
                vectors[row, 3] = np.inf
            elif "zero" in text:
                vectors[row] = 0
            elif "long" in text:
                vectors[row] *= 2
            elif "wide" in text:
                vectors = np.pad(vectors, ((0, 0), (0, 1)))
            elif "more" in text:
                vectors = np.concatenate([vectors, vectors])
        return vectors


class FakeImageEncoder(_FakeEncoder):
    """Colour histogram."""

    modality: Modality = "image"

    def vector(self, content: Any) -> Any:
        histograms = [np.histogram(content[..., c], bins=32, range=(0, 256))[0] for c in range(3)]
        return np.concatenate(histograms).astype(float)


class FakeAudioEncoder(_FakeEncoder):
    """Energy in bands of the spectrum."""

    modality: Modality = "audio"

    def vector(self, content: Waveform) -> Any:
        spectrum = np.abs(np.fft.rfft(content.samples, n=22_050))[: self.dim * 100]
        return np.array([band.mean() for band in np.array_split(spectrum, self.dim)]) + 1e-6
