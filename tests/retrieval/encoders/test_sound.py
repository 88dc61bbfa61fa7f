"""CLAP, wav2vec2 and AST from the hub's layout."""

import numpy as np
import pytest

from retrieval.encoders.sound import AudioTransformerEncoder, ClapEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Waveform
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import COMMIT, TEXTS, sounds


def clap(**options) -> ClapEncoder:
    options = {"window_s": 1.0, "device": "cpu"} | options
    return ClapEncoder(model="tiny/clap", revision=COMMIT, **options)


def transformer(name: str, **options) -> AudioTransformerEncoder:
    options = {"window_s": 1.0, "device": "cpu"} | options
    return AudioTransformerEncoder(model=f"tiny/{name}", revision=COMMIT, **options)


class TestClapTexts(EncoderContract):
    modality = "text"
    make = staticmethod(clap)
    samples = staticmethod(lambda: TEXTS)


class _Sounds(EncoderContract):
    modality = "audio"
    samples = staticmethod(sounds)

    def test_a_long_sound_is_the_mean_of_its_windows(self):
        first, second = sounds()[0].samples, sounds()[2].samples
        both = Waveform(np.concatenate([first, second * first.std() / second.std()]), 16_000)
        alone = self.encoder.encode("audio", [Waveform(first, 16_000), Waveform(second, 16_000)])
        together = self.encoder.encode("audio", [both])[0]
        expected = alone.mean(0)
        assert together @ expected / np.linalg.norm(expected) > 0.9999

    def test_sounds_of_next_to_nothing(self):
        odd = [np.zeros(0), np.zeros(100), np.full(1, 0.5)]
        found = self.encoder.encode("audio", [Waveform(s.astype(np.float32), 16_000) for s in odd])
        assert np.isfinite(found).all()

    def test_another_rate_is_the_same_sound(self):
        from retrieval.preprocess.audio import resample

        sound = sounds()[1]
        plain, faster = self.encoder.encode("audio", [sound, resample(sound, 44_100)])
        assert plain @ faster > 0.999


class TestClapSounds(_Sounds):
    make = staticmethod(clap)

    def test_words_and_sounds_share_a_space(self):
        assert self.encoder.joint is True
        assert self.encoder.encode("text", TEXTS).shape == (5, 24)
        assert self.encoder.dim == 24

    def test_it_is_what_the_network_says(self, hub_cache):
        import torch
        from transformers import ClapFeatureExtractor, ClapModel

        from retrieval.preprocess.audio import prepare

        folder = hub_cache / "models--tiny--clap" / "snapshots" / COMMIT
        sound = prepare(sounds()[0], 16_000)
        inputs = ClapFeatureExtractor.from_pretrained(folder)(
            sound.samples, sampling_rate=16_000, return_tensors="pt"
        )
        with torch.inference_mode():
            expected = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs)
        found = self.encoder.encode("audio", [sounds()[0]])
        assert np.abs(found - expected.pooler_output.numpy()).max() < 1e-5

    def test_windows_longer_than_it_was_trained_on_are_refused(self):
        with pytest.raises(EncoderUnavailable, match=r"window_s=10\.0: .* at most 1 s"):
            clap(window_s=10.0).encode("audio", sounds())


class TestWav2Vec2(_Sounds):
    make = staticmethod(lambda: transformer("wav2vec2"))


class TestAst(_Sounds):
    make = staticmethod(lambda: transformer("ast"))


def test_windows_are_part_of_the_fingerprint():
    plain, longer, closer = (
        transformer("ast"),
        transformer("ast", window_s=2.0),
        transformer("ast", hop_s=0.5),
    )
    assert len({plain.fingerprint, longer.fingerprint, closer.fingerprint}) == 3
