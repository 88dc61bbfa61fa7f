"""Worlds whose right answer is known by construction."""

import numpy as np
from scipy.sparse import csr_matrix

from recommender.collaborative import Interactions


def checkerboard(size: int = 40) -> Interactions:
    """Even visitors use even items, odd ones odd items; each all of theirs but the one of its number."""
    cells = np.add.outer(np.arange(size), np.arange(size)) % 2 == 0
    np.fill_diagonal(cells, False)
    return Interactions(csr_matrix(cells.astype(np.float32)), np.arange(size) + 100)


def scattered(visitors: int = 60, items: int = 30, seed: int = 0) -> Interactions:
    """Random, with strengths from 0.5 to 3; some items and visitors have nothing."""
    rng = np.random.default_rng(seed)
    cells = (rng.random((visitors, items)) < 0.15) * rng.uniform(0.5, 3, (visitors, items))
    cells[:, 7] = cells[3] = 0
    return Interactions(csr_matrix(cells.astype(np.float32)), np.arange(items) * 10)


def described(
    visitors: int = 300, items: int = 120, topics: int = 4, seed: int = 0
) -> tuple[Interactions, np.ndarray]:
    """Visitors use items of one topic, which content names, noisily; every ninth item is untouched.

    Content is (items, 16). Item i has the topic i % topics.
    """
    rng = np.random.default_rng(seed)
    topic = np.arange(items) % topics
    directions = np.linalg.qr(rng.standard_normal((16, topics)))[0].T
    content = directions[topic] + 0.2 * rng.standard_normal((items, 16))
    likes = np.arange(visitors) % topics
    cells = (likes[:, None] == topic) & (rng.random((visitors, items)) < 0.4)
    cells[:, ::9] = False
    x = csr_matrix(cells.astype(np.float32))
    return Interactions(x, np.arange(items)), content.astype(np.float32)
