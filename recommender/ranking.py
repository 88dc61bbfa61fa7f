"""One score from what every source says of an item. Pure.

Each source's scores become a feature in [0, 1]: relative to the best it has for the visitor. The
default score is their weighted sum, the weights chosen on validation data (docs/evaluation.md) and
open to see; a ``Ranker`` that learned from impressions takes its place.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = (
    "taste",  # cosine with the nearest of the visitor's interests
    "session",  # cosine with what this session is about
    "collaborative",  # item-item model, over the visitor's history
    "factors",  # two-tower model: reads what an item is, so it knows new ones
    "covisited",  # seen in the same sessions as this session's items
    "trending",  # events of late, decayed
    "popular",  # all events
    "new",  # how lately it was published
    "disliked",  # cosine with the nearest of what the visitor dislikes
)
WEIGHTS: Final[Mapping[str, float]] = {
    "taste": 0.2,
    "session": 0.3,
    "collaborative": 1.0,
    "factors": 0.25,
    "covisited": 0.8,
    "trending": 0.05,
    "popular": 0.05,
    "new": 0.02,
    "disliked": -0.5,
}

RECENT: Final = 5.0
RECENT_HALF: Final = 5.0
"""The latest thing done counts RECENT times as much more, and five things later half of that: see ``recency``."""
COVISITED_ITEMS: Final = 5
"""The latest things done that ``covisited`` starts from."""
COVISITED_S: Final = 600.0
"""Things done by one visitor within that time were done together."""
COVISITED_SHRINKAGE: Final = 10.0


class Ranker(Protocol):
    """Something that scores rows of features."""

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, len(FEATURES)) to (n,), higher is better."""
        ...


def relative(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores (…, n) divided by the best of each row, in [0, 1]; what is not above 0 becomes 0."""
    above = np.maximum(scores, 0.0)
    best = above.max(axis=-1, keepdims=True, initial=0.0)
    divided: NDArray[np.float32] = np.divide(above, best, out=np.zeros_like(above), where=best > 0)
    return divided


def recency(places: NDArray[np.floating]) -> NDArray[np.float32]:
    """How many times as much what was done counts by its place in the history, 1 the latest.

    For ``collaborative`` and ``factors``; where no order is known everything counts 1.
    """
    return np.asarray(1 + RECENT * 0.5 ** ((places - 1) / RECENT_HALF), np.float32)


def weighted(
    features: NDArray[np.float32], weights: Mapping[str, float] = WEIGHTS
) -> NDArray[np.float32]:
    """The transparent score: features (n, len(FEATURES)) to (n,)."""
    row = np.array([weights.get(name, 0.0) for name in FEATURES], np.float32)
    summed: NDArray[np.float32] = features @ row
    return summed


def contributions(
    features: Sequence[float], weights: Mapping[str, float] = WEIGHTS
) -> dict[str, float]:
    """What each feature of one item adds to its weighted score, the largest first."""
    parts = {
        name: weights.get(name, 0.0) * value for name, value in zip(FEATURES, features, strict=True)
    }
    return dict(sorted(parts.items(), key=lambda each: -abs(each[1])))
