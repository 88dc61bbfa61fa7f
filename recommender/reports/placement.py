"""Key figures of placements, per day and in all.

Everything counts for the day of the answer, in UTC, whenever its events happened: so a share never
exceeds 1, and the last days still grow while events come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from recommender.placements import declared_names
from recommender.reports.attribution import TOUCHED, UNIT, parameters

SHOWN: Final = f"""
SELECT i.placement, (i.shown_at AT TIME ZONE 'UTC')::date AS day, count(*),
    count(DISTINCT {UNIT}) FILTER (WHERE i.visitor_id IS NOT NULL OR i.session <> ''),
    sum(cardinality(i.item_ids))
FROM recommender_impression i WHERE i.shown_at >= %(since)s AND i.shown_at < %(until)s
GROUP BY GROUPING SETS ((i.placement, day), (i.placement))
"""  # noqa: S608 - constants only
# grouped by item first: counting different pairs by DISTINCT sorts records, which takes longer than the rest
CAME: Final = f"""
SELECT placement, day, type, sum(events)::bigint, count(*), count(*) FILTER (WHERE clicks AND first),
    coalesce(sum(value) FILTER (WHERE type = ANY(%(conversions)s)), 0)
FROM (
    SELECT placement, (shown_at AT TIME ZONE 'UTC')::date AS day, type, count(*) AS events,
        sum(value) AS value, type = ANY(%(clicks)s) AS clicks,
        row_number() OVER (
            PARTITION BY impression_id, item_id, type = ANY(%(clicks)s) ORDER BY type
        ) = 1 AS first
    FROM ({TOUCHED} AND (%(only)s::text[] IS NULL OR e.type = ANY(%(only)s))) touched WHERE shown_at >= %(since)s AND shown_at < %(until)s
    GROUP BY placement, shown_at, impression_id, item_id, type
) acted
GROUP BY GROUPING SETS ((placement, day, type), (placement, day), (placement, type), (placement))
"""  # noqa: S608 - constants only


@dataclass(slots=True)
class Kpis:
    """What was shown in some time, and what came of it."""

    answers: int = 0
    visitors: int = 0
    """Different ones, those known by a session only included."""
    shown: int = 0
    """Items, over all answers."""
    clicked: int = 0
    """Items shown that were clicked, each once an answer."""
    value: float = 0.0
    """Sum of the values of events that convert."""
    events: dict[str, int] = field(default_factory=dict)
    """Type -> events owed to the answers."""
    acted: dict[str, int] = field(default_factory=dict)
    """Type -> items shown with at least one such event, each once an answer."""

    @property
    def ctr(self) -> float | None:
        """Clicked of shown; None if nothing was shown."""
        return self.clicked / self.shown if self.shown else None

    @property
    def rates(self) -> dict[str, float]:
        """Type -> which part of the items shown had such an event."""
        return {name: count / self.shown for name, count in self.acted.items() if self.shown}

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "answers": self.answers,
            "visitors": self.visitors,
            "shown": self.shown,
            "clicked": self.clicked,
            "ctr": self.ctr,
            "value": self.value,
            "events": self.events,
            "rates": self.rates,
        }


@dataclass(slots=True)
class PlacementReport:
    """One placement's figures."""

    placement: str
    total: Kpis = field(default_factory=Kpis)
    days: dict[date, Kpis] = field(default_factory=dict)
    """Days with answers, in order."""

    def of(self, day: date | None) -> Kpis:
        """Of a day, or of all of them."""
        return self.total if day is None else self.days.setdefault(day, Kpis())

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        days = [{"day": day.isoformat(), **kpis.as_dict()} for day, kpis in self.days.items()]
        return {"placement": self.placement, "total": self.total.as_dict(), "days": days}


def placement_reports(
    since: datetime, until: datetime, only: Sequence[str] | None = None
) -> dict[str, PlacementReport]:
    """Of every placement that is declared or was shown, for answers in [since, until); two statements.

    ``only``: the types of events to count, which of a million events saves most of the time.
    """
    reports = {name: PlacementReport(name) for name in declared_names()}
    given = settings.RECOMMENDER["IMPRESSIONS"]
    values = parameters(since, until)
    values["only"] = None if only is None else list(only)
    values |= {"clicks": list(given["CLICKS"]), "conversions": list(given["CONVERSIONS"])}
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, values)
        for name, day, answers, visitors, shown in sorted(cursor.fetchall(), key=_by_day):
            kpis = reports.setdefault(name, PlacementReport(name)).of(day)
            kpis.answers, kpis.visitors, kpis.shown = answers, visitors, int(shown)
        cursor.execute(CAME, values)
        for name, day, kind, events, acted, clicked, value in cursor.fetchall():
            kpis = reports[name].of(day)
            if kind is None:
                kpis.clicked, kpis.value = clicked, value
            else:
                kpis.events[kind], kpis.acted[kind] = events, acted
    return reports


def _by_day(row: tuple[Any, ...]) -> tuple[str, date]:
    return row[0], row[1] or date.min
