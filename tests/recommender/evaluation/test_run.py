"""A small world from end to end: who finds what is known by construction."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender import interests, metrics, ranking
from recommender.evaluation import pipeline, protocols, run, scorers
from recommender.evaluation.datasets import Dataset
from tests.recommender.evaluation.worlds import EACH, LIKED, N_ITEMS, TOPICS, VISITORS, topics

NO_TOWERS = {name: weight for name, weight in ranking.WEIGHTS.items() if name != "factors"}
LEFT = EACH - LIKED + 1
"""Items of a visitor's topic that are not in the history, once the last is held out."""
COLD = 3
"""Of the eight items held out by seed 0 at most so many are of one topic."""


def measured(
    world: Dataset, protocol: str, *made: scorers.Scorer, k: int = LEFT
) -> list[run.Result]:
    return run.evaluate(world, protocols.split(world, protocol, 0), made, k=k)


def test_models_know_the_topic_and_chance_does_not() -> None:
    names = ("random", "item-knn", "ease", "als", "tf-idf")
    baselines = [scorers.BASELINES[name]() for name in names]
    results = measured(topics(), "leave-last", *baselines, pipeline.Triad(weights=NO_TOWERS))
    found = {each.label: float(each.values["hr"].mean()) for each in results}
    chance = LEFT / (N_ITEMS - LIKED + 1)
    assert abs(found.pop("random") - chance) < 3 * math.sqrt(chance * (1 - chance) / VISITORS)
    assert set(found.values()) == {1.0}


def test_whom_nobody_resembles_gets_what_is_popular() -> None:
    world = topics()
    split = protocols.split(world, "leave-last", 0)
    (result,) = run.evaluate(world, split, [scorers.Popular()], k=N_ITEMS)
    counts = np.asarray(split.train.sum(0)).ravel()
    for row, listed in enumerate(result.lists):
        own = [int(item) for item in listed if item != metrics.NOBODY]
        assert sorted(own) == sorted(set(range(N_ITEMS)) - set(split.train[row].indices))
        assert counts[own].tolist() == sorted(counts[own], reverse=True)


def test_new_items_are_found_by_what_they_are() -> None:
    ease, triad = measured(
        topics(),
        "cold-items",
        scorers.BASELINES["ease"](),
        pipeline.Triad(weights=NO_TOWERS),
        k=COLD,
    )
    assert triad.values["hr"].mean() == 1.0
    assert ease.values["hr"].mean() < 0.8
    assert triad.slices["new items"]["hr"].tolist() == triad.values["hr"].tolist()


def test_without_content_new_items_are_chance() -> None:
    world = topics()
    (blind,) = measured(
        world, "cold-items", pipeline.Triad(weights=NO_TOWERS, without=("taste", "session")), k=COLD
    )
    assert blind.values["hr"].mean() < 0.8


