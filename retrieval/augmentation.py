"""Other looks and sounds of the same item, for training; ``train_space --augment`` learns from them.

Every function takes a seeded ``numpy`` generator: the same generator state gives the same result.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from retrieval.preprocess.image import Pixels
from retrieval.types import Waveform


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


@contextmanager
def _torch_seeded(chance: np.random.Generator) -> Iterator[None]:
    """torchvision draws from torch's global generator: it is put back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(chance.integers(2**62)))
        yield
