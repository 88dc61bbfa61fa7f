"""How good lists of recommendations are: pure functions of scores and lists.

Every list is a ranking of all items but the seen ones. Accuracy is higher the better, and so are
coverage, novelty and diversity; popularity bias is best near 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

BOOTSTRAPS: Final = 1_000
LEVEL: Final = 0.95
BLOCK: Final = 100  # bootstrap samples drawn at once
NOBODY: Final = -1
"""Stands in a list where no item is left."""

Lists = NDArray[np.int64]
"""(b, k): items, best first; NOBODY after the last."""
PerVisitor = Mapping[str, NDArray[np.float64]]
"""Of each metric its value for each visitor, (visitors,)."""


def top(
    scores: NDArray[np.floating],
    k: int,
    seen: csr_matrix | None = None,
    *,
    first: int = 0,
    seed: int = 0,
) -> Lists:
    """The ``k`` best unseen items of each row of ``scores`` (b, n); -inf is never among them.

    Ties are broken at random, anew for each row: a scorer that cannot tell items apart finds as much
    as chance. The same row (``first`` is the number of the first one) and seed break them in the same
    way, however rows are cut into batches. Raises ValueError for NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is not a number: repair the model")
    rows, n = scores.shape
    keys = _ordered(np.asarray(scores, np.float32)) << np.uint64(32)
    numbers = np.arange(first, first + rows, dtype=np.uint64)[:, None] << np.uint64(32)
    keys |= _hashed(numbers | np.arange(n, dtype=np.uint64)[None], seed) >> np.uint64(32)
    keys[np.isneginf(scores)] = 0
    if seen is not None:
        keys[np.repeat(np.arange(rows), np.diff(seen.indptr)), seen.indices] = 0
    k_here = min(k, n)
    found = np.argpartition(keys, n - k_here, axis=1)[:, n - k_here :]
    own = np.take_along_axis(keys, found, axis=1)
    order = np.argsort(own, axis=1)[:, ::-1]
    lists = np.where(
        np.take_along_axis(own, order, axis=1) > 0, np.take_along_axis(found, order, axis=1), NOBODY
    )
    return np.pad(lists, ((0, 0), (0, k - k_here)), constant_values=NOBODY)


