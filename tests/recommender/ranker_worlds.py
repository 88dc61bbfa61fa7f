"""Answers and what becomes of them, where what is relevant and how far people look is known."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommender import ranking
from recommender.ranking_training.table import ShownTable

F = len(ranking.FEATURES)
TRUTH: Mapping[str, float] = {
    "taste": 1.0,
    "session": 3.0,
    "collaborative": 1.0,
    "trending": 2.0,
    "disliked": -3.0,
}
"""Quite unlike ranking.WEIGHTS: who is here for something wants that."""
BIAS = -3.0


def relevance(features: NDArray[np.float32], pair: float = 0.0) -> NDArray[np.float64]:
    """The chance that whoever looks takes it up."""
    row = np.array([TRUTH.get(name, 0.0) for name in ranking.FEATURES])
    both = features[..., 0] * features[..., 7]  # taste x new
    return ranking.sigmoid(features @ row + pair * both + BIAS)


def features(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """As sources give them: many zeros, the rest anywhere up to 1; dislikes are rare."""
    drawn = rng.random((*shape, F)) * (rng.random((*shape, F)) < 0.6)
    drawn[..., -1] *= rng.random(shape) < 0.2
    return drawn.astype(np.float32)


def shown(
    answers: int,
    *,
    size: int = 10,
    seed: int = 0,
    pair: float = 0.0,
    bias: bool = True,
    mixed: float = 0.3,
) -> ShownTable:
    """Lists ordered by the weighted formula, a little mixed; position k is looked at by 1 / k."""
    rng = np.random.default_rng(seed)
    x = features(rng, answers, size)
    noisy = ranking.weighted(x.reshape(-1, F)).reshape(answers, size)
    noisy = noisy + mixed * rng.standard_normal((answers, size))
    x = np.take_along_axis(x, np.argsort(-noisy, axis=1)[..., None], axis=1)
    looked_at = rng.random((answers, size)) < (1 / np.arange(1, size + 1) if bias else 1.0)
    taken = looked_at & (rng.random((answers, size)) < relevance(x, pair))
    return table(x, taken.astype(np.float64))


def table(x: NDArray[np.float32], strength: NDArray[np.float64]) -> ShownTable:
    """Of (answers, size) items each, to one visitor each, at one placement."""
    answers, size = strength.shape
    return ShownTable(
        features=x.reshape(-1, F),
        answer=np.repeat(np.arange(answers), size),
        item=np.tile(np.arange(size), answers),
        position=np.tile(np.arange(1, size + 1), answers),
        strength=strength.ravel(),
        placement=np.zeros(answers, np.int64),
        unit=np.arange(answers),
        placements=("home",),
    )
