"""Sound as encoders read it: resampled, trimmed, at one loudness; log-mel and MFCC features."""

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
_FRAME_S = 0.02


def prepare(sound: Waveform, rate: int) -> Waveform:
    """Resampled to ``rate``, silent edges trimmed, RMS at ``TARGET_RMS``."""
    samples = resample(sound, rate).samples
    samples = trim_silence(samples, rate)
    rms = float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))) if samples.size else 0.0
    gain = TARGET_RMS / rms if rms > 0 else 1.0
    return Waveform((samples * gain).astype(np.float32), rate)


def resample(sound: Waveform, rate: int) -> Waveform:
    """Band-limited (torchaudio's windowed sinc); unchanged if it already has that rate."""
    if sound.rate == rate:
        return sound
    import torch
    from torchaudio.functional import resample as sinc

    samples = sinc(torch.from_numpy(np.ascontiguousarray(sound.samples)), sound.rate, rate)
    return Waveform(samples.numpy(), rate)


def trim_silence(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Without the edges quieter than ``SILENCE_DB`` below the loudest frame."""
    size = max(1, int(_FRAME_S * rate))
    count = len(samples) // size
    if count < 2:
        return samples
    frames = samples[: count * size].reshape(count, size)
    power = np.mean(np.square(frames), axis=1, dtype=np.float64)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-SILENCE_DB / 10))
    return samples[loud[0] * size : (loud[-1] + 1) * size]


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
