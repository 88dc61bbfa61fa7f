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


def hubby(method="weighted") -> tuple[Head, dict[str, np.ndarray]]:
    """A head whose pictures all lean towards one direction that queries share."""
    rng = np.random.default_rng(5)
    head = Head.untrained({"text": 16, "image": 16}, dim=16, method=method)
    features = {"image": unit(rng.standard_normal((30, 16)).astype(np.float32) + 0.3)}
    return head.with_hubs(vectors(200, 16, seed=6) + 0.1, features), features


def test_hubs_are_taken_down_for_words_by_half_of_their_hubness():
    head, features = hubby()
    plain = Head(head.projections, head.fusion)
    words = vectors(5, 16, seed=7)
    documents = plain.project("image", features["image"])
    soft = np.log(np.exp(10 * documents @ head.hubs.landmarks.T).mean(1)) / 10
    excess = 0.5 * (soft - soft.mean())
    assert np.abs(excess).max() > 0.01
    expected = plain.project("text", words, "query") @ documents.T - excess
    expected /= np.sqrt(1 + 0.3**2) * np.sqrt(1 + (excess / 0.3) ** 2)  # unit rows on both sides
    found = head.project("image", features["image"])
    assert head.project("text", words, "query") @ found.T == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(30), abs=1e-6)


def test_hubness_does_not_touch_a_picture_that_asks():
    head, features = hubby()
    query = head.project("image", features["image"], "query")
    assert not query[:, 16].any()
    own = query @ head.project("image", features["image"]).T
    assert (own.argmax(1) == np.arange(30)).all()


def test_hubs_and_fusion_survive_a_file(tmp_path):
    head, features = hubby("attention")
    keyed = head.with_fusion(
        Fusion("attention", {"text": 2.0, "image": 0.5}, {"image": vectors(1, 16)[0]})
    )
    keyed.save(tmp_path / "head.safetensors")
    loaded = Head.load(tmp_path / "head.safetensors")
    parts = {"image": keyed.project("image", features["image"])}
    there = {"image": np.ones(30, bool)}
    assert np.array_equal(loaded.project("image", features["image"]), parts["image"])
    assert np.array_equal(loaded.fuse(parts, there)[0], keyed.fuse(parts, there)[0])
    assert loaded.fingerprint == keyed.fingerprint != head.fingerprint


def test_attention_by_hand():
    fusion = Fusion("attention", {"text": 1.0, "image": 1.0}, {"image": np.array([np.log(3.0)])})
    parts = {"text": np.array([[1.0, 0.0]] * 2), "image": np.array([[1.0, 0.0], [0.0, 1.0]])}
    there = {"text": np.array([True, True]), "image": np.array([True, True])}
    assert fusion.weights(parts, there) == pytest.approx(
        np.array([[0.25, 0.75, 0], [0.5, 0.5, 0]]), abs=1e-6
    )


def test_concat_scores_the_weighted_mean_of_the_modalities():
    head = Head.untrained(DIMS, dim=8).with_fusion(
        Fusion("concat", {"text": 3.0, "image": 2.0, "audio": 1.0})
    )
    parts = {name: vectors(4, 8, seed) for seed, name in enumerate(DIMS)}
    there = {name: np.ones(4, bool) for name in DIMS}
    fused, weights = head.fuse(parts, there)
    assert fused.shape == (4, head.fused_dim) == (4, 24)
    assert np.linalg.norm(fused, axis=1) == pytest.approx(1)
    query = vectors(1, 8, seed=9)
    expected = sum(weights[:, c] * (query @ parts[name].T)[0] for c, name in enumerate(DIMS))
    assert (head.fused_query(query) @ fused.T)[0] == pytest.approx(expected, abs=1e-6)


def test_fused_vectors_keep_their_length_if_asked():
    head = Head.untrained({"text": 2, "image": 2}, dim=2)
    even = head.with_fusion(Fusion("weighted", {"text": 1.0, "image": 1.0}))
    parts = {"text": np.array([[1, 0]], np.float32), "image": np.array([[0, 1]], np.float32)}
    there = {name: np.array([True]) for name in parts}
    fused, _ = even.fuse(parts, there, normalised=False)
    assert fused == pytest.approx(np.array([[0.5, 0.5]]))


def test_joint_modalities_share_their_projection():
    head = Head.untrained({"text": 32, "image": 32}, dim=8, joint=("text", "image"))
    rows = vectors(6, 32)
    assert np.array_equal(head.project("text", rows), head.project("image", rows))
    assert head.fusion.shares == {"text": 1.0, "image": 1.0}


@pytest.mark.parametrize(
    ("method", "shares"),
    [
        ("mean", {"text": 1.0}),
        ("weighted", {}),
        ("weighted", {"text": 0.0}),
        ("concat", {"text": np.nan}),
    ],
)
def test_a_wrong_fusion_says_so(method, shares):
    with pytest.raises(ValueError, match=r"fusion|Fusion weights"):
        Fusion(method, shares)
