"""What an order of shown items would have been worth. Pure.

Lists are ordered anew and looked at for what was taken up. Clicks stand where the old order put them, so
each counts by one over its chance to have been looked at (inverse propensity; Joachims et al., 2017).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking_training.table import ShownTable

K: Final = 10
NDCG: Final = f"ndcg@{K}"
LEAST_EXAMINED: Final = 0.1
"""Relative to the best position: one click far down does not count more than ten."""
BOOTSTRAPS: Final = 500

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gains:
    """Of each answer what it got of what could be had, (m,) each."""

    got: Floats
    ideal: Floats

    @property
    def ndcg(self) -> float:
        """0 where nothing was taken up."""
        whole = float(self.ideal.sum())
        return float(self.got.sum()) / whole if whole else 0.0


def gains(scores: Floats, table: ShownTable, examined: Floats) -> Gains:
    """Discounted gains of the K best by ``scores`` (n,); ``examined`` (n,) are chances to be looked at."""
    worth = np.where(table.taken, table.weight, 0.0) / _relative(examined, table)
    # of equals the lower id stands first, as when they are served
    got = _discounted(worth, np.lexsort((table.item, -scores, table.answer)), table)
    return Gains(got, _discounted(worth, np.lexsort((-worth, table.answer)), table))


def _relative(examined: Floats, table: ShownTable) -> Floats:
    """By the best position of the placement."""
    placement = table.placement[table.answer]
    best = np.zeros(len(table.placements))
    np.maximum.at(best, placement, examined)
    return np.maximum(examined / best[placement], LEAST_EXAMINED)


def _discounted(worth: Floats, order: NDArray[np.intp], table: ShownTable) -> Floats:
    """(m,)."""
    place = np.arange(len(order)) - np.searchsorted(table.answer, table.answer)
    discount = np.where(place < K, 1 / np.log2(place + 2.0), 0.0)
    return np.asarray(np.bincount(table.answer, worth[order] * discount, table.answers), np.float64)


def auc(scores: Floats, table: ShownTable, examined: Floats) -> float:
    """The chance that what was taken up stands above what was not, of the same answer; a tie is half.

    0.5 where there is no such pair.
    """
    taken = np.flatnonzero(table.taken)
    weight = 1 / _relative(examined, table)
    starts = np.searchsorted(table.answer, table.answer[taken], side="left")
    ends = np.searchsorted(table.answer, table.answer[taken], side="right")
    above, pairs = 0.0, 0.0
    for row, start, end in zip(taken, starts, ends, strict=True):
        others = scores[start:end][~table.taken[start:end]]
        below = (others < scores[row]).sum() + (others == scores[row]).sum() / 2
        above += weight[row] * float(below)
        pairs += weight[row] * len(others)
    return above / pairs if pairs else 0.5


def difference(one: Gains, other: Gains, unit: NDArray[np.int64], seed: int) -> dict[str, float]:
    """NDCG of ``one`` less that of ``other``, and its 95 % interval by bootstrap over whom it was shown to."""
    people, at = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(at, x, len(people)) for x in (one.got, other.got, one.ideal)])
    rng = np.random.default_rng(seed)
    drawn = [
        sums[:, rng.integers(len(people), size=len(people))].sum(axis=1) for _ in range(BOOTSTRAPS)
    ]
    differences = [(x - y) / ideal for x, y, ideal in drawn if ideal]
    low, high = np.quantile(differences, (0.025, 0.975)) if differences else (0.0, 0.0)
    return {NDCG: one.ndcg - other.ndcg, "low": float(low), "high": float(high)}
