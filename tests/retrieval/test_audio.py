"""Preparation of sounds, on signals whose right answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.preprocess.audio import (
    AudioCleaning,
    clean,
    denoise,
    high_pass,
    loudness_lufs,
    normalise_loudness,
    trim_silence,
    windows,
)
from retrieval.types import Waveform

RATE = 16_000
EVERYTHING = AudioCleaning(high_pass_hz=40, denoise=0.9, trim_db=40, loudness_lufs=-23)


def ramp(count: int, rate: int = 10) -> Waveform:
    return Waveform(np.arange(count, dtype=np.float32), rate)


def spans(cuts: list[Waveform]) -> list[tuple[int, int]]:
    """First sample and length of each window of a ``ramp``."""
    return [(int(cut.samples[0]), len(cut.samples)) for cut in cuts]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (7, [(0, 7)]),
        (20, [(0, 20)]),
        (29, [(0, 20)]),
        (30, [(0, 20), (20, 10)]),
        (40, [(0, 20), (20, 20)]),
        (50, [(0, 20), (20, 20), (40, 10)]),
    ],
)
def test_windows_side_by_side(count: int, expected: list[tuple[int, int]]) -> None:
    assert spans(windows(ramp(count), 2.0, 2.0)) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (20, [(0, 20)]),  # the second half of a whole window is nothing new
        (21, [(0, 20), (10, 11)]),
        (30, [(0, 20), (10, 20)]),
        (35, [(0, 20), (10, 20), (20, 15)]),
    ],
)
def test_windows_that_overlap(count: int, expected: list[tuple[int, int]]) -> None:
    assert spans(windows(ramp(count), 2.0, 1.0)) == expected


def test_an_empty_sound_is_one_empty_window() -> None:
    (only,) = windows(ramp(0), 2.0, 1.0)
    assert (only.samples.size, only.rate) == (0, 10)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Windows of 0\.01 s every 1 s are empty at 10 Hz\."):
        windows(ramp(30), 0.01, 1)


@given(count=st.integers(1, 200), size=st.integers(1, 30), hop=st.integers(1, 30))
def test_windows_cover_a_sound_but_for_less_than_half_of_one(
    count: int, size: int, hop: int
) -> None:
    found = spans(windows(ramp(count), size / 10, hop / 10))
    assert found[0] == (0, min(size, count))
    assert [start for start, _ in found] == list(range(0, len(found) * hop, hop))
    assert all(length == size or start + length == count for start, length in found)
    if hop <= size:
        end = found[-1][0] + found[-1][1]
        assert count - end < max(1, size / 2)


def tone(hz: float = 440, seconds: float = 2.0, peak: float = 0.3, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def white_noise(count: int, snr_db: float, signal: np.ndarray) -> np.ndarray:
    power = np.mean(np.square(signal)) / 10 ** (snr_db / 10)
    return np.random.default_rng(0).normal(0, np.sqrt(power), count).astype(np.float32)


def snr_db(samples: np.ndarray, signal: np.ndarray) -> float:
    """Power of the part of ``samples`` along ``signal`` over the power of the rest."""
    along = (samples @ signal) / (signal @ signal) * signal
    rest = samples - along
    return float(10 * np.log10((along @ along) / (rest @ rest)))


def change_db(after: np.ndarray, before: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(after)) / np.mean(np.square(before))))


@pytest.mark.parametrize(
    ("hz", "expected"), [(10, -24.1), (20, -12.3), (40, -3.0), (440, 0.0), (5_000, 0.0)]
)
def test_a_high_pass_takes_away_what_is_below(hz, expected):
    before = tone(hz)
    settled = slice(RATE, None)
    assert change_db(high_pass(before, RATE, 40)[settled], before[settled]) == pytest.approx(
        expected, abs=0.1
    )


def test_a_high_pass_does_not_clip_what_an_offset_had_lifted():
    wave = tone(peak=0.2) + np.float32(0.9)
    assert np.abs(high_pass(wave, RATE, 40)[RATE:] - tone(peak=0.2)[RATE:]).max() < 0.03


def test_a_high_pass_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="A high-pass at 8000 Hz leaves nothing of sound at 16000"):
        clean(Waveform(tone(), RATE), AudioCleaning(high_pass_hz=8_000))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize("noise_db", [0, 10, 20])
def test_denoising_lifts_a_steady_tone_out_of_noise(rate, noise_db):
    signal = tone(rate=rate)
    noisy = signal + white_noise(signal.size, noise_db, signal)
    denoised = denoise(noisy, rate, 0.9)
    assert snr_db(denoised, signal) - snr_db(noisy, signal) > 6
    assert abs(change_db(denoised, signal)) < 1


def test_denoising_lifts_calls_with_pauses_out_of_noise():
    signal = tone(1_200) * (np.arange(2 * RATE) % RATE < RATE // 2)
    noisy = signal + white_noise(signal.size, 10, signal)
    assert snr_db(denoise(noisy, RATE, 0.9), signal) - snr_db(noisy, signal) > 7


def test_denoising_more_takes_away_more():
    noisy = tone() + white_noise(2 * RATE, 10, tone())
    gains = [snr_db(denoise(noisy, RATE, share), tone()) for share in (0.0, 0.3, 0.6, 1.0)]
    assert gains[0] == pytest.approx(snr_db(noisy, tone()), abs=0.01)
    assert gains == sorted(gains)


@pytest.mark.parametrize("hz", [100, 440, 3_000])
def test_denoising_leaves_a_clean_tone_alone(hz):
    assert snr_db(denoise(tone(hz), RATE, 1.0), tone(hz)) > 35


def test_zeros_around_a_recording_are_not_taken_for_its_noise():
    signal = tone()
    noisy = signal + white_noise(signal.size, 10, signal)
    padded = denoise(np.pad(noisy, RATE), RATE, 0.9)[RATE:-RATE]
    assert snr_db(padded, signal) - snr_db(noisy, signal) > 6


def test_loudness_of_the_standards_reference_tone():
    """ITU-R BS.1770: 997 Hz at full scale in one channel is -3.01 LKFS."""
    assert loudness_lufs(tone(997, peak=1.0, rate=48_000), 48_000) == pytest.approx(-3.01, abs=0.05)


def test_loudness_of_a_short_sound_is_its_level():
    assert loudness_lufs(tone(peak=0.1, seconds=0.3), RATE) == pytest.approx(-23.01, abs=0.01)


def test_loudness_of_silence_is_unknown():
    assert loudness_lufs(np.zeros(RATE, np.float32), RATE) is None
    assert loudness_lufs(np.zeros(0, np.float32), RATE) is None


@pytest.mark.parametrize("peak", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("seconds", [0.2, 3.0])
def test_everything_gets_one_loudness(peak, seconds):
    loud = normalise_loudness(tone(1_000, seconds, peak), RATE, -23)
    assert loudness_lufs(loud, RATE) == pytest.approx(-23, abs=0.1)


def test_a_click_gets_as_loud_as_full_scale_allows():
    click = np.zeros(RATE, np.float32)
    click[100] = 0.01
    assert np.abs(normalise_loudness(click, RATE, -23)).max() == pytest.approx(1.0)


@pytest.mark.parametrize("lead_s", [0.0, 0.31, 1.0])
def test_silence_is_trimmed_to_within_a_frame(lead_s):
    lead = np.zeros(round(lead_s * RATE), np.float32)
    padded = np.concatenate([lead, tone(seconds=1.0), np.zeros(RATE // 2, np.float32)])
    frame = RATE // 50
    assert abs(trim_silence(padded, RATE).size - RATE) <= frame
    before = min(lead.size, frame)
    assert abs(trim_silence(padded, RATE, keep_s=0.02).size - (RATE + before + frame)) <= frame


def test_trimming_goes_by_the_distance_to_the_loudest():
    quiet, loud = tone(peak=0.003, seconds=1.0), tone(peak=0.3, seconds=1.0)  # 40 dB apart
    both = np.concatenate([quiet, loud])
    assert trim_silence(both, RATE, 41).size == 2 * RATE
    assert trim_silence(both, RATE, 39).size == RATE


def test_a_pause_inside_stays():
    call = tone(seconds=0.5)
    both = np.concatenate([call, np.zeros(RATE, np.float32), call])
    assert np.array_equal(trim_silence(both, RATE), both)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 320, 1_000])
@pytest.mark.parametrize("level", [0.0, 1e-3, 1.0])
def test_the_shortest_sounds_survive_cleaning(count, level):
    noise = level * np.random.default_rng(1).uniform(-1, 1, count).astype(np.float32)
    cleaned = clean(Waveform(noise.astype(np.float32), RATE), EVERYTHING)
    assert (cleaned.rate, cleaned.samples.dtype) == (RATE, np.float32)
    assert cleaned.samples.size <= count
    assert np.isfinite(cleaned.samples).all()
    assert bool(cleaned.samples.any()) == bool(count and level)


def test_cleaning_is_deterministic_and_does_not_depend_on_the_level():
    noisy = tone() + white_noise(2 * RATE, 10, tone())
    before = noisy.copy()
    first, again, louder = (
        clean(Waveform(wave, RATE), EVERYTHING).samples for wave in (noisy, noisy, 3 * noisy)
    )
    assert np.array_equal(noisy, before)
    assert np.array_equal(first, again)
    assert np.abs(first - louder).max() < 1e-4


def test_every_step_can_be_left_out():
    nothing = AudioCleaning(high_pass_hz=0, denoise=0, trim_db=None, loudness_lufs=None)
    wave = np.pad(tone(), RATE)
    assert clean(Waveform(wave, RATE), nothing).samples is wave


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"denoise": 12}, "denoise is a share of the noise, 0 to 1, not 12"),
        ({"trim_db": 0}, "trim_db is above 0, or None, not 0"),
        ({"high_pass_hz": -1}, "Neither high_pass_hz nor trim_keep_s may be negative"),
    ],
)
def test_cleaning_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AudioCleaning(**options)
