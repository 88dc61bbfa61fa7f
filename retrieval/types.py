"""The words of retrieval: modalities, encoders and what passes between the stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Modality = Literal["text", "image", "audio"]
Role = Literal["query", "document"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")

Vectors = NDArray[np.float32]
"""float32, (n, dim)."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono sound: ``samples`` float32 in [-1, 1], shape (n,), at ``rate`` samples a second."""

    samples: NDArray[np.float32]
    rate: int


Content = str | NDArray[np.uint8] | Waveform
"""What an encoder reads: text; RGB pixels, uint8 (height, width, 3); or a waveform."""


@runtime_checkable
class Encoder(Protocol):
    """Turns content of one or more modalities into vectors.

    To write one: a class whose constructor takes its options as keywords and loads nothing, and
    the members below. Weights are loaded at the first ``encode``, in the process that uses them.
    Name it by dotted path in a profile of ``settings.RETRIEVAL["PROFILES"]``.

    Optional members, looked up with ``getattr``:
    - ``joint = True``: its modalities share one space already, in which a text and the picture or
      sound it describes are alike, so that one projection can serve them all.
    - ``concepts() -> (names, features (n, dim))``: names in words of what its features stand for.
    - ``weights``: what ``manage.py fetch_weights`` downloads, see ``encoders.hub.Weights``.
    """

    modalities: frozenset[Modality]

    @property
    def dim(self) -> int:
        """Length of its vectors. May read a configuration and raise ``EncoderUnavailable``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same content could get another vector (weights, options, code)."""
        ...

    def encode(self, modality: Modality, batch: Sequence[Any], role: Role = "document") -> Vectors:
        """Vectors of a batch: float32, (len(batch), dim), unit rows; (0, dim) for an empty batch.

        ``role`` matters to text encoders trained with different prefixes for queries and
        documents; others ignore it. Deterministic, and a row does not depend on its neighbours
        in the batch (within 1e-4). Raises ``EncoderFailed`` if a vector is not finite.
        """
        ...
