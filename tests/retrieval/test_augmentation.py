"""Augmentation: another sample of the same thing, the same one for the same seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retrieval.augmentation import (
    ImageAugmentation,
    SoundAugmentation,
    augment_image,
    augment_sound,
)
from retrieval.types import Waveform


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    return np.asarray(Image.radial_gradient("L").convert("RGB").resize((width, height)))


def sound(count: int = 8_000) -> Waveform:
    return Waveform(np.sin(np.arange(count) / 5).astype(np.float32) * 0.5, 16_000)


SAMPLES = {
    "image": lambda seed: augment_image(picture(), chance(seed)),
    "sound": lambda seed: augment_sound(sound(), chance(seed)).samples,
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_seed_gives_one_result_and_many_seeds_give_many(kind):
    results = [SAMPLES[kind](seed) for seed in range(12)]
    again = [SAMPLES[kind](seed) for seed in range(12)]
    assert all(np.array_equal(one, other) for one, other in zip(results, again, strict=True))
    assert len({result.tobytes() for result in results}) >= 11


@pytest.mark.parametrize("kind", SAMPLES)
def test_one_generator_gives_another_result_each_time(kind):
    generator = chance()
    make = {
        "image": lambda: augment_image(picture(), generator),
        "sound": lambda: augment_sound(sound(), generator).samples,
    }[kind]
    assert len({make().tobytes() for _ in range(12)}) > 3


def test_torchs_own_generator_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    SAMPLES["image"](0)
    assert torch.equal(torch.rand(3), expected)


@settings(deadline=None, max_examples=40)
@given(height=st.integers(2, 64), width=st.integers(2, 64), seed=st.integers(0, 10_000))
def test_pictures_keep_their_shape_and_type(height, width, seed):
    before = picture(height, width).copy()
    pixels = before.copy()
    result = augment_image(pixels, chance(seed))
    assert (result.shape, result.dtype) == ((height, width, 3), np.uint8)
    assert result.flags.c_contiguous
    assert np.array_equal(pixels, before)


def test_a_picture_is_only_mirrored_if_nothing_else_is_asked():
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    always = ImageAugmentation(mirrored=1, operations=0, smallest_part=1)
    whole = augment_image(pixels, chance(2), always)
    # the crop has the area of the picture, but another shape: where both have one shape it is whole
    square = pixels[:, :20]
    results = [augment_image(square, chance(seed), always) for seed in range(50)]
    assert any(np.array_equal(result, square[:, ::-1]) for result in results)
    assert whole.shape == pixels.shape


@settings(deadline=None)
@given(count=st.integers(0, 500), seed=st.integers(0, 10_000), peak=st.floats(0, 1))
def test_sounds_keep_their_length_and_range(count, seed, peak):
    wave = Waveform((peak * np.sin(np.arange(count))).astype(np.float32), 8_000)
    result = augment_sound(wave, chance(seed))
    assert (result.samples.shape, result.samples.dtype, result.rate) == (
        *((count,), np.float32),
        8_000,
    )
    assert np.abs(result.samples).max(initial=0) <= 1


def test_gain_and_shift_do_what_they_say():
    quiet = Waveform(sound().samples / 10, 16_000)
    gain = [
        augment_sound(quiet, chance(seed), SoundAugmentation(noisy=0, shift=0)).samples
        for seed in range(50)
    ]
    changes = [20 * np.log10(np.abs(one).max() / np.abs(quiet.samples).max()) for one in gain]
    assert -6 <= min(changes) < -4
    assert 4 < max(changes) <= 6
    shifted = augment_sound(quiet, chance(3), SoundAugmentation(gain_db=0, noisy=0)).samples
    offsets = [
        n for n in range(-1_600, 1_601) if np.array_equal(np.roll(quiet.samples, n), shifted)
    ]
    assert len(offsets) == 1


@pytest.mark.parametrize("snr_db", [10, 30])
def test_noise_has_the_level_asked_for(snr_db):
    config = SoundAugmentation(gain_db=0, noisy=1, snr_db=(snr_db, snr_db), shift=0)
    noise = augment_sound(sound(), chance(), config).samples - sound().samples
    ratio = 10 * np.log10(np.mean(sound().samples ** 2) / np.mean(noise**2))
    assert ratio == pytest.approx(snr_db, abs=0.2)
