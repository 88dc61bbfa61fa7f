"""Pixels as a network reads them, and the crops of a picture whose vectors are averaged."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]
"""RGB, (height, width, 3)."""
Crop = Literal["whole", "mirrored", "centre", "content", "five"]

MEAN = STD = (0.5, 0.5, 0.5)
"""EfficientNet-Lite's own: 1-NN folder accuracy on stamps .773, .73 with ImageNet's statistics."""
CROP_SHARE = 0.875
"""224 of 256, the usual centre crop."""
BACKGROUND_TOLERANCE = 24
"""Of 255: above JPEG's ringing, below what an eye takes for an edge."""
CONTENT_MARGIN = 0.04
"""Of the content's longer side, kept around it."""
MIN_CONTENT = 16


@dataclass(frozen=True, slots=True)
class ImageTransform:
    """How a network wants pictures, as its own configuration says.

    ``pad`` shows the whole picture on a square of ``fill``; ``crop`` scales the shorter side to
    ``side / crop_share`` and keeps the middle; ``squash`` ignores the proportions.
    """

    side: int
    resize: Literal["pad", "crop", "squash"] = "pad"
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    fill: int = 255
    crop_share: float = 1.0

    def __post_init__(self) -> None:
        """A side of one pixel is refused, too: torch's resize fails at it."""
        if self.resize not in {"pad", "crop", "squash"}:
            raise ValueError(f"resize is pad, crop or squash, not {self.resize!r}.")
        if self.side < 2 or not 0 < self.crop_share <= 1:
            raise ValueError(
                f"{self.side} pixels and a share of {self.crop_share} give no picture."
            )


def to_tensor(pixels: Pixels, transform: ImageTransform | int) -> "torch.Tensor":
    """RGB uint8 (h, w, 3) to float32 (3, side, side), normalised.

    A number is the side of ``ImageTransform``'s defaults: the whole picture on white, -1..1.
    """
    import torch
    from torchvision.transforms.v2 import functional as vision

    if isinstance(transform, int):
        transform = ImageTransform(transform)
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    image = _square(image, transform)
    scaled = vision.to_dtype(image, torch.float32, scale=True)
    return vision.normalize(scaled, transform.mean, transform.std)


def _square(image: "torch.Tensor", transform: ImageTransform) -> "torch.Tensor":
    """uint8 (3, h, w) to uint8 (3, side, side)."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as vision

    mode, side = InterpolationMode(transform.interpolation), [transform.side] * 2
    height, width = image.shape[1:]
    if transform.resize == "pad":
        longest = max(height, width)
        left, top = (longest - width) // 2, (longest - height) // 2
        padding = [left, top, longest - width - left, longest - height - top]
        image = vision.pad(image, padding, fill=transform.fill)
    elif transform.resize == "crop":
        scale = transform.side / transform.crop_share / min(height, width)
        size = [max(transform.side, round(length * scale)) for length in (height, width)]
        image = vision.resize(image, size, interpolation=mode, antialias=True)
        return vision.center_crop(image, side)
    return vision.resize(image, side, interpolation=mode, antialias=True)


def views(pixels: Pixels, crops: Iterable[Crop] = ("whole", "mirrored")) -> list[Pixels]:
    """Crops of one picture for test time, in the order asked; ``five`` gives five.

    ``centre`` and the ``five`` (corners and centre) are ``CROP_SHARE`` as wide and high; ``content``
    is what differs from the background, see ``content_box``.
    """
    return [np.ascontiguousarray(view) for crop in crops for view in _crops(pixels, crop)]


def _crops(pixels: Pixels, crop: Crop) -> list[Pixels]:
    height, width = pixels.shape[:2]
    if crop == "whole":
        return [pixels]
    if crop == "mirrored":
        return [pixels[:, ::-1]]
    if crop == "content":
        top, left, bottom, right = content_box(pixels)
        return [pixels[top:bottom, left:right]]
    if crop not in {"centre", "five"}:
        raise ValueError(f"A crop is whole, mirrored, centre, content or five, not {crop!r}.")
    high, wide = max(1, round(height * CROP_SHARE)), max(1, round(width * CROP_SHARE))
    below, beside = height - high, width - wide
    corners = [(0, 0), (0, beside), (below, 0), (below, beside)] if crop == "five" else []
    starts = [*corners, (below // 2, beside // 2)]
    return [pixels[top : top + high, left : left + wide] for top, left in starts]


def content_box(pixels: Pixels) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what differs from the background, with a margin.

    The background is the median colour of the border. The whole picture if less than half of the
    border has that colour (a photo), or if nothing differs by more than ``MIN_CONTENT`` pixels.
    """
    height, width = pixels.shape[:2]
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int16)
    colour = np.median(border, axis=0)
    whole = (0, 0, height, width)
    if (np.abs(border - colour).max(1) <= BACKGROUND_TOLERANCE).mean() < 0.5:
        return whole
    content = np.abs(pixels.astype(np.int16) - colour).max(2) > BACKGROUND_TOLERANCE
    rows, columns = np.flatnonzero(content.any(1)), np.flatnonzero(content.any(0))
    if not rows.size or max(np.ptp(rows), np.ptp(columns)) + 1 < MIN_CONTENT:
        return whole
    margin = round(CONTENT_MARGIN * (max(np.ptp(rows), np.ptp(columns)) + 1))
    return (
        max(0, int(rows[0]) - margin),
        max(0, int(columns[0]) - margin),
        min(height, int(rows[-1]) + 1 + margin),
        min(width, int(columns[-1]) + 1 + margin),
    )
