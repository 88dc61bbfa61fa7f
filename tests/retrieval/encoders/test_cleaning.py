"""Cleaning of sounds, an option of every encoder that hears them."""

import numpy as np
import pytest

from retrieval.encoders.audio_statistics import AudioStatisticsEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.audio import AudioCleaning, clean
from retrieval.types import Waveform
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import sounds
from tests.retrieval.encoders.test_sound import clap, transformer

CLEANING = {"high_pass_hz": 80.0, "trim_keep_s": 0.1}
GATED = {"denoise": 0.9}
UNTOUCHED = {"high_pass_hz": 0.0, "trim_db": None, "loudness_lufs": None}
HEARING = {
    "clap": clap,
    "wav2vec2": lambda **options: transformer("wav2vec2", **options),
    "statistics": AudioStatisticsEncoder,
}


class _Cleaned(EncoderContract):
    modality = "audio"
    samples = staticmethod(sounds)

    def test_sounds_of_next_to_nothing(self):
        odd = [np.zeros(0), np.zeros(100), np.full(1, 0.5)]
        found = self.encoder.encode("audio", [Waveform(s.astype(np.float32), 16_000) for s in odd])
        assert np.isfinite(found).all()


class TestCleanedClap(_Cleaned):
    make = staticmethod(lambda: clap(cleaning=CLEANING))


class TestCleanedAst(_Cleaned):
    make = staticmethod(lambda: transformer("ast", cleaning=CLEANING))


@pytest.fixture(params=HEARING)
def make(request):
    return HEARING[request.param]


@pytest.mark.parametrize("make", [HEARING["clap"], HEARING["wav2vec2"]])
def test_the_network_hears_the_cleaned_sound(make):
    expected = make(cleaning=UNTOUCHED).encode(
        "audio", [clean(sound, AudioCleaning(**CLEANING)) for sound in sounds()]
    )
    found = make(cleaning=CLEANING).encode("audio", sounds())
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(make().encode("audio", sounds()) - expected).max() > 1e-5


def test_only_queries_are_denoised(make):
    encoder = make(cleaning=GATED)
    noise = np.random.default_rng(0).normal(0, 0.02, 16_000).astype(np.float32)
    noisy = [Waveform(sounds()[1].samples + noise, 16_000)]
    query, document = (encoder.encode("audio", noisy, role) for role in ("query", "document"))
    assert np.abs(query - document).max() > 1e-4
    assert np.array_equal(document, make(cleaning={"denoise": 0.0}).encode("audio", noisy))


def test_cleaning_changes_the_fingerprint(make):
    found = {make(cleaning=given).fingerprint for given in (CLEANING, GATED, {}, UNTOUCHED)}
    assert len(found) == 4
    assert make().fingerprint not in found


def test_a_misspelt_field_lists_the_right_ones(make):
    known = "high_pass_hz, denoise, trim_db, trim_keep_s, loudness_lufs"
    with pytest.raises(EncoderUnavailable, match=f"cleaning has no 'denoize': it takes {known}."):
        make(cleaning={"denoize": 0.5})


@pytest.mark.parametrize(
    ("given", "why"), [({"denoise": 2.0}, "0 to 1"), ({"trim_db": "loud"}, "cleaning=.*loud")]
)
def test_a_wrong_value_is_named(make, given, why):
    with pytest.raises(EncoderUnavailable, match=why):
        make(cleaning=given)


def test_a_high_pass_above_all_sound_is_refused(make):
    with pytest.raises(EncoderUnavailable, match=r"high_pass_hz=20000.0 leaves nothing"):
        make(cleaning={"high_pass_hz": 20_000.0}).encode("audio", sounds())
