"""Triad's default configuration, offline: the features of ``recommender.ranking`` by the code that serves.

Not simulated, because a dataset knows nothing of it: ``new``, ``disliked``; ``trending``, because whoever
is asked for was there at another moment than the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from recommender import interests, ranking
from recommender.collaborative import Ease, Interactions, ItemKnn, TwoTower
from recommender.collaborative.ease import MAX_ITEMS
from recommender.collaborative.stored import NEIGHBOURS
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.protocols import Split
from recommender.evaluation.scorers import Scores
from recommender.types import EventType, Taste
from retrieval.types import Vectors

SIMULATED: Final = ("taste", "session", "collaborative", "factors", "covisited", "popular")
LIKE: Final = EventType("like", 4.0, 180)
"""What an interaction of a dataset is taken for: the settings' own like."""
SAMPLE: Final = 1_000
"""Items that say which cosines of a space are high."""


@dataclass
class Triad:
    """The weighted sum of the relative features of all candidates."""

    label: str = "Triad (default)"
    weights: Mapping[str, float] = field(default_factory=lambda: ranking.WEIGHTS)
    without: tuple[str, ...] = ()
    """Features that count nothing."""
    vectors: str = "fused"
    """Which of the dataset's vectors items are known by."""

    def fit(self, dataset: Dataset, split: Split) -> None:
        """Learn the models whose features count, of what a version of theirs would store."""
        self.split, self.seen = split, split.train
        self.rows_of_items = dataset.vectors.get(self.vectors)
        self.counting = {
            name: self.weights[name]
            for name in SIMULATED
            if self.weights.get(name) and name not in self.without
        }
        self.history = _history(split)
        interactions = Interactions(split.train, np.arange(dataset.n_items))
        if "collaborative" in self.counting:
            large = dataset.n_items > MAX_ITEMS
            model = (ItemKnn() if large else Ease()).fit(interactions)
            self.neighbours = model.neighbours(NEIGHBOURS)
        if "factors" in self.counting:
            self.towers = TwoTower().fit(interactions, self.rows_of_items)
        if "covisited" in self.counting and split.timed:
            self.together = covisits(split)
        self.popular = np.asarray(split.train.sum(0), np.float32).ravel()
        if self.rows_of_items is not None:
            drawn = np.random.default_rng(0).permutation(dataset.n_items)[:SAMPLE]
            self.threshold = interests.threshold_of(self.rows_of_items[drawn])

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """The transparent score of ``recommender.ranking``; seen items score like nothing known."""
        found = self.features(rows)
        stacked = np.zeros((*self.seen[rows].shape, len(ranking.FEATURES)), np.float32)
        for name, values in found.items():
            stacked[..., ranking.FEATURES.index(name)] = values
        flat = ranking.weighted(stacked.reshape(-1, len(ranking.FEATURES)), self.counting)
        return flat.reshape(stacked.shape[:2])

    def features(self, rows: NDArray[np.int64]) -> dict[str, Scores]:
        """Of each feature that counts and can be had, (b, n_items) in [0, 1]."""
        found: dict[str, Scores] = {}
        if "collaborative" in self.counting:
            found["collaborative"] = (self.history[rows] @ self.neighbours).toarray()
        if "factors" in self.counting:
            found["factors"] = self.towers.scores(self.history[rows])
        if "covisited" in self.counting and self.split.timed:
            found["covisited"] = (self._session_items(rows) @ self.together).toarray()
        if "popular" in self.counting:
            found["popular"] = np.tile(self.popular, (len(rows), 1))
        if self.rows_of_items is not None and {"taste", "session"} & self.counting.keys():
            found |= self._tastes(rows, self.rows_of_items)
        out = self.seen[rows].toarray() > 0
        out |= ~self.split.candidates
        return {
            name: ranking.relative(np.where(out, 0, values).astype(np.float32))
            for name, values in found.items()
        }

    def _session_items(self, rows: NDArray[np.int64]) -> csr_matrix:
        """The latest few of each history."""
        latest = self.split.places[rows]
        latest.data = (latest.data <= ranking.COVISITED_ITEMS).astype(np.float32)
        latest.eliminate_zeros()
        return latest

    def _tastes(self, rows: NDArray[np.int64], vectors: Vectors) -> dict[str, Scores]:
        tastes = [self.taste(int(row), vectors) for row in rows]
        nothing = np.zeros(len(vectors), np.float32)
        found = {
            "taste": [
                (vectors @ np.stack([each.vector for each in one.interests]).T).max(1)
                if one.interests
                else nothing
                for one in tastes
            ]
        }
        if self.split.timed:
            found["session"] = [
                vectors @ one.session.vector if one.session else nothing for one in tastes
            ]
        return {name: np.stack(each) for name, each in found.items() if name in self.counting}

    def taste(self, row: int, vectors: Vectors) -> Taste:
        """Of a visitor, as their profile would have it at their last event."""
        times = self.split.times if self.split.timed else self.seen
        start, end = times.indptr[row], times.indptr[row + 1]
        deeds = [  # 0 is no item there
            interests.Deed(
                int(item) + 1, LIKE, None, float(at), vectors[item] if vectors[item].any() else None
            )
            for item, at in zip(times.indices[start:end], times.data[start:end], strict=True)
        ]
        leanings = interests.Leanings.empty(vectors.shape[1])
        interests.take_in(leanings, deeds, self.threshold)
        return interests.taste(leanings, leanings.at)


def _history(split: Split) -> csr_matrix:
    """What each item of a history counts."""
    if not split.timed:
        return split.train
    weighted = split.places.copy()
    weighted.data = ranking.recency(weighted.data)
    return weighted


def covisits(split: Split, within_s: float = ranking.COVISITED_S) -> csr_matrix:
    """(n_items, n_items): how often two items were used ``within_s`` by one visitor, relative.

    Divided by the root of the product of how many visitors each had, COVISITED_SHRINKAGE added.
    """
    visitors = np.repeat(np.arange(split.times.shape[0]), np.diff(split.times.indptr))
    order = np.lexsort((split.times.data, visitors))
    visitors, items = visitors[order], split.times.indices[order]
    at = split.times.data[order]
    n = split.times.shape[1]
    counts = csr_matrix((n, n), dtype=np.float32)
    for step in range(1, len(at)):
        near = (visitors[step:] == visitors[:-step]) & (at[step:] - at[:-step] <= within_s)
        if not near.any():
            break
        pair = (items[:-step][near], items[step:][near])
        counts += csr_matrix((np.ones(int(near.sum()), np.float32), pair), shape=(n, n))
    used = np.bincount(items, minlength=n) + ranking.COVISITED_SHRINKAGE
    scale = diags((1 / np.sqrt(used)).astype(np.float32))
    return csr_matrix(scale @ (counts + counts.T) @ scale)
