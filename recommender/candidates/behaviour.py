"""What people's events say: models that learned from all of them, and the events themselves."""

from typing import Final

from django.db import connection

from recommender.candidates.context import Context
from recommender.collaborative.serving import nearest_by_tower, related
from recommender.types import Found

COUNTED: Final = 50
"""Items of a visitor that a model is asked about: those that count most."""
TOUCHES: Final = 300
"""Latest events with the session's items whose surroundings are looked at."""
AROUND: Final = "2 hours"

# Who did something with these items, and what else they did within AROUND. Shared visits over the root of
# how often the other item is used at all: cosine, so that what everybody uses does not always win.
COVISITED: Final = f"""
WITH touched AS MATERIALIZED (
    SELECT visitor_id, item_id, occurred_at FROM recommender_event
    WHERE item_id = ANY(%(items)s) ORDER BY occurred_at DESC LIMIT {TOUCHES}
)
SELECT e.item_id, count(DISTINCT e.visitor_id) / sqrt(greatest(max(p.visitors), 1)) AS score,
    mode() WITHIN GROUP (ORDER BY t.item_id)
FROM touched t JOIN recommender_event e ON e.visitor_id = t.visitor_id
    AND e.occurred_at BETWEEN t.occurred_at - interval '{AROUND}' AND t.occurred_at + interval '{AROUND}'
LEFT JOIN recommender_itempopularity p ON p.item_id = e.item_id
WHERE e.item_id IS NOT NULL AND NOT e.item_id = ANY(%(items)s)
    AND t.visitor_id IS DISTINCT FROM (
        SELECT coalesce(merged_into_id, id) FROM recommender_visitor WHERE external_id = %(visitor)s)
GROUP BY e.item_id ORDER BY score DESC, e.item_id LIMIT %(limit)s
"""  # noqa: S608 - constants


def collaborative(context: Context, limit: int) -> list[Found]:
    """What the item-item model says of the visitor's items; nothing without an active model."""
    history = context.said[:COUNTED]
    return related(history, limit, exclude=context.done_ids, items=context.items)


def factors(context: Context, limit: int) -> list[Found]:
    """What the two-tower model says of them; it knows items that nobody has touched yet."""
    history = context.said[:COUNTED]
    return nearest_by_tower(history, limit, items=context.items, exclude=context.done_ids)


def covisited(context: Context, limit: int) -> list[Found]:
    """What others did within two hours of doing something with the session's items."""
    items = list(context.session_ids) or [done.item_id for done in context.taste.history[:3]]
    if not items:
        return []
    with connection.cursor() as cursor:
        cursor.execute(COVISITED, {"items": items, "visitor": context.visitor, "limit": limit})
        return [Found(*row) for row in cursor.fetchall()]
