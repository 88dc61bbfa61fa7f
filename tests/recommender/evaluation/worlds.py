"""A world whose right answers are known: visitors like one topic each, items have one each."""

import numpy as np

from recommender.evaluation.datasets import Dataset

TOPICS = 4
EACH = 10
LIKED = 8
"""Of its EACH items, of a visitor's topic: all but two."""
VISITORS = 80
N_ITEMS = TOPICS * EACH


def topics(*, timed: bool = True, seed: int = 0) -> Dataset:
    """Items i of topic i % TOPICS, vectors that say so; visitor v likes topic v % TOPICS."""
    rng = np.random.default_rng(seed)
    rows = [
        (visitor, item * TOPICS + visitor % TOPICS, 1_000.0 * visitor + 60.0 * place)
        for visitor in range(VISITORS)
        for place, item in enumerate(rng.permutation(EACH)[:LIKED])
    ]
    visitors, items, at = np.array(rows).T
    vectors = np.eye(TOPICS, 16)[np.arange(N_ITEMS) % TOPICS]
    vectors = vectors + 0.1 * rng.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Dataset(
        "topics",
        "a world of topics",
        visitors.astype(np.int64),
        items.astype(np.int64),
        at if timed else None,
        tuple(f"topic{item % TOPICS} item{item}" for item in range(N_ITEMS)),
        VISITORS,
        {"fused": vectors.astype(np.float32)},
    )
