"""Whether a model's order of the first items helps visitors of whom little is known.

MovieLens 100K: of each asked visitor only the first LIKED films are known, and everything that others
liked. EASE orders the films, a model reorders the first ``rerank.DEPTH``; what the visitor liked later is
relevant. Both lists hold the same films, so the difference is the order's alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender import metrics
from recommender.collaborative import Ease, Interactions
from recommender.evaluation.datasets import Dataset
from recommender.llm import rerank

LIKED: Final = 2
"""Films that are known of a visitor: fewer than ``rerank.COLD_EVENTS``."""
LEAST_LATER: Final = 5
"""A visitor with fewer liked later says little about an order."""


@dataclass(frozen=True, slots=True)
class Reranked:
    """nDCG@DEPTH of each visitor (n,), in EASE's order and in the model's."""

    base: NDArray[np.float64]
    reordered: NDArray[np.float64]
    degraded: int
    """Visitors for whom the model gave no usable order: they count with the base's."""
    moved: float
    """Ranks that an item moved on average."""


def measured(dataset: Dataset, visitors: int, seed: int = 0) -> Reranked:
    """Of so many visitors drawn by ``seed``. Asks the configured provider once each."""
    asked, history, later = _cold(dataset, visitors, seed)
    others = ~np.isin(dataset.visitors, asked)
    known = _matrix(dataset, dataset.visitors[others], dataset.items[others])
    model = Ease().fit(Interactions(known, np.arange(dataset.n_items)))
    rows = _matrix(dataset, *_flat(history), count=len(asked))
    lists = metrics.top(model.scores(rows), rerank.DEPTH, rows)
    orders = [
        rerank.order(
            [dataset.texts[item] for item in shown],
            rerank.LOOKED_AT + "; ".join(dataset.texts[item] for item in seen),
            seed=str(visitor),
        )
        for visitor, shown, seen in zip(asked, lists, history, strict=True)
    ]
    mixed = np.stack(
        [shown[list(order.places)] for shown, order in zip(lists, orders, strict=True)]
    )
    relevant = _matrix(dataset, *_flat(later), count=len(asked))
    moves = [abs(place - at) for order in orders for at, place in enumerate(order.places)]
    return Reranked(
        _ndcg(lists, relevant),
        _ndcg(mixed, relevant),
        sum(order.degraded for order in orders),
        float(np.mean(moves)),
    )


def _cold(
    dataset: Dataset, visitors: int, seed: int
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Visitors, what each liked first, and what later; interactions are in the order of time."""
    counts = np.bincount(dataset.visitors, minlength=dataset.n_visitors)
    enough = np.flatnonzero(counts >= LIKED + LEAST_LATER)
    drawn = np.random.default_rng(seed).permutation(enough)[:visitors]
    liked = [dataset.items[dataset.visitors == visitor] for visitor in drawn]
    return drawn, [items[:LIKED] for items in liked], [items[LIKED:] for items in liked]


def _flat(
    lists: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.repeat(np.arange(len(lists)), [len(each) for each in lists]), np.concatenate(lists)


def _matrix(
    dataset: Dataset,
    rows: NDArray[np.int64],
    items: NDArray[np.int64],
    count: int | None = None,
) -> csr_matrix:
    shape = (dataset.n_visitors if count is None else count, dataset.n_items)
    return csr_matrix((np.ones(len(items), np.float32), (rows, items)), shape=shape)


def _ndcg(lists: NDArray[np.int64], relevant: csr_matrix) -> NDArray[np.float64]:
    hits = metrics.hits_of(lists, relevant)
    return metrics.accuracy(hits, np.diff(relevant.indptr))["ndcg"]
