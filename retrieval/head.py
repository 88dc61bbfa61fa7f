"""From encoders' features to the shared space, and to one vector an item. numpy only.

- ``Head.untrained(dims, dim=256, seed=0) -> Head``; ``retrieval.training.train_head`` trains one
- ``head.project(modality, features, role="document") -> (n, dim) unit rows``
- ``head.fuse(vectors, present) -> (fused (n, fused_dim), weights (n, len(MODALITIES)))``
- ``head.fused_query(vectors) -> (n, fused_dim)``: what a query is compared with ``fused`` as
- ``head.save(path)``, ``Head.load(path)``, ``head.to_bytes()``, ``Head.from_bytes(data)``
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Fusion, FusionMethod, Present, unit
from retrieval.types import MODALITIES, Modality, Role, Vectors

FORMAT = "triad-head/3"
DIM = 256
DETAIL_SHARE = 0.5
"""Of a cosine within a modality. Alignment maps a picture to what it shows: two frogs become alike,
and a flipped copy no longer finds itself before its kin.
"""
HUB_TEMPERATURE = 10.0
HUB_SHARE = 0.5
"""Of a document's mean likeness to all kinds of queries, taken off its score against words (inverted
softmax, Smith et al. 2017, halved). Without it a few vague pictures are near everything: held-out
R@10 en, zh .748, .695, with it .766, .716; with .7 the same.
"""
HUB_QUERY = 0.3
"""Component of a query in words that reads a document's hubness; larger ones only shrink the scores."""
UNTRAINED_SHARE = 1 / 64
"""Until the modalities are aligned, a picture is noise to a query in words: an item's fused vector is
that of its words, if it has any.
"""


@dataclass(frozen=True, slots=True)
class Projection:
    """Of one modality: ``unit((features - centre) @ weight)``."""

    weight: NDArray[np.float32]
    """(d_in, shared dim)."""
    centres: Mapping[Role, NDArray[np.float32]]
    """(d_in,) for each role: a text encoder's queries and documents lie around different means."""
    detail: NDArray[np.float32] | None = None
    """(d_in, k) or None: directions of the modality's own, which no other modality reads."""

    def __call__(self, features: Vectors, role: Role) -> tuple[Vectors, Vectors | None]:
        """float32, (n, d_in) to the shared part (n, shared dim) and the detail (n, k), unit rows."""
        centred = features - self.centres[role]
        own = None if self.detail is None else unit(centred @ self.detail)
        return unit(centred @ self.weight), own


@dataclass(frozen=True, slots=True)
class Hubs:
    """How near a vector of the shared space is to everything: its ``hubness``, 0 on average."""

    landmarks: NDArray[np.float32]
    """(l, shared dim), unit rows: words of all kinds, standing for queries."""
    means: Mapping[Modality, float]
    """Of the modalities that are corrected: words look for them."""

    def hubness(self, shared: Vectors, modality: Modality) -> NDArray[np.float32]:
        """(n, shared dim) to (n,): the soft maximum of the cosines with the landmarks."""
        scores = HUB_TEMPERATURE * (shared @ self.landmarks.T)
        soft = np.log(np.exp(scores).mean(1)) / HUB_TEMPERATURE
        return np.asarray(soft - self.means[modality], np.float32)

    def component(self, shared: Vectors, modality: Modality, role: Role) -> NDArray[np.float32]:
        """(n,): what stands beside the shared part, so that the inner product corrects itself."""
        if role == "query":
            return np.full(len(shared), HUB_QUERY if modality == "text" else 0.0, np.float32)
        if modality not in self.means:
            return np.zeros(len(shared), np.float32)
        return -HUB_SHARE / HUB_QUERY * self.hubness(shared, modality)


