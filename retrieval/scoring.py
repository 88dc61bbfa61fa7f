"""How well an item fits a composed query, and what each part and each modality brought to that.

An item x is scored against a part q:

- without modality weights, by ``fused``: the space's metric between q and x's fused vector. A
  picture or sound is compared with the item's own pictures or sounds for SAME_MODALITY_SHARE, and
  with ``fused`` for the rest;
- with modality weights W, by ``sum over x's modalities of W_m sim(q, x_m)``, W summing to 1: a
  modality that x lacks brings nothing, and an item that has none of them is not found.

The query's score follows the strategy: ``sum``, the mean over its parts by their signed weights,
``sum w_p s_p / sum |w_p|``; or ``best``, the best of the parts wanted by ``w_p s_p / max w_p``, unless a
part not wanted fits better still: then minus that one's, which is below all that fit something wanted.

Four similarities: ``cosine``, ``ip`` (inner product), ``l2`` (1 - d²/2, the cosine of unit rows), and
``normalised``: q·x_fused / sqrt(sum over x's modalities of q·x_m), all inner products: a match that
is one modality's alone counts for more than the same match spread over all. It takes no modality
weights. The root is undefined where the sum is 0 or less, which happens to items
unlike the query. There the odd continuation is taken, q·x_fused / sqrt(|sum|), with |sum| at least
NORMALISED_FLOOR: sim(-q, x) = -sim(q, x), the score is continuous everywhere, at most
1 / sqrt(NORMALISED_FLOOR) in size, and its sign is that of q·x_fused. So an item whose modalities and
fused vector all point away from the query ranks below every item that they point towards.

A score splits into contributions without a rest: see ``explained``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval import index, spaces
from retrieval.fusion import unit
from retrieval.types import MODALITIES, Modality

# Of 98 sounds cut to their middle .93 were first by the fused vector alone, .97 so.
SAME_MODALITY_SHARE = 0.8
# of the weights' sizes: rounding alone leaves 1e-17 of 0.1 + 0.2 - 0.3
MIN_SHARE = 1e-3
# Sums below it are half precision's noise around 0 (a few thousandths); they must not decide.
NORMALISED_FLOOR = 0.01
# a fused vector is the unit row of a weighted sum of three unit rows at most this much shorter
LONGEST_STRETCH = 3.0

Similarity = Literal["cosine", "ip", "l2", "normalised"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)
METRICS: Mapping[Similarity, index.Metric] = {
    "cosine": "cosine",
    "ip": "inner_product",
    "l2": "euclidean",
    "normalised": "inner_product",
}

Strategy = Literal["sum", "best"]

Key = index.Key
"""Number of a part, and the column it is compared with."""
_Asked = dict[Key, tuple[index.Column, NDArray[np.float32]]]
ModalityWeights = Mapping[Modality, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a query, and where it came from.

    ``vector`` is a unit row (dim,) of the space; of a part that is an item, whose ``modality`` is
    None, the item's fused vector (fused_dim,) as it is stored, and ``own`` its modalities' vectors.
    """

    vector: NDArray[np.float32]
    modality: Modality | None = None
    weight: float = 1.0
    own: Mapping[Modality, NDArray[np.float32]] = field(default_factory=dict)
    words: str = ""
    """Of a text, for lexical search."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What a score is made of: both sum to it."""

    parts: tuple[float, ...]
    modalities: Mapping[Modality, float]