def _ordered(scores: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Integers below 2**32 in the order of the scores; -0 and 0 are equal, and above 0 all."""
    bits = (scores + np.float32(0)).view(np.uint32)
    flipped = np.where(bits >> 31, ~bits, bits | np.uint32(0x8000_0000))
    return flipped.astype(np.uint64)


def _hashed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Each number mixed into another (SplitMix64, Steele et al. 2014)."""
    mixed = numbers + np.uint64((seed * 0x9E37_79B9_7F4A_7C15 + 0x9E37_79B9_7F4A_7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def hits_of(lists: Lists, relevant: csr_matrix) -> NDArray[np.bool_]:
    """(b, k): whether each item of a list is relevant; ``relevant`` (b, n) is stored where it is."""
    rows = np.arange(len(lists))[:, None]
    width = relevant.shape[1]
    known = rows * width + np.where(lists == NOBODY, 0, lists)
    stored = np.repeat(np.arange(len(lists)), np.diff(relevant.indptr)) * width + relevant.indices
    return np.isin(known, stored) & (lists != NOBODY)


def accuracy(hits: NDArray[np.bool_], counts: NDArray[np.integer]) -> PerVisitor:
    """HR, recall, nDCG, MRR and MAP at k of each visitor.

    ``hits`` (b, k) as of ``hits_of``; ``counts`` (b,) of all that is relevant, each at least 1 (else
    ValueError). Relevance is binary; MAP and nDCG are relative to the best list of k.
    """
    if (np.asarray(counts) < 1).any():
        raise ValueError("leave out visitors for whom nothing is relevant")
    k = hits.shape[1]
    places = np.arange(1, k + 1)
    possible = np.minimum(counts, k)
    discounts = 1 / np.log2(places + 1)
    reciprocal = np.where(hits.any(1), 1 / (hits.argmax(1) + 1), 0.0)
    precision = np.cumsum(hits, axis=1) / places
    return {
        "hr": hits.any(1).astype(float),
        "recall": hits.sum(1) / counts,
        "ndcg": (hits * discounts).sum(1) / np.cumsum(discounts)[possible - 1],
        "mrr": reciprocal,
        "map": (precision * hits).sum(1) / possible,
    }


def coverage(lists: Lists, n_items: int) -> float:
    """The share of all items that is in anybody's list."""
    return len(np.unique(lists[lists != NOBODY])) / n_items


def gini(lists: Lists, n_items: int) -> float:
    """How unequally ``n_items`` candidates are shown: 0 all as often, towards 1 always the same."""
    _, counts = np.unique(lists[lists != NOBODY], return_counts=True)
    if not len(counts):
        return 0.0
    shown = np.sort(np.pad(counts, (0, n_items - len(counts))))
    places = np.arange(1, n_items + 1)
    return float(((2 * places - n_items - 1) * shown).sum() / (n_items * shown.sum()))


def novelty(lists: Lists, popularity: NDArray[np.integer], n_visitors: int) -> NDArray[np.float64]:
    """Mean self-information of each list in bits (Zhou et al. 2010); NaN for an empty one.

    ``popularity`` (n_items,) counts the visitors of each item in training; one more of each is
    assumed, so that nobody's item is finite.
    """
    bits = -np.log2((np.asarray(popularity) + 1) / (n_visitors + 1))
    return _mean_of_lists(lists, bits)


def popularity_lift(
    lists: Lists, popularity: NDArray[np.integer], history: csr_matrix
) -> NDArray[np.float64]:
    """How much more popular a list is than what its visitor had: 0 alike, 1 twice as much.

    Of each visitor (Abdollahpouri et al. 2020, on groups of one); NaN without history or list.
    """
    counts = np.asarray(popularity, float)
    own = np.diff(history.indptr)
    summed = np.bincount(
        np.repeat(np.arange(len(own)), own), counts[history.indices], minlength=len(own)
    )
    before = np.divide(summed, own, out=np.full(len(own), np.nan), where=own > 0)
    return np.asarray(_mean_of_lists(lists, counts) / before - 1)


def diversity(lists: Lists, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 - the mean cosine between two items of a list; ``vectors`` (n_items, dim), unit rows.

    NaN for a list of less than two.
    """
    there = lists != NOBODY
    rows = np.where(there[..., None], vectors[np.where(there, lists, 0)], 0.0)
    count = there.sum(1)
    own = (rows**2).sum((1, 2))
    pairs = (rows.sum(1) ** 2).sum(1) - own
    return (
        np.divide(pairs, count * (count - 1), out=np.full(len(lists), np.nan), where=count > 1) * -1
        + 1
    )


def _mean_of_lists(lists: Lists, values: NDArray[np.floating]) -> NDArray[np.float64]:
    there = lists != NOBODY
    summed = np.where(there, values[np.where(there, lists, 0)], 0.0).sum(1)
    count = there.sum(1)
    return np.divide(summed, count, out=np.full(len(lists), np.nan), where=count > 0)


def interval(
    values: NDArray[np.floating], seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """Percentile bootstrap over visitors: the bounds of the mean of ``values`` (visitors,).

    For a paired difference pass the differences: what is hard for one model is so for another.
    """
    rng = np.random.default_rng(seed)
    means = [
        values[rng.integers(0, len(values), (BLOCK, len(values)))].mean(1)
        for _ in range(BOOTSTRAPS // BLOCK)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a policy would have earned a decision, judged from another one's log."""

    value: float
    low: float
    high: float
    """Bounds of the percentile bootstrap over groups."""
    effective: float
    """Decisions the log is worth for this question: (Σw)² / Σw² (Kish 1965)."""
    clipped: float
    """Share of the decisions whose weight was clipped; bias comes with it."""


def counterfactual(
    rewards: NDArray[np.floating],
    logged: NDArray[np.floating],
    target: NDArray[np.floating],
    *,
    groups: NDArray[np.integer] | None = None,
    clip: float = 10.0,
    normalised: bool = True,
    seed: int = 0,
) -> Estimate:
    """The mean reward of the target policy: IPS (Horvitz & Thompson 1952), or SNIPS if ``normalised``
    (Swaminathan & Joachims 2015).

    All (n,), a row for each logged decision: what it earned, with which probability it was made then,
    and with which the target policy would have made it. Weights target / logged are clipped at
    ``clip``. ``groups`` name what is drawn together for the interval, visitors mostly. Raises
    ValueError for probabilities outside of (0, 1] and [0, 1], and for an empty log.
    """
    rewards, logged, target = (np.asarray(each, float) for each in (rewards, logged, target))
    if not len(rewards):
        raise ValueError("the log is empty: nothing can be estimated")
    if not ((logged > 0) & (logged <= 1)).all():
        raise ValueError(
            "a logged propensity is not in (0, 1]: log the probability of each decision"
        )
    if not ((target >= 0) & (target <= 1)).all():
        raise ValueError("a probability of the target policy is not in [0, 1]")
    raw = target / logged
    weights = np.minimum(raw, clip)
    _, group = np.unique(np.arange(len(rewards)) if groups is None else groups, return_inverse=True)
    earned = np.bincount(group, weights * rewards)
    below = np.bincount(group, weights if normalised else None)
    rng = np.random.default_rng(seed)
    values = np.concatenate(
        [
            _ratios(earned[drawn].sum(1), below[drawn].sum(1))
            for _ in range(BOOTSTRAPS // BLOCK)
            for drawn in [rng.integers(0, len(earned), (BLOCK, len(earned)))]
        ]
    )
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    squares = float((weights**2).sum())
    return Estimate(
        value=float(_ratios(earned.sum(keepdims=True), below.sum(keepdims=True))[0]),
        low=float(low),
        high=float(high),
        effective=float(weights.sum() ** 2 / squares) if squares else 0.0,
        clipped=float((raw > clip).mean()),
    )


def _ratios(above: NDArray[np.floating], below: NDArray[np.floating]) -> NDArray[np.float64]:
    """0 where the target policy would never have decided so."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
