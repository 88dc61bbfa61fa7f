"""What is popular and what is becoming so, counted from the events every minute."""

from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone

from catalog.models import Item
from recommender.event_types import drawing, event_types, undoing
from recommender.models import ItemPopularity

LOCK: Final = 7_240_003
EVERY: Final = timedelta(seconds=60)
COUNTED_DAYS: Final = 120
"""Older events are not counted: by then one counts a sixteenth."""
POPULAR_HALF_LIFE_DAYS: Final = 30.0
TRENDING_HALF_LIFE_DAYS: Final = 1.0

# what somebody took back counts no more, as in their profile, nor what they came to dislike; what they did
# afterwards does
COUNT: Final = """
WITH taken_back AS MATERIALIZED (
    SELECT visitor_id, item_id, max(occurred_at) AS at FROM recommender_event
    WHERE type = ANY(%(taking_back)s) AND item_id IS NOT NULL AND occurred_at > %(since)s
    GROUP BY visitor_id, item_id
)
INSERT INTO recommender_itempopularity (item_id, popular, trending, visitors, updated_at)
SELECT e.item_id, sum(w.weight * coalesce(e.share, 1) * 0.5 ^ (a.days / %(popular)s)),
    sum(w.weight * coalesce(e.share, 1) * 0.5 ^ (a.days / %(trending)s)),
    count(DISTINCT e.visitor_id), %(now)s
FROM recommender_event e
LEFT JOIN taken_back b ON b.visitor_id = e.visitor_id AND b.item_id = e.item_id
JOIN unnest(%(types)s::text[], %(weights)s::float8[]) AS w (type, weight) ON w.type = e.type
CROSS JOIN LATERAL (
    SELECT greatest(extract(epoch FROM %(now)s - e.occurred_at)::float8 / 86400, 0) AS days
) a
WHERE e.item_id IS NOT NULL AND e.occurred_at > %(since)s
    AND (b.at IS NULL OR e.occurred_at > b.at OR e.type = ANY(%(taking_back)s))
GROUP BY e.item_id
ON CONFLICT (item_id) DO UPDATE SET popular = excluded.popular, trending = excluded.trending,
    visitors = excluded.visitors, updated_at = excluded.updated_at
"""


@transaction.atomic
def popularity_count(*, force: bool = False) -> int:
    """Count anew unless that was done within EVERY, or is being done; how many items are used."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        last = ItemPopularity.objects.aggregate(at=Max("updated_at"))["at"]
        if not force and last is not None and now - last < EVERY:
            return 0
        types, drawn = event_types(), drawing()
        cursor.execute(
            COUNT,
            {
                "now": now,
                "since": now - timedelta(days=COUNTED_DAYS),
                "popular": POPULAR_HALF_LIFE_DAYS,
                "trending": TRENDING_HALF_LIFE_DAYS,
                "types": drawn,
                "weights": [types[name].weight for name in drawn],
                "taking_back": undoing(),
            },
        )
        counted = int(cursor.rowcount)
        cursor.execute("DELETE FROM recommender_itempopularity WHERE updated_at < %s", [now])
    return counted


def most_used(items: QuerySet[Item], most: int) -> list[int]:
    """Of these items those that are used most, then what came first."""
    used = ItemPopularity.objects.filter(item_id=OuterRef("pk")).values("popular")
    order = F("popular").desc(nulls_last=True)
    ranked = items.annotate(popular=Subquery(used)).order_by(order, "pk")
    return list(ranked.values_list("pk", flat=True)[:most])
