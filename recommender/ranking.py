"""One score from what every source says of an item. Pure.

Each source's scores become a feature in [0, 1]: relative to the best it has for the visitor. The
default score is their weighted sum, the weights chosen on validation data (docs/evaluation.md) and
open to see; a ``LogisticRanker`` that learned from impressions takes its place.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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
    "disliked",  # how like the nearest of what the visitor dislikes, from where likeness begins
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
    """Something that scores rows of features, and says why."""

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, len(FEATURES)) to (n,), higher is better."""
        ...

    def contributions(self, features: Sequence[float]) -> dict[str, float]:
        """What each feature of one item speaks for it (or against it), the largest first."""
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
    return _largest_first(parts)


def _largest_first(parts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(parts.items(), key=lambda each: -abs(each[1])))


@dataclass(frozen=True, slots=True)
class Formula:
    """The transparent score."""

    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """``weighted``."""
        return weighted(features, self.weights)

    def contributions(self, features: Sequence[float]) -> dict[str, float]:
        """``contributions``: they sum to the score."""
        return contributions(features, self.weights)


FORMULA: Final = Formula()

Pair = tuple[str, str]
PAIRS: Final[tuple[Pair, ...]] = tuple(
    (one, other) for place, one in enumerate(FEATURES) for other in FEATURES[place + 1 :]
)


@dataclass(frozen=True)
class LogisticRanker:
    """The chance that whoever looks at an item takes it up, sigmoid(bias + weights . features + pairs).

    Raises ValueError for a weight that is not finite, or of no feature.
    """

    weights: Mapping[str, float]
    """By feature; a missing one is 0."""
    bias: float = 0.0
    pairs: Mapping[Pair, float] = field(default_factory=dict)
    """Of products of two features."""

    def __post_init__(self) -> None:
        """Refuse what cannot rank."""
        if not all(map(math.isfinite, (self.bias, *self.weights.values(), *self.pairs.values()))):
            raise ValueError("a weight is not a finite number: train again")
        if unknown := self.weights.keys() - set(FEATURES):
            raise ValueError(f"{min(unknown)!r} is no feature: train again")
        if unpaired := self.pairs.keys() - set(PAIRS):
            raise ValueError(f"{min(unpaired)} is no pair of features: train again")

    @cached_property
    def _row(self) -> NDArray[np.float64]:
        return np.array([self.weights.get(name, 0.0) for name in FEATURES])

    @cached_property
    def _square(self) -> NDArray[np.float64]:
        """(len(FEATURES), len(FEATURES)), above the diagonal."""
        square = np.zeros((len(FEATURES), len(FEATURES)))
        for (one, other), weight in self.pairs.items():
            square[FEATURES.index(one), FEATURES.index(other)] = weight
        return square

    def log_odds(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, len(FEATURES)) to (n,); a feature that is not finite counts as 0."""
        x = np.nan_to_num(features.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        odds = self.bias + np.einsum("ij,j->i", x, self._row)
        return odds + np.einsum("ij,jk,ik->i", x, self._square, x) if self.pairs else odds

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, len(FEATURES)) to (n,), from 0 to 1."""
        chances: NDArray[np.float32] = sigmoid(self.log_odds(features)).astype(np.float32)
        return chances

    def contributions(self, features: Sequence[float]) -> dict[str, float]:
        """To the log-odds, which they and the bias sum to; of a pair each feature has half."""
        x = np.asarray(features, np.float64)
        parts = x * self._row + x * ((self._square + self._square.T) @ x) / 2
        return _largest_first(dict(zip(FEATURES, parts.tolist(), strict=True)))

    def to_json(self) -> str:
        """What ``from_json`` reads again."""
        row = [[one, other, weight] for (one, other), weight in self.pairs.items()]
        return json.dumps(
            {"features": FEATURES, "weights": self._row.tolist(), "bias": self.bias, "pairs": row}
        )

    @classmethod
    def from_json(cls, text: str) -> "LogisticRanker":
        """Raises ValueError for anything but a ranker on today's FEATURES."""
        try:
            stored = json.loads(text)
            names = tuple(stored["features"])
            pairs = {(one, other): float(weight) for one, other, weight in stored["pairs"]}
            weights = [float(weight) for weight in stored["weights"]]
            bias = float(stored["bias"])
        except (KeyError, TypeError, ValueError) as err:
            raise ValueError(f"not a stored ranker: {err}") from err
        if names != FEATURES:
            raise ValueError(
                f"it learned from the features {', '.join(map(str, names))}, and now there are "
                f"{', '.join(FEATURES)}: train again"
            )
        return cls(dict(zip(names, weights, strict=True)), bias, pairs)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + e^-x), without overflow."""
    return np.exp(-np.logaddexp(0, -x))
