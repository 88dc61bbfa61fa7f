"""Worlds in which refinement must help, and in which there is nothing to find."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.fusion import unit
from retrieval.head import Head
from retrieval.training import TrainingConfig, train_head
from retrieval.training.batches import BATCH, Draws, Sampler, language_weights
from retrieval.training.contrastive import ContrastiveConfig, _exceeds, _Model, refine
from retrieval.training.data import Rows, TextRows, TrainingSet

ITEMS, LOUD, QUIET = 400, 4, 12
EAGER = ContrastiveConfig(max_epochs=8, learning_rate=0.005, pull=0.0)
CLOSED = TrainingConfig(dim=16, strengths=(0.01,), contrastive=None)
IMAGE = frozenset({"image"})


def world(seed: int = 0, *, shuffled: bool = False) -> TrainingSet:
    """Titles in one language say loudly, and half wrongly, what least tells items apart.

    Four latent directions are twice the others and noisier than they are large; the twelve
    quiet ones are nearly exact. One text an item: the whitening cannot see the noise, and ridge regression
    reproduces the directions at their size, so that the loud ones decide.
    """
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((ITEMS, LOUD + QUIET))
    sizes = np.repeat([2.0, 1.0], [LOUD, QUIET])
    wrong = np.repeat([4.0, 0.1], [LOUD, QUIET]) * rng.standard_normal(latent.shape)
    turn, _ = np.linalg.qr(rng.standard_normal((200, 200)))
    text = (latent * sizes + wrong) @ turn[: LOUD + QUIET]
    image = latent @ rng.standard_normal((LOUD + QUIET, 200))
    image += 0.1 * rng.standard_normal(image.shape)
    every = np.arange(ITEMS)
    owners = rng.permutation(ITEMS) if shuffled else every
    return TrainingSet(
        labels=every,
        text=TextRows(every, unit(text), np.repeat("en", ITEMS)),
        image=Rows(owners, unit(image)),
        audio=Rows(np.zeros(0, np.int64), np.zeros((0, 8), np.float32)),
    )


def fit(data: TrainingSet):
    return train_head(data, CLOSED).head


def mrr(head, data: TrainingSet, items) -> float:
    chosen = data.subset(items)
    scores = (
        head.project("text", chosen.text.vectors) @ head.project("image", chosen.image.vectors).T
    )
    return float((1 / (1 + (scores > scores.diagonal()[:, None]).sum(1))).mean())


def test_it_finds_what_regression_misses():
    data = world()
    seen, unseen = np.arange(300), np.arange(300, ITEMS)
    subset = data.subset(seen)
    config = TrainingConfig(dim=16, strengths=(0.01,), contrastive=EAGER)
    trained = train_head(subset, config)
    assert trained.metrics["contrastive_epochs"] > 0
    assert trained.metrics["contrastive_best_mrr"] > trained.metrics["contrastive_start_mrr"]
    assert mrr(trained.head, data, unseen) > mrr(fit(subset), data, unseen) + 0.1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_declines_where_there_is_nothing_to_learn(seed):
    config = TrainingConfig(dim=16, strengths=(0.01,), seed=seed, contrastive=EAGER)
    data = world(seed, shuffled=True)
    trained = train_head(data, config)
    assert trained.metrics["contrastive_epochs"] == 0
    closed = train_head(data, replace(config, contrastive=None))
    assert trained.head.fingerprint == closed.head.fingerprint


def test_the_same_seed_gives_the_same_head():
    data = world()
    start = fit(data)

    def last(seed):
        return [*refine(start, data, EAGER, 2, seed, IMAGE)][-1][0].fingerprint

    assert last(0) == last(0)
    assert last(0) != last(1)


def test_only_what_may_move_moves():
    data = world()
    start = fit(data)
    ((moved, _),) = refine(start, data, EAGER, 1, 0, IMAGE)
    for name, still in (("text", False), ("image", False), ("audio", True)):
        before, after = start.projections[name].weight, moved.projections[name].weight
        assert np.array_equal(before, after) == still


def test_a_strong_pull_holds_the_start():
    data = world()
    start = fit(data)
    held = ContrastiveConfig(learning_rate=0.005, pull=1_000.0)

    def distance(config):
        *_, (head, _) = refine(start, data, config, 4, 0, IMAGE)
        return np.abs(
            head.project("image", data.image.vectors) - start.project("image", data.image.vectors)
        ).mean()

    assert distance(held) < distance(EAGER) / 2


def test_too_few_items_are_not_judged():
    config = TrainingConfig(dim=16, strengths=(0.01,), contrastive=EAGER)
    trained = train_head(world().subset(np.arange(200)), config)
    assert trained.metrics["contrastive_epochs"] == 0
    assert {"stage": "contrastive", "chosen_epochs": 0} in trained.history


def test_the_history_holds_the_curve():
    told = []
    config = TrainingConfig(dim=16, strengths=(0.01,), contrastive=EAGER)
    trained = train_head(world().subset(np.arange(300)), config, told.append)
    curve = [e["mrr"] for e in told if e["stage"] == "contrastive" and "epoch" in e]
    assert len(curve) <= EAGER.max_epochs + 1
    assert curve[0] == pytest.approx(trained.metrics["contrastive_start_mrr"], abs=1e-4)
    chosen = trained.metrics["contrastive_epochs"]
    assert curve[int(chosen)] == max(curve)
    assert trained.head.metadata["metrics"]["contrastive_epochs"] == chosen
    assert trained.head.metadata["contrastive_curve"] == curve


def test_equal_labels_are_no_negatives():
    import torch

    data = world()
    model = _Model(fit(data), data, EAGER, IMAGE)
    rows, scale = torch.eye(2), EAGER.inverse_temperature
    apart = model._info_nce(rows, rows, np.array([0, 1])).item()
    shared = model._info_nce(rows, rows, np.array([0, 0])).item()
    assert apart == pytest.approx(np.log(1 + np.exp(-scale)), abs=1e-6)
    assert shared == pytest.approx(apart + scale / 2, abs=1e-5)  # they ought to be one


def test_each_language_counts_once():
    owners = np.array([0, 0, 0, 1])
    languages = np.array(["en", "en", "zh", "en"])
    assert language_weights(owners, languages).tolist() == [0.5, 0.5, 1.0, 1.0]


def test_draws_choose_a_language_then_a_row():
    vectors = np.arange(4, dtype=np.float32)[:, None] + 1
    data = TrainingSet(
        labels=np.arange(3),
        text=TextRows(np.array([0, 0, 0, 2]), vectors, np.array(["en", "en", "zh", "en"])),
        image=Rows(np.array([1]), vectors[:1]),
        audio=Rows(np.zeros(0, np.int64), np.zeros((0, 2), np.float32)),
    )
    rng = np.random.default_rng(0)
    draws = Draws(data, "text")
    found = np.array([draws.of(np.array([2, 0, 1]), rng)[:, 0] for _ in range(400)])
    assert set(found[:, 0]) == {4.0}
    assert np.bincount(found[:, 1].astype(int))[1:] == pytest.approx([100, 100, 200], abs=40)
    assert set(found[:, 2]) == {0.0}  # it has no text
    assert Draws(data, "audio").of(np.array([0, 1]), rng).tolist() == [[0, 0], [0, 0]]


def test_copies_are_drawn_like_originals():
    data = world()
    copies = Rows(data.image.items, -data.image.vectors)
    draws = Draws(replace(data, further={"image": copies}), "image")
    rng = np.random.default_rng(0)
    found = [draws.of(np.arange(ITEMS), rng) for _ in range(20)]
    own = np.stack([(rows == data.image.vectors).all(1) for rows in found])
    copied = np.stack([(rows == copies.vectors).all(1) for rows in found])
    assert (own ^ copied).all()
    assert own.mean() == pytest.approx(0.5, abs=0.03)


def test_modality_dropout_always_leaves_something():
    data = world()
    config = ContrastiveConfig(modality_dropout=0.9)
    batch = Sampler(fit(data), data, config.modality_dropout, 0).draw()
    left = np.sum([*batch.in_fused.values()], axis=0)
    assert left.min() == 1
    assert not batch.in_fused["audio"].any()
    assert batch.present["fused"].all()


def test_a_gain_within_the_noise_is_none():
    rng = np.random.default_rng(0)
    assert not _exceeds(rng.standard_normal(400), 2.0)
    assert _exceeds(rng.standard_normal(400) + 0.2, 2.0)
    assert not _exceeds(np.zeros(400), 2.0)


def test_half_of_a_batch_are_neighbours():
    """Items in pairs that say nearly the same: a batch holds far more whole pairs than chance."""
    rng = np.random.default_rng(0)
    pairs = np.repeat(rng.standard_normal((1_000, 12)), 2, axis=0)
    words = unit((pairs + 0.01 * rng.standard_normal(pairs.shape)).astype(np.float32))
    every = np.arange(len(words))
    none = Rows(np.zeros(0, np.int64), np.zeros((0, 12), np.float32))
    text = TextRows(every, words, np.full(len(words), "en"))
    data = TrainingSet(every, text, none, none)
    head = Head.untrained(dict.fromkeys(("text", "image", "audio"), 12), 8)
    batch = Sampler(head, data, 0.3, seed=0).draw()
    assert len(np.unique(batch.labels)) == len(batch.labels) == BATCH
    whole = np.isin(batch.labels ^ 1, batch.labels).mean()
    assert whole > 0.4  # chance is a quarter
