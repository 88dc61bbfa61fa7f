"""Several encoders of one modality as one: their vectors side by side."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.exceptions import EncoderUnavailable
from retrieval.types import Encoder, Modality, Role, Vectors


class EnsembleEncoder:
    """``[sqrt(share_1) v_1, sqrt(share_2) v_2, ...]``: errors that members do not share cancel out.

    ``members`` are encoders as profiles name them, each with a ``share`` of the squared norm.
    """

    def __init__(self, *, members: Sequence[Mapping[str, Any]]) -> None:
        from retrieval.encoders import make  # its module imports this one by name

        if len(members) < 2:
            raise EncoderUnavailable("An ensemble needs at least two members.")
        configs = [dict(member) for member in members]
        shares = np.array([config.pop("share", 1.0) for config in configs])
        if not (shares > 0).all():
            raise EncoderUnavailable(f"Shares of an ensemble must be positive: {shares.tolist()}.")
        self._scales = np.sqrt(shares / shares.sum()).astype(np.float32)
        self._encoders: list[Encoder] = [make(config) for config in configs]

    @property
    def modalities(self) -> frozenset[Modality]:
        """What every member encodes."""
        return frozenset.intersection(*(member.modalities for member in self._encoders))

    @property
    def dim(self) -> int:
        """Sum of the members'."""
        return sum(member.dim for member in self._encoders)

    @property
    def fingerprint(self) -> str:
        """Names of the members, and a hash of their fingerprints and shares."""
        parts = [
            f"{scale**2:.4f}*{member.fingerprint}"
            for scale, member in zip(self._scales, self._encoders, strict=True)
        ]
        names = "+".join(type(member).__name__ for member in self._encoders)
        digest = hashlib.sha256(" + ".join(parts).encode()).hexdigest()[:16]
        return f"{type(self).__name__}/1[{names}]{digest}"

    def encode(self, modality: Modality, batch: Sequence[Any], role: Role = "document") -> Vectors:
        """See ``retrieval.types.Encoder``."""
        return np.concatenate(
            [
                scale * member.encode(modality, batch, role)
                for scale, member in zip(self._scales, self._encoders, strict=True)
            ],
            axis=1,
        )
