"""Sound as encoders read it: resampled, cleaned, cut into windows; log-mel and MFCC features."""

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Waveform

if TYPE_CHECKING:
    import torch

TARGET_RMS = 0.1
"""-20 dBFS: speech and effects alike."""
SILENCE_DB = 40.0
"""Edges this far below the loudest 20 ms are trimmed."""
BUTTERWORTH = 0.5**0.5
LOUDNESS_BLOCK_S = 0.4
GATE_WINDOW_S = 0.05
NOISE_SHARE = 0.1
"""Of the frames, the quietest: those between two words or two calls."""
GATE_FLOOR_BINS = 31
GATE_MARGIN_DB = 6.0
"""Noise of one power falls within 6 dB above its mean in decibels for 91 % of its bins."""
GATE_SOFT_DB = 1.5
GATE_SMOOTH = 3
"""Frames and bins averaged: single bins that come and go are heard as musical noise."""
DIGITAL_SILENCE = 1e-9
"""-90 dB, the floor of 16 bits: padding with zeros says nothing about the noise."""
_FRAME_S = 0.02
_HEADROOM = 0.25


@dataclass(frozen=True, slots=True)
class AudioCleaning:
    """What ``clean`` does to a sound, in this order; 0 and None leave a step out."""

    high_pass_hz: float = 40.0
    """Below it: rumble, wind and offset, and next to nothing of speech, animals or music."""
    denoise: float = 0.0
    """Share (0..1) of the amplitude taken away where nothing rises above the noise floor."""
    trim_db: float | None = SILENCE_DB
    """Edges this far below the loudest 20 ms go."""
    trim_keep_s: float = 0.02
    """Of each trimmed edge, kept: an attack starts before the first loud frame."""
    loudness_lufs: float | None = -23.0
    """EBU R 128's programme level."""

    def __post_init__(self) -> None:
        if not 0 <= self.denoise <= 1:
            raise ValueError(f"denoise is a share of the noise, 0 to 1, not {self.denoise!r}.")
        if self.trim_db is not None and self.trim_db <= 0:
            raise ValueError(f"trim_db is above 0, or None, not {self.trim_db!r}.")
        if self.high_pass_hz < 0 or self.trim_keep_s < 0:
            raise ValueError("Neither high_pass_hz nor trim_keep_s may be negative.")


def clean(sound: Waveform, cleaning: AudioCleaning) -> Waveform:
    """The sound without what was not meant to be heard; the same samples give the same result.

    Resample before: a cut-off at or above half the rate raises ValueError. A sound of nothing
    stays one.
    """
    samples, rate = sound.samples, sound.rate
    if not samples.any():
        return sound
    if cleaning.high_pass_hz:
        samples = high_pass(samples, rate, cleaning.high_pass_hz)
    if cleaning.denoise:
        samples = denoise(samples, rate, cleaning.denoise)
    if cleaning.trim_db is not None:
        samples = trim_silence(samples, rate, cleaning.trim_db, cleaning.trim_keep_s)
    if cleaning.loudness_lufs is not None:
        samples = normalise_loudness(samples, rate, cleaning.loudness_lufs)
    return Waveform(samples, rate)


def prepare(sound: Waveform, rate: int) -> Waveform:
    """Resampled to ``rate``, silent edges trimmed, RMS at ``TARGET_RMS``."""
    samples = resample(sound, rate).samples
    samples = trim_silence(samples, rate)
    level = _rms(samples)
    gain = TARGET_RMS / level if level > 0 else 1.0
    return Waveform((samples * gain).astype(np.float32), rate)


def resample(sound: Waveform, rate: int) -> Waveform:
    """Band-limited (torchaudio's windowed sinc); unchanged if it already has that rate."""
    if sound.rate == rate:
        return sound
    import torch
    from torchaudio.functional import resample as sinc

    samples = sinc(torch.from_numpy(np.ascontiguousarray(sound.samples)), sound.rate, rate)
    return Waveform(samples.numpy(), rate)


def high_pass(samples: NDArray[np.float32], rate: int, cutoff_hz: float) -> NDArray[np.float32]:
    """Second-order Butterworth: 3 dB down at the cut-off, 12 dB more each octave below."""
    if cutoff_hz >= rate / 2:
        raise ValueError(f"A high-pass at {cutoff_hz} Hz leaves nothing of sound at {rate} Hz.")
    import torch
    from torchaudio.functional import highpass_biquad

    # the filter clips at 1, and an offset can double the peak of what it is taken from
    filtered = highpass_biquad(torch.from_numpy(samples * _HEADROOM), rate, cutoff_hz, BUTTERWORTH)
    return filtered.numpy() / np.float32(_HEADROOM)


