"""What follows from the rows of events by themselves: months to come, items that have arrived."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from recommender.partitions import month_of, next_month, partitions_ensure
from recommender.profiles import profiles_wake
from recommender.visitors import visitors_stand_still

log = logging.getLogger(__name__)

FULL_PASS_EVERY_S: Final = 600
# events whose transaction did not see the item were sent at most so long before it ended
OVERLAP: Final = timedelta(minutes=10)
JOINED_AT_ONCE: Final = 5_000
LAST_FULL: Final = "sweep:events:full"


def sweep() -> int:
    """Make this month and the next; give waiting events their items; how many got one."""
    month = month_of(timezone.now())
    partitions_ensure([month, next_month(month)])
    joined = join_waiting()
    if joined:
        log.info("sweep: %d events got the item that they waited for", joined)
    return joined


def join_waiting() -> int:
    """Join events with items that came after them: those of late, now and then all; how many."""
    now = timezone.now()
    last_full: datetime | None = cache.get(LAST_FULL)
    since = None if last_full is None else last_full - OVERLAP
    joined = 0
    while found := _join(since):
        joined += found
    if last_full is None:
        cache.set(LAST_FULL, now, FULL_PASS_EVERY_S)
    return joined


@transaction.atomic
def _join(since: datetime | None) -> int:
    """At most JOINED_AT_ONCE, so that their items are soon free again; the items are locked before the
    events and in order, as everybody else locks them.
    """
    visitors_stand_still()
    recent = "" if since is None else "AND i.content_changed_at >= %(since)s"
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH waiting AS MATERIALIZED ("  # noqa: S608 - no input of anybody
            " SELECT e.id, e.occurred_at, i.id AS item_id FROM recommender_event e"
            " JOIN catalog_item i ON i.external_id = e.item_external_id"
            f" WHERE e.item_id IS NULL {recent} LIMIT %(limit)s),"
            " arrived AS MATERIALIZED ("
            " SELECT i.id FROM catalog_item i WHERE i.id IN (SELECT item_id FROM waiting)"
            " ORDER BY i.external_id FOR KEY SHARE),"
            " joined AS (UPDATE recommender_event e SET item_id = w.item_id"
            " FROM waiting w JOIN arrived a ON a.id = w.item_id"
            " WHERE e.id = w.id AND e.occurred_at = w.occurred_at AND e.item_id IS NULL"
            " RETURNING e.id, e.visitor_id, e.item_id, e.type, e.share, e.occurred_at)"
            " INSERT INTO recommender_pendingevent"
            " (event_id, visitor_id, item_id, type, share, occurred_at) SELECT * FROM joined",
            {"since": since, "limit": JOINED_AT_ONCE},
        )
        joined = int(cursor.rowcount)
    if joined:
        profiles_wake()
    return joined
