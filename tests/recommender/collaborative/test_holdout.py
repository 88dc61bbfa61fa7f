"""Measurements against worlds worked out by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.collaborative.holdout import Holdout, measure, popular


def held(history: list[list[int]], wanted: list[list[int]]) -> Holdout:
    rows = [csr_matrix(np.array(each, np.float32)) for each in (history, wanted)]
    return Holdout(*rows, np.arange(len(history[0])))


def test_ranks_count_among_the_items_not_used_before():
    world = held([[1, 0, 0, 0], [0, 1, 0, 0]], [[0, 1, 0, 0], [0, 0, 1, 1]])
    scores = np.array([[9, 1, 2, 3], [0, 9, 4, 5]], np.float32)
    found = measure(lambda history: scores, world)
    first = 1 / np.log2(4)  # third after the two others
    assert found == pytest.approx({"hr@10": 1, "ndcg@10": (first + 1) / 2, "coverage@10": 1})


def test_a_wanted_item_beyond_the_tenth_is_a_miss():
    wanted = np.zeros((1, 30), int)
    wanted[0, 12] = 1
    world = held([[0] * 30], wanted.tolist())
    scores = -np.arange(30, dtype=np.float32)[None]
    assert measure(lambda history: scores, world) == {
        "hr@10": 0,
        "ndcg@10": 0,
        "coverage@10": 10 / 30,
    }


def test_what_cannot_be_placed_is_never_shown():
    world = held([[1, 0, 0]], [[0, 1, 0]])
    scores = np.array([[1, -np.inf, 0]], np.float32)
    assert measure(lambda history: scores, world) == {
        "hr@10": 0,
        "ndcg@10": 0,
        "coverage@10": 1 / 3,
    }


def test_many_visitors_are_measured_in_batches(monkeypatch):
    monkeypatch.setattr("recommender.collaborative.holdout.CELLS", 60)
    rng = np.random.default_rng(0)
    history = (rng.random((23, 20)) < 0.2).astype(int)
    wanted = (rng.random((23, 20)) < 0.2) & (history == 0)
    wanted[:, 0], history[:, 0] = True, 0
    world = held(history.tolist(), wanted.astype(int).tolist())
    score = popular(np.arange(20, dtype=np.float32))
    batched = measure(score, world)
    monkeypatch.setattr("recommender.collaborative.holdout.CELLS", 10_000)
    assert measure(score, world) == pytest.approx(batched)
