"""Impressions with their features, and the events that they led to, as columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from recommender import ranking
from recommender.event_types import event_types
from recommender.ranking_training.table import ShownTable
from recommender.reports.attribution import TOUCHED, UNIT, parameters

MOST: Final = 50_000
"""Answers, the latest: what a ranker of some dozen weights can use."""
SETTLED: Final = timedelta(hours=1)
"""What a visitor does with an answer they have mostly done by then; a later one is left for next time."""

# Whom nobody knows cannot be followed: everything shown to them would seem to be left alone.
_KNOWN: Final = f"""
SELECT i.id, i.placement, {UNIT} AS unit, i.shown_at, i.start, i.item_ids, i.features
FROM recommender_impression i LEFT JOIN recommender_visitor v ON v.id = i.visitor_id
WHERE i.shown_at < %(until)s AND (v.id IS NOT NULL OR i.session <> '')
AND (%(demo)s = '' OR v.id IS NULL OR NOT starts_with(v.external_id, %(demo)s))
AND cardinality(i.features) = %(names)s * cardinality(i.item_ids)
ORDER BY i.shown_at DESC, i.id DESC LIMIT %(most)s
"""  # noqa: S608 - constants only
_STRENGTHS: Final = f"""
SELECT impression_id, item_id, sum(strength) AS strength FROM (
    SELECT t.impression_id, t.item_id, t.type,
        max(w.weight * CASE WHEN w.with_share THEN coalesce(t.share, 1) ELSE 1 END) AS strength
    FROM ({TOUCHED}) t JOIN recommender_visitor v ON v.id = t.of_visitor
    JOIN unnest(%(types)s::text[], %(weights)s::float8[], %(with_share)s::bool[])
        AS w (type, weight, with_share) ON w.type = t.type
    WHERE t.impression_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM recommender_event b WHERE b.visitor_id = t.of_visitor AND b.item_id = t.item_id
        AND b.type = ANY(%(taking_back)s) AND b.occurred_at >= t.occurred_at
        AND t.type <> ALL(%(taking_back)s))
    AND (%(demo)s = '' OR NOT starts_with(v.external_id, %(demo)s))
    GROUP BY 1, 2, 3
) by_type GROUP BY 1, 2
"""  # noqa: S608 - constants only
SHOWN: Final = f"SELECT * FROM ({_KNOWN}) known ORDER BY shown_at, id"  # noqa: S608
COUNTED: Final = f"""
WITH known AS ({_KNOWN}), touched AS ({_STRENGTHS})
SELECT (SELECT count(*) FROM known), count(*) FROM touched t JOIN known k ON k.id = t.impression_id
WHERE t.strength > 0
"""  # noqa: S608 - constants only


def shown_read(now: datetime | None = None) -> ShownTable:
    """The latest MOST answers that were settled at ``now``; two statements.

    Each item's strength is the sum, over the types of events that it led to and that were not taken back,
    of the type's strongest; nothing is aged. Invented visitors (RECOMMENDER["DEMO_VISITORS"]) are left out, and answers with
    features that are not finite.
    """
    values = _values(now)
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, values)
        rows = [row for row in cursor.fetchall() if np.isfinite(row[-1]).all()]
        strengths: dict[tuple[int, int], float] = {}
        if rows:
            cursor.execute(_STRENGTHS, values | {"since": rows[0][3]})
            strengths = {(answer, item): strength for answer, item, strength in cursor}
    return _table(rows, strengths)


def shown_count(now: datetime | None = None) -> tuple[int, int]:
    """(answers to learn from, items in them that were taken up); one statement."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, _values(now))
        answers, taken = cursor.fetchone()
    return answers, taken


def _values(now: datetime | None) -> dict[str, Any]:
    until = (now or timezone.now()) - SETTLED
    kept = timedelta(days=settings.RECOMMENDER["IMPRESSIONS"]["KEEP_DAYS"])
    types = event_types().values()
    return parameters(until - kept, until) | {
        "demo": settings.RECOMMENDER["DEMO_VISITORS"],
        "names": len(ranking.FEATURES),
        "most": MOST,
        "types": [each.name for each in types],
        "weights": [each.weight for each in types],
        "with_share": [each.with_share for each in types],
        "taking_back": [each.name for each in types if each.takes_back],
    }


def _table(rows: Sequence[Any], strengths: dict[tuple[int, int], float]) -> ShownTable:
    sizes = [len(item_ids) for *_, item_ids, _ in rows]
    placements = sorted({row[1] for row in rows})
    _, units = np.unique([row[2] for row in rows], return_inverse=True)
    return ShownTable(
        features=_stacked([row[6] for row in rows]),
        answer=np.repeat(np.arange(len(rows)), sizes),
        item=np.array([item for row in rows for item in row[5]], np.int64),
        position=np.array(
            [row[4] + place for row in rows for place in range(1, len(row[5]) + 1)], np.int64
        ),
        strength=np.array([strengths.get((row[0], item), 0.0) for row in rows for item in row[5]]),
        placement=np.array([placements.index(row[1]) for row in rows], np.int64),
        unit=units.astype(np.int64),
        placements=tuple(placements),
    )


def _stacked(features: Sequence[Any]) -> NDArray[np.float32]:
    empty = np.zeros((0, len(ranking.FEATURES)), np.float32)
    return np.concatenate([empty, *(np.array(each, np.float32) for each in features)])
