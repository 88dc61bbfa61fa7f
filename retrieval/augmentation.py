"""Other looks, sounds and words of the same item, for training.

Every function takes a seeded ``numpy`` generator: the same generator state gives the same result.

- ``augment_image(pixels, chance) -> pixels``
- ``augment_sound(sound, chance) -> sound`` and ``augment_mel(mel, chance) -> mel``
- ``sample_words(texts, chance) -> (language, words)``
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.selectors import DocumentText
from retrieval.preprocess.image import Pixels
from retrieval.preprocess.text import document_texts
from retrieval.types import Waveform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ImageAugmentation:
    """A random part of the picture at its full size, maybe mirrored, then RandAugment.

    E. D. Cubuk et al., RandAugment, 2020: ``operations`` of its fourteen, each at ``magnitude`` of 30.
    """

    smallest_part: float = 0.5
    """Of the area: less of a catalog's picture is another thing."""
    mirrored: float = 0.5
    operations: int = 2
    magnitude: int = 9


@dataclass(frozen=True, slots=True)
class SoundAugmentation:
    """Loudness, background noise and time."""

    gain_db: float = 6.0
    """Up or down, at most."""
    noisy: float = 0.5
    """How often noise is added."""
    snr_db: tuple[float, float] = (10.0, 40.0)
    shift: float = 0.2
    """Of the length, at most; what leaves at one end comes in at the other."""


@dataclass(frozen=True, slots=True)
class MelAugmentation:
    """Bands and stretches of time left out: D. S. Park et al., SpecAugment, 2019, without warping."""

    masks: int = 2
    """Of each kind."""
    bands: float = 0.2
    """Of all bands, at most, by one mask."""
    frames: float = 0.2


def augment_image(
    pixels: Pixels, chance: np.random.Generator, config: ImageAugmentation = ImageAugmentation()
) -> Pixels:
    """RGB uint8 (h, w, 3) to the same; where it was turned away, white."""
    import torch
    from torchvision.transforms import v2

    height, width = pixels.shape[:2]
    steps = [
        v2.RandomResizedCrop((height, width), (config.smallest_part, 1.0), antialias=True),
        v2.RandomHorizontalFlip(config.mirrored),
        v2.RandAugment(config.operations, config.magnitude, fill=255),
    ]
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    with _torch_seeded(chance):
        for step in steps:
            image = step(image)
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def augment_sound(
    sound: Waveform, chance: np.random.Generator, config: SoundAugmentation = SoundAugmentation()
) -> Waveform:
    """As long as it was, within [-1, 1]."""
    if not sound.samples.size:
        return sound
    furthest = int(config.shift * sound.samples.size)
    samples = np.roll(sound.samples.astype(np.float64), chance.integers(-furthest, furthest + 1))
    samples *= 10 ** (chance.uniform(-config.gain_db, config.gain_db) / 20)
    if chance.random() < config.noisy:
        power = float(np.mean(np.square(samples)))
        level = np.sqrt(power / 10 ** (chance.uniform(*config.snr_db) / 10))
        samples += chance.normal(0, level, samples.size)
    return Waveform(np.clip(samples, -1, 1).astype(np.float32), sound.rate)


def augment_mel(
    mel: "torch.Tensor", chance: np.random.Generator, config: MelAugmentation = MelAugmentation()
) -> "torch.Tensor":
    """Log-mel (bands, frames) to a copy whose masked parts have its mean."""
    from torchaudio.functional import mask_along_axis

    level, masked = float(mel.mean()), mel.clone()[None]
    with _torch_seeded(chance):
        for axis, share in ((1, config.bands), (2, config.frames)):
            for _ in range(config.masks):
                longest = max(1, round(share * masked.shape[axis]))
                masked = mask_along_axis(masked, longest, level, axis)
    return masked[0]


def sample_words(
    texts: Sequence[DocumentText],
    chance: np.random.Generator,
    *,
    tags: float = 0.5,
    description: float = 0.5,
) -> tuple[str, str]:
    """One language of an item and a text in it: the title, each tag with the probability ``tags``, the
    description with ``description``. Two empty strings for an item without words.
    """
    spoken = [text for text in texts if document_texts(text.title, text.description, text.tags)]
    if not spoken:
        return "", ""
    text = spoken[int(chance.integers(len(spoken)))]
    kept = [tag for tag in text.tags if chance.random() < tags]
    shown = text.description if chance.random() < description else ""
    found = document_texts(text.title, shown, kept)
    return text.language, (found or document_texts(text.title, text.description, text.tags))[-1]


@contextmanager
def _torch_seeded(chance: np.random.Generator) -> Iterator[None]:
    """torchvision and torchaudio draw from torch's global generator: it is put back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(chance.integers(2**62)))
        yield