@dataclass(frozen=True, slots=True)
class Scorer:
    """The formula of one request."""

    space: spaces.Space
    parts: Sequence[Part]
    similarity: Similarity | None = None
    """None: the space's own metric."""
    modalities: ModalityWeights = field(default_factory=dict)
    """Empty: as the space fuses. Not negative, any sum above 0."""
    strategy: Strategy = "sum"

    def scores(self, item_ids: Iterable[int]) -> dict[int, float]:
        """Of the items that have a vector in the space. One query. Raises SpaceGone."""
        asked = self._asked() | (self._asked_products() if self.similarity == "normalised" else {})
        return {
            item_id: self._score(row.scores)
            for item_id, row in self._rows(item_ids, asked, self._metric).items()
        }

    def each_part(self, item_ids: Iterable[int]) -> dict[int, tuple[float, ...]]:
        """Of the same items what each part would score them alone. One query. Raises SpaceGone."""
        return {
            item_id: tuple(
                self._part_score(number, row.scores) for number in range(len(self.parts))
            )
            for item_id, row in self._rows(item_ids, self._asked(), self._metric).items()
        }

    def explained(self, item_ids: Sequence[int]) -> dict[int, Contributions]:
        """The scores again, split by part and by modality. Two queries. Raises SpaceGone.

        What the fused vector brought is split by what each modality in it brings to the inner
        product, by the item's own fusion weights. The rest that a metric other than the inner
        product and half precision leave goes to the modalities by those weights.
        """
        rows = self._rows(item_ids, self._asked(), self._metric)
        products = self._rows(item_ids, self._asked_products(), "inner_product")
        return {
            item_id: self._contributions(row.scores, products[item_id])
            for item_id, row in rows.items()
            if item_id in products
        }

    @property
    def _metric(self) -> index.Metric | None:
        return METRICS[self.similarity] if self.similarity else None

    def _rows(
        self, item_ids: Iterable[int], asked: _Asked, metric: index.Metric | None
    ) -> dict[int, index.Scored]:
        found = index.scores(self.space.partition, asked, item_ids, metric=metric)
        return {item_id: row for item_id, row in found.items() if row.scores}

    def _asked(self) -> _Asked:
        """What the parts are compared with by the metric."""
        asked: _Asked = {}
        for number, part in enumerate(self.parts):
            if self.modalities:
                vectors = modality_queries(self.space, part)
                asked |= {(number, m): (m, vectors[m]) for m in MODALITIES if self._share(m)}
                continue
            asked[number, "fused"] = "fused", fused_query(self.space, part)
            if self.similarity != "normalised" and (own := own_modality(part)):
                asked[number, own] = own, part.vector
        return asked

    def _asked_products(self) -> _Asked:
        """What the inner products with ``fused`` are made of."""
        return {
            (number, name): (name, vector)
            for number, part in enumerate(self.parts)
            for name, vector in _product_queries(self.space, part).items()
        }

    def _share(self, name: Modality) -> float:
        return self.modalities.get(name, 0.0) / sum(self.modalities.values())

    def _score(self, row: Mapping[Key, float]) -> float:
        return sum(self._brought([self._part_score(n, row) for n in range(len(self.parts))]))

    def _brought(self, found: Sequence[float]) -> list[float]:
        """What each part brings to the score, from the parts' own scores."""
        if self.strategy == "sum":
            return [share * score for share, score in zip(shares(self.parts), found, strict=True)]
        highest = max(abs(part.weight) for part in self.parts)
        worth = [
            abs(part.weight) / highest * score
            for part, score in zip(self.parts, found, strict=True)
        ]
        wanted = [n for n, part in enumerate(self.parts) if part.weight > 0]
        unwanted = [n for n, part in enumerate(self.parts) if part.weight < 0]
        best = max(wanted, key=worth.__getitem__)
        brought = [0.0] * len(worth)
        if unwanted and worth[worst := max(unwanted, key=worth.__getitem__)] > worth[best]:
            brought[worst] = -abs(worth[worst])
        else:
            brought[best] = worth[best]
        return brought

    def _part_score(self, number: int, row: Mapping[Key, float]) -> float:
        if self.modalities:
            return sum(self._share(m) * row.get((number, m), 0.0) for m in MODALITIES)
        fused = row[number, "fused"]
        if self.similarity == "normalised":
            return normalised_similarity(fused, self._sum(number, row))
        if (own := own_modality(self.parts[number])) is None:
            return fused
        # without the modality there is nothing to compare with: the item keeps its fused share
        same = row.get((number, own), 0.0)
        return SAME_MODALITY_SHARE * same + (1 - SAME_MODALITY_SHARE) * fused

    @staticmethod
    def _sum(number: int, row: Mapping[Key, float]) -> float:
        """Under the root of ``normalised``."""
        return sum(row.get((number, m), 0.0) for m in MODALITIES)

    def _contributions(self, row: Mapping[Key, float], products: index.Scored) -> Contributions:
        splits = [self._part_contributions(n, row, products) for n in range(len(self.parts))]
        found = [sum(split.values()) for split in splits]
        brought = self._brought(found)
        modalities = dict.fromkeys(MODALITIES, 0.0)
        for split, score, value in zip(splits, found, brought, strict=True):
            for name in MODALITIES if score else ():
                modalities[name] += value / score * split[name]
        return Contributions(tuple(brought), modalities)

    def _part_contributions(
        self, number: int, row: Mapping[Key, float], products: index.Scored
    ) -> dict[Modality, float]:
        if self.modalities:
            return {m: self._share(m) * row.get((number, m), 0.0) for m in MODALITIES}
        split = self._fused_split(number, row[number, "fused"], products)
        if self.similarity == "normalised":
            scale = normalised_similarity(1.0, self._sum(number, products.scores))
            return {m: scale * value for m, value in split.items()}
        if own := own_modality(self.parts[number]):
            split = {m: (1 - SAME_MODALITY_SHARE) * value for m, value in split.items()}
            split[own] += SAME_MODALITY_SHARE * row.get((number, own), 0.0)
        return split

    def _fused_split(
        self, number: int, fused: float, products: index.Scored
    ) -> dict[Modality, float]:
        """``fused``, the score against the fused vector, by modality."""
        has = [m for m in MODALITIES if (number, m) in products.scores]
        stored = {m: products.weights.get(m, 0.0) for m in has}
        total = sum(stored.values())
        weights = {m: stored[m] / total if total else 1 / len(has) for m in has}
        # concat holds sqrt(w_m) x_m side by side; the others their sum, made a unit row or not
        concat = self.space.head.fusion.method == "concat"
        factors = {m: float(np.sqrt(weights[m]) if concat else weights[m]) for m in has}
        if concat and self.parts[number].modality is not None:
            blocks = fused_query(self.space, self.parts[number]).reshape(len(MODALITIES), -1)
            norms = dict(zip(MODALITIES, np.linalg.norm(blocks, axis=1), strict=True))
            factors = {m: factor * float(norms[m]) for m, factor in factors.items()}
        scaled = {m: factors[m] * products.scores[number, m] for m in has}
        summed = sum(scaled.values())
        stretch = float(np.clip(fused / summed, 1, LONGEST_STRETCH)) if summed else 1.0
        rest = fused - stretch * summed
        return dict.fromkeys(MODALITIES, 0.0) | {
            m: stretch * scaled[m] + weights[m] * rest for m in has
        }