def test_each_modality_is_measured_alone() -> None:
    """Pictures that say nothing of the topic find new items by chance."""
    world = topics()
    noise = np.random.default_rng(5).standard_normal((N_ITEMS, 16)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    seen = replace(world, vectors={**world.vectors, "text": world.vectors["fused"], "image": noise})
    made = [pipeline.Triad(each, NO_TOWERS, vectors=each) for each in ("text", "image")]
    text, image = measured(seen, "cold-items", *made, k=COLD)
    assert text.values["hr"].mean() == 1.0
    assert image.values["hr"].mean() < 0.8


def test_the_towers_place_new_items_too() -> None:
    only = pipeline.Triad(weights={"factors": 1.0})
    (result,) = measured(topics(), "cold-items", only, k=COLD)
    assert result.values["hr"].mean() > 0.9


def test_features_are_relative_to_the_best_unseen_candidate() -> None:
    world = topics()
    split = protocols.split(world, "leave-last", 0)
    triad = pipeline.Triad(weights=NO_TOWERS)
    triad.fit(world, split)
    rows = np.array([0, 5, 9])
    found = triad.features(rows)
    assert set(found) == set(pipeline.SIMULATED) - {"factors"}
    seen = split.train[rows].toarray() > 0
    for values in found.values():
        assert values.max(1) == pytest.approx([1, 1, 1])
        assert not values[seen].any()
    summed = sum(NO_TOWERS[name] * values for name, values in found.items())
    assert triad.scores(rows) == pytest.approx(summed, abs=1e-6)


def test_taste_is_what_the_profile_says() -> None:
    world = topics()
    split = protocols.split(world, "leave-last", 0)
    triad = pipeline.Triad(weights={"taste": 1.0})
    triad.fit(world, split)
    vectors = world.vectors["fused"]
    items = split.train[3].indices
    leanings = interests.Leanings.empty(vectors.shape[1])
    deeds = [
        interests.Deed(int(i) + 1, pipeline.LIKE, None, float(split.times[3, i]), vectors[i])
        for i in items
    ]
    interests.take_in(leanings, deeds, triad.threshold)
    own = interests.taste(leanings, leanings.at)
    nearest = np.max([vectors @ each.vector for each in own.interests], axis=0)
    nearest[items] = 0
    assert triad.features(np.array([3]))["taste"][0] == pytest.approx(
        np.maximum(nearest, 0) / nearest.max(), abs=1e-6
    )


def test_covisits_are_what_counting_every_pair_finds() -> None:
    world = topics(seed=1)
    split = protocols.split(world, "leave-last", 0)
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for visitor in range(VISITORS):
        own = split.times[visitor]
        for i, at in zip(own.indices, own.data, strict=True):
            for j, then in zip(own.indices, own.data, strict=True):
                if i != j and abs(at - then) <= 130:
                    counts[i, j] += 1
    used = np.asarray(split.train.sum(0)).ravel() + ranking.COVISITED_SHRINKAGE
    expected = counts / np.sqrt(used[:, None] * used[None])
    assert pipeline.covisits(split, 130).toarray() == pytest.approx(expected, rel=1e-5)


def test_slices_hold_who_and_what_is_new() -> None:
    world = topics()
    (result,) = measured(world, "time-split", scorers.Popular(), k=10)
    split = protocols.split(world, "time-split", 0)
    rows = run.asked(split)
    history = np.diff(split.train.indptr)[rows]
    assert (history == 0).any()
    new = result.slices["new visitors"]["hr"]
    assert new.tolist() == result.values["hr"][history == 0].tolist()


def test_the_report_compares_with_the_best_baseline_in_pairs() -> None:
    world = topics()
    split = protocols.split(world, "random", 0)
    made = [scorers.Random(), scorers.BASELINES["item-knn"](), pipeline.Triad(weights=NO_TOWERS)]
    results = run.evaluate(world, split, made, k=5)
    report = run.report(world, split, results, ["Triad (default)"], seed=0)
    rows = {row["model"]: row for row in report["models"]}
    assert "against_best" not in rows["item-kNN"]
    found = rows["Triad (default)"]["against_best"]["ndcg"]
    gained = results[2].values["ndcg"] - results[1].values["ndcg"]
    assert found == {
        "baseline": "item-kNN",
        "difference": round(float(gained.mean()), 4),
        "interval": [round(bound, 4) for bound in metrics.interval(gained)],
    }
    assert report["asked"] == len(gained)
    assert rows["random"]["beyond"]["coverage"] == 1.0


def test_words_that_are_rare_count_more() -> None:
    found = scorers.tf_idf(["green frog", "green toad", ""]).toarray()
    idf = {1: math.log(4 / 2) + 1, 2: math.log(4 / 3) + 1}
    length = math.hypot(idf[2], idf[1])
    assert found[0] == pytest.approx([idf[2] / length, idf[1] / length, 0])
    assert found[2].tolist() == [0, 0, 0]


def test_ours_stands_in_for_implicit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert scorers.als().label == "ALS (own: implicit is not installed)"


def test_batches_do_not_change_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    split = protocols.split(topics(), "leave-last", 0)
    scorer = scorers.Random()
    scorer.fit(topics(), split)
    whole = run.lists_of(scorer, split, 5)
    monkeypatch.setattr(run, "BATCH", 7)
    assert np.array_equal(run.lists_of(scorer, split, 5), whole)
    assert not csr_matrix(split.train).multiply(_listed(whole)).nnz


def _listed(lists: metrics.Lists) -> csr_matrix:
    rows = np.repeat(np.arange(len(lists)), lists.shape[1])
    return csr_matrix((np.ones(lists.size), (rows, lists.ravel())), shape=(len(lists), N_ITEMS))


def test_every_topic_is_somebodys() -> None:
    world = topics()
    assert np.bincount(world.items % TOPICS).tolist() == [len(world.items) // TOPICS] * TOPICS
