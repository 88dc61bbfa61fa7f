"""Batches for contrastive training: a row of each item and modality, mixed and thinned."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import pool
from retrieval.head import Head
from retrieval.training.data import Anchors, Rows, TrainingSet
from retrieval.types import MODALITIES, Modality, Vectors

BATCH = 512
"""Items a step; the others of the batch are the negatives."""
POOL = 4_096
"""Items of which a batch is drawn."""
NEIGHBOURS = 3
"""Hard negatives: an eighth of a batch brings so many items each whose words are most like its own."""
CONCEPTS = 300
"""Of an encoder's anchors in each step, as further pairs: they keep what titles do not mention."""
TARGETS: tuple[Modality, ...] = ("image", "audio")
THINNING: Mapping[Modality, float] = {"text": 0.3, "image": 0.5, "audio": 0.5}
"""Chance that a feature is dropped in a step (the others grow to make up for it). At rate 1e-3 and
60 steps on two splits, mean MRR fell from .359 to .336 without thinning and mixing; not with them."""


def language_weights(owners: NDArray[np.int64], languages: NDArray[np.str_]) -> NDArray[np.float64]:
    """One over how many rows the item has in the row's language."""
    _, codes = np.unique(languages, return_inverse=True)
    _, groups, sizes = np.unique(
        owners * (codes.max(initial=0) + 1) + codes, return_inverse=True, return_counts=True
    )
    return 1 / sizes[groups]


class Batch(NamedTuple):
    """What one training step sees."""

    texts: tuple[Vectors, Vectors]
    """Two draws, (b, d_text): what asks, and what its fused side holds."""
    features: dict[str, Vectors]
    """Of other modalities, (b, d), centred; meaningless where not present."""
    present: dict[str, NDArray[np.bool_]]
    """(b,), of each modality and of ``fused``, which every item has."""
    in_fused: dict[str, NDArray[np.bool_]]
    labels: NDArray[np.int64]
    concepts: dict[str, tuple[Vectors, Vectors]]
    """Features and texts, (c, d) and (c, d_text)."""


class Sampler:
    """Draws batches, all chance in one generator."""

    def __init__(self, head: Head, data: TrainingSet, modality_dropout: float, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._centres = {name: head.projections[name].centres["document"] for name in MODALITIES}
        self._dropout = modality_dropout
        self._labels = data.labels
        self._rows = {name: Draws(data, name) for name in MODALITIES}
        self._anchors = {name: data.anchors[name] for name in TARGETS if name in data.anchors}
        self.items = np.unique(data.text.items)
        centred = data.text.vectors - self._centres["text"]
        self._means = pool(centred, data.text.items, len(data.labels))

    def draw(self) -> Batch:
        """At most BATCH items, mixed and thinned."""
        rng = self._rng
        items = self._items()
        present = {name: self._rows[name].counts[items] > 0 for name in MODALITIES}
        partner = rng.permutation(len(items))
        share = rng.random((len(items), 1), np.float32)
        # A mixed item has its parts in every modality, so only like-equipped ones mix.
        alike = np.all([has == has[partner] for has in present.values()], axis=0)
        share[~alike] = 1.0

        def mixed(name: Modality) -> Vectors:
            vectors = self._features(name, items)
            return self._thinned(name, share * vectors + (1 - share) * vectors[partner])

        return Batch(
            texts=(mixed("text"), mixed("text")),
            features={name: mixed(name) for name in TARGETS if present[name].any()},
            present={"fused": np.ones(len(items), bool)} | dict(present.items()),
            in_fused=self._kept(present),
            labels=self._labels[items],
            concepts={name: self._concepts(anchors) for name, anchors in self._anchors.items()},
        )

    def _items(self) -> NDArray[np.int64]:
        """At most BATCH different ones, half of them an item and its hard negatives."""
        drawn = self._rng.permutation(self.items)[:POOL]
        if len(drawn) <= BATCH:
            return drawn
        words = self._means[drawn]
        likeness = words[: BATCH // 8] @ words.T
        likeness[np.arange(len(likeness)), np.arange(len(likeness))] = -np.inf
        near = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        hard = np.unique(np.concatenate([np.arange(BATCH // 8), near.ravel()]))
        others = np.setdiff1d(np.arange(len(drawn)), hard)[: BATCH - len(hard)]
        return np.asarray(drawn[np.concatenate([hard, others])], np.int64)

    def _features(self, name: Modality, items: NDArray[np.int64]) -> Vectors:
        return self._rows[name].of(items, self._rng) - self._centres[name]

    def _thinned(self, name: Modality, vectors: Vectors) -> Vectors:
        chance = THINNING[name]
        keep = self._rng.random(vectors.shape, np.float32) >= chance
        return vectors * keep / np.float32(1 - chance)

    def _kept(self, present: Mapping[Modality, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
        """A random part of what each item has, never nothing."""
        luck = {name: self._rng.random(len(has)) * has for name, has in present.items()}
        best = np.max(list(luck.values()), axis=0)
        return {
            name: has & ((luck[name] >= self._dropout) | (luck[name] == best))
            for name, has in present.items()
        }

    def _concepts(self, anchors: Anchors) -> tuple[Vectors, Vectors]:
        chosen = self._rng.permutation(len(anchors.texts))[:CONCEPTS]
        return anchors.features[chosen], anchors.texts[chosen] - anchors.texts.mean(0)


class Draws:
    """One row of each item, augmented ones among them; for text, first a language, then a row in it."""

    def __init__(self, data: TrainingSet, name: Modality) -> None:
        rows: Rows = data.learned(name)
        weights = np.ones(len(rows.items))
        if name == "text":
            weights = language_weights(rows.items, data.text.languages)
        self.counts = np.bincount(rows.items, minlength=len(data.labels))
        self._vectors = rows.vectors
        self._order = np.argsort(rows.items, kind="stable")
        self._ends = np.concatenate([[0.0], np.cumsum(weights[self._order])])
        self._stops = np.cumsum(self.counts)

    def of(self, items: NDArray[np.int64], rng: np.random.Generator) -> Vectors:
        """(len(items), d); a zero row for an item without any."""
        first, last = self._stops[items] - self.counts[items], self._stops[items]
        low, high = self._ends[first], self._ends[last]
        at = np.searchsorted(self._ends, low + rng.random(len(items)) * (high - low), "right") - 1
        has = last > first
        drawn = np.zeros((len(items), self._vectors.shape[1]), np.float32)
        drawn[has] = self._vectors[self._order[np.clip(at, first, last - 1)[has]]]
        return drawn
