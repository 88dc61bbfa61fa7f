"""What people's events say: models that learned from all of them, and the events themselves."""

from typing import Final

from django.db import connection

from recommender.candidates.context import Context
from recommender.collaborative.serving import nearest_by_tower, related
from recommender.event_types import drawing, undoing
from recommender.ranking import COVISITED_ITEMS, COVISITED_S, COVISITED_SHRINKAGE
from recommender.types import Found

COUNTED: Final = 20
"""Items of a visitor that a model is asked about, those that count most: 50 took five times as long."""
TOUCHES: Final = 300
"""Latest events with the session's items whose surroundings are looked at."""

# what its visitor did not take back, then or later
STANDING: Final = """NOT EXISTS (
    SELECT FROM recommender_event later WHERE later.visitor_id = e.visitor_id
    AND later.item_id = e.item_id AND later.type = ANY(%(undoing)s)
    AND later.occurred_at >= e.occurred_at)"""

# Who did something with these items, and what else they did at about that time: how many visitors, over the
# root of how many each of the two items had, so that what everybody uses does not always win.
COVISITED: Final = f"""
WITH touched AS MATERIALIZED (
    SELECT visitor_id, item_id, occurred_at FROM recommender_event e
    WHERE item_id = ANY(%(items)s) AND type = ANY(%(drawn)s) AND {STANDING} ORDER BY occurred_at DESC LIMIT {TOUCHES}
)
SELECT item_id, sum(score), (array_agg(beside ORDER BY score DESC, beside))[1] FROM (
    SELECT e.item_id, t.item_id AS beside, count(DISTINCT e.visitor_id) / sqrt(
        (coalesce(max(p.visitors), 0) + {COVISITED_SHRINKAGE})
        * (coalesce(max(q.visitors), 0) + {COVISITED_SHRINKAGE})) AS score
    FROM touched t JOIN recommender_event e ON e.visitor_id = t.visitor_id AND e.occurred_at
        BETWEEN t.occurred_at - interval '{COVISITED_S} s' AND t.occurred_at + interval '{COVISITED_S} s'
    LEFT JOIN recommender_itempopularity p ON p.item_id = e.item_id
    LEFT JOIN recommender_itempopularity q ON q.item_id = t.item_id
    WHERE e.item_id IS NOT NULL AND NOT e.item_id = ANY(%(items)s) AND e.type = ANY(%(drawn)s)
        AND {STANDING}
        AND t.visitor_id IS DISTINCT FROM (
            SELECT coalesce(merged_into_id, id) FROM recommender_visitor
            WHERE external_id = %(visitor)s)
    GROUP BY e.item_id, t.item_id
) pairs GROUP BY item_id ORDER BY 2 DESC, item_id LIMIT %(limit)s
"""  # noqa: S608 - constants


def collaborative(context: Context, limit: int) -> list[Found]:
    """What the item-item model says of the visitor's items; nothing without an active model."""
    history = context.said[:COUNTED]
    return related(history, limit, exclude=context.exclude, items=context.unhidden)


def factors(context: Context, limit: int) -> list[Found]:
    """What the two-tower model says of them; it knows items that nobody has touched yet."""
    history = context.said[:COUNTED]
    return nearest_by_tower(history, limit, items=context.unhidden, exclude=context.exclude)


def covisited(context: Context, limit: int) -> list[Found]:
    """What others did at about the time they did something with the session's items."""
    latest = [done.item_id for done in context.taste.history[:COVISITED_ITEMS]]
    items = list(context.session_ids) or latest
    if not items:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            COVISITED,
            {
                "items": items,
                "visitor": context.visitor,
                "limit": limit,
                # what speaks against an item does not bring others to it
                "drawn": drawing(),
                "undoing": undoing(),
            },
        )
        return [Found(*row) for row in cursor.fetchall()]
