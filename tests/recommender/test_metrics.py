"""Measures of recommendations against hand-computed cases and slow, obvious implementations."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender import metrics

SCORES = np.array([[0.9, 0.1, 0.5, 0.4], [0.1, 0.2, 0.3, 0.4]], np.float32)


def sparse(*rows: list[int], width: int) -> csr_matrix:
    dense = np.zeros((len(rows), width), np.float32)
    for at, columns in enumerate(rows):
        dense[at, columns] = 1
    return csr_matrix(dense)


def test_the_best_unseen_items_come_first() -> None:
    seen = sparse([0], [], width=4)
    assert metrics.top(SCORES, 2, seen).tolist() == [[2, 3], [3, 2]]


def test_a_list_ends_where_nothing_is_left() -> None:
    seen = sparse([0, 1, 2], [0], width=4)
    assert metrics.top(SCORES, 3, seen).tolist() == [[3, -1, -1], [3, 2, 1]]
    assert metrics.top(np.full((1, 2), -np.inf, np.float32), 3).tolist() == [[-1, -1, -1]]


def test_negative_and_equal_scores_keep_their_order() -> None:
    scores = np.array([[-1.0, -0.0, 0.0, -2.0, 1e-30, -1e30]], np.float32)
    found = metrics.top(scores, 6)[0].tolist()
    assert found[0] == 4
    assert set(found[1:3]) == {1, 2}
    assert found[3:] == [0, 3, 5]


def test_a_constant_scorer_finds_what_chance_finds() -> None:
    rows, n, k = 4_000, 50, 10
    relevant = sparse(*([7] for _ in range(rows)), width=n)
    lists = metrics.top(np.ones((rows, n), np.float32), k)
    hit_rate = metrics.hits_of(lists, relevant).any(1).mean()
    assert abs(hit_rate - k / n) < 4 * math.sqrt(0.2 * 0.8 / rows)
    assert metrics.coverage(lists, n) == 1.0


def test_ties_are_broken_alike_however_rows_are_cut() -> None:
    scores = np.random.default_rng(0).integers(0, 3, (9, 40)).astype(np.float32)
    whole = metrics.top(scores, 5, seed=3)
    parts = [metrics.top(scores[at : at + 4], 5, first=at, seed=3) for at in (0, 4, 8)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole, metrics.top(scores, 5, seed=4))


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        metrics.top(np.array([[np.nan, 1.0]]), 1)


def test_top_is_what_sorting_finds() -> None:
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((30, 200)).astype(np.float32)
    seen = csr_matrix((rng.random((30, 200)) < 0.3).astype(np.float32))
    expected = np.argsort(-np.where(seen.toarray() > 0, -np.inf, scores), axis=1)[:, :12]
    assert np.array_equal(metrics.top(scores, 12, seen), expected)


def test_accuracy_of_a_list_computed_by_hand() -> None:
    # relevant at places 2 and 4 of 5; three are relevant in all
    found = metrics.accuracy(np.array([[False, True, False, True, False]]), np.array([3]))
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert {name: float(value[0]) for name, value in found.items()} == pytest.approx(
        {"hr": 1, "recall": 2 / 3, "ndcg": gain / ideal, "mrr": 1 / 2, "map": (1 / 2 + 2 / 4) / 3}
    )


def test_nothing_found_is_nought_and_nothing_relevant_is_refused() -> None:
    found = metrics.accuracy(np.zeros((1, 3), bool), np.array([2]))
    assert [float(value[0]) for value in found.values()] == [0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="nothing is relevant"):
        metrics.accuracy(np.zeros((1, 3), bool), np.array([0]))


def reference(listed: list[int], relevant: set[int], k: int) -> dict[str, float]:
    """Place by place."""
    found, gain, precision, first = 0, 0.0, 0.0, 0.0
    for place, item in enumerate(listed[:k], start=1):
        if item in relevant:
            found += 1
            gain += 1 / math.log2(place + 1)
            precision += found / place
            first = first or 1 / place
    best = min(len(relevant), k)
    return {
        "hr": float(found > 0),
        "recall": found / len(relevant),
        "ndcg": gain / sum(1 / math.log2(place + 1) for place in range(1, best + 1)),
        "mrr": first,
        "map": precision / best,
    }


@pytest.mark.parametrize("k", [1, 3, 10])
def test_accuracy_is_what_going_place_by_place_finds(k: int) -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((60, 25)).astype(np.float32)
    truth = rng.random((60, 25)) < 0.2
    truth[:, 0] |= ~truth.any(1)
    relevant = csr_matrix(truth.astype(np.float32))
    lists = metrics.top(scores, k)
    found = metrics.accuracy(metrics.hits_of(lists, relevant), np.diff(relevant.indptr))
    for row in range(60):
        expected = reference(lists[row].tolist(), set(np.flatnonzero(truth[row])), k)
        assert {name: value[row] for name, value in found.items()} == pytest.approx(expected)


def test_what_is_not_there_is_no_hit() -> None:
    """Neither an empty place, nor the first item of the next row."""
    relevant = sparse([0], [0], width=3)
    assert not metrics.hits_of(np.array([[-1, 1], [2, -1]]), relevant).any()


def test_coverage_and_inequality_of_what_is_shown() -> None:
    lists = np.array([[0, 1], [0, 1], [0, -1]])
    assert metrics.coverage(lists, 4) == 0.5
    # shown 0, 0, 2, 3 times: (-3 * 0 - 1 * 0 + 1 * 2 + 3 * 3) / (4 * 5)
    assert metrics.gini(lists, 4) == pytest.approx(11 / 20)
    assert metrics.gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert metrics.gini(np.full((2, 2), -1), 4) == 0


def test_novelty_is_the_mean_information_of_a_list() -> None:
    popularity = np.array([7, 1, 0])  # of 7 visitors: shares 8/8, 2/8, 1/8
    lists = np.array([[0, 1], [2, -1], [-1, -1]])
    found = metrics.novelty(lists, popularity, 7)
    assert found[:2].tolist() == [1.0, 3.0]
    assert math.isnan(found[2])


def test_popularity_lift_compares_a_list_with_its_history() -> None:
    popularity = np.array([8, 4, 2])
    history = sparse([1, 2], [0], [], width=3)
    found = metrics.popularity_lift(np.array([[0, 1], [1, -1], [0, 1]]), popularity, history)
    assert found[:2].tolist() == [1.0, -0.5]  # 6 against 3, 4 against 8
    assert math.isnan(found[2])


def test_diversity_is_what_every_pair_says() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((8, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lists = np.array([[0, 3, 5], [1, 2, -1], [4, -1, -1], [6, 6, 6]])
    found = metrics.diversity(lists, vectors)
    for row, listed in enumerate([[0, 3, 5], [1, 2]]):
        pairs = [1 - vectors[a] @ vectors[b] for a in listed for b in listed if a < b]
        assert found[row] == pytest.approx(np.mean(pairs))
    assert math.isnan(found[2])
    assert found[3] == pytest.approx(0)


def test_an_interval_is_about_as_wide_as_theory_says() -> None:
    values = (np.arange(1_000) < 300).astype(float)
    low, high = metrics.interval(values)
    half = 1.96 * math.sqrt(0.3 * 0.7 / 1_000)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.004)
    assert metrics.interval(values) == (low, high)
    assert metrics.interval(np.full(10, 0.25)) == (0.25, 0.25)


def bandit(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One of two items is shown, the first with .8; it earns .1, the other .5: another policy, which
    shows the first with .2, would earn .2 * .1 + .8 * .5 = .42.
    """
    first = rng.random(count) < 0.8
    rewards = (rng.random(count) < np.where(first, 0.1, 0.5)).astype(float)
    return rewards, np.where(first, 0.8, 0.2), np.where(first, 0.2, 0.8)


