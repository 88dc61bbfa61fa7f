"""Implicit matrix factorization by alternating least squares. Pure.

Hu, Koren & Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (ICDM 2008).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, vstack

from recommender.collaborative import storage
from recommender.collaborative.interactions import Interactions, Progress, strongest_of_rows

START: Final = 0.01  # standard deviation of the first factors
BLOCK: Final = 1_024  # rows of scores at once


@dataclass
class MatrixFactorization:
    """A visitor is a vector, solved for from their history at any time; a score is an inner product."""

    factors: int = 64
    regularization: float = 10.0
    """λ, against overfitting."""
    confidence: float = 10.0
    """α: an interaction of r counts 1 + α·r times as much as an absent one."""
    iterations: int = 15
    seed: int = 0
    item_ids: NDArray[np.int64] = field(init=False, repr=False)
    items: NDArray[np.float32] = field(init=False, repr=False)
    """(n_items, factors)."""

    def fit(self, interactions: Interactions, progress: Progress | None = None) -> Self:
        """Raises NothingToLearn."""
        interactions.check()
        x = interactions.visitors.astype(np.float32).tocsr()
        columns = x.T.tocsr()
        rng = np.random.default_rng(self.seed)
        items = START * rng.standard_normal((x.shape[1], self.factors), np.float32)
        for iteration in range(self.iterations):
            items = self._solve(columns, self._solve(x, items))
            if progress:
                progress({"stage": "factors", "epoch": iteration + 1, "of": self.iterations})
        self.item_ids, self.items = interactions.item_ids, items
        return self

    def _solve(self, rows: csr_matrix, others: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each row's factors, those of its columns given: ``(YᵀCY + λI)⁻¹ YᵀCp``, (m, factors)."""
        base = others.T @ others + self.regularization * np.eye(self.factors, dtype=np.float32)
        found = np.zeros((rows.shape[0], self.factors), np.float32)
        for row, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
            if start == end:
                continue
            used, extra = others[rows.indices[start:end]], self.confidence * rows.data[start:end]
            found[row] = np.linalg.solve(
                base + used.T @ (extra[:, None] * used), used.T @ (1 + extra)
            )
        return found

    def visitors(self, history: csr_matrix) -> NDArray[np.float32]:
        """(b, n_items) to (b, factors); zeros for one without history."""
        return self._solve(history.astype(np.float32).tocsr(), self.items)

    def scores(self, history: csr_matrix) -> NDArray[np.float32]:
        """(b, n_items) to (b, n_items), higher is better."""
        return self.visitors(history) @ self.items.T

    def neighbours(self, limit: int) -> csr_matrix:
        """(n_items, n_items): in row i the ``limit`` items it says most of, for (above 0) or against.

        ``yᵢᵀ (YᵀY + λI)⁻¹ yⱼ``: the model's own item-item weights (section 5 of the paper), for a visitor
        whose history is short.
        """
        base = self.items.T @ self.items + self.regularization * np.eye(self.factors)
        left = cho_solve(cho_factor(base), self.items.T).T.astype(np.float32)
        blocks = []
        for start in range(0, len(left), BLOCK):
            found = left[start : start + BLOCK] @ self.items.T
            np.fill_diagonal(found[:, start:], 0)
            blocks.append(strongest_of_rows(found, limit))
        return vstack(blocks, "csr")

    def save(self, path: str | Path) -> None:
        """As safetensors."""
        arrays = {"item_ids": self.item_ids, "items": self.items}
        storage.write(path, storage.to_bytes("factorization", storage.settings_of(self), arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What was saved. Raises ValueError for another file."""
        settings, arrays = storage.from_bytes("factorization", storage.read(path))
        model = cls(**settings)
        model.item_ids, model.items = arrays["item_ids"], arrays["items"]
        return model
