"""Vectors of a public dataset's texts, by the encoders and the projection that the catalog's items take."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.collaborative.interactions import Progress
from recommender.evaluation.datasets import Dataset
from retrieval import encoders
from retrieval.head import Head
from retrieval.types import Modality, Vectors

BATCH: Final = 128
PROFILE: Final = "starter"


def with_vectors(dataset: Dataset, cache: Path, progress: Progress | None = None) -> Dataset:
    """The dataset with ``fused`` vectors of its texts' first lines, encoded once and kept in ``cache``.

    As a text-only space without training has them, the encoder's mean taken off. Raises
    EncoderUnavailable.
    """
    encoder = encoders.encoder_for("text", PROFILE)
    path = cache / f"words-{dataset.name}-{dataset.n_items}-{encoder.fingerprint[-16:]}.npy"
    features = np.load(path, allow_pickle=False) if path.exists() else None
    if features is None:
        titles = [text.partition("\n")[0] for text in dataset.texts]
        parts = []
        for first in range(0, len(titles), BATCH):
            parts.append(encoder.encode("text", titles[first : first + BATCH]))
            if progress:
                done = min(first + BATCH, len(titles))
                progress({"stage": "encoding words", "items": done, "of": len(titles)})
        features = np.concatenate(parts)
        part = path.with_suffix(".part.npy")
        np.save(part, features)
        part.replace(path)
    return replace(dataset, vectors={"fused": project(features)})


def project(features: NDArray[np.float32]) -> Vectors:
    """(n, encoder dim) to (n, 256), unit rows."""
    centres: dict[Modality, NDArray[np.float32]] = {"text": features.mean(0)}
    return Head.untrained({"text": features.shape[1]}, centres=centres).project("text", features)
