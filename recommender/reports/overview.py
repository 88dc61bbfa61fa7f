"""What the first page of the admin shows of events and of what was shown: a few statements, each over a
bounded time or one row an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from catalog.models import Item

POINTS: Final = 51
"""Of a Lorenz curve: every second per cent."""
# days of UTC; a cast to dates takes twice as long: 540 in place of 280 ms for a million events
EVENTS: Final = """
SELECT date_bin('1 day', occurred_at, '2000-01-01 00:00Z') AS day, type, count(*) FROM recommender_event
WHERE occurred_at >= %s AND occurred_at < %s GROUP BY day, type
"""
# what is not visible any more counts neither here nor below the line
SHOWN: Final = """
SELECT count(*) FROM catalog_item i WHERE i.id IN (
    SELECT DISTINCT unnest(item_ids) FROM recommender_impression WHERE shown_at >= %s
) AND i.published AND (i.expires_at IS NULL OR i.expires_at > now())
"""
USED: Final = """
SELECT p.popular FROM recommender_itempopularity p JOIN catalog_item i ON i.id = p.item_id
"""


@dataclass(frozen=True, slots=True)
class Lorenz:
    """How unequally use is spread over the catalog."""

    shares: list[float]
    """Of all use, by the least used 0 %, 2 % … 100 % of the items."""
    gini: float
    """0: all items as much; towards 1: one item all of it."""
    items: int


def events_by_day(first: date, last: date) -> dict[str, list[int]]:
    """Type -> events of each day (UTC) from ``first`` to ``last``; the commonest type first."""
    days = (last - first).days + 1
    counts: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        # as instants, so that only the months concerned are read
        cursor.execute(EVENTS, [f"{first} 00:00Z", f"{last + timedelta(days=1)} 00:00Z"])
        for day, kind, count in cursor.fetchall():
            at = (day.astimezone(UTC).date() - first).days
            counts.setdefault(kind, [0] * days)[at] = count
    return dict(sorted(counts.items(), key=lambda each: (-sum(each[1]), each[0])))


def shown_share(since: datetime) -> tuple[int, int]:
    """How many of the visible items were shown since then, and how many are visible."""
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, [since])
        shown = int(cursor.fetchone()[0])
    return shown, Item.objects.visible().count()


def lorenz() -> Lorenz | None:
    """Of ``ItemPopularity.popular`` over all items, unused ones included; None if nothing was used."""
    with connection.cursor() as cursor:
        cursor.execute(USED)
        used = np.array([row[0] for row in cursor.fetchall()], dtype=np.float64)
    items = Item.objects.count()
    return lorenz_of(used, items) if used.sum() > 0 else None


def lorenz_of(used: NDArray[np.float64] | Sequence[float], items: int) -> Lorenz:
    """Of what ``items`` were used, of which those not in ``used`` (at least one above 0) were not at all.

    The area between the curve and the line of equality, doubled, is Gini's coefficient; as in
    ``metrics.gini`` it is computed from the sorted values themselves.
    """
    values = np.sort(np.pad(np.asarray(used, dtype=np.float64), (items - len(used), 0)))
    total = values.sum()
    places = np.arange(1, items + 1)
    gini = float(((2 * places - items - 1) * values).sum() / (items * total))
    curve = np.concatenate([[0.0], np.cumsum(values) / total])
    at = np.linspace(0.0, items, POINTS)
    return Lorenz([float(each) for each in np.interp(at, np.arange(items + 1), curve)], gini, items)
