"""Several modalities to one vector: three methods, missing modalities masked. numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.types import MODALITIES, Modality, Vectors

FusionMethod = Literal["concat", "weighted", "attention"]
FUSION_METHODS: tuple[FusionMethod, ...] = get_args(FusionMethod)

Present = Mapping[Modality, NDArray[np.bool_]]
"""(n,) for each modality: which rows are real. The others are masked whatever they hold."""


def fused_width(method: FusionMethod, dim: int) -> int:
    """Of what the method makes of ``dim``-dimensional vectors."""
    return dim * len(MODALITIES) if method == "concat" else dim


@dataclass(frozen=True, slots=True)
class Fusion:
    """How an item's modalities become its fused vector.

    Every method gives each item weights, a softmax over the modalities it has:

    - ``weighted``: the same shares for all items, ``sum of w_m x_m``;
    - ``attention``: shares times ``exp(x_m . key_m)``: what a modality says decides how much it
      counts (additive attention over modalities, after Bahdanau et al. 2015);
    - ``concat``: the shares of ``weighted``, but the vectors side by side, ``[sqrt(w_m) x_m]``, three
      times as long: nothing of one modality is cancelled by another.
    """

    method: FusionMethod
    shares: Mapping[Modality, float]
    """Positive; only their ratios matter."""
    keys: Mapping[Modality, NDArray[np.float32]] = field(default_factory=dict)
    """(k,) for ``attention``: read the first k components of a projected vector."""

    def __post_init__(self) -> None:
        if self.method not in FUSION_METHODS:
            raise ValueError(f"No fusion {self.method!r}: choose from {list(FUSION_METHODS)}.")
        wrong = [name for name, share in self.shares.items() if not 0 < share < np.inf]
        if wrong or not self.shares:
            raise ValueError(f"Fusion weights must be positive numbers: {dict(self.shares)}.")

    def width(self, dim: int) -> int:
        """Of the fused vector of ``dim``-dimensional ones."""
        return fused_width(self.method, dim)

    def weights(self, vectors: Mapping[Modality, Vectors], present: Present) -> Vectors:
        """(n, len(MODALITIES)), rows summing to 1; zeros for an item with nothing."""
        count = len(next(iter(vectors.values())))
        scores = np.full((count, len(MODALITIES)), -np.inf)
        for column, name in enumerate(MODALITIES):
            if name in vectors:
                scores[present[name], column] = np.log(self.shares[name])
                if (key := self.keys.get(name)) is not None:
                    scores[present[name], column] += vectors[name][present[name], : len(key)] @ key
        highest = scores.max(1, keepdims=True)
        raised = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
        total = np.maximum(raised.sum(1, keepdims=True), np.finfo(np.float32).tiny)
        return (raised / total).astype(np.float32)

    def combine(self, vectors: Mapping[Modality, Vectors], weights: Vectors) -> Vectors:
        """(n, dim) vectors and (n, len(MODALITIES)) weights to (n, width(dim)), natural length.

        At most 1: shorter where modalities disagree; ``concat`` is always 1.
        """
        parts = []
        for column, name in enumerate(MODALITIES):
            shape = next(iter(vectors.values())).shape
            weight = weights[:, column, None]
            rows = vectors.get(name, np.zeros(shape, np.float32))
            scale = np.sqrt(weight) if self.method == "concat" else weight
            parts.append(np.where(weight > 0, scale * rows, 0))
        joined = np.concatenate(parts, 1) if self.method == "concat" else np.sum(parts, axis=0)
        return np.asarray(joined, np.float32)

    def query(self, vectors: Vectors) -> Vectors:
        """Query vectors (n, dim) as the fused ones want them: (n, width(dim)), same norms.

        For ``concat`` once for each modality by its share, so that an item with all of them scores
        the weighted mean of its modalities' scores.
        """
        if self.method != "concat":
            return vectors
        shares = np.array([self.shares.get(name, 0.0) for name in MODALITIES])
        roots = np.sqrt(shares / shares.sum()).astype(np.float32)
        return np.concatenate([root * vectors for root in roots], 1)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """For a file."""
        shares = {f"{n}.fusion": np.array([s], np.float32) for n, s in self.shares.items()}
        return shares | {f"{name}.key": key for name, key in self.keys.items()}

    @classmethod
    def from_tensors(
        cls, method: FusionMethod, tensors: Mapping[str, NDArray[np.float32]]
    ) -> "Fusion":
        """What ``tensors`` gave. Raises ``ValueError`` for what is no fusion."""
        shares = {n: tensors[f"{n}.fusion"] for n in MODALITIES if f"{n}.fusion" in tensors}
        keys = {n: tensors[f"{n}.key"] for n in MODALITIES if f"{n}.key" in tensors}
        return cls(method, {n: float(share[0]) for n, share in shares.items()}, keys)


def unit(vectors: NDArray[np.floating[Any]]) -> Vectors:
    """float32 rows of norm 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)


def pool(features: Vectors, owners: NDArray[np.integer[Any]], count: int) -> Vectors:
    """Mean of the features of each owner: (n, d) and (n,) to (count, d), unit rows.

    An owner without features gets a zero row.
    """
    sums = np.zeros((count, features.shape[1]), np.float32)
    np.add.at(sums, owners, features)
    return unit(sums)
