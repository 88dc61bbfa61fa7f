"""Metrics of ranked retrieval: pure functions of scores, higher is better throughout."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CUTOFFS = (1, 5, 10)
DEPTH = 10
"""Where nDCG stops reading."""
BOOTSTRAPS = 1_000

PerQuery = Mapping[str, NDArray[np.float64]]
"""Of each metric its value for each query, (queries,)."""


def best_ranks(scores: NDArray[np.floating], relevant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rank of the best relevant candidate of each query, 1 being first: both (queries, candidates).

    A tie counts against the query, so that constant vectors do not look perfect. Raises
    ``ValueError`` for a query without anything relevant.
    """
    return relevant_ranks(scores, relevant, depth=1)[:, 0]


def relevant_ranks(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], depth: int = DEPTH
) -> NDArray[np.int64]:
    """Ranks of the best ``depth`` relevant candidates of each query, (queries, depth), 1 being first.

    Both arguments are (queries, candidates). What is irrelevant and ties with a relevant candidate
    comes before it. 0 stands where a query has no further relevant candidate. Raises ``ValueError``
    for a query without any.
    """
    counts = relevant.sum(1)
    if not counts.all():
        raise ValueError("Every query needs a relevant candidate.")
    depth = min(depth, scores.shape[1])
    own = np.where(relevant, scores, -np.inf)
    best = -np.sort(np.partition(-own, depth - 1, axis=1)[:, :depth], axis=1)
    ranks = np.zeros((len(scores), depth), np.int64)
    for place in range(min(depth, int(counts.max()))):
        before = ((scores >= best[:, place, None]) & ~relevant).sum(1)
        ranks[:, place] = np.where(place < counts, place + 1 + before, 0)
    return ranks


def ranked_metrics(ranks: NDArray[np.integer], counts: NDArray[np.integer]) -> PerQuery:
    """``r@1``, ``r@5``, ``r@10`` (is a relevant one within?), ``mrr`` and ``ndcg@10`` of each query.

    ``ranks`` (queries, depth) as of ``relevant_ranks``, ``counts`` (queries,) of all that is
    relevant. Relevance is binary here: see ``graded_ndcg``.
    """
    ranks = np.asarray(ranks)
    first = ranks[:, 0]
    found = {f"r@{cutoff}": ((first >= 1) & (first <= cutoff)).astype(float) for cutoff in CUTOFFS}
    seen = (ranks >= 1) & (ranks <= DEPTH)
    gain = np.where(seen, 1 / np.log2(np.where(seen, ranks, 1) + 1), 0).sum(1)
    ideal = np.cumsum(1 / np.log2(np.arange(DEPTH) + 2))[np.minimum(counts, DEPTH) - 1]
    reciprocal = np.where(first >= 1, 1 / np.maximum(first, 1), 0)
    return {**found, "mrr": reciprocal, "ndcg@10": gain / ideal}


def graded_ndcg(grades: Sequence[float], all_grades: Sequence[float], depth: int = DEPTH) -> float:
    """nDCG of one ranking (Järvelin & Kekäläinen 2002; gains 2^grade - 1 of Burges et al. 2005).

    ``grades`` of what was found, best first, 0 for the irrelevant; ``all_grades`` of everything
    relevant, in any order. In [0, 1].
    """
    ideal = _dcg(sorted(all_grades, reverse=True)[:depth])
    return _dcg(grades[:depth]) / ideal if ideal else 0.0


def _dcg(grades: Sequence[float]) -> float:
    gains = 2.0 ** np.asarray(grades, float) - 1
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())


def retrieval_metrics(ranks: NDArray[np.integer]) -> dict[str, float]:
    """``r@1``, ``r@5``, ``r@10`` (share of queries whose best rank is within) and ``mrr``."""
    recalls = {f"r@{cutoff}": float((ranks <= cutoff).mean()) for cutoff in CUTOFFS}
    return {**recalls, "mrr": float((1 / ranks).mean())}


def means(found: PerQuery) -> dict[str, float]:
    """Of each metric the mean over the queries."""
    return {name: float(values.mean()) for name, values in found.items()}


def confidence_intervals(
    ranks: NDArray[np.integer], seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap over queries: the bounds of each of ``retrieval_metrics``."""
    recalls = {f"r@{cutoff}": (ranks <= cutoff).astype(float) for cutoff in CUTOFFS}
    return intervals({**recalls, "mrr": 1 / ranks}, seed, level)


def intervals(
    found: PerQuery, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap over queries: the bounds of each metric's mean."""
    rng = np.random.default_rng(seed)
    names, table = list(found), np.stack(list(found.values()), 1)
    count = len(table)
    drawn = np.stack([table[rng.integers(0, count, count)].mean(0) for _ in range(BOOTSTRAPS)])
    low, high = np.quantile(drawn, _tails(level), axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def ratio_interval(
    above: NDArray[np.floating], below: NDArray[np.floating], seed: int = 0, level: float = 0.95
) -> tuple[float, float, float]:
    """Ratio of the means of two metrics over the same queries, (n,) each, and its bounds.

    The bootstrap draws pairs: what is hard to find is so in both languages. NaN where nothing is
    found below.
    """
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(above), len(above)) for _ in range(BOOTSTRAPS)]
    ratios = [_ratio(above[draw].mean(), below[draw].mean()) for draw in draws]
    low, high = (
        np.nanquantile(ratios, _tails(level)) if np.isfinite(ratios).any() else (np.nan,) * 2
    )
    return _ratio(above.mean(), below.mean()), float(low), float(high)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
