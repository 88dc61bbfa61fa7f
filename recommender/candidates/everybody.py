"""The same for everybody: what is popular, what is becoming so, what is new.

A process finds each list anew every KEPT_S seconds, and not for each request: whether an item may be
shown is looked up at every request, and so an item can only come late into a list, never stay too long.
"""

import math
import time
from hashlib import blake2b
from typing import Any, Final

from django.db import connection

from recommender.candidates.context import Context
from recommender.types import Found
from retrieval import index

BEST: Final = """
SELECT p.item_id, p.{column} FROM recommender_itempopularity p
WHERE p.{column} > 0 AND p.item_id IN ({items}) ORDER BY p.{column} DESC, p.item_id LIMIT {limit}
"""
# by that alone, which has an index; with the id as well all items would be sorted
LATEST: Final = """
SELECT i.id, extract(epoch FROM i.published_at)::float8 FROM catalog_item i
WHERE i.id IN ({items}) ORDER BY i.published_at DESC LIMIT {limit}
"""
FRESH_S: Final = 14 * 86_400.0
"""After so many seconds an item is new by 1/e."""
KEPT_S: Final = 5.0
MOST_KEPT: Final = 1_000
"""Lists, of different filters."""
LEFT_OUT: Final = 300
"""Items that a request leaves out or a visitor is done with, up to which the list of all is asked for so many more."""

Rows = list[tuple[int, float]]
NOT_KEPT: Final[tuple[float, int, Rows]] = (0.0, 0, [])
_kept: dict[tuple[Any, ...], tuple[float, int, Rows]] = {}
"""Database, statement and a digest of its items -> until when, how many were asked for, the rows."""


def popular(context: Context, limit: int) -> list[Found]:
    """Most used in the last months, among the items of the request's filter: its segment."""
    return [Found(*row) for row in _listed(context, BEST.replace("{column}", "popular"), limit)]


def trending(context: Context, limit: int) -> list[Found]:
    """Most used in the last days, yesterday's events counting half."""
    return [Found(*row) for row in _listed(context, BEST.replace("{column}", "trending"), limit)]


def new(context: Context, limit: int) -> list[Found]:
    """Published last."""
    now = context.now.timestamp()
    return [
        Found(item_id, math.exp(-max(now - at, 0.0) / FRESH_S))
        for item_id, at in _listed(context, LATEST, limit)
    ]


def forget_lists() -> None:
    """Whatever was found in this process."""
    _kept.clear()


def _listed(context: Context, statement: str, limit: int) -> Rows:
    """(item id, score), best first; as of KEPT_S ago at most."""
    without = context.exclude
    if len(without) > LEFT_OUT:
        left = context.unhidden.exclude(pk__in=without)
        return _found(statement, index.ids_text(left), limit)
    items, wanted = index.ids_text(context.unhidden), limit + len(without)
    # a filter may be megabytes long
    key = connection.settings_dict["NAME"], statement, blake2b(items.encode()).digest()
    until, asked, rows = _kept.get(key, NOT_KEPT)
    now, alone = time.monotonic(), connection.in_atomic_block
    if alone or now > until or asked < wanted:
        rows = _found(statement, items, wanted)
        if not alone:  # what a transaction sees is not everybody's
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = now + KEPT_S, wanted, rows
    return [row for row in rows if row[0] not in without][:limit]


def _found(statement: str, items: str, limit: int) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{items}", items).replace("{limit}", str(limit)), [])
        return cursor.fetchall()
