"""Pictures by the classifiers of torchvision, convolutional or transformer: what they see before
they name it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.encoders.crops import WHOLE, Crops
from retrieval.encoders.hub import fetch_command, file_sha256
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.image import Crop
from retrieval.types import Role, Vectors

CLASSES = 1000
"""ImageNet's: all weights of torchvision's classifiers were trained on them."""


@dataclass(frozen=True, slots=True)
class TorchvisionWeights:
    """The file of a weights enum's member, in torch's own cache."""

    url: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Where torch keeps it."""
        from torch.hub import get_dir

        return Path(get_dir()) / "checkpoints" / self.name

    def size(self) -> int:
        """See ``retrieval.encoders.hub.Weights``."""
        import httpx

        if self.path.exists():
            return 0
        answer = httpx.head(self.url, follow_redirects=True, timeout=30).raise_for_status()
        return int(answer.headers.get("Content-Length", 0))

    def fetch(self) -> None:
        """See ``retrieval.encoders.hub.Weights``; the hash in the file's name is checked."""
        from torch.hub import download_url_to_file

        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            digits = self.name.rpartition("-")[2].partition(".")[0]
            download_url_to_file(self.url, str(self.path), hash_prefix=digits)


class _Model(NamedTuple):
    network: Any
    transforms: Any


class TorchvisionEncoder(LocalEncoder):
    """The features that the last linear layer of ``name`` reads: resnet50, convnext_tiny, vit_b_16, …

    ``weights``: a local .safetensors or .pth of that network; without, torchvision's own default
    weights, which ``manage.py fetch_weights`` downloads. Pictures are resized, cropped and
    normalised as those defaults say. ``crops``: see ``Crops``.
    """

    modalities = frozenset({"image"})
    packages = ("torchvision", "torch")

    def __init__(
        self,
        *,
        name: str,
        weights: str = "",
        crops: Sequence[Crop] = WHOLE,
        device: str = "auto",
        batch_size: int = 8,
    ) -> None:
        self._crops = Crops(crops)
        super().__init__(batch_size=batch_size, name=name, **self._crops.identity)
        self._name = name
        self._file = Path(weights) if weights else None
        self._wanted_device = device

    @cached_property
    def dim(self) -> int:
        """Inputs of the classifier."""
        return int(_last_linear(self._bare())[1].in_features)

    @property
    def weights(self) -> TorchvisionWeights | None:
        """What can be fetched; None for a local file."""
        return None if self._file else TorchvisionWeights(self._default().url)

    def _identity(self) -> Mapping[str, Any]:
        if self._file:
            return {**self._options, "file": file_sha256(self._file)}
        return {**self._options, "weights": self._default().url.rpartition("/")[2]}

    def _default(self) -> Any:
        from torchvision import models

        classifiers = models.list_models(module=models)
        if self._name not in classifiers:
            raise EncoderUnavailable(
                f"name={self._name!r} is no classifier of torchvision: use one of "
                f"{', '.join(classifiers)}."
            )
        return models.get_model_weights(self._name).DEFAULT

    def _bare(self) -> Any:
        """The network as the default weights need it, its parameters still random."""
        from torchvision.models import get_model

        default, options = self._default(), {}
        if self._name in {"googlenet", "inception_v3"}:
            options = {"init_weights": False, "transform_input": True}
        elif self._name.startswith("vit_"):
            options = {"image_size": default.meta["min_size"][0]}
        return get_model(self._name, weights=None, **options)

    def _load(self) -> _Model:
        import torch

        network = self._bare()
        state = self._state()
        try:
            network.load_state_dict(state)
        except RuntimeError as err:
            raise EncoderUnavailable(f"{self._path()} is not of {self._name}: {err}") from err
        name, _ = _last_linear(network)
        network.set_submodule(name, torch.nn.Identity())
        device = self._wanted_device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return _Model(network.eval().to(device), self._default().transforms())

    def _path(self) -> Path:
        return self._file or TorchvisionWeights(self._default().url).path

    def _state(self) -> Any:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._path()
        if not path.exists():
            command = fetch_command(name=self._name) or f"curl -o {path} {self._default().url}"
            raise EncoderUnavailable(
                f"There is no file {path} with the weights of {self._name}: "
                + ("set weights= to a file." if self._file else f"run `{command}`.")
            )
        try:
            if path.suffix == ".safetensors":
                return load_file(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as err:
            raise EncoderUnavailable(f"{path} holds more than tensors: it is not read.") from err
        except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as err:
            raise EncoderUnavailable(f"{path} cannot be loaded: {err}") from err

    def _vectors(self, model: _Model, batch: Sequence[NDArray[np.uint8]], role: Role) -> Vectors:
        return self._crops.averaged(
            batch, self._batch_size, lambda views: self._unit(_features(model, views))
        )


def _features(model: _Model, pictures: Sequence[NDArray[np.uint8]]) -> Vectors:
    import torch

    device = next(model.network.parameters()).device
    ready = [
        model.transforms(torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1))
        for pixels in pictures
    ]
    with torch.inference_mode():
        found: Vectors = model.network(torch.stack(ready).to(device)).flatten(1).cpu().numpy()
        return found


def _last_linear(network: Any) -> tuple[str, Any]:
    """Name and layer of the classifier."""
    import torch

    linear = [
        (name, layer)
        for name, layer in network.named_modules()
        if isinstance(layer, torch.nn.Linear) and layer.out_features == CLASSES
    ]
    if not linear:
        raise EncoderUnavailable(f"{type(network).__name__} ends in no linear classifier.")
    return linear[-1]
