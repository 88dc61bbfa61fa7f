"""Learning to rank where the right answer is known: what people want, and how far down they look."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recommender import explain, ranking
from recommender.exceptions import NothingToLearn
from recommender.ranking import FEATURES, FORMULA, LogisticRanker
from recommender.ranking_training import (
    LearnedRanker,
    Options,
    check_enough,
    clicks,
    learn_ranker,
    measuring,
)
from recommender.types import Candidate, Placed
from tests.recommender.ranker_worlds import BIAS, TRUTH, F, shown, table, true_ndcg

TASTE, NEW = FEATURES.index("taste"), FEATURES.index("new")
RANKER = LogisticRanker({"taste": 2.0, "new": -1.0}, -0.5, {("taste", "new"): 4.0})


def row(**given: float) -> np.ndarray:
    return np.array([given.get(name, 0.0) for name in FEATURES], np.float32)


class TestLogisticRanker:
    def test_the_chance_by_hand(self):
        x = np.stack([row(), row(taste=0.5), row(taste=0.5, new=1.0, popular=1.0)])
        odds = np.array([-0.5, -0.5 + 1.0, -0.5 + 1.0 - 1.0 + 2.0])
        assert RANKER.scores(x) == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-7)
        assert RANKER.scores(x).dtype == np.float32
        assert RANKER.scores(x[:0]).shape == (0,)

    def test_contributions_sum_to_the_log_odds_and_pairs_are_halved(self):
        x = row(taste=0.5, new=1.0)
        parts = RANKER.contributions(x.tolist())
        assert next(iter(parts)) == "taste"
        assert (parts["taste"], parts["new"]) == (1.0 + 1.0, -1.0 + 1.0)
        assert sum(parts.values()) + RANKER.bias == pytest.approx(RANKER.log_odds(x[None])[0])

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_a_feature_that_is_not_finite_counts_as_none(self, wrong):
        x = np.stack([row(taste=wrong, new=0.5), row(new=0.5)])
        assert RANKER.scores(x)[0] == RANKER.scores(x)[1]

    def test_the_largest_odds_are_chances_still(self):
        steep = LogisticRanker({"taste": 1e6})
        assert steep.scores(np.stack([row(taste=1.0), row(taste=-1.0)])).tolist() == [1.0, 0.0]

    def test_stored_and_read_again(self):
        again = LogisticRanker.from_json(RANKER.to_json())
        x = np.random.default_rng(0).random((20, F)).astype(np.float32)
        assert np.array_equal(again.scores(x), RANKER.scores(x))

    def test_what_cannot_rank_is_refused(self):
        for given in ({"taste": np.nan}, {"taste": np.inf}):
            with pytest.raises(ValueError, match="not a finite number"):
                LogisticRanker(given)
        with pytest.raises(ValueError, match="'colour' is no feature"):
            LogisticRanker({"colour": 1.0})
        with pytest.raises(ValueError, match="no pair of features"):
            LogisticRanker({}, 0.0, {("new", "taste"): 1.0})
        with pytest.raises(ValueError, match="not a finite number"):
            LogisticRanker.from_json(RANKER.to_json().replace("-0.5", "NaN"))
        for text in ("", "[]", "{}", '{"features": null}'):
            with pytest.raises(ValueError, match="not a stored ranker"):
                LogisticRanker.from_json(text)

    def test_one_of_other_features_is_refused(self):
        stored = json.loads(RANKER.to_json())
        stored["features"][TASTE] = "smell"
        with pytest.raises(ValueError, match=r"it learned from the features smell, session.*again"):
            LogisticRanker.from_json(json.dumps(stored))


@pytest.fixture(scope="module")
def learned() -> LearnedRanker:
    """From answers whose visitors want TRUTH; with the truth as what is active."""
    return learn_ranker(shown(1_500), Options(pairs=False), active=LogisticRanker(TRUTH, BIAS))


class TestReasons:
    def placed(self, **given: float) -> Placed:
        candidate = Candidate(7, {}, tuple(row(**given).tolist()), 0.5, np.zeros(4, np.float32))
        return Placed(candidate, 0.5)

    def codes(self, ranker: ranking.Ranker, **given: float) -> list[tuple[str, float]]:
        return [
            (each.code, each.share) for each in explain.reasons(self.placed(**given), {7}, ranker)
        ]

    def test_they_are_what_the_ranker_says(self):
        ranker = LogisticRanker({"taste": 1.0, "trending": 3.0, "new": -2.0}, -4.0)
        said = self.codes(ranker, taste=1.0, trending=1.0, new=1.0)
        assert said == [("trending", 0.75), ("similar_to_liked", 0.25)]

    def test_where_nothing_speaks_for_it_the_formula_does(self):
        ranker = LogisticRanker({"taste": -1.0})
        assert self.codes(ranker, taste=1.0) == [("similar_to_liked", 1.0)]


class TestClickModel:
    @pytest.mark.parametrize("debiased", [True, False])
    def test_its_slope_is_that_of_its_loss(self, debiased):
        rng = np.random.default_rng(5)
        given = shown(60)
        strength = np.where(given.taken, rng.choice([1.0, 4.0], len(given.answer)), 0.0)
        strength[rng.random(len(strength)) < 0.05] = -4.0
        placement = rng.integers(0, 2, 60)
        given = replace(given, strength=strength, placement=placement, placements=("a", "b"))
        problem = clicks._Problem(given, True, debiased)
        at = rng.standard_normal(len(problem.start())) / 2
        found = problem.loss(at)[1]
        step = 1e-6 * np.eye(len(at))
        slow = [(problem.loss(at + h)[0] - problem.loss(at - h)[0]) / 2e-6 for h in step]
        assert found == pytest.approx(np.array(slow), abs=1e-5 * np.abs(found).max())

    def test_it_finds_what_is_wanted_where_the_naive_one_finds_what_stood_high(self, learned):
        fair, naive = learned, learn_ranker(shown(1_500), Options(pairs=False, debiased=False))
        assert true_ndcg(fair.ranker) > 0.99
        assert true_ndcg(naive.ranker) < 0.95
        assert true_ndcg(FORMULA) < 0.75
        # the formula put what is collaborative on top, and people look there
        assert naive.ranker.weights["collaborative"] > 2 * TRUTH["collaborative"]
        assert fair.ranker.weights["collaborative"] == pytest.approx(1.0, abs=0.5)

    def test_it_finds_how_far_people_look(self):
        curve = learn_ranker(shown(3_000), Options(l2=1.0, pairs=False)).metrics["looked at, home"]
        assert list(curve) == ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
        assert curve["1"] == 1.0
        for position in (2, 3, 4, 6, 8):
            assert curve[str(position)] == pytest.approx(1 / position, abs=0.07)

    def test_where_people_look_at_everything_nothing_is_corrected(self):
        given = shown(1_500, bias=False)
        curve = learn_ranker(given, Options(l2=1.0, pairs=False)).metrics
        assert min(curve["looked at, home"].values()) > 0.8

    def test_each_placement_has_its_own_curve(self):
        page, row = shown(2_000, size=6, seed=1), shown(2_000, size=6, seed=2, bias=False)
        both = replace(
            page,
            **{
                name: np.concatenate([getattr(page, name), getattr(row, name)])
                for name in ("features", "item", "position", "strength")
            },
            answer=np.concatenate([page.answer, row.answer + 2_000]),
            placement=np.repeat([0, 1], 2_000),
            unit=np.arange(4_000),
            placements=("page", "row"),
        )
        model = clicks.fit(both, 1.0)
        page_curve, row_curve = model.examination[:, 5] / model.examination[:, 0]
        assert page_curve == pytest.approx(1 / 6, abs=0.07)
        assert row_curve > 0.8
        assert true_ndcg(model.ranker) > 0.98

    def test_pairs_are_kept_where_they_help_and_only_there(self):
        together = learn_ranker(shown(1_000, pair=6.0), Options(l2=1.0))
        assert together.metrics["chosen"] == {"l2": 1.0, "pairs": 1.0}
        heaviest = max(together.ranker.pairs.items(), key=lambda each: each[1])
        assert heaviest[0] == ("taste", "new")
        alone = learn_ranker(shown(1_000, seed=1), Options())
        assert (alone.metrics["chosen"]["pairs"], alone.ranker.pairs) == (0.0, {})

    def test_few_events_leave_the_formula_as_it_is(self):
        """Somebody who wants what the formula says: hardly anything may change."""
        x = shown(300).features.reshape(300, 10, F)
        taken = np.zeros((300, 10))
        taken[::3, 0] = 1.0
        ranker = clicks.fit(table(x, taken), 1000.0).ranker
        sizes = [ranker.weights[name] / weight for name, weight in ranking.WEIGHTS.items()]
        assert sizes == pytest.approx([sizes[0]] * F, abs=0.5 * abs(sizes[0]))

    def test_a_dislike_speaks_louder_than_being_left_alone(self):
        given = shown(1_000)
        strength = given.strength.copy()
        fresh = (given.features[:, NEW] > 0.5) & (given.position > 5) & (strength == 0)
        strength[np.flatnonzero(fresh)[::4]] = -4.0
        before, after = (
            clicks.fit(replace(given, strength=each), 1.0).ranker.weights["new"]
            for each in (given.strength, strength)
        )
        assert after < before - 0.4

    def test_a_feature_that_is_not_finite_is_refused(self):
        given = shown(20)
        given.features[3, 3] = np.nan
        with pytest.raises(ValueError, match="not a finite number"):
            clicks.fit(given, 1.0)


class TestEnough:
    def test_it_says_how_much_there_is_and_is_missing(self):
        check_enough(1_000, 200)
        with pytest.raises(NothingToLearn) as caught:
            check_enough(400, 1_000)
        assert str(caught.value) == (
            "There are 400 answers with features, and 1,000 of the items in them were taken up; a "
            "ranker needs 600 more answers: until then the weighted formula ranks. Recommendations log "
            "their answers; send the events that follow with their `request_id`."
        )
        with pytest.raises(
            NothingToLearn, match="needs 1,000 more answers and 200 more items taken"
        ):
            check_enough(0, 0)

    def test_nothing_is_learned_from_less(self):
        with pytest.raises(NothingToLearn, match="needs 1 more answers"):
            learn_ranker(shown(999), Options())

    @pytest.mark.parametrize(
        "wrong", [{"l2": 0.0}, {"l2": float("nan")}, {"l2": "x"}, {"pairs": 2}, {"debiased": None}]
    )
    def test_options_that_make_no_sense(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Options(**wrong)


class TestMeasures:
    def given(self):
        """Two answers of three; the last of the first and the first of the second were taken up."""
        x = np.zeros((2, 3, F), np.float32)
        return table(x, np.array([[0.0, 0.0, 1.0], [3.0, 0.0, -4.0]]))

    def test_ndcg_by_hand(self):
        given, seen = self.given(), np.array([1.0, 0.5, 0.25] * 2)
        found = measuring.gains(np.array([3.0, 2.0, 1.0, 1.0, 2.0, 3.0]), given, seen)
        # a click counts 1, the cart 2 = log2(1 + 3), the one at position 3 four times as much
        assert found.got == pytest.approx([4 / 2, 2 / 2])
        assert found.ideal == pytest.approx([4.0, 2.0])
        assert found.ndcg == pytest.approx(3 / 6)

    def test_equals_stand_as_they_are_served(self):
        found = measuring.gains(np.zeros(6), self.given(), np.ones(6))
        assert found.got == pytest.approx([1 / 2, 2.0])

    def test_auc_by_hand(self):
        given, seen = self.given(), np.array([1.0, 0.5, 0.25] * 2)
        scores = np.array([3.0, 1.0, 2.0, 5.0, 5.0, 1.0])
        # first: above one of two, four times; second: a tie and one above
        assert measuring.auc(scores, given, seen) == pytest.approx((4 * 1 + 1.5) / (4 * 2 + 2))
        nothing = replace(given, strength=np.zeros(6))
        assert measuring.auc(scores, nothing, seen) == 0.5

    def test_the_interval_of_no_difference_is_none(self):
        found = measuring.gains(np.arange(6.0), self.given(), np.ones(6))
        same = measuring.difference(found, found, np.arange(2), 0)
        assert same == {"ndcg@10": 0.0, "low": 0.0, "high": 0.0}

    def test_a_better_order_is_better_with_its_interval_and_seed(self):
        given = shown(600)
        model = clicks.fit(given, 1.0)
        seen = model.examined(given)
        scores = [r.scores(given.features).astype(float) for r in (model.ranker, FORMULA)]
        fair, plain = (measuring.gains(each, given, seen) for each in scores)
        found = measuring.difference(fair, plain, given.unit, 3)
        assert 0 < found["low"] < found["ndcg@10"] < found["high"]
        assert found == measuring.difference(fair, plain, given.unit, 3)
        assert found != measuring.difference(fair, plain, given.unit, 4)

    def test_what_was_held_out_says_which_is_better(self, learned):
        metrics = learned.metrics
        assert (metrics["answers measured"], metrics["taken up"] > 200) == (300, True)
        assert metrics["model"]["ndcg@10"] > metrics["formula"]["ndcg@10"] + 0.05
        assert metrics["model"]["auc"] > metrics["formula"]["auc"] + 0.05
        assert metrics["model"]["log loss"] < metrics["formula"]["log loss"]
        assert metrics["more than formula"]["low"] > 0

    def test_the_truth_is_hard_to_beat(self, learned):
        metrics = learned.metrics
        assert metrics["active"]["ndcg@10"] > metrics["formula"]["ndcg@10"] + 0.05
        assert abs(metrics["more than active"]["ndcg@10"]) < 0.02
