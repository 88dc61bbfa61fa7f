"""A composed query becomes scored hits: step 7 of the one flow.

Candidates come from the index by the combined query vector and, for pictures and sounds, by their
own modality; then every candidate is scored exactly against every part.

Two similarities score a candidate x for a part q:

- ``fused``: the space's metric between q and x's fused vector; in [-1, 1].
- ``normalised``: q·x_fused / sqrt(sum over x's modalities of q·x_m), all inner products: a match that
  is one modality's alone counts for more than the same match spread over all. The root is undefined
  where the sum is 0 or less, which happens to items unlike the query. There the odd continuation is
  taken, q·x_fused / sqrt(|sum|), with |sum| at least NORMALISED_FLOOR: sim(-q, x) = -sim(q, x), the
  score is continuous everywhere, at most 1 / sqrt(NORMALISED_FLOOR) in size, and its sign is that of
  q·x_fused. So an item whose modalities and fused vector all point away from the query (with equal
  fusion weights the two signs always agree) ranks below every item that they point towards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from retrieval import index, spaces
from retrieval.exceptions import NotEmbedded
from retrieval.fusion import unit
from retrieval.types import MODALITIES, Modality

MIN_CANDIDATES = 100
CANDIDATES_PER_HIT = 4
# A picture or sound is compared with the item's own pictures or sounds, and for the rest with what
# the item is: of 98 sounds cut to their middle .93 were first by the fused vector alone, .97 so.
SAME_MODALITY_SHARE = 0.8
# of the weights' sizes: rounding alone leaves 1e-17 of 0.1 + 0.2 - 0.3
MIN_SHARE = 1e-3
# Sums below it are half precision's noise around 0 (a few thousandths); they must not decide.
NORMALISED_FLOOR = 0.01
Similarity = Literal["fused", "normalised"]
SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a query, and where it came from.

    ``vector`` is a unit row (dim,) of the space; of a part that is an item, whose ``modality`` is
    None, the item's fused vector (fused_dim,) as it is stored.
    """

    vector: NDArray[np.float32]
    modality: Modality | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: ``score`` is higher the better, in [-1, 1] for the similarity ``fused``."""

    item_id: int
    score: float


def search(
    space: spaces.Space,
    parts: Sequence[Part],
    limit: int,
    *,
    items: QuerySet[Item] | None = None,
    similarity: Similarity = "fused",
) -> list[Hit]:
    """The best ``limit`` of ``items`` (all visible ones unless given), best first.

    Ties are broken by item id, so equal calls give equal answers. Raises SpaceGone if the space was
    retired meanwhile.
    """
    items = Item.objects.visible() if items is None else items
    wanted = max(MIN_CANDIDATES, limit * CANDIDATES_PER_HIT)
    combined = _combined(space, parts)
    candidates = dict(index.nearest(space.partition, combined, wanted, items=items))
    for part in parts:
        if part.modality in ("image", "audio") and part.weight > 0:
            near = index.nearest(
                space.partition, part.vector, wanted, items=items, column=part.modality
            )
            candidates |= dict(near)
    part_scores = _normalised_scores if similarity == "normalised" else _fused_scores
    total = sum(abs(part.weight) for part in parts)
    scores = dict.fromkeys(candidates, 0.0)
    for part in parts:
        for item_id, score in part_scores(space, part, list(candidates)).items():
            scores[item_id] += part.weight / total * score
    best = sorted(scores.items(), key=lambda row: (-row[1], row[0]))[:limit]
    return [Hit(item_id, score) for item_id, score in best]


def similar(space: spaces.Space, item_id: int, limit: int) -> list[Hit]:
    """The visible items most like an item, itself left out. Raises NotEmbedded, SpaceGone."""
    vector = index.fused_vector(space.partition, item_id)
    if vector is None:
        raise NotEmbedded(
            "The item has no embedding in the active space yet; a worker is on it, or see its "
            "status in the admin."
        )
    others = Item.objects.visible().exclude(pk=item_id)
    return search(space, [Part(vector)], limit, items=others)


def _combined(space: spaces.Space, parts: Sequence[Part]) -> NDArray[np.float32]:
    """One vector (fused_dim,) whose neighbours are the candidates of all parts.

    By angle or inner product its length does not matter. By distance, the weighted sum of the parts'
    scores falls with the distance from their weighted mean, as long as the weights' sum is positive;
    where it hardly is, that mean lies far away, and its direction decides.
    """
    total = sum(abs(part.weight) for part in parts)
    weights = [part.weight / total if total else 0.0 for part in parts]
    asked = np.stack([_fused_query(space, part) for part in parts])
    summed = np.asarray(weights) @ asked
    share = sum(weights)
    if space.partition.metric == "euclidean" and share > MIN_SHARE:
        return np.asarray(summed / share, np.float32)
    return unit(summed[None])[0]


def _fused_query(space: spaces.Space, part: Part) -> NDArray[np.float32]:
    """What the part is compared with ``fused`` as: (fused_dim,). An item's vector is fused already."""
    return part.vector if part.modality is None else space.head.fused_query(part.vector[None])[0]


def _fused_scores(space: spaces.Space, part: Part, item_ids: Sequence[int]) -> dict[int, float]:
    asked: dict[index.Column, NDArray[np.float32]] = {"fused": _fused_query(space, part)}
    own = part.modality if part.modality in ("image", "audio") else None
    if own:
        asked[own] = part.vector
    found = {k: v.scores for k, v in index.scores(space.partition, {c: (c, q) for c, q in asked.items()}, item_ids).items()}
    return {item_id: _part_score(row, own) for item_id, row in found.items() if "fused" in row}


def _part_score(row: dict[index.Column, float], own: Modality | None) -> float:
    if own and own in row:
        return SAME_MODALITY_SHARE * row[own] + (1 - SAME_MODALITY_SHARE) * row["fused"]
    # without the modality there is nothing to compare with: the item keeps its fused share
    return row["fused"] * (1 - SAME_MODALITY_SHARE if own else 1)


def _normalised_scores(
    space: spaces.Space, part: Part, item_ids: Sequence[int]
) -> dict[int, float]:
    asked: dict[index.Column, NDArray[np.float32]] = {"fused": _fused_query(space, part)}
    asked |= _modality_queries(space, part)
    found = {k: v.scores for k, v in index.scores(space.partition, {c: (c, q) for c, q in asked.items()}, item_ids, metric="inner_product").items()}
    return {
        item_id: normalised_similarity(
            row["fused"], sum(row[name] for name in MODALITIES if name in row)
        )
        for item_id, row in found.items()
        if "fused" in row
    }


def _modality_queries(space: spaces.Space, part: Part) -> dict[str, NDArray[np.float32]]:
    """What the part is compared with each modality's vectors as: (dim,).

    An item's fused vector of a ``concat`` space holds its modalities one after the other: each is
    compared with its own.
    """
    dim = space.partition.dim
    if len(part.vector) == dim:
        return dict.fromkeys(MODALITIES, part.vector)
    return dict(zip(MODALITIES, part.vector.reshape(len(MODALITIES), dim), strict=True))


def normalised_similarity(fused: float, modalities: float) -> float:
    """``fused`` over the root of ``modalities``, continued where that has none; see above."""
    return fused / float(np.sqrt(max(abs(modalities), NORMALISED_FLOOR)))
