"""Learned weights: the same arithmetic as in the head, and worlds where the right answer is known."""

import numpy as np
import pytest
import torch

from retrieval.fusion import FUSION_METHODS, Fusion, unit
from retrieval.training.fusing import (
    EQUAL,
    FusionConfig,
    Parts,
    _draw,
    _Model,
    _without_own,
    train_fusion,
)
from retrieval.types import MODALITIES

COUNT, DIM = 400, 24


def rows(seed: int, count: int = COUNT):
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)))


def world(text_noise: float, image_noise, **changes) -> Parts:
    """Items whose words and picture are a hidden vector, blurred; words ask for them."""
    hidden = rows(0)
    image = unit(hidden + image_noise * rows(2))
    parts = Parts(
        queries=unit(hidden + 0.3 * rows(3)),
        owners=np.arange(COUNT),
        rest=unit(hidden + text_noise * rows(1)),
        media={"image": image, "audio": np.zeros_like(image)},
        media_queries={"image": image, "audio": np.zeros_like(image)},
        present={
            "text": np.ones(COUNT, bool),
            "image": np.ones(COUNT, bool),
            "audio": np.zeros(COUNT, bool),
        },
        labels=np.arange(COUNT),
    )
    return parts._replace(**changes)


def train(parts: Parts, method="weighted", **options) -> Fusion:
    return train_fusion(parts, method, DIM, FusionConfig(**options), 0, lambda entry: None)


@pytest.mark.parametrize("method", FUSION_METHODS)
def test_torch_computes_what_the_head_computes(method):
    rng = np.random.default_rng(0)
    model = _Model(method, DIM, FusionConfig())
    with torch.no_grad():
        model._shares.copy_(torch.from_numpy(rng.standard_normal(3)))
        if method == "attention":
            model._keys.copy_(torch.from_numpy(rng.standard_normal((3, DIM))))
    batch = _draw(world(1.0, 1.0), np.arange(50), FusionConfig(), rng)
    with torch.no_grad():
        queries, fused = model.fused(batch)
    fusion = model.fusion()
    present = {name: batch.present[name] for name in MODALITIES}
    expected = fusion.combine(batch.vectors, fusion.weights(batch.vectors, present))
    assert fused.numpy() == pytest.approx(unit(expected), abs=1e-5)
    assert queries.numpy() == pytest.approx(fusion.query(batch.queries), abs=1e-5)


def test_the_clearer_modality_gets_the_larger_share():
    words, pictures = train(world(0.5, 3.0)).shares, train(world(3.0, 0.5)).shares
    assert words["text"] > 1.5 * words["image"]
    assert pictures["image"] > 1.5 * pictures["text"]


def test_attention_sees_which_pictures_to_trust():
    """Half of the pictures are noise and say so in their first component."""
    blurred = np.arange(COUNT) % 2 == 0
    parts = world(1.5, np.where(blurred[:, None], 20.0, 0.2))
    image = parts.media["image"].copy()
    image[:, 0] = np.where(blurred, 0.8, -0.8)
    parts = parts._replace(media={**parts.media, "image": unit(image)})
    fusion = train(parts, "attention", other_queries=0.0, dropout=0.0, key_pull=0.0)
    vectors = {"text": parts.rest, **parts.media}
    weights = fusion.weights(vectors, parts.present)
    column = MODALITIES.index("image")
    assert weights[~blurred, column].mean() > 2 * weights[blurred, column].mean()


def test_the_same_seed_gives_the_same_weights():
    first, second = train(world(1.0, 1.0)), train(world(1.0, 1.0))
    assert first.shares == second.shares


def test_too_few_items_get_equal_shares():
    few = np.arange(COUNT) < 40
    present = {"text": np.ones(COUNT, bool), "image": few, "audio": np.zeros(COUNT, bool)}
    assert train(world(1.0, 1.0, present=present)) == Fusion("weighted", EQUAL)


def test_every_item_keeps_at_least_one_modality():
    batch = _draw(
        world(1.0, 1.0), np.arange(COUNT), FusionConfig(dropout=0.99), np.random.default_rng(1)
    )
    assert sum(has.astype(int) for has in batch.present.values()).min() == 1


def test_the_rest_of_an_item_is_what_other_languages_say():
    vectors = np.eye(4, dtype=np.float32)
    owners, languages = np.array([0, 0, 0, 1]), np.array(["en", "en", "zh", "en"])
    rest = _without_own(vectors, owners, languages, 2)
    assert rest[0].tolist() == rest[1].tolist() == [0, 0, 1, 0]
    assert rest[2] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    assert rest[3].tolist() == [0, 0, 0, 1]  # nothing else is said of it
