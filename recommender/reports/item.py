"""Where one item was shown, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from recommender.reports.attribution import TOUCHED, parameters

TIMEOUT_MS: Final = 5_000
"""Somebody waits for it; every answer of the time is looked at."""

SHOWN: Final = """
SELECT i.placement, count(*), avg(i.start + array_position(i.item_ids, %(item)s::bigint))::float8,
    max(i.shown_at)
FROM recommender_impression i WHERE i.shown_at >= %(since)s AND i.shown_at < %(until)s
AND %(item)s::bigint = ANY(i.item_ids) GROUP BY i.placement ORDER BY 2 DESC, 1
"""
CLICKED: Final = f"""
SELECT placement, count(DISTINCT impression_id) FROM ({TOUCHED} AND e.item_id = %(item)s) touched
WHERE shown_at >= %(since)s AND shown_at < %(until)s AND type = ANY(%(clicks)s) GROUP BY placement
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One item in one placement over some time."""

    placement: str
    shown: int
    """Answers with it."""
    position: float
    """The mean, from 1; over all pages of a list."""
    last_at: datetime
    clicked: int = 0
    """Answers in which it was clicked."""

    @property
    def ctr(self) -> float:
        """Clicked of shown."""
        return self.clicked / self.shown

    @property
    def percent(self) -> str:
        """The CTR in words."""
        return f"{self.ctr:.2%}"


def item_report(item_id: int, since: datetime, until: datetime) -> list[ItemShown]:
    """By placement, the one that showed it most first; two statements.

    Raises OperationalError where they take longer than TIMEOUT_MS.
    """
    given = {
        **parameters(since, until),
        "item": item_id,
        "clicks": list(settings.RECOMMENDER["IMPRESSIONS"]["CLICKS"]),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(TIMEOUT_MS)])
        cursor.execute(SHOWN, given)
        shown = cursor.fetchall()
        cursor.execute(CLICKED, given)
        clicked = dict(cursor.fetchall())
    return [
        ItemShown(placement, answers, position, last_at, clicked.get(placement, 0))
        for placement, answers, position, last_at in shown
    ]