@pytest.mark.parametrize("normalised", [False, True])
def test_what_another_policy_would_earn_is_found_in_the_log(normalised: bool) -> None:
    rewards, logged, target = bandit(40_000, np.random.default_rng(4))
    found = metrics.counterfactual(rewards, logged, target, normalised=normalised)
    assert found.low < 0.42 < found.high
    assert found.high - found.low < 0.04
    assert abs(rewards.mean() - 0.18) < 0.01  # what the log itself earned
    assert found.clipped == 0


def test_estimates_computed_by_hand() -> None:
    rewards, logged, target = [1.0, 0.0, 1.0], [0.5, 0.5, 0.1], [0.5, 1.0, 1.0]
    # weights 1, 2 and 10, the last clipped to 4
    given = [np.array(each) for each in (rewards, logged, target)]
    ips = metrics.counterfactual(*given, clip=4, normalised=False)
    snips = metrics.counterfactual(*given, clip=4)
    assert ips.value == pytest.approx((1 + 4) / 3)
    assert snips.value == pytest.approx((1 + 4) / 7)
    assert snips.effective == pytest.approx(49 / 21)
    assert snips.clipped == pytest.approx(1 / 3)


def test_visitors_are_drawn_whole() -> None:
    """Ten decisions of one visitor that go together say less than ten visitors'."""
    rewards = np.repeat(np.arange(40) % 2, 10).astype(float)
    sure = np.ones(400)
    alone = metrics.counterfactual(rewards, sure, sure)
    grouped = metrics.counterfactual(rewards, sure, sure, groups=np.repeat(np.arange(40), 10))
    assert grouped.value == alone.value == 0.5
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("logged", "target", "message"),
    [([0.0], [1.0], "logged propensity"), ([1.0], [1.5], "target policy"), ([], [], "empty")],
)
def test_a_log_that_makes_no_sense_is_refused(
    logged: list[float], target: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.counterfactual(np.ones(len(logged)), np.array(logged), np.array(target))


def test_a_policy_that_never_decides_so_earns_nothing_known() -> None:
    found = metrics.counterfactual(np.ones(3), np.ones(3), np.zeros(3))
    assert (found.value, found.effective) == (0, 0)
