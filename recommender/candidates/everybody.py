"""The same for everybody: what is popular, what is becoming so, what is new."""

import math
from typing import Final

from django.db import connection

from recommender.candidates.context import Context
from recommender.types import Found
from retrieval import index

BEST: Final = """
SELECT p.item_id, p.{column} FROM recommender_itempopularity p
WHERE p.{column} > 0 AND p.item_id IN ({items}) ORDER BY p.{column} DESC, p.item_id LIMIT {limit}
"""
FRESH_S: Final = 14 * 86_400.0
"""After so many seconds an item is new by 1/e."""


def popular(context: Context, limit: int) -> list[Found]:
    """Most used in the last months, among the items of the request's filter: its segment."""
    return _listed(context, BEST.format(column="popular", items="{items}", limit=limit))


def trending(context: Context, limit: int) -> list[Found]:
    """Most used in the last days, yesterday's events counting half."""
    return _listed(context, BEST.format(column="trending", items="{items}", limit=limit))


def new(context: Context, limit: int) -> list[Found]:
    """Published last."""
    # by that alone, which has an index; with the id as well all items would be sorted
    latest = context.items.order_by("-published_at").values_list("pk", "published_at")[:limit]
    return [
        Found(item_id, math.exp(-max((context.now - at).total_seconds(), 0.0) / FRESH_S))
        for item_id, at in latest
    ]


def _listed(context: Context, statement: str) -> list[Found]:
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{items}", index.ids_text(context.items)), [])
        return [Found(*row) for row in cursor.fetchall()]
