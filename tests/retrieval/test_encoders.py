"""The starter profile's encoders, by contract and by what is special about each."""

import subprocess
import sys

import numpy as np
import pytest
from django.conf import settings

from retrieval.encoders import encoder_for, modalities
from retrieval.encoders.audio_statistics import AudioStatisticsEncoder
from retrieval.encoders.base import LocalEncoder
from retrieval.encoders.e5 import E5Encoder
from retrieval.encoders.efficientnet import EfficientNetEncoder
from retrieval.encoders.ensemble import EnsembleEncoder
from retrieval.encoders.use import UseEncoder
from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.types import Waveform
from tests.retrieval.encoder_contract import EncoderContract

STARTER = settings.RETRIEVAL["PROFILES"]["starter"]


@pytest.mark.encoders
class TestE5(EncoderContract):
    modality = "text"
    make = staticmethod(E5Encoder)

    @staticmethod
    def samples() -> list:
        return ["a dog", "狗", "ein Haus am See", "car", "a longer sentence about nothing much"]

    def test_languages_meet(self):
        english = self.encoder.encode("text", ["dog", "airplane", "apple"])
        chinese = self.encoder.encode("text", ["狗", "飞机", "苹果"])
        assert (english @ chinese.T).argmax(1).tolist() == [0, 1, 2]

    def test_odd_texts(self):
        vectors = self.encoder.encode("text", ["", "\x00", "\ud800", "word " * 5_000])
        assert np.isfinite(vectors).all()
        assert np.array_equal(vectors[0], vectors[1])

    def test_the_query_prompt_is_an_option(self):
        prompted = E5Encoder(query_prompt=True)
        query, document = (prompted.encode("text", ["dog"], role) for role in ("query", "document"))
        assert not np.array_equal(query, document)
        assert np.array_equal(self.encoder.encode("text", ["dog"], "query"), document)
        assert prompted.fingerprint != self.encoder.fingerprint

    def test_words_need_no_torch(self):
        code = (
            "import sys; from retrieval.encoders.e5 import E5Encoder; from retrieval.head import Head;"
            "v = E5Encoder().encode('text', ['dog'], 'query');"
            "Head.untrained({'text': 384}).project('text', v);"
            "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class _Words(EncoderContract):
    modality = "text"

    @staticmethod
    def samples() -> list:
        return TestE5.samples()


@pytest.mark.encoders
class TestUse(_Words):
    make = staticmethod(UseEncoder)

    def test_languages_meet(self):
        english = self.encoder.encode("text", ["dog", "airplane", "apple"])
        others = self.encoder.encode("text", ["狗", "飞机", "苹果"])
        assert (english @ others.T).argmax(1).tolist() == [0, 1, 2]

    def test_odd_texts(self):
        vectors = self.encoder.encode("text", ["", "\x00", "\ud800", "word " * 5_000])
        assert np.isfinite(vectors).all()
        assert np.array_equal(vectors[0], vectors[1])


MEMBERS = [
    {"BACKEND": "retrieval.encoders.e5.E5Encoder", "share": 3.0},
    {"BACKEND": "retrieval.encoders.use.UseEncoder", "share": 1.0},
]


@pytest.mark.encoders
class TestEnsemble(_Words):
    @staticmethod
    def make() -> EnsembleEncoder:
        return EnsembleEncoder(members=MEMBERS)

    def test_members_stand_side_by_side_by_their_shares(self):
        texts = self.samples()
        together = self.encoder.encode("text", texts)
        assert together[:, :384] == pytest.approx(0.75**0.5 * E5Encoder().encode("text", texts))
        assert together[:, 384:] == pytest.approx(0.5 * UseEncoder().encode("text", texts))

    def test_shares_and_members_change_the_fingerprint(self):
        found = {
            EnsembleEncoder(members=members).fingerprint
            for members in (
                MEMBERS,
                [MEMBERS[0], {**MEMBERS[1], "share": 2.0}],
                [{**MEMBERS[0], "query_prompt": True}, MEMBERS[1]],
            )
        }
        assert len(found) == 3
        assert all(len(fingerprint) < 100 for fingerprint in found)

    @pytest.mark.parametrize("members", [MEMBERS[:1], [MEMBERS[0], {**MEMBERS[1], "share": 0.0}]])
    def test_one_member_or_no_share_is_refused(self, members):
        with pytest.raises(EncoderUnavailable):
            EnsembleEncoder(members=members)


@pytest.mark.encoders
class TestEfficientNet(EncoderContract):
    modality = "image"
    make = staticmethod(EfficientNetEncoder)

    @staticmethod
    def samples() -> list:
        rng = np.random.default_rng(0)
        shapes = [(64, 64, 3), (300, 100, 3), (1, 1, 3), (50, 400, 3), (224, 224, 3)]
        return [rng.integers(0, 255, shape, dtype=np.uint8) for shape in shapes]

    def test_a_mirrored_picture_is_the_same(self):
        picture = self.samples()[0]
        plain, mirrored = self.encoder.encode("image", [picture, picture[:, ::-1]])
        assert plain @ mirrored > 0.9999

    def test_concepts(self):
        names, features = self.encoder.concepts()
        assert features.shape == (len(names), self.encoder.dim) == (1000, 3752)
        assert names[1] == "goldfish"
        assert np.flatnonzero(features[1]).tolist() == [2561]


@pytest.mark.encoders
class TestAudioStatistics(EncoderContract):
    modality = "audio"
    make = staticmethod(AudioStatisticsEncoder)

    @staticmethod
    def samples() -> list:
        rate = 22_050
        time = np.arange(rate) / rate
        noise = np.random.default_rng(0).standard_normal(rate) * 0.1
        sounds = [
            np.sin(2 * np.pi * 440 * time),
            np.sin(2 * np.pi * 440 * time * (1 + time)),
            noise,
            noise * (np.sin(2 * np.pi * 3 * time) > 0),
            noise[:50],
        ]
        return [Waveform(sound.astype(np.float32), rate) for sound in sounds]

    def test_loudness_does_not_matter(self):
        sound = self.samples()[1]
        quiet = Waveform(sound.samples * np.float32(0.05), sound.rate)
        loud, soft = self.encoder.encode("audio", [sound, quiet])
        assert loud @ soft > 0.9999

    def test_neither_does_silence_around_it(self):
        sound = self.samples()[2]
        silence = np.zeros(11_025, np.float32)
        padded = Waveform(np.concatenate([silence, sound.samples, silence]), sound.rate)
        plain, framed = self.encoder.encode("audio", [sound, padded])
        assert plain @ framed > 0.99

    def test_another_rate_is_the_same_sound(self):
        noise = self.samples()[2]
        from retrieval.preprocess.audio import resample

        plain, slower = self.encoder.encode("audio", [noise, resample(noise, 16_000)])
        assert plain @ slower > 0.98


class Broken(LocalEncoder):
    modalities = frozenset({"text"})
    dim = 2

    def _load(self):
        return None

    def _vectors(self, model, batch, role):
        return np.array([[np.nan, 1.0]] * len(batch))


def test_a_vector_that_is_not_finite_is_an_error():
    with pytest.raises(EncoderFailed):
        Broken().encode("text", ["x"])


PROFILES = {
    "PROFILE": "starter",
    "PROFILES": {"starter": STARTER, "words": {"text": STARTER["text"]}},
}


def test_equal_settings_share_an_encoder(settings):
    settings.RETRIEVAL = PROFILES
    assert encoder_for("text") is encoder_for("text", "words")
    assert modalities() == ("text", "image", "audio")
    assert modalities("words") == ("text",)


def test_what_is_missing_is_named(settings):
    settings.RETRIEVAL = {
        **PROFILES,
        "PROFILES": {"starter": {"text": {"BACKEND": "no.such.Class"}}},
    }
    with pytest.raises(EncoderUnavailable, match=r"no\.such\.Class"):
        encoder_for("text")
    with pytest.raises(EncoderUnavailable, match="image"):
        encoder_for("image")
    with pytest.raises(EncoderUnavailable, match="nowhere"):
        encoder_for("text", "nowhere")


def test_importing_encoders_leaves_torch_out():
    names = [config["BACKEND"].rpartition(".")[0] for config in STARTER.values()]
    code = f"import sys, {', '.join(names)}, retrieval.training, retrieval.evaluation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
