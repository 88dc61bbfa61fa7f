"""Sentence encoders from the hub's layout: loading, pooling, prefixes, precision."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders.sentence import SentenceEncoder
from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.types import Encoder
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import COMMIT, TEXTS

TINY = {"model": "tiny/bert", "revision": COMMIT, "device": "cpu"}


class _Sentences(EncoderContract):
    modality = "text"

    @staticmethod
    def samples() -> list:
        return TEXTS


class TestMeanPooling(_Sentences):
    @staticmethod
    def make() -> Encoder:
        return SentenceEncoder(**TINY)

    def test_it_is_the_mean_of_the_states_of_its_tokens(self, hub_cache):
        import torch
        from transformers import AutoModel, AutoTokenizer

        folder = hub_cache / "models--tiny--bert" / "snapshots" / COMMIT
        tokens = AutoTokenizer.from_pretrained(folder)("zebra", return_tensors="pt")
        with torch.inference_mode():
            states = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state
        expected = states[0].mean(0).numpy()
        found = self.encoder.encode("text", ["zebra", *TEXTS])[0]
        assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)

    def test_odd_texts(self):
        vectors = self.encoder.encode("text", ["", "\x00", "\ud800", "word " * 5_000])
        assert np.isfinite(vectors).all()
        assert np.array_equal(vectors[0], vectors[1])


class TestClsPooling(_Sentences):
    @staticmethod
    def make() -> Encoder:
        return SentenceEncoder(**TINY, pooling="cls")


class TestPrefixes(_Sentences):
    @staticmethod
    def make() -> Encoder:
        return SentenceEncoder(**TINY, query_prefix="query: ", document_prefix="passage: ")

    def test_each_role_has_its_own(self):
        plain = SentenceEncoder(**TINY)
        for role, prefix in (("query", "query: "), ("document", "passage: ")):
            found = self.encoder.encode("text", ["zebra"], role)
            assert np.abs(found - plain.encode("text", [f"{prefix}zebra"])).max() < 1e-6


class TestBfloat16(_Sentences):
    tolerance = 5e-3  # eight bits: other batch shapes round sums differently

    @staticmethod
    def make() -> Encoder:
        return SentenceEncoder(**TINY, precision="bfloat16")

    def test_it_is_close_to_float32_but_not_the_same(self):
        exact = SentenceEncoder(**TINY).encode("text", TEXTS)
        cosines = (self.encoder.encode("text", TEXTS) * exact).sum(1)
        assert (cosines > 0.99).all()
        assert (cosines < 0.9999999).any()


def test_what_changes_vectors_changes_the_fingerprint():
    options = [
        TINY,
        {**TINY, "pooling": "cls"},
        {**TINY, "query_prefix": "query: "},
        {**TINY, "document_prefix": "query: "},
        {**TINY, "max_length": 8},
        {**TINY, "precision": "bfloat16"},
        {**TINY, "revision": "f" * 40},
        {**TINY, "model": "tiny/other"},
    ]
    assert len({SentenceEncoder(**one).fingerprint for one in options}) == len(options)
    same = SentenceEncoder(**{**TINY, "batch_size": 2, "device": "auto"})
    assert same.fingerprint == SentenceEncoder(**TINY).fingerprint


def test_a_shorter_max_length_cuts():
    short = SentenceEncoder(**TINY, max_length=4)  # two letters between start and end
    first, second = short.encode("text", ["ab", "abcdef"])
    assert np.abs(first - second).max() < 1e-6


def test_a_local_folder_needs_no_revision_and_is_known_by_its_bytes(hub_cache, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(hub_cache / "models--tiny--bert" / "snapshots" / COMMIT, folder)
    encoder = SentenceEncoder(model=str(folder))
    assert encoder.weights is None
    pinned = SentenceEncoder(**TINY)
    assert np.abs(encoder.encode("text", TEXTS) - pinned.encode("text", TEXTS)).max() < 1e-6
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert SentenceEncoder(model=str(moved)).fingerprint == encoder.fingerprint
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert SentenceEncoder(model=str(moved)).fingerprint != encoder.fingerprint


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_a_revision_is_a_whole_commit(revision):
    with pytest.raises(EncoderUnavailable, match="40 hexadecimal digits"):
        SentenceEncoder(model="tiny/bert", revision=revision)


def test_a_model_of_the_hub_needs_a_revision():
    with pytest.raises(EncoderUnavailable, match="needs revision=, a commit hash"):
        SentenceEncoder(model="tiny/bert")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "use one of float32, bfloat16"),
        ({"pooling": "max"}, "use mean or cls"),
    ],
)
def test_options_are_checked_at_once(options, message):
    with pytest.raises(EncoderUnavailable, match=message):
        SentenceEncoder(**{**TINY, **options})


def test_missing_weights_name_the_command(settings):
    absent = {"model": "tiny/absent", "revision": COMMIT}
    encoder = SentenceEncoder(**absent)
    assert encoder.fingerprint  # known without weights
    with pytest.raises(EncoderUnavailable, match=f"`hf download tiny/absent --revision {COMMIT}`"):
        encoder.encode("text", ["x"])
    profiles = {
        "big": {"text": {"BACKEND": "retrieval.encoders.sentence.SentenceEncoder", **absent}}
    }
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    with pytest.raises(EncoderUnavailable, match=r"run `manage.py fetch_weights --profile big`\."):
        encoder.encode("text", ["x"])


def broken(hub_cache: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    return Path(shutil.copytree(hub_cache / "models--tiny--bert" / "snapshots" / COMMIT, folder))


def test_pickles_are_never_read(hub_cache, tmp_path):
    folder = broken(hub_cache, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match="safetensors"):
        SentenceEncoder(model=str(folder)).encode("text", ["x"])


def test_code_of_a_checkpoint_never_runs(hub_cache, tmp_path):
    folder = broken(hub_cache, tmp_path)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderUnavailable, match="trust_remote_code"):
        SentenceEncoder(model=str(folder)).encode("text", ["x"])
    assert not (tmp_path / "ran").exists()


def test_a_parameter_is_never_left_random(hub_cache, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = broken(hub_cache, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.0.attention.self.query.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        EncoderUnavailable, match=r"lacks 1 parameters of BertModel, such as encoder\.layer\.0"
    ):
        SentenceEncoder(model=str(folder)).encode("text", ["x"])


def test_a_cut_file_says_so(hub_cache, tmp_path):
    folder = broken(hub_cache, tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        SentenceEncoder(model=str(folder)).encode("text", ["x"])


def test_weights_that_are_not_numbers_are_an_error(hub_cache, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = broken(hub_cache, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer.1.output.dense.bias"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderFailed) as caught:
        SentenceEncoder(model=str(folder)).encode("text", ["x"])
    assert caught.value.code == "encoder_not_finite"