def denoise(samples: NDArray[np.float32], rate: int, strength: float) -> NDArray[np.float32]:
    """Spectral gating: what does not rise above the noise floor loses ``strength`` of its amplitude.

    The floor is learnt from the quietest frames, as Sainburg's noisereduce does (T. Sainburg,
    M. Thielk, T. Gentner, PLOS Computational Biology 16(10), 2020), with a median over neighbouring
    frequencies, so that a steady tone stands above it and stays.
    """
    import torch
    from torch.nn.functional import avg_pool2d, pad

    n_fft = 1 << max(4, round(rate * GATE_WINDOW_S).bit_length() - 1)
    hop, window = n_fft // 4, torch.hann_window(n_fft)
    wave = torch.from_numpy(np.ascontiguousarray(samples))
    spectrum = torch.stft(wave, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square()
    energy = power.sum(0)
    audible = torch.nonzero(energy > energy.max() * DIGITAL_SILENCE).flatten()
    quiet = audible[energy[audible].argsort()[: max(1, int(len(audible) * NOISE_SHARE))]]
    decibels = 10 * torch.log10(power + power.max() * DIGITAL_SILENCE)
    floor = decibels[:, quiet].mean(1)
    side = GATE_FLOOR_BINS // 2
    floor = pad(floor[None], (side, side), mode="replicate")[0].unfold(0, GATE_FLOOR_BINS, 1)
    above = decibels - (floor.median(1).values[:, None] + GATE_MARGIN_DB)
    kept = torch.sigmoid(above / GATE_SOFT_DB)[None]
    kept = avg_pool2d(
        kept, GATE_SMOOTH, stride=1, padding=GATE_SMOOTH // 2, count_include_pad=False
    )
    spectrum = spectrum * (1 - strength * (1 - kept[0]))
    return torch.istft(spectrum, n_fft, hop, window=window, length=len(samples)).numpy()


def normalise_loudness(
    samples: NDArray[np.float32], rate: int, target_lufs: float
) -> NDArray[np.float32]:
    """At an integrated loudness (ITU-R BS.1770-4) of ``target_lufs``, or as near as a peak of 1
    allows. Nothing stays nothing.
    """
    loudness = loudness_lufs(samples, rate)
    if loudness is None:
        return samples
    gain = min(10 ** ((target_lufs - loudness) / 20), 1 / float(np.abs(samples).max()))
    return (samples * gain).astype(np.float32)


def loudness_lufs(samples: NDArray[np.float32], rate: int) -> float | None:
    """Integrated loudness; the RMS level in dBFS of what is shorter than one block of 0.4 s.

    Measured at one peak level, so that the standard's absolute gate (-70 LUFS) does not take a quiet
    recording for silence. None for silence.
    """
    import torch
    from torchaudio.functional import loudness

    peak = float(np.abs(samples).max()) if samples.size else 0.0
    if not peak:
        return None
    scale = _HEADROOM / peak
    scaled = torch.from_numpy(samples * np.float32(scale))
    if samples.size >= round(LOUDNESS_BLOCK_S * rate):
        measured = float(loudness(scaled[None], rate))
        if np.isfinite(measured):
            return measured - 20 * log10(scale)
    return 20 * log10(_rms(samples))


def trim_silence(
    samples: NDArray[np.float32], rate: int, below_db: float = SILENCE_DB, keep_s: float = 0.0
) -> NDArray[np.float32]:
    """Without the edges ``below_db`` quieter than the loudest frame, but for their last ``keep_s``."""
    size = max(1, int(_FRAME_S * rate))
    count = len(samples) // size
    if count < 2:
        return samples
    frames = samples[: count * size].reshape(count, size)
    power = np.mean(np.square(frames), axis=1, dtype=np.float64)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-below_db / 10))
    kept = int(keep_s * rate)
    return samples[max(0, loud[0] * size - kept) : (loud[-1] + 1) * size + kept]


def windows(sound: Waveform, window_s: float, hop_s: float) -> list[Waveform]:
    """Views of a long sound, ``window_s`` long and ``hop_s`` apart; a shorter sound is one window.

    The end of the sound gets a window of its own, shorter than the others, if it holds something
    new and is at least half as long. Raises ValueError if a length is not at least one sample.
    """
    size, hop = round(window_s * sound.rate), round(hop_s * sound.rate)
    if size < 1 or hop < 1:
        raise ValueError(f"Windows of {window_s} s every {hop_s} s are empty at {sound.rate} Hz.")
    cuts = [sound.samples[:size]]
    for start in range(hop, len(sound.samples), hop):
        cut = sound.samples[start : start + size]
        is_new = start - hop + size < len(sound.samples)
        if is_new and 2 * len(cut) >= size:
            cuts.append(cut)
    return [Waveform(cut, sound.rate) for cut in cuts]


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))) if samples.size else 0.0


def log_mel(
    sound: Waveform, *, bands: int, n_fft: int, hop: int, f_min: float, f_max: float
) -> "torch.Tensor":
    """Log power in mel bands: float32 (bands, frames), at least one frame."""
    import torch
    from torchaudio.transforms import MelSpectrogram

    samples = torch.from_numpy(np.ascontiguousarray(sound.samples))
    if samples.numel() < n_fft:
        samples = torch.nn.functional.pad(samples, (0, n_fft - samples.numel()))
    transform = MelSpectrogram(
        sound.rate, n_fft=n_fft, hop_length=hop, n_mels=bands, f_min=f_min, f_max=f_max
    )
    return torch.log(transform(samples) + 1e-6)


def mfcc(mel: "torch.Tensor", count: int) -> "torch.Tensor":
    """Cepstra of a log-mel spectrogram: float32 (count, frames), orthonormal DCT-II."""
    from torchaudio.functional import create_dct

    return create_dct(count, mel.shape[0], norm="ortho").T @ mel
