"""EASE: a linear model of which items go together, in closed form. Pure.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, spotrf, spotri
from scipy.sparse import csr_matrix, vstack

from recommender.collaborative import storage
from recommender.collaborative.interactions import Interactions, Progress, strongest_of_rows
from recommender.exceptions import TooManyItems

MAX_ITEMS: Final = 20_000
"""10,000 items took 13 s of processor time and 0.5 GB; twice as many take eight times the time and four
times the memory.
"""
DOUBLE_UP_TO: Final = 5_000
"""Items inverted in float64, 200 MB; above, float32 with half the memory and half the time."""
BLOCK: Final = 1_024
"""Rows handled at once, so that beside the matrix nothing of its size is made."""


@dataclass
class Ease:
    """Scores are ``history @ weights``.

    Memory: one dense (n_items, n_items) matrix, in float64 up to DOUBLE_UP_TO items.
    """

    regularization: float = 50.0
    """λ: what the Gram matrix's diagonal gets; grows with the number of events. On validation data NDCG@10 by
    λ 20, 50, 100, 200: Debian's dependencies .484, .477, .474, .454; MovieLens 100K λ 50, 100, 200: .091,
    .090, .087.
    """
    max_items: int = MAX_ITEMS
    item_ids: NDArray[np.int64] = field(init=False, repr=False)
    weights: NDArray[np.float32] = field(init=False, repr=False)
    """(n_items, n_items): what one item says for another, zero diagonal."""

    def fit(self, interactions: Interactions, progress: Progress | None = None) -> Self:
        """Raises NothingToLearn, TooManyItems above ``max_items``."""
        interactions.check()
        n = len(interactions.item_ids)
        if n > self.max_items:
            raise TooManyItems(n, self.max_items)
        double = n <= DOUBLE_UP_TO
        if progress:
            progress({"stage": "gram matrix", "items": 0, "of": n})
        gram = _gram(interactions.visitors.astype(np.float64 if double else np.float32))
        gram[np.diag_indices(n)] += self.regularization
        if progress:
            progress({"stage": "inverse", "items": 0, "of": n})
        inverse = _inverse(gram)
        inverse /= -inverse.diagonal()
        np.fill_diagonal(inverse, 0)
        self.item_ids = interactions.item_ids
        self.weights = inverse.astype(np.float32, copy=False)
        return self

    def scores(self, history: csr_matrix) -> NDArray[np.float32]:
        """(b, n_items) to (b, n_items), higher is better."""
        return np.asarray(history.astype(np.float32) @ self.weights)

    def neighbours(self, limit: int) -> csr_matrix:
        """(n_items, n_items): in row i the ``limit`` items it says most of, for (above 0) or against."""
        blocks = range(0, len(self.weights), BLOCK)
        return vstack(
            [strongest_of_rows(self.weights[start : start + BLOCK], limit) for start in blocks],
            "csr",
        )

    def save(self, path: str | Path) -> None:
        """As safetensors."""
        arrays = {"item_ids": self.item_ids, "weights": self.weights}
        storage.write(path, storage.to_bytes("ease", storage.settings_of(self), arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What was saved. Raises ValueError for another file."""
        settings, arrays = storage.from_bytes("ease", storage.read(path))
        model = cls(**settings)
        model.item_ids, model.weights = arrays["item_ids"], arrays["weights"]
        return model


def _gram(x: csr_matrix) -> NDArray[Any]:
    """Dense ``x.T @ x``, a block of columns at a time."""
    n = x.shape[1]
    columns, rows = x.tocsc(), x.T.tocsr()
    gram = np.empty((n, n), x.dtype, order="F")
    for start in range(0, n, BLOCK):
        gram[:, start : start + BLOCK] = (rows @ columns[:, start : start + BLOCK]).toarray()
    return gram


def _inverse(gram: NDArray[Any]) -> NDArray[Any]:
    """Of a positive definite matrix, in its own memory (Cholesky)."""
    factor, invert = (dpotrf, dpotri) if gram.dtype == np.float64 else (spotrf, spotri)
    found, failed = factor(gram, lower=1, clean=0, overwrite_a=1)
    if not failed:
        found, failed = invert(found, lower=1, overwrite_c=1)
    if failed:
        raise ValueError("the Gram matrix cannot be inverted: use a larger regularization")
    for start in range(0, len(found), BLOCK):
        end = min(start + BLOCK, len(found))
        corner = found[start:end, start:end]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
        found[start:end, end:] = found[end:, start:end].T
    return np.asarray(found)
