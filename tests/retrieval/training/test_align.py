"""A world whose right answer is known: all modalities are linear images of one latent vector."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.evaluation import (
    best_ranks,
    confidence_intervals,
    evaluate_holdout,
    holdout_split,
    retrieval_metrics,
)
from retrieval.training import TrainingConfig, train_head
from retrieval.training.data import Anchors, Rows, TextRows, TrainingSet

ITEMS, LATENT = 200, 12


def world(seed: int = 0, audio_share: float = 0.5) -> TrainingSet:
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((ITEMS, LATENT))
    maps = {name: rng.standard_normal((LATENT, 40)) for name in ("text", "image", "audio")}
    shifts = {"en": rng.standard_normal(40) * 5, "zh": rng.standard_normal(40) * 5}

    def row(name, items, shift=0.0):
        noise = 0.1 * rng.standard_normal((len(items), 40))
        vectors = latent[items] @ maps[name] + shift + noise
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    every = np.arange(ITEMS)
    some = every[: int(ITEMS * audio_share)]
    text = np.concatenate([row("text", every, shift) for shift in shifts.values()])
    languages = np.repeat(list(shifts), ITEMS)
    return TrainingSet(
        labels=every,
        text=TextRows(np.concatenate([every, every]), text, languages),
        image=Rows(every, row("image", every)),
        audio=Rows(some, row("audio", some)),
    )


CONFIG = TrainingConfig(dim=16, strengths=(0.01, 0.1))


def test_unseen_items_are_found_in_both_languages():
    data = world()
    result = evaluate_holdout(data, data.text, seed=0, config=CONFIG)
    for language in ("en", "zh"):
        assert len(result.ranks[language]) == 40
        assert result.metrics()[language]["r@5"] > 0.9


def test_sounds_align_too():
    data = world(audio_share=1.0)
    result = evaluate_holdout(data, data.text, seed=0, config=CONFIG, target="audio")
    assert result.metrics()["en"]["r@5"] > 0.9


def test_shuffled_pictures_teach_nothing():
    data = world()
    wrong = Rows(np.random.default_rng(1).permutation(ITEMS), data.image.vectors)
    shuffled = TrainingSet(data.labels, data.text, wrong, data.audio)
    assert evaluate_holdout(shuffled, data.text, 0, CONFIG).metrics()["en"]["r@1"] < 0.15


def test_training_is_deterministic_and_tells_its_progress():
    told = []
    first = train_head(world(), CONFIG, told.append)
    assert first.head.fingerprint == train_head(world(), CONFIG).head.fingerprint
    assert first.history == told
    stages = [entry["stage"] for entry in told]
    assert [s for s in stages if not s.startswith("fusion")] == [
        "text",
        *["image"] * 2,
        *["audio"] * 2,
        "contrastive",
    ]
    assert stages[-1] == "fusion"
    assert first.head.metadata["metrics"] == first.metrics
    assert first.metrics["contrastive_epochs"] == 0  # 40 held-back items cannot judge it
    strengths = {"image_strength", "audio_strength"}
    mrr = {"text_to_image_mrr", "text_to_audio_mrr"}
    assert set(first.metrics) == strengths | mrr | {"contrastive_epochs"}


def test_a_modality_without_rows_keeps_a_random_projection():
    head = train_head(world(audio_share=0.0), CONFIG).head
    assert head.modalities == ("text", "image", "audio")
    assert np.isfinite(head.project("audio", np.ones((1, 40), np.float32))).all()


def test_a_catalog_without_texts_trains():
    data = world().subset(np.arange(ITEMS))
    silent = TextRows(np.zeros(0, np.int64), np.zeros((0, 40), np.float32), np.zeros(0, str))
    trained = train_head(TrainingSet(data.labels, silent, data.image, data.audio), CONFIG)
    assert trained.metrics == {"contrastive_epochs": 0}
    assert trained.head.shared_dim == 16


def test_anchors_help_when_items_are_few():
    data = world(seed=3)
    few, rest = np.arange(8), np.arange(8, ITEMS)
    english = data.text.languages == "en"
    anchors = Anchors(
        data.image.vectors[rest[:100]] - data.image.vectors.mean(0),
        data.text.vectors[english][rest[:100]],
    )
    small = data.subset(few)
    with_anchors = TrainingSet(
        small.labels, small.text, small.image, small.audio, {"image": anchors}
    )
    unseen = rest[100:]

    def mrr(trained):
        texts = trained.head.project("text", data.text.vectors[english][unseen])
        images = trained.head.project("image", data.image.vectors[unseen])
        return retrieval_metrics(best_ranks(texts @ images.T, np.eye(len(unseen), dtype=bool)))[
            "mrr"
        ]

    assert mrr(train_head(small, CONFIG)) < 0.7
    assert mrr(train_head(with_anchors, CONFIG)) > 0.95


def test_subset_renumbers():
    subset = world().subset(np.array([7, 3]))
    assert subset.labels.tolist() == [7, 3]
    assert subset.image.items.tolist() == [1, 0]
    assert sorted(subset.text.items.tolist()) == [0, 0, 1, 1]


def slow_rank(scores, relevant):
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], relevant[i]))
    return next(rank for rank, i in enumerate(order, 1) if relevant[i])


def test_ranks_match_a_sorted_list():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (100, 15)).astype(float)  # many ties
    relevant = rng.random((100, 15)) < 0.2
    relevant[~relevant.any(1), 0] = True
    expected = [slow_rank(*pair) for pair in zip(scores, relevant, strict=True)]
    assert best_ranks(scores, relevant).tolist() == expected


def test_constant_scores_are_last():
    assert best_ranks(np.ones((1, 5)), np.array([[False, True, False, False, False]])).tolist() == [
        5
    ]


def test_a_query_without_answer_is_an_error():
    with pytest.raises(ValueError, match="relevant"):
        best_ranks(np.ones((1, 2)), np.zeros((1, 2), bool))


def test_metrics_by_hand():
    metrics = retrieval_metrics(np.array([1, 2, 10, 20]))
    assert metrics == {"r@1": 0.25, "r@5": 0.5, "r@10": 0.75, "mrr": pytest.approx(0.4125)}


def test_intervals_hold_the_value():
    ranks = np.random.default_rng(0).integers(1, 30, 277)
    intervals = confidence_intervals(ranks)
    for name, value in retrieval_metrics(ranks).items():
        low, high = intervals[name]
        assert low < value < high
    assert intervals == confidence_intervals(ranks)


def test_the_split_of_the_demo_catalog():
    kept, held = holdout_split(1_387, seed=0)
    assert (len(kept), len(held)) == (1_110, 277)
    assert not set(kept) & set(held)
    assert not np.array_equal(held, holdout_split(1_387, seed=1)[1])


def augmented(data: TrainingSet, further: dict[str, Rows]) -> TrainingSet:
    return TrainingSet(data.labels, data.text, data.image, data.audio, further=further)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_copies_equal_to_the_originals_are_a_weaker_ridge(weight):
    """Least squares with every row twice: half the ridge, whichever items judge the strength."""
    data = world()
    copied = augmented(data, {"image": data.image, "audio": data.audio})
    config = {"dim": 16, "contrastive": None, "augment": 1, "augment_weight": weight}
    strengths = {factor: (0.05 * factor, 0.5 * factor) for factor in (1, 1 + weight**2)}
    plain = train_head(data, TrainingConfig(**config, strengths=strengths[1]))
    twice = train_head(copied, TrainingConfig(**config, strengths=strengths[1 + weight**2]))
    for name in ("image", "audio"):
        weights = [trained.head.projections[name].weight for trained in (plain, twice)]
        assert np.abs(weights[0] - weights[1]).max() < 1e-4
        key = f"text_to_{name}_mrr"
        assert plain.metrics[key] == pytest.approx(twice.metrics[key], abs=1e-9)


def test_copies_teach_what_the_originals_lack():
    data = world()
    rng = np.random.default_rng(1)
    noisy = data.image.vectors + 0.3 * rng.standard_normal(data.image.vectors.shape)
    poor = TrainingSet(
        data.labels, data.text, Rows(data.image.items, noisy.astype(np.float32)), data.audio
    )
    config = replace(CONFIG, augment_weight=1.0)
    rich = augmented(poor, {"image": Rows(data.image.items, data.image.vectors)})
    found = [
        evaluate_holdout(each, data.text, seed=0, config=config).metrics()["en"]["mrr"]
        for each in (poor, rich)
    ]
    assert found[1] > found[0] + 0.03


def test_held_out_items_keep_neither_their_rows_nor_their_copies():
    data = world()
    copied = augmented(data, {"image": Rows(data.image.items[::-1], data.image.vectors[::-1])})
    kept = np.array([7, 3, 150])
    subset = copied.subset(kept)
    assert subset.further["image"].items.tolist() == [2, 0, 1]
    assert np.array_equal(subset.further["image"].vectors, data.image.vectors[[150, 7, 3]])
    learned = subset.learned("image")
    assert learned.items.tolist() == [1, 0, 2, 2, 0, 1]
    assert subset.learned("audio") is subset.audio
    assert len(subset.image.items) == 3