@dataclass(frozen=True)
class Head:
    """The trained part of an embedding space: small, pure, the same on every machine."""

    projections: Mapping[Modality, Projection]
    fusion: Fusion
    metadata: Mapping[str, Any] = field(default_factory=dict)
    hubs: Hubs | None = None

    @classmethod
    def untrained(
        cls,
        dims: Mapping[Modality, int],
        dim: int = DIM,
        seed: int = 0,
        centres: Mapping[Modality, NDArray[np.float32]] | None = None,
        joint: Collection[Modality] = (),
        method: FusionMethod = "weighted",
    ) -> "Head":
        """Random orthonormal projections: cosines within a modality survive (Johnson &
        Lindenstrauss), those between modalities mean nothing yet, so that words weigh most.

        The ``joint`` modalities come from one encoder with one space (CLIP, CLAP): they share a
        projection, and cosines between them survive too.
        """
        centres = centres or {}
        projections: dict[Modality, Projection] = {}
        for modality, d_in in dims.items():
            first = min(joint, key=MODALITIES.index) if modality in joint else modality
            rng = np.random.default_rng([seed, MODALITIES.index(first)])
            basis, _ = np.linalg.qr(rng.standard_normal((max(d_in, dim), min(d_in, dim))))
            weight = (basis if d_in >= dim else basis.T).astype(np.float32)
            centre = centres.get(modality, np.zeros(d_in)).astype(np.float32)
            projections[modality] = Projection(weight, {"query": centre, "document": centre})
        aligned = {"text", *(joint if "text" in joint else ())}
        shares = {name: 1.0 if name in aligned else UNTRAINED_SHARE for name in dims}
        return cls(projections, Fusion(method, shares), {"trained": False, "seed": seed})

    @property
    def shared_dim(self) -> int:
        """Of the part that all modalities share."""
        return next(iter(self.projections.values())).weight.shape[1]

    @property
    def dim(self) -> int:
        """Of the vectors: the shared part, a hub component, then each modality's detail."""
        details = sum(size for _, size in self._details().values())
        return self._common_dim + details

    @property
    def _common_dim(self) -> int:
        """Of what all modalities read."""
        return self.shared_dim + (self.hubs is not None)

    @property
    def fused_dim(self) -> int:
        """Of the fused vectors: three times ``dim`` for ``concat``, else the same."""
        return self.fusion.width(self.dim)

    def _details(self) -> dict[Modality, tuple[int, int]]:
        """Start and size of each modality's detail."""
        start, found = self._common_dim, {}
        for name in self.modalities:
            detail = self.projections[name].detail
            if detail is not None:
                found[name] = (start, detail.shape[1])
                start += detail.shape[1]
        return found

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those it can project, in the order of ``MODALITIES``."""
        return tuple(name for name in MODALITIES if name in self.projections)

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of every number in it; the same in every process, unlike the file's bytes."""
        digest = hashlib.sha256(self.fusion.method.encode())
        for name, tensor in sorted(self._tensors().items()):
            digest.update(f"{name}{tensor.shape}".encode())
            digest.update(tensor.tobytes())
        return digest.hexdigest()[:16]

    def project(self, modality: Modality, features: Vectors, role: Role = "document") -> Vectors:
        """Encoder output, (n, d_in), to the space: float32, (n, dim), unit rows.

        Between modalities, the inner product is that of the shared parts, less the hubness of what
        is found, times a constant; within one, details count for DETAIL_SHARE.
        """
        shared, detail = self.projections[modality](np.asarray(features, np.float32), role)
        common = self._common_dim
        rows = np.zeros((len(shared), self.dim), np.float32)
        rows[:, : self.shared_dim] = shared
        if self.hubs is not None:
            rows[:, self.shared_dim] = self.hubs.component(shared, modality, role)
        if detail is not None:
            start, size = self._details()[modality]
            rows[:, :common] *= np.sqrt(1 - DETAIL_SHARE)
            rows[:, start : start + size] = np.sqrt(DETAIL_SHARE) * detail
        return unit(rows)

    def with_details(self, details: Mapping[Modality, NDArray[np.float32]]) -> "Head":
        """The same head with ``detail`` (d_in, k) for these modalities."""
        projections = {
            name: replace(projection, detail=details.get(name))
            for name, projection in self.projections.items()
        }
        return replace(self, projections=projections)

    def with_hubs(
        self, landmarks: NDArray[np.float32], features: Mapping[Modality, Vectors]
    ) -> "Head":
        """The same head that corrects hubness.

        ``landmarks``: rows of the shared space, (l, shared dim), that stand for queries in words;
        ``features``: encoder output of documents, to know each modality's mean.
        """
        hubs = Hubs(np.ascontiguousarray(landmarks, np.float32), dict.fromkeys(features, 0.0))
        means = {
            name: float(hubs.hubness(self.projections[name](rows, "document")[0], name).mean())
            for name, rows in features.items()
        }
        return replace(self, hubs=replace(hubs, means=means))

    def with_fusion(self, fusion: Fusion) -> "Head":
        """The same projections, fused another way."""
        return replace(self, fusion=fusion)

    def fuse(
        self, vectors: Mapping[Modality, Vectors], present: Present, *, normalised: bool = True
    ) -> tuple[Vectors, Vectors]:
        """One vector an item from those it has.

        ``vectors`` are projected, (n, dim). Returns the fused rows (n, fused_dim), of norm 1 unless
        ``normalised`` is False (then at most 1), and the weights used (n, len(MODALITIES)), each
        row summing to 1; zeros for an item with nothing.
        """
        weights = self.fusion.weights(vectors, present)
        fused = self.fusion.combine(vectors, weights)
        return unit(fused) if normalised else fused, weights

    def fused_query(self, vectors: Vectors) -> Vectors:
        """Query vectors (n, dim) as they are compared with fused ones: (n, fused_dim)."""
        return self.fusion.query(vectors)

    def to_bytes(self) -> bytes:
        """Safetensors with the metadata as JSON."""
        from safetensors.numpy import save

        info = {"format": FORMAT, "fusion": self.fusion.method}
        info["info"] = json.dumps(dict(self.metadata), sort_keys=True)
        return save(self._tensors(), metadata=info)

    def _tensors(self) -> dict[str, NDArray[np.float32]]:
        tensors: dict[str, NDArray[np.float32]] = {}
        for name in self.modalities:
            projection = self.projections[name]
            tensors[f"{name}.weight"] = np.ascontiguousarray(projection.weight)
            for role, centre in projection.centres.items():
                tensors[f"{name}.centre.{role}"] = centre
            if projection.detail is not None:
                tensors[f"{name}.detail"] = np.ascontiguousarray(projection.detail)
        if self.hubs is not None:
            tensors["hubs.landmarks"] = self.hubs.landmarks
            for name, mean in self.hubs.means.items():
                tensors[f"{name}.hubness"] = np.array([mean], np.float32)
        return tensors | self.fusion.tensors()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Head":
        """What ``to_bytes`` gave. Raises ``ValueError`` for anything else."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            size = int.from_bytes(data[:8], "little")
            info = json.loads(data[8 : 8 + size])["__metadata__"]
            tensors = load(data)
        except (SafetensorError, ValueError, KeyError, UnicodeDecodeError) as err:
            raise ValueError("Not a head: no safetensors with metadata.") from err
        if info.get("format") != FORMAT:
            raise ValueError(f"Not a head of {FORMAT}: {info.get('format')!r}.")
        names = [name for name in MODALITIES if f"{name}.weight" in tensors]
        projections = {
            name: Projection(
                tensors[f"{name}.weight"],
                {
                    "query": tensors[f"{name}.centre.query"],
                    "document": tensors[f"{name}.centre.document"],
                },
                tensors.get(f"{name}.detail"),
            )
            for name in names
        }
        fusion = Fusion.from_tensors(info["fusion"], tensors)
        return cls(projections, fusion, json.loads(info["info"]), _hubs(tensors))

    def save(self, path: Path) -> None:
        """Writes ``to_bytes`` at ``path``."""
        path.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> "Head":
        """Reads what ``save`` wrote. Raises ``ValueError`` if it is not a head."""
        return cls.from_bytes(path.read_bytes())


def _hubs(tensors: Mapping[str, NDArray[np.float32]]) -> Hubs | None:
    if "hubs.landmarks" not in tensors:
        return None
    means = {n: float(tensors[f"{n}.hubness"][0]) for n in MODALITIES if f"{n}.hubness" in tensors}
    return Hubs(tensors["hubs.landmarks"], means)
