"""Words and pictures in one space: CLIP (Radford et al. 2021), SigLIP 2 (Tschannen et al. 2025)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from retrieval.encoders.crops import WHOLE, Crops
from retrieval.encoders.hub import HubEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.image import Crop, Pixels
from retrieval.preprocess.text import normalise
from retrieval.types import Role, Vectors


class _Model(NamedTuple):
    network: Any
    tokenizer: Any
    processor: Any


class ClipEncoder(HubEncoder):
    """Any checkpoint with CLIP's two towers. Pictures are resized, cropped and normalised, and texts
    cut, as its own files say. ``crops``: see ``Crops``.
    """

    modalities = frozenset({"text", "image"})
    joint = True

    def __init__(self, *, crops: Sequence[Crop] = WHOLE, **options: Any) -> None:
        self._crops = Crops(crops)
        super().__init__(**options, **self._crops.identity)

    @cached_property
    def dim(self) -> int:
        """Of the space both towers project into."""
        return int(self._configuration().projection_dim)

    def _configuration(self) -> Any:
        from transformers import AutoConfig

        return self._pretrained(AutoConfig)

    def _load(self) -> _Model:
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        return _Model(
            self._network(AutoModel),
            self._pretrained(AutoTokenizer),
            self._pretrained(AutoImageProcessor),
        )

    def _vectors(self, model: _Model, batch: Sequence[Any], role: Role) -> Vectors:
        import torch

        if not isinstance(batch[0], str):
            return self._crops.averaged(
                batch, self._batch_size, lambda views: self._unit(_seen(model, views))
            )
        inputs = self._tokens(model, [normalise(text) for text in batch])
        with torch.inference_mode():
            found = model.network.get_text_features(**inputs.to(model.network.device))
        return found.pooler_output.float().cpu().numpy()

    def _tokens(self, model: _Model, texts: list[str]) -> Any:
        return model.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=model.network.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )


def _seen(model: _Model, pictures: Sequence[Pixels]) -> Vectors:
    import torch

    pixels = model.processor(
        images=list(pictures), return_tensors="pt", input_data_format="channels_last"
    )["pixel_values"]
    with torch.inference_mode():
        found = model.network.get_image_features(
            pixel_values=pixels.to(model.network.device, model.network.dtype)
        )
    return found.pooler_output.float().cpu().numpy()


class SiglipEncoder(ClipEncoder):
    """SigLIP and SigLIP 2 at a fixed resolution (NaFlex checkpoints are refused).

    Texts are lower-cased and padded to the full length without a mask, as in training.
    """

    @cached_property
    def dim(self) -> int:
        """Of both towers."""
        return int(self._configuration().vision_config.hidden_size)

    def _configuration(self) -> Any:
        config = super()._configuration()
        if config.model_type != "siglip":
            raise EncoderUnavailable(
                f"{self._folder()} is a checkpoint of {config.model_type}, not siglip: take one "
                "with a fixed resolution, such as google/siglip2-base-patch16-224."
            )
        return config

    def _load(self) -> _Model:
        self._configuration()
        return super()._load()

    def _tokens(self, model: _Model, texts: list[str]) -> Any:
        return model.tokenizer(
            [text.lower() for text in texts],
            padding="max_length",
            truncation=True,
            max_length=model.network.config.text_config.max_position_embeddings,
            return_attention_mask=False,
            return_tensors="pt",
        )
