"""Augmentation: another sample of the same thing, the same one for the same seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog.selectors import DocumentText
from retrieval.augmentation import (
    ImageAugmentation,
    MelAugmentation,
    SoundAugmentation,
    augment_image,
    augment_mel,
    augment_sound,
    sample_words,
)
from retrieval.types import Waveform

TEXTS = [
    DocumentText("en", "Frog", "It is green.", ("pond", "croak")),
    DocumentText("zh", "青蛙", "", ("池塘",)),
    DocumentText("de", "", "", ()),
]


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    return np.asarray(Image.radial_gradient("L").convert("RGB").resize((width, height)))


def sound(count: int = 8_000) -> Waveform:
    return Waveform(np.sin(np.arange(count) / 5).astype(np.float32) * 0.5, 16_000)


def mel() -> torch.Tensor:
    return torch.arange(40 * 100, dtype=torch.float32).reshape(40, 100) / 100


SAMPLES = {
    "image": lambda seed: augment_image(picture(), chance(seed)),
    "sound": lambda seed: augment_sound(sound(), chance(seed)).samples,
    "mel": lambda seed: augment_mel(mel(), chance(seed)).numpy(),
    "words": lambda seed: np.array(sample_words(TEXTS, chance(seed))),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_seed_gives_one_result_and_many_seeds_give_many(kind):
    results = [SAMPLES[kind](seed) for seed in range(12)]
    again = [SAMPLES[kind](seed) for seed in range(12)]
    assert all(np.array_equal(one, other) for one, other in zip(results, again, strict=True))
    assert len({result.tobytes() for result in results}) >= (5 if kind == "words" else 11)


@pytest.mark.parametrize("kind", SAMPLES)
def test_one_generator_gives_another_result_each_time(kind):
    generator = chance()
    make = {
        "image": lambda: augment_image(picture(), generator),
        "sound": lambda: augment_sound(sound(), generator).samples,
        "mel": lambda: augment_mel(mel(), generator).numpy(),
        "words": lambda: np.array(sample_words(TEXTS, generator)),
    }[kind]
    assert len({make().tobytes() for _ in range(12)}) > 3


@pytest.mark.parametrize("kind", ["image", "mel"])
def test_torchs_own_generator_is_left_alone(kind):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    SAMPLES[kind](0)
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


def test_masks_are_whole_bands_and_whole_frames():
    before = mel()
    result = augment_mel(before, chance(1), MelAugmentation(masks=1))
    assert torch.equal(before, mel())
    masked = result != before
    assert set(result[masked].tolist()) == {float(before.mean())}
    bands, frames = masked.all(1), masked.all(0)
    assert torch.equal(masked, bands[:, None] | frames[None])
    assert bands.sum() <= 8
    assert frames.sum() <= 20


@pytest.mark.parametrize("shape", [(1, 1), (40, 1), (1, 100)])
def test_the_smallest_spectrograms_survive(shape):
    assert augment_mel(torch.ones(shape), chance()).shape == shape


def test_words_come_from_every_language_that_has_some():
    found = [sample_words(TEXTS, chance(seed)) for seed in range(200)]
    assert {language for language, _ in found} == {"en", "zh"}
    assert {text for language, text in found if language == "zh"} == {"青蛙", "青蛙. 池塘"}
    assert {text for language, text in found if language == "en"} == {
        *("Frog", "Frog. pond", "Frog. croak", "Frog. pond, croak"),
        *("Frog. It is green", "Frog. It is green. pond", "Frog. It is green. croak"),
        "Frog. It is green. pond, croak",
    }


def test_tags_are_kept_with_their_probability():
    kept = [sample_words(TEXTS[:1], chance(seed), tags=0.25)[1] for seed in range(1_000)]
    assert sum("pond" in text for text in kept) == pytest.approx(250, abs=45)
    assert sample_words(TEXTS[:1], chance(), tags=1, description=1)[1].endswith("pond, croak")
    assert sample_words(TEXTS[:1], chance(), tags=0, description=0) == ("en", "Frog")


def test_an_item_without_words_has_none():
    assert sample_words([], chance()) == ("", "")
    assert sample_words(TEXTS[2:], chance()) == ("", "")


def test_an_item_without_a_title_says_something():
    tagged = [DocumentText("en", "", "", ("pond",))]
    assert {sample_words(tagged, chance(seed)) for seed in range(20)} == {("en", "pond")}