def shares(parts: Sequence[Part]) -> list[float]:
    """The parts' signed weights over the sum of their sizes."""
    total = sum(abs(part.weight) for part in parts)
    return [part.weight / total if total else 0.0 for part in parts]


def own_modality(part: Part) -> Modality | None:
    """What a picture or sound is compared with before all; None for words and items."""
    return part.modality if part.modality in ("image", "audio") else None


def fused_query(space: spaces.Space, part: Part) -> NDArray[np.float32]:
    """What the part is compared with ``fused`` as: (fused_dim,). An item's vector is fused already."""
    return part.vector if part.modality is None else space.head.fused_query(part.vector[None])[0]


def modality_queries(space: spaces.Space, part: Part) -> dict[Modality, NDArray[np.float32]]:
    """What the part is compared with the vectors of each modality as, where they are asked for one
    by one: unit rows (dim,). An item is compared by its own vector of that modality, and by all it is
    where it lacks one.
    """
    if part.modality is not None:
        return dict.fromkeys(MODALITIES, part.vector)
    whole = unit(part.vector.reshape(-1, space.partition.dim).sum(0)[None])[0]
    return dict.fromkeys(MODALITIES, whole) | dict(part.own)


def _product_queries(space: spaces.Space, part: Part) -> dict[Modality, NDArray[np.float32]]:
    """The vectors (dim,) whose inner products with an item's modalities make the one with ``fused``.

    An item's fused vector of a ``concat`` space holds its modalities one after the other: each is
    compared with its own.
    """
    dim = space.partition.dim
    if len(part.vector) == dim:
        return dict.fromkeys(MODALITIES, part.vector)
    return dict(zip(MODALITIES, part.vector.reshape(len(MODALITIES), dim), strict=True))


def combined(space: spaces.Space, parts: Sequence[Part]) -> NDArray[np.float32]:
    """One vector (fused_dim,) whose neighbours are the candidates of all parts."""
    return _combined(space, parts, [fused_query(space, part) for part in parts])


def combined_modalities(
    space: spaces.Space, parts: Sequence[Part]
) -> dict[index.Column, NDArray[np.float32]]:
    """The same for each modality's vectors: (dim,)."""
    asked = [modality_queries(space, part) for part in parts]
    return {m: _combined(space, parts, [each[m] for each in asked]) for m in MODALITIES}


def _combined(
    space: spaces.Space, parts: Sequence[Part], asked: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """By angle or inner product its length does not matter. By distance, the weighted sum of the
    parts' scores falls with the distance from their weighted mean, as long as the weights' sum is
    positive; where it hardly is, that mean lies far away, and its direction decides.
    """
    weights = shares(parts)
    summed = np.asarray(weights) @ np.stack(asked)
    share = sum(weights)
    if space.partition.metric == "euclidean" and share > MIN_SHARE:
        return np.asarray(summed / share, np.float32)
    return unit(summed[None])[0]


def normalised_similarity(fused: float, modalities: float) -> float:
    """``fused`` over the root of ``modalities``, continued where that has none; see above."""
    return fused / float(np.sqrt(max(abs(modalities), NORMALISED_FLOOR)))
