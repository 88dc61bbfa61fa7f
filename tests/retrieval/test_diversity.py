"""Maximal marginal relevance against a slow, obvious reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.diversity import diversified
from retrieval.fusion import unit


def reference(scores: list[float], vectors: np.ndarray, diversity: float) -> list[int]:
    low, high = min(scores), max(scores)
    spread = [(s - low) / (high - low) if high > low else 0.0 for s in scores]
    order: list[int] = []
    while len(order) < len(scores):
        left = [n for n in range(len(scores)) if n not in order]

        def worth(n: int) -> float:
            near = max((float(vectors[n] @ vectors[m]) for m in order), default=0.0)
            return (1 - diversity) * spread[n] - diversity * near

        order.append(max(left, key=lambda n: (worth(n), -n)))
    return order


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=12),
    st.integers(0, 2**31),
    st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
)
def test_is_maximal_marginal_relevance(scores, seed, diversity):
    vectors = unit(np.random.default_rng(seed).standard_normal((len(scores), 5)))
    found = diversified(scores, vectors, diversity)
    assert sorted(found) == list(range(len(scores)))
    if diversity not in (0.0, 1.0) or len(set(scores)) == len(scores):
        assert found == reference([float(s) for s in scores], vectors, diversity)


def test_without_diversity_the_order_is_that_of_the_scores():
    vectors = unit(np.random.default_rng(0).standard_normal((4, 3)))
    assert diversified([0.1, 0.9, 0.5, 0.3], vectors, 0.0) == [1, 2, 3, 0]


@pytest.mark.parametrize("diversity", [0.3, 0.6])
def test_a_twin_of_the_best_waits(diversity):
    best, twin, other = [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]
    vectors = np.array([best, twin, other, [0.7, 0.7]], np.float32)
    assert diversified([1.0, 0.99, 0.8, 0.0], vectors, diversity)[:2] == [0, 2]


def test_of_nothing_there_is_no_order():
    assert diversified([], np.zeros((0, 3), np.float32), 0.5) == []
