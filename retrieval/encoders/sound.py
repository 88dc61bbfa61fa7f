"""Sounds by pretrained networks: CLAP, joint with words, and transformers over audio alone."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.cleaning import check_rate, cleaning_by_role
from retrieval.encoders.hub import HubEncoder
from retrieval.exceptions import EncoderUnavailable
from retrieval.preprocess.audio import clean, prepare, resample, windows
from retrieval.preprocess.text import normalise
from retrieval.types import Role, Vectors, Waveform

WINDOW_S = 10.0
"""What CLAP and AST were trained on, and enough for networks that take any length."""
SHORTEST_S = 0.1
"""Shorter sounds are padded: the convolutions of wav2vec2 need 25 ms."""


class _Model(NamedTuple):
    network: Any
    extractor: Any
    tokenizer: Any = None


class AudioEncoder(HubEncoder):
    """Base: a long sound is the mean of its windows' unit vectors. Subclasses give ``_window_rows``.

    ``window_s`` and ``hop_s``: length and distance of windows, in seconds. ``cleaning``: fields of
    ``AudioCleaning``, for whose steps trimming and levelling are left; only queries are denoised.
    """

    modalities = frozenset({"audio"})

    def __init__(
        self,
        *,
        window_s: float = WINDOW_S,
        hop_s: float | None = None,
        cleaning: Mapping[str, Any] | None = None,
        batch_size: int = 8,
        **options: Any,
    ) -> None:
        hop_s = window_s if hop_s is None else hop_s
        self._cleaning = None if cleaning is None else cleaning_by_role(cleaning)
        if cleaning is not None:
            options["cleaning"] = dict(cleaning)
        super().__init__(batch_size=batch_size, window_s=window_s, hop_s=hop_s, **options)
        self._window_s, self._hop_s = window_s, hop_s

    def _load(self) -> _Model:
        from transformers import AutoFeatureExtractor, AutoModel

        extractor = self._pretrained(AutoFeatureExtractor)
        if self._cleaning:
            check_rate(self._cleaning, extractor.sampling_rate)
        return _Model(self._network(AutoModel), extractor)

    def _vectors(self, model: _Model, batch: Sequence[Waveform], role: Role) -> Vectors:
        cuts = [self._cut(sound, model.extractor.sampling_rate, role) for sound in batch]
        samples = [window for windows_ in cuts for window in windows_]
        rows = np.zeros((len(samples), self.dim), np.float32)
        # windows of one length go together: padding would change what the network hears
        for length in {len(window) for window in samples}:
            alike = [row for row, window in enumerate(samples) if len(window) == length]
            for start in range(0, len(alike), self._batch_size):
                part = alike[start : start + self._batch_size]
                rows[part] = self._window_rows(model, [samples[row] for row in part])
        rows = self._unit(rows)
        bounds = pairwise(accumulate(map(len, cuts), initial=0))
        return np.stack([rows[start:stop].mean(0) for start, stop in bounds])

    def _cut(self, sound: Waveform, rate: int, role: Role) -> list[NDArray[np.float32]]:
        if self._cleaning:
            ready = clean(resample(sound, rate), self._cleaning[role])
        else:
            ready = prepare(sound, rate)
        found = windows(ready, self._window_s, self._hop_s)
        shortest = int(SHORTEST_S * rate)
        return [
            np.pad(window.samples, (0, max(0, shortest - len(window.samples)))) for window in found
        ]

    def _window_rows(self, model: _Model, samples: list[NDArray[np.float32]]) -> Vectors:
        """float32 (n, dim), of any norm, for n windows of one length."""
        raise NotImplementedError


class AudioTransformerEncoder(AudioEncoder):
    """wav2vec2 (Baevski et al. 2020), HuBERT (Hsu et al. 2021), AST (Gong et al. 2021) and their
    kin: the hidden states of the last layer, averaged over frames.
    """

    unread = ("position_ids", "masked_spec_embed", "pooler")

    @cached_property
    def dim(self) -> int:
        """Hidden size."""
        from transformers import AutoConfig

        return int(self._pretrained(AutoConfig).hidden_size)

    def _window_rows(self, model: _Model, samples: list[NDArray[np.float32]]) -> Vectors:
        import torch

        rate = model.extractor.sampling_rate
        inputs = model.extractor(samples, sampling_rate=rate, return_tensors="pt")
        values = inputs[model.extractor.model_input_names[0]]
        with torch.inference_mode():
            states = model.network(values.to(model.network.device, model.network.dtype))
        return states.last_hidden_state.float().mean(1).cpu().numpy()


class ClapEncoder(AudioEncoder):
    """CLAP (Wu et al. 2023): words and sounds in one space. English."""

    modalities = frozenset({"text", "audio"})
    joint = True

    @cached_property
    def dim(self) -> int:
        """Of the space both towers project into."""
        from transformers import AutoConfig

        return int(self._pretrained(AutoConfig).projection_dim)

    def _load(self) -> _Model:
        from transformers import AutoTokenizer

        network, extractor, _ = super()._load()
        if self._window_s > extractor.max_length_s:
            raise EncoderUnavailable(
                f"window_s={self._window_s}: {self._folder()} hears at most "
                f"{extractor.max_length_s} s at once and would crop at random."
            )
        return _Model(network, extractor, self._pretrained(AutoTokenizer))

    def _vectors(self, model: _Model, batch: Sequence[Any], role: Role) -> Vectors:
        import torch

        if not isinstance(batch[0], str):
            return super()._vectors(model, batch, role)
        tokens = model.tokenizer(
            [normalise(text) for text in batch],
            padding=True,
            truncation=True,
            max_length=model.network.config.text_config.max_position_embeddings - 2,
            return_tensors="pt",
        ).to(model.network.device)
        with torch.inference_mode():
            found = model.network.get_text_features(**tokens)
        return found.pooler_output.float().cpu().numpy()

    def _window_rows(self, model: _Model, samples: list[NDArray[np.float32]]) -> Vectors:
        import torch

        rate = model.extractor.sampling_rate
        inputs = model.extractor(samples, sampling_rate=rate, return_tensors="pt")
        features = inputs["input_features"].to(model.network.device, model.network.dtype)
        # the extractor marks a random one as long
        none = torch.zeros((len(samples), 1), dtype=torch.bool, device=features.device)
        with torch.inference_mode():
            found = model.network.get_audio_features(input_features=features, is_longer=none)
        return found.pooler_output.float().cpu().numpy()
