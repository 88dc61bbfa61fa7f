"""Who did what with which item, as the models take it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.exceptions import NothingToLearn

Progress = Callable[[dict[str, Any]], None]
"""Told ``{"stage", "epoch", "of", ...}`` as the work goes on."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """One row a visitor, one column an item; an item nobody touched has an empty column."""

    visitors: csr_matrix
    """float32, (n_visitors, n_items): how much they speak for it, above 0; nothing elsewhere."""
    item_ids: NDArray[np.int64]
    """(n_items,), of the columns."""
    visitor_ids: NDArray[np.int64] | None = None
    """(n_visitors,), of the rows, where somebody asks."""

    def check(self) -> None:
        """Raises NothingToLearn where there is nothing, ValueError where it does not fit together."""
        if self.visitors.shape[1] != len(self.item_ids):
            raise ValueError(
                f"{self.visitors.shape[1]} columns but {len(self.item_ids)} item ids: give one a column"
            )
        if not self.visitors.nnz:
            raise NothingToLearn
        if not np.isfinite(self.visitors.data).all() or self.visitors.data.min() <= 0:
            raise ValueError("interactions must be finite and above 0: leave out what is not")


class ItemItem(Protocol):
    """A model that can say of each item which others it leads to."""

    def fit(self, interactions: Interactions, progress: Progress | None = None) -> Self:
        """Learn. Raises NothingToLearn, and whatever else the model cannot do."""
        ...

    def scores(self, history: csr_matrix) -> NDArray[np.float32]:
        """(b, n_items) to (b, n_items), higher is better; what was used is scored like the rest."""
        ...

    def neighbours(self, limit: int) -> csr_matrix:
        """(n_items, n_items): in row i the ``limit`` items it says most of, for (above 0) or against."""
        ...


def strongest_of_rows(scores: NDArray[np.float32], limit: int) -> csr_matrix:
    """Of each dense row (m, n) the ``limit`` values furthest from 0."""
    rows, n = scores.shape
    limit = min(limit, n)
    columns = np.argpartition(-np.abs(scores), limit - 1, axis=1)[:, :limit]
    values = np.take_along_axis(scores, columns, axis=1)
    start = np.arange(rows + 1) * limit
    found = csr_matrix((values.ravel(), columns.ravel(), start), shape=(rows, n))
    found.eliminate_zeros()
    found.sort_indices()
    return found
