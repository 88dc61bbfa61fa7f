"""Two towers: they find what events say, and where nobody has been yet, what content says."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.collaborative import Interactions, TwoTower, two_tower_training
from recommender.collaborative.two_tower import visitor_vectors
from recommender.exceptions import NothingToLearn
from tests.recommender.collaborative.worlds import checkerboard, described

QUICK = {"factors": 8, "epochs": 60, "batch": 64, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def learned() -> tuple[Interactions, np.ndarray, TwoTower]:
    """A world where content decides, and its model."""
    world, content = described()
    return world, content, TwoTower(**QUICK).fit(world, content)


def test_the_missing_square_of_the_checkerboard_is_of_the_right_colour():
    world = checkerboard()
    scores = TwoTower(**QUICK).fit(world).scores(world.visitors)
    same = np.add.outer(np.arange(40), np.arange(40)) % 2 == 0
    worst, best = np.where(same, scores, np.inf).min(1), np.where(same, -np.inf, scores).max(1)
    assert (worst > best).all()


def test_items_nobody_has_touched_are_ranked_by_their_content(learned):
    world, _, model = learned
    scores = model.scores(world.visitors)[:, ::9]  # the untouched
    right = (np.arange(300)[:, None] - np.arange(0, 120, 9)) % 4 == 0
    worst, best = np.where(right, scores, np.inf).min(1), np.where(right, -np.inf, scores).max(1)
    assert (worst > best).mean() > 0.95  # 14 items, 3 or 4 of them right: chance is below .003


def test_an_item_that_comes_later_is_placed_as_if_it_had_been_there(learned):
    _, content, model = learned
    placed = model.place(content[::9])
    assert placed.vectors == pytest.approx(model.towers.vectors[::9], abs=1e-6)
    assert placed.contexts == pytest.approx(model.towers.contexts[::9], abs=1e-6)


def test_what_place_needs_is_enough_for_it(learned):
    _, content, model = learned
    kept = TwoTower.from_bytes(model.to_bytes(items=False))
    assert np.array_equal(kept.place(content).vectors, model.place(content).vectors)
    assert not hasattr(kept, "towers")


def test_a_saved_model_is_the_same_after_loading(learned, tmp_path):
    world, content, model = learned
    model.save(tmp_path / "model")
    loaded = TwoTower.load(tmp_path / "model")
    assert np.array_equal(loaded.scores(world.visitors), model.scores(world.visitors))
    assert np.array_equal(loaded.place(content).contexts, model.place(content).contexts)
    assert (loaded.factors, loaded.learning_rate) == (8, 0.02)


def test_a_seed_gives_the_same_model_and_another_seed_another():
    world, content = described(visitors=80, items=40)
    short = {**QUICK, "epochs": 3}
    first = TwoTower(**short).fit(world, content).scores(world.visitors)
    assert np.array_equal(TwoTower(**short).fit(world, content).scores(world.visitors), first)
    assert not np.array_equal(TwoTower(**short, seed=1).fit(world, content).towers.vectors, first)


def test_a_sampled_softmax_learns_what_the_full_one_does():
    world, content = described()
    model = TwoTower(**QUICK, negatives=30).fit(world, content)
    scores = model.scores(world.visitors)
    right = np.subtract.outer(np.arange(300), np.arange(120)) % 4 == 0
    best = np.argsort(-scores, axis=1)[:, :20]
    assert np.take_along_axis(right, best, axis=1).mean() > 0.95


def test_the_correction_makes_a_sampled_sum_the_full_one_on_average():
    world, content = described()
    model = TwoTower(**QUICK, negatives=20)
    net = two_tower_training._Net(model, world.visitors, content)
    logits = np.random.default_rng(0).standard_normal(120)
    rng, sums = np.random.default_rng(1), []
    for _ in range(4_000):
        items, correction = net._candidates(csr_matrix((1, 120)), rng)
        sums.append(np.exp(logits[items.numpy()] - correction.numpy()).sum())
    assert np.mean(sums) == pytest.approx(np.exp(logits[net.used]).sum(), rel=0.02)


def test_learning_stops_when_held_out_items_are_no_longer_found_better():
    world, content = described()
    told = []
    TwoTower(**{**QUICK, "epochs": 500, "patience": 5}).fit(world, content, told.append)
    scores = [entry["ndcg@20"] for entry in told]
    assert len(scores) < 500
    assert max(scores) == scores[-6]


def test_an_item_without_content_lives_on_events_alone():
    world = checkerboard()
    content = np.zeros((40, 5), np.float32)
    content[:20] = 1
    scores = TwoTower(**QUICK).fit(world, content).scores(world.visitors)
    same = np.add.outer(np.arange(40), np.arange(40)) % 2 == 0
    assert np.where(same, scores, 0).sum() > np.where(same, 0, scores).sum()


def test_a_visitor_is_the_weighted_sum_of_contexts_over_the_length_of_the_weights(learned):
    _, _, model = learned
    history = csr_matrix(([3.0, -4.0], ([0, 0], [5, 9])), shape=(1, 120))
    expected = (3 * model.towers.contexts[5] - 4 * model.towers.contexts[9]) / 5
    assert model.visitors(history)[0] == pytest.approx([*expected, 1], abs=1e-6)
    assert visitor_vectors(np.zeros((1, 2), np.float32), np.zeros((1, 1))).tolist() == [[0, 0, 1]]


def test_what_does_not_fit_is_refused():
    world, content = described(visitors=40, items=40)
    with pytest.raises(ValueError, match=r"content of shape \(39, 16\)"):
        TwoTower(**QUICK).fit(world, content[1:])
    with pytest.raises(ValueError, match="must be finite"):
        TwoTower(**QUICK).fit(world, np.full_like(content, np.nan))
    with pytest.raises(NothingToLearn):
        TwoTower().fit(Interactions(csr_matrix((3, 2), dtype=np.float32), np.arange(2)))


def test_serving_needs_no_torch(learned, tmp_path):
    learned[2].save(tmp_path / "model")
    probe = (
        "import sys, numpy; from recommender.collaborative import TwoTower;"
        f"model = TwoTower.load({str(tmp_path / 'model')!r});"
        "model.place(numpy.ones((1, 16), numpy.float32)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
