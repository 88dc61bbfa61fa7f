"""Which answer an event is owed to; computed when a report is made, stored nowhere.

An event that names a ``request_id`` is owed to that answer if it showed the item, at most REACH
before the event (a client's clock may be SKEW behind). Any other event is owed to the last answer
that showed its visitor the item, at most TOUCH_HOURS before. What was shown nowhere is owed to none.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

# of an e-mail that is opened weeks later
REACH: Final = timedelta(days=30)
SKEW: Final = timedelta(hours=1)

UNIT: Final = "CASE WHEN i.visitor_id IS NULL THEN 's' || i.session ELSE 'v' || i.visitor_id END"
"""Whom an impression was shown to: a person, or a session of nobody known."""
_COLUMNS: Final = (
    f"i.id, i.placement, i.experiment_id, i.variant, {UNIT} AS unit,"
    " i.shown_at, i.start + array_position(i.item_ids, e.item_id) AS position"
)
TOUCHED: Final = f"""
SELECT e.type, e.value, e.share, e.item_id, e.visitor_id AS of_visitor, e.occurred_at,
    coalesce(named.id, latest.id) AS impression_id,
    coalesce(named.placement, latest.placement) AS placement,
    coalesce(named.experiment_id, latest.experiment_id) AS experiment_id,
    coalesce(named.variant, latest.variant) AS variant,
    coalesce(named.unit, latest.unit) AS unit,
    coalesce(named.shown_at, latest.shown_at) AS shown_at,
    coalesce(named.position, latest.position) AS position
FROM recommender_event e
LEFT JOIN LATERAL (
    SELECT {_COLUMNS} FROM recommender_impression i
    WHERE e.request_id <> '' AND i.request_id = e.request_id AND e.item_id = ANY(i.item_ids)
    AND i.shown_at BETWEEN e.occurred_at - %(reach)s AND e.occurred_at + %(skew)s
    ORDER BY i.shown_at DESC, i.id DESC LIMIT 1
) named ON true
LEFT JOIN LATERAL (
    SELECT {_COLUMNS} FROM recommender_impression i
    WHERE named.id IS NULL AND i.visitor_id = e.visitor_id AND e.item_id = ANY(i.item_ids)
    AND i.shown_at BETWEEN e.occurred_at - %(touch)s AND e.occurred_at
    ORDER BY i.shown_at DESC, i.id DESC LIMIT 1
) latest ON true
WHERE e.occurred_at >= %(since)s - %(skew)s AND e.occurred_at <= %(until)s + greatest(%(reach)s, %(touch)s)
AND e.item_id IS NOT NULL
"""  # noqa: S608 - constants only
"""A query: the events that answers between ``since`` and ``until`` may have led to, and the answer that
each is owed to, if any. Two look-ups in indexes an event.
"""


def parameters(since: datetime, until: datetime) -> dict[str, Any]:
    """Of TOUCHED."""
    hours: int = settings.RECOMMENDER["IMPRESSIONS"]["TOUCH_HOURS"]
    return {
        "since": since,
        "until": until,
        "touch": timedelta(hours=hours),
        "reach": REACH,
        "skew": SKEW,
    }
