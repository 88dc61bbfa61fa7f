import numpy as np
import pytest

from retrieval.fusion import Fusion, pool, unit
from retrieval.head import Head

DIMS = {"text": 48, "image": 20, "audio": 12}


def vectors(count: int, dim: int, seed: int = 0):
    return unit(np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32))


def test_projection_gives_unit_rows():
    head = Head.untrained(DIMS, dim=32)
    for name, d_in in DIMS.items():
        projected = head.project(name, vectors(5, d_in))
        assert projected.shape == (5, 32)
        assert projected.dtype == np.float32
        assert np.linalg.norm(projected, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
        assert head.project(name, np.zeros((0, d_in), np.float32)).shape == (0, 32)


def test_untrained_keeps_cosines_exactly_where_it_fits():
    head = Head.untrained(DIMS, dim=32)
    images = vectors(6, 20)
    projected = head.project("image", images)
    assert projected @ projected.T == pytest.approx(images @ images.T, abs=1e-5)


def test_untrained_keeps_neighbours_where_it_compresses():
    head = Head.untrained({"text": 384}, dim=256)
    texts = vectors(50, 384)
    near = unit(texts + 0.5 * vectors(50, 384, seed=1))
    scores = head.project("text", near) @ head.project("text", texts).T
    assert (scores.argmax(1) == np.arange(50)).all()


def test_fusion_by_hand():
    head = Head.untrained({"text": 2, "image": 2}, dim=2)
    weighted = head.with_fusion(Fusion("weighted", {"text": 3.0, "image": 1.0}))
    text, image = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
    there = np.array([True])
    fused, weights = weighted.fuse({"text": text, "image": image}, {"text": there, "image": there})
    assert weights.tolist() == [[0.75, 0.25, 0.0]]
    assert fused == pytest.approx(np.array([[3, 1]]) / np.sqrt(10))


def test_a_missing_modality_is_masked_whatever_its_row_holds():
    head = Head.untrained(DIMS, dim=8).with_fusion(Fusion("weighted", dict.fromkeys(DIMS, 1.0)))
    parts = {name: vectors(2, 8, seed) for seed, name in enumerate(DIMS)}
    parts["image"][1] = np.nan
    present = {name: np.array([True, name == "text"]) for name in DIMS}
    fused, weights = head.fuse(parts, present)
    assert weights[0] == pytest.approx(np.full(3, 1 / 3))
    assert weights[1].tolist() == [1.0, 0.0, 0.0]
    assert fused[1] == pytest.approx(parts["text"][1], abs=1e-6)


def test_nothing_present_gives_zeros():
    head = Head.untrained(DIMS, dim=8)
    fused, weights = head.fuse({"text": vectors(1, 8)}, {"text": np.array([False])})
    assert not fused.any()
    assert not weights.any()


def test_save_and_load(tmp_path):
    head = Head.untrained(DIMS, dim=16, seed=3)
    head.save(tmp_path / "head.safetensors")
    loaded = Head.load(tmp_path / "head.safetensors")
    rows = vectors(4, 48)
    assert np.array_equal(loaded.project("text", rows), head.project("text", rows))
    assert loaded.fingerprint == head.fingerprint
    assert loaded.metadata == head.metadata
    assert loaded.fusion == head.fusion
    assert Head.untrained(DIMS, dim=16, seed=4).fingerprint != head.fingerprint


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"])
def test_loading_something_else_says_so(data):
    with pytest.raises(ValueError, match="Not a head"):
        Head.from_bytes(data)


def test_pool_averages_by_owner():
    features = np.array([[1, 0], [0, 1], [0, 2]], np.float32)
    pooled = pool(features, np.array([0, 0, 2]), 3)
    assert pooled == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [0, 0], [0, 1]]))
