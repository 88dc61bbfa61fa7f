"""Metrics against slow, obvious implementations, and in worlds whose answer is known."""

import math

import numpy as np
import pytest

from retrieval.evaluation.metrics import (
    best_ranks,
    confidence_intervals,
    graded_ndcg,
    intervals,
    means,
    ranked_metrics,
    ratio_interval,
    relevant_ranks,
    retrieval_metrics,
)
from retrieval.evaluation.protocol import question_metrics


def slow_order(scores, relevant):
    """Candidates of one query, best first; among equal scores the irrelevant first."""
    return sorted(range(len(scores)), key=lambda c: (-scores[c], relevant[c]))


def slow_ranks(scores, relevant, depth):
    order = slow_order(scores, relevant)
    ranks = [place for place, c in enumerate(order, start=1) if relevant[c]][:depth]
    return ranks + [0] * (depth - len(ranks))


def slow_metrics(scores, relevant):
    ranking = [bool(relevant[c]) for c in slow_order(scores, relevant)]
    found = {f"r@{k}": float(any(ranking[:k])) for k in (1, 5, 10)}
    found["mrr"] = 1 / (ranking.index(True) + 1)
    dcg = sum(1 / math.log2(place + 1) for place, hit in enumerate(ranking[:10], 1) if hit)
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(sum(ranking), 10) + 1))
    return found | {"ndcg@10": dcg / ideal}


@pytest.fixture(params=["distinct", "tied", "few candidates", "many relevant"])
def ranking(request) -> tuple[np.ndarray, np.ndarray]:
    """Scores and relevance, (queries, candidates)."""
    rng = np.random.default_rng(7)
    queries, candidates = 40, 6 if request.param == "few candidates" else 60
    scores = rng.standard_normal((queries, candidates)).astype(np.float32)
    if request.param == "tied":
        scores = np.round(scores)
    relevant = rng.random((queries, candidates)) < (
        0.6 if request.param == "many relevant" else 0.05
    )
    relevant[np.arange(queries), rng.integers(0, candidates, queries)] = True
    return scores, relevant


def test_ranks_are_those_of_the_slow_implementation(ranking):
    scores, relevant = ranking
    depth = min(10, scores.shape[1])
    expected = [slow_ranks(*row, depth) for row in zip(scores, relevant, strict=True)]
    assert relevant_ranks(scores, relevant).tolist() == expected
    assert best_ranks(scores, relevant).tolist() == [row[0] for row in expected]


def test_metrics_are_those_of_the_slow_implementation(ranking):
    scores, relevant = ranking
    found = ranked_metrics(relevant_ranks(scores, relevant), relevant.sum(1))
    expected = [slow_metrics(*row) for row in zip(scores, relevant, strict=True)]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        assert values.tolist() == pytest.approx([row[name] for row in expected], abs=1e-12)


def test_the_summary_of_best_ranks_agrees_with_the_metrics_of_each_query(ranking):
    scores, relevant = ranking
    each = means(ranked_metrics(relevant_ranks(scores, relevant), relevant.sum(1)))
    summary = retrieval_metrics(best_ranks(scores, relevant))
    assert {name: each[name] for name in summary} == pytest.approx(summary)


def test_constant_scores_are_the_worst_case():
    relevant = np.zeros((3, 20), bool)
    relevant[:, 4] = True
    ranks = relevant_ranks(np.ones((3, 20)), relevant)
    assert ranks[:, 0].tolist() == [20, 20, 20]
    assert means(ranked_metrics(ranks, relevant.sum(1))) == pytest.approx({
        "r@1": 0, "r@5": 0, "r@10": 0, "mrr": 1 / 20, "ndcg@10": 0
    })  # fmt: skip


def test_a_query_without_anything_relevant_is_refused():
    with pytest.raises(ValueError, match="relevant"):
        relevant_ranks(np.ones((2, 3)), np.array([[True, False, False], [False] * 3]))


