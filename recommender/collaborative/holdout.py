"""What a model is worth: learned before a moment, asked what happened after it. Pure.

Every item that is not in a visitor's history is ranked: sampled negatives flatter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Scorer = Callable[[csr_matrix], NDArray[np.float32]]
"""Histories (b, n_items) to scores (b, n_items)."""

K: Final = 10
CELLS: Final = 10_000_000  # scores at once, in float64


@dataclass(frozen=True, slots=True)
class Holdout:
    """Visitors seen before and after the moment, who then used items that were new to them."""

    history: csr_matrix
    """(m, n_items), before."""
    wanted: csr_matrix
    """(m, n_items), 1 for each item first used after."""
    item_ids: NDArray[np.int64]
    """(n_items,), all that compete."""


def measure(score: Scorer, held: Holdout) -> dict[str, float]:
    """Of the K best: share of visitors with a hit, NDCG, share of the items that anybody is shown."""
    hits, gains, shown = 0, 0.0, set[int]()
    discounts = 1 / np.log2(np.arange(2, K + 2))
    batch = max(1, CELLS // held.history.shape[1])
    for start in range(0, held.history.shape[0], batch):
        history = held.history[start : start + batch]
        scores = score(history).astype(np.float64)
        scores[history.nonzero()] = -np.inf
        best = _best(scores, min(K, scores.shape[1]))
        wanted = held.wanted[start : start + batch].toarray() > 0
        there = np.isfinite(np.take_along_axis(scores, best, axis=1))
        found = np.take_along_axis(wanted, best, axis=1) & there
        ideal = np.cumsum(discounts)[np.minimum(wanted.sum(axis=1), K) - 1]
        hits += int(found.any(axis=1).sum())
        gains += float(((found * discounts[: found.shape[1]]).sum(axis=1) / ideal).sum())
        shown.update(best[there].tolist())
    visitors = held.history.shape[0]
    return {
        f"hr@{K}": hits / visitors,
        f"ndcg@{K}": gains / visitors,
        f"coverage@{K}": len(shown) / held.history.shape[1],
    }


def _best(scores: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Columns of the k largest, the best first."""
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def popular(used: NDArray[np.float32]) -> Scorer:
    """Everybody gets what is used most, (n_items,)."""
    return lambda history: np.broadcast_to(used, history.shape).astype(np.float32)
