"""Details: what tells items of one modality apart survives alignment and costs no alignment."""

import numpy as np
import pytest

from retrieval.fusion import unit
from retrieval.head import DETAIL_SHARE, Head
from retrieval.training.data import Rows, TextRows, TrainingSet
from retrieval.training.details import fit_details, whitened_directions

DIMS = {"text": 12, "image": 20, "audio": 16}


@pytest.fixture
def head() -> Head:
    return Head.untrained(DIMS, 8)


@pytest.fixture
def features() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        name: unit(rng.standard_normal((40, dim)).astype(np.float32)) for name, dim in DIMS.items()
    }


def detailed(head: Head, features: dict[str, np.ndarray]) -> Head:
    names = ("image", "audio")
    return head.with_details({name: whitened_directions(features[name], 6) for name in names})


def test_details_add_dimensions_of_their_own(head, features):
    with_details = detailed(head, features)
    assert (head.dim, with_details.shared_dim, with_details.dim) == (8, 8, 20)
    text, image, audio = (with_details.project(name, features[name]) for name in DIMS)
    for rows in (text, image, audio):
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert not text[:, 8:].any()
    assert not image[:, 14:].any()
    assert not audio[:, 8:14].any()


def test_scores_between_modalities_keep_their_order(head, features):
    with_details = detailed(head, features)
    plain = head.project("text", features["text"]) @ head.project("image", features["image"]).T
    scored = (
        with_details.project("text", features["text"])
        @ with_details.project("image", features["image"]).T
    )
    assert scored == pytest.approx(plain * np.sqrt(1 - DETAIL_SHARE), abs=1e-5)


def test_items_that_alignment_makes_alike_stay_apart():
    rng = np.random.default_rng(5)
    images = rng.standard_normal((40, 20)).astype(np.float32)
    head = Head.untrained(DIMS, 8)
    collapsed = head.projections["image"].weight
    collapsed[:] = np.outer(np.ones(20), collapsed[0])  # every picture on one line
    noisy = unit(images + 0.05 * rng.standard_normal(images.shape).astype(np.float32))
    images = unit(images)

    def first(one: Head) -> float:
        scores = one.project("image", noisy) @ one.project("image", images).T
        return float((scores.argmax(1) == np.arange(40)).mean())

    assert first(head) < 0.2
    assert first(head.with_details({"image": whitened_directions(images, 12)})) == 1.0


def test_directions_are_orthogonal_and_of_nearly_equal_spread(features):
    directions = whitened_directions(features["image"], 10)
    spread = ((features["image"] - features["image"].mean(0)) @ directions).std(0)
    assert directions.shape == (20, 10)
    assert spread.max() / spread.min() < 1.2


def test_a_modality_with_too_few_rows_gets_no_detail(features):
    few = TrainingSet(
        labels=np.arange(40),
        text=TextRows(np.arange(40), features["text"], np.array(["en"] * 40)),
        image=Rows(np.arange(40), features["image"]),
        audio=Rows(np.arange(3), features["audio"][:3]),
    )
    assert set(fit_details(few)) == {"image"}


def test_a_head_with_details_survives_saving(head, features):
    with_details = detailed(head, features)
    loaded = Head.from_bytes(with_details.to_bytes())
    assert loaded.dim == with_details.dim
    assert loaded.fingerprint == with_details.fingerprint != head.fingerprint
    rows = features["image"]
    assert (loaded.project("image", rows) == with_details.project("image", rows)).all()
