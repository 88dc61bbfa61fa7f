"""What lies near some vectors: of the visitor's interests, and of the session."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from recommender.candidates.context import Context
from recommender.types import Found, Interest
from retrieval import index, search
from retrieval.scoring import Part

ASKED: Final = 4
"""Interests that are searched by; the lighter ones still count in the ranking. A search takes about as
long as all the rest that a source does."""

EF_SHARE: Final = 0.4
"""Of the space's ``ef_search``, which is for the ten best: of an interest's 30 nearest of 100,000 it finds
.89 in half the time, where all of it finds .98. They are candidates, from several lists, ranked again: of
the first 20 of an answer .883 are those of ten times as much, at .3 .870, at .2 .864 and .14 ms a search less."""


def taste(context: Context, limit: int) -> list[Found]:
    """Near the visitor's long-term interests; each brings by the root of its weight."""
    return near(context, context.taste.interests[:ASKED], limit)


def session(context: Context, limit: int) -> list[Found]:
    """Near the items that the request names, else near what the visitor did in the last hours."""
    if context.session:
        return near(context, context.session[:ASKED], limit)
    if context.taste.session is None:
        return []
    return near(context, (context.taste.session,), limit)


def searching_most(context: Context) -> str | None:
    """Which of the placement's sources has the most to search by; None if none has anything."""
    searches = {
        "taste": len(context.taste.interests[:ASKED]),
        "session": len(context.session[:ASKED]) or (context.taste.session is not None),
    }
    asked = {name: searches[name] for name in searches if name in context.placement.sources}
    most = max(asked, key=asked.__getitem__, default=None)
    return most if most and asked[most] else None


def near(context: Context, interests: Sequence[Interest], limit: int) -> list[Found]:
    """The nearest items of each interest, no item twice; score: relative to the interest's best."""
    if not interests:
        return []
    weights = np.sqrt([max(interest.weight, 0.0) for interest in interests])
    shares = weights / weights.sum() if weights.any() else np.full(len(weights), 1 / len(weights))
    wanted = [max(1, math.ceil(limit * share)) for share in shares]
    found: dict[int, Found] = {}
    for interest, most, near in zip(
        interests, wanted, _nearest(context, interests, max(wanted)), strict=True
    ):
        hits = near[:most]
        best = max((score for _, score in hits), default=0.0)
        for item_id, score in hits:
            relative = score / best if best > 0 else 0.0
            if item_id not in found or found[item_id].score < relative:
                found[item_id] = Found(item_id, relative, interest.item_id)
    return sorted(found.values(), key=lambda each: (-each.score, each.item_id))[:limit]


def _nearest(
    context: Context, interests: Sequence[Interest], limit: int
) -> list[list[tuple[int, float]]]:
    """For each interest its nearest, (item id, score)."""
    if not context.modalities:
        partition = context.space.partition
        return index.nearest_each(
            partition,
            np.stack([interest.vector for interest in interests]),
            limit,
            items=context.unhidden,
            exclude=context.exclude,
            ef_search=round(EF_SHARE * partition.ef_search),
        )
    parts = [Part(interest.vector, None) for interest in interests]
    items = context.unhidden.exclude(pk__in=context.exclude)
    hits = [
        search.search(context.space, [part], limit, items=items, modalities=context.modalities)
        for part in parts
    ]
    return [[(hit.item_id, hit.score) for hit in each] for each in hits]
