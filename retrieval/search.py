"""A composed query becomes scored hits: step 7 of the one flow.

Candidates come from the index by the combined query vector and, for pictures and sounds, by their
own modality; then every candidate is scored exactly against every part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from retrieval import index, spaces
from retrieval.exceptions import NotEmbedded
from retrieval.fusion import unit
from retrieval.types import Modality

MIN_CANDIDATES = 100
CANDIDATES_PER_HIT = 4
# A picture or sound is compared with the item's own pictures or sounds, and for the rest with what
# the item is: of 98 sounds cut to their middle .93 were first by the fused vector alone, .97 so.
SAME_MODALITY_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a query: a unit vector (dim,) of the active space, and where it came from.

    ``modality`` is None for a part that is an item's fused vector.
    """

    vector: NDArray[np.float32]
    modality: Modality | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: ``score`` in [-1, 1], higher is better."""

    item_id: int
    score: float


def search(
    space: spaces.Space,
    parts: Sequence[Part],
    limit: int,
    *,
    items: QuerySet[Item] | None = None,
) -> list[Hit]:
    """The best ``limit`` of ``items`` (all visible ones unless given), best first.

    Ties are broken by item id, so equal calls give equal answers.
    """
    items = Item.objects.visible() if items is None else items
    wanted = max(MIN_CANDIDATES, limit * CANDIDATES_PER_HIT)
    combined = unit(
        np.sum([part.weight * _fused_query(space, part) for part in parts], axis=0)[None]
    )[0]
    candidates = dict(index.nearest(space.partition, combined, wanted, items=items))
    for part in parts:
        if part.modality in ("image", "audio") and part.weight > 0:
            near = index.nearest(
                space.partition, part.vector, wanted, items=items, column=part.modality
            )
            candidates |= dict(near)
    scores = _exact(space, parts, list(candidates))
    best = sorted(scores.items(), key=lambda row: (-row[1], row[0]))[:limit]
    return [Hit(item_id, score) for item_id, score in best]


def similar(space: spaces.Space, item_id: int, limit: int) -> list[Hit]:
    """The visible items most like an item, itself left out. Raises NotEmbedded."""
    vector = index.fused_vector(space.partition, item_id)
    if vector is None:
        raise NotEmbedded(
            "The item has no embedding in the active space yet; a worker is on it, or see its "
            "status in the admin."
        )
    others = Item.objects.visible().exclude(pk=item_id)
    return search(space, [Part(vector)], limit, items=others)


def _fused_query(space: spaces.Space, part: Part) -> NDArray[np.float32]:
    """What the part is compared with ``fused`` as: (fused_dim,). An item's vector is fused already."""
    return part.vector if part.modality is None else space.head.fused_query(part.vector[None])[0]


def _exact(space: spaces.Space, parts: Sequence[Part], item_ids: Sequence[int]) -> dict[int, float]:
    total = sum(abs(part.weight) for part in parts)
    result = dict.fromkeys(item_ids, 0.0)
    for part in parts:
        own = [part.modality] if part.modality in ("image", "audio") else []
        asked = {"fused": _fused_query(space, part), **dict.fromkeys(own, part.vector)}
        for item_id, row in index.scores(space.partition, asked, item_ids).items():
            result[item_id] += part.weight / total * _part_score(row, own)
    return result


def _part_score(row: dict[index.Column, float], own: Sequence[Modality]) -> float:
    if own and own[0] in row:
        return SAME_MODALITY_SHARE * row[own[0]] + (1 - SAME_MODALITY_SHARE) * row["fused"]
    # without the modality there is nothing to compare with: the item keeps its fused share
    return row["fused"] * (1 - SAME_MODALITY_SHARE if own else 1)
