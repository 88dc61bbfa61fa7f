"""What lies near some vectors: of the visitor's interests, and of the session."""

import math
from collections.abc import Sequence
from typing import Final

from recommender.candidates.context import Context
from recommender.types import Found, Interest
from retrieval import index, search
from retrieval.scoring import Part

ASKED: Final = 4
"""Interests that are searched by; the lighter ones still count in the ranking. A search takes about as
long as all the rest that a source does."""


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


def near(context: Context, interests: Sequence[Interest], limit: int) -> list[Found]:
    """The nearest items of each interest, no item twice; score: relative to the interest's best."""
    whole = sum(math.sqrt(interest.weight) for interest in interests)
    found: dict[int, Found] = {}
    for interest in interests:
        share = math.sqrt(interest.weight) / whole if whole > 0 else 1 / len(interests)
        hits = _nearest(context, interest, max(1, math.ceil(limit * share)))
        best = max((score for _, score in hits), default=0.0)
        for item_id, score in hits:
            relative = score / best if best > 0 else 0.0
            if item_id not in found or found[item_id].score < relative:
                found[item_id] = Found(item_id, relative, interest.item_id)
    return sorted(found.values(), key=lambda each: (-each.score, each.item_id))[:limit]


def _nearest(context: Context, interest: Interest, limit: int) -> list[tuple[int, float]]:
    if not context.modalities:
        return index.nearest(context.space.partition, interest.vector, limit, items=context.items)
    part = Part(interest.vector, None)
    hits = search.search(
        context.space, [part], limit, items=context.items, modalities=context.modalities
    )
    return [(hit.item_id, hit.score) for hit in hits]
