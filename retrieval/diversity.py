"""Results that are not all the same: maximal marginal relevance. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def diversified(
    scores: Sequence[float],
    vectors: NDArray[np.float32],
    diversity: float,
    limit: int | None = None,
) -> list[int]:
    """Positions in the order of maximal marginal relevance: J. Carbonell and J. Goldstein, 1998.

    The first ``limit`` of them, all without one.

    ``scores`` (n,) are higher for what fits better, ``vectors`` (n, d) unit rows; ``diversity`` is in
    [0, 1]: 0 keeps the order of the scores, 1 takes what is least like anything taken before. Scores
    are spread over [0, 1], so that ``diversity`` means the same for every similarity.
    """
    relevance = np.asarray(scores, np.float64)
    if relevance.size == 0:
        return []
    lowest, highest = relevance.min(), relevance.max()
    relevance = (relevance - lowest) / (highest - lowest) if highest > lowest else relevance * 0
    worth = (1 - diversity) * relevance  # -inf for what was taken
    closest = np.zeros(len(worth))  # to what was taken, times diversity; nothing has been
    order: list[int] = []
    for _ in range(len(worth) if limit is None else min(limit, len(worth))):
        taken = int((worth - closest).argmax())
        order.append(taken)
        worth[taken] = -np.inf
        near = diversity * (vectors @ vectors[taken]).astype(np.float64)
        closest = near if len(order) == 1 else np.maximum(closest, near)
    return order