class TestGradedNdcg:
    def test_known_value(self):
        # gains 7, 0, 1 found; 7, 3, 1 at best
        found = 7 + 1 / math.log2(4)
        best = 7 + 3 / math.log2(3) + 1 / math.log2(4)
        assert graded_ndcg([3, 0, 1], [1, 2, 3]) == pytest.approx(found / best)

    def test_is_one_for_the_best_order_only(self):
        assert graded_ndcg([3, 2, 1, 0], [1, 2, 3]) == pytest.approx(1)
        assert graded_ndcg([1, 2, 3, 0], [1, 2, 3]) < 1

    def test_stops_at_its_depth(self):
        assert graded_ndcg([0] * 10 + [3], [3]) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_the_binary_one(self, seed):
        rng = np.random.default_rng(seed)
        scores, relevant = rng.random((1, 50)), rng.random((1, 50)) < 0.2
        relevant[0, 3] = True
        binary = ranked_metrics(relevant_ranks(scores, relevant), relevant.sum(1))["ndcg@10"][0]
        grades = [float(relevant[0, c]) for c in np.argsort(-scores[0])]
        assert graded_ndcg(grades, [1.0] * int(relevant.sum())) == pytest.approx(binary)


class TestIntervals:
    def test_cover_the_mean_and_shrink_with_the_number_of_queries(self):
        rng = np.random.default_rng(0)
        few = {"r@1": (rng.random(50) < 0.4).astype(float)}
        many = {"r@1": (rng.random(5_000) < 0.4).astype(float)}
        (low, high), (near, far) = intervals(few)["r@1"], intervals(many)["r@1"]
        assert low < few["r@1"].mean() < high
        assert far - near < (high - low) / 5

    def test_are_as_wide_as_the_normal_approximation(self):
        values = np.repeat([0.0, 1.0], [600, 400])
        low, high = intervals({"r@1": values})["r@1"]
        half = 1.96 * math.sqrt(0.4 * 0.6 / 1_000)
        assert (low, high) == pytest.approx((0.4 - half, 0.4 + half), abs=0.006)

    def test_equal_seeds_give_equal_bounds(self):
        values = {"mrr": np.random.default_rng(1).random(30)}
        assert intervals(values, seed=3) == intervals(values, seed=3) != intervals(values, seed=4)

    def test_of_ranks_are_those_of_their_metrics(self):
        ranks = np.random.default_rng(2).integers(1, 30, 200)
        counts = np.ones(200, int)
        bounds = intervals(ranked_metrics(ranks[:, None], counts))
        assert {k: bounds[k] for k in ("r@1", "r@5", "r@10", "mrr")} == confidence_intervals(ranks)


class TestRatio:
    def test_of_equal_outcomes_is_one_without_doubt(self):
        values = np.tile([1.0, 0.0, 1.0], 30)
        assert ratio_interval(values, values) == (1, 1, 1)

    def test_knows_its_value_and_covers_it(self):
        above, below = np.repeat([1.0, 0.0], [30, 70]), np.repeat([1.0, 0.0], [60, 40])
        ratio, low, high = ratio_interval(above, below)
        assert ratio == pytest.approx(0.5)
        assert low < 0.5 < high

    def test_is_no_number_where_nothing_is_found_below(self):
        assert all(math.isnan(x) for x in ratio_interval(np.ones(5), np.zeros(5)))


class TestQuestionMetrics:
    @pytest.mark.parametrize("seed", range(10))
    def test_are_those_of_the_slow_implementation(self, seed):
        rng = np.random.default_rng(seed)
        scores, relevant = rng.random(50), rng.random(50) < 0.1
        relevant[7] = True
        ranking = [float(relevant[c]) for c in np.argsort(-scores)]
        found = question_metrics(ranking, [1.0] * int(relevant.sum()))
        recall = found.pop("recall@10")
        assert found == pytest.approx(slow_metrics(scores, relevant))
        assert recall == sum(ranking[:10]) / relevant.sum()

    def test_nothing_found_is_zero(self):
        assert set(question_metrics([0.0] * 100, [2.0, 1.0]).values()) == {0.0}
        assert set(question_metrics([], [1.0]).values()) == {0.0}

    def test_what_is_graded_zero_is_not_relevant(self):
        found = question_metrics([0.0, 1.0], [0.0, 1.0])
        assert (found["r@1"], found["r@5"], found["mrr"], found["recall@10"]) == (0, 1, 0.5, 1)
