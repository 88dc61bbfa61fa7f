"""Sentences: BERT, MiniLM, E5 and their kin (Reimers & Gurevych 2019, Wang et al. 2024)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from retrieval.encoders.hub import HubEncoder
from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.preprocess.text import normalise
from retrieval.types import Modality, Role, Vectors

Pooling = Literal["mean", "cls"]
MAX_TOKENS = 512
"""Unless asked: models that take 8,192 need memory that grows with the square."""


class _Model(NamedTuple):
    network: Any
    tokenizer: Any
    max_length: int


class SentenceEncoder(HubEncoder):
    """Hidden states of the last layer, averaged over tokens (``mean``) or of the first (``cls``).

    Use the pooling and prefixes the model was trained with: E5 takes ``mean`` and "query: " and
    "passage: ", BGE ``cls``, MiniLM ``mean`` and no prefix. ``max_length`` in tokens, prefix
    included; 0 takes the checkpoint's own, at most ``MAX_TOKENS``.
    """

    modalities = frozenset({"text"})
    unread = ("position_ids", "pooler")

    def __init__(
        self,
        *,
        pooling: Pooling = "mean",
        query_prefix: str = "",
        document_prefix: str = "",
        max_length: int = 0,
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        if pooling not in ("mean", "cls"):
            raise EncoderUnavailable(f"pooling={pooling!r}: use mean or cls.")
        super().__init__(
            batch_size=batch_size,
            pooling=pooling,
            prefixes=[query_prefix, document_prefix],
            max_length=max_length,
            **options,
        )
        self._pooling = pooling
        self._prefixes: dict[Role, str] = {"query": query_prefix, "document": document_prefix}
        self._max_length = max_length

    @cached_property
    def dim(self) -> int:
        """Hidden size."""
        from transformers import AutoConfig

        return int(self._pretrained(AutoConfig).hidden_size)

    def encode(self, modality: Modality, batch: Sequence[str], role: Role = "document") -> Vectors:
        """See ``retrieval.types.Encoder``. Texts of like length share a batch: less padding."""
        if modality != "text":
            raise EncoderFailed(f"{type(self).__name__} does not encode {modality!r}.")
        order = np.argsort([len(text) for text in batch], kind="stable")
        vectors = np.zeros((len(batch), self.dim), np.float32)
        vectors[order] = super().encode(modality, [batch[row] for row in order], role)
        return vectors

    def _load(self) -> _Model:
        from transformers import AutoModel, AutoTokenizer

        tokenizer = self._pretrained(AutoTokenizer)
        network = self._network(AutoModel)
        longest = min(tokenizer.model_max_length, _positions(network.config))
        return _Model(network, tokenizer, min(self._max_length or MAX_TOKENS, longest))

    def _vectors(self, model: _Model, batch: Sequence[str], role: Role) -> Vectors:
        import torch

        tokens = model.tokenizer(
            [self._prefixes[role] + normalise(text) for text in batch],
            padding=True,
            truncation=True,
            max_length=model.max_length,
            return_tensors="pt",
        ).to(model.network.device)
        with torch.inference_mode():
            states = model.network(**tokens).last_hidden_state.float()
            if self._pooling == "cls":
                pooled = states[:, 0]
            else:
                mask = tokens["attention_mask"].unsqueeze(-1).float()
                pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return pooled.cpu().numpy()


def _positions(config: Any) -> int:
    """The most tokens a network takes."""
    positions = int(getattr(config, "max_position_embeddings", MAX_TOKENS))
    # these count from their padding index + 1 on
    offset = 2 if config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"} else 0
    return positions - offset
