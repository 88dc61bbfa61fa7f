"""What was shown: written once an answer, read by reports, gone after a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg.types.json import Jsonb

from recommender.event_types import event_types
from recommender.types import Assignment
from retrieval.prepared import prepared

DELETED_AT_ONCE: Final = 10_000

# Whoever is not known is made, as events do: an experiment counts also those who never do anything. But who
# is not known on a later page was forgotten since the first: that leaves no row.
# DO UPDATE and not DO NOTHING, so that of two first requests at once both get the row.
# What is shown must not wait for the disk: without synchronous_commit it takes 0.6 ms instead of 4.0, and
# a crash of the database may lose the last moment's impressions (never more than that).
INSERT: Final = """
WITH relaxed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), known AS MATERIALIZED (
    SELECT coalesce(merged_into_id, id) AS id FROM recommender_visitor
    WHERE external_id = %(visitor)s::text FOR KEY SHARE
), made AS (
    INSERT INTO recommender_visitor (external_id)
    SELECT %(visitor)s::text WHERE %(visitor)s::text <> '' AND %(start)s = 0 AND NOT EXISTS (SELECT FROM known)
    ON CONFLICT (external_id) DO UPDATE SET external_id = excluded.external_id
    RETURNING coalesce(merged_into_id, id) AS id
)
INSERT INTO recommender_impression (request_id, visitor_id, session, placement, experiment_id,
    variant, shown_at, start, item_ids, propensities, sources, features)
SELECT %(request_id)s::text, (SELECT id FROM known UNION ALL SELECT id FROM made), %(session)s,
    %(placement)s, %(experiment)s::bigint, %(variant)s, %(shown_at)s, %(start)s,
    %(item_ids)s::bigint[], %(propensities)s::real[], %(sources)s::jsonb, %(features)s::real[]
FROM relaxed
WHERE %(visitor)s::text = '' OR EXISTS (SELECT FROM known) OR EXISTS (SELECT FROM made)
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """An item of an answer, and how it came there."""

    item_id: int
    sources: Sequence[str]
    propensity: float | None = 1.0
    """The probability with which it is shown at its position; below 1 where chance has a part, None where
    nobody can say."""
    features: Sequence[float] = ()
    """One for each of ranking.FEATURES, or none at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request to a placement got."""

    request_id: str
    placement: str
    shown: Sequence[Shown]
    """By position."""
    shown_at: datetime
    visitor: str = ""
    session: str = ""
    assignment: Assignment | None = None
    start: int = 0
    """How many items earlier pages of the same list had."""


def impression_log(answer: Answer) -> None:
    """Store it, in one statement; nothing for an answer without items.

    The visitor is made if nobody knew them; a later page of one whom nobody knows is not stored. Features
    are stored if every item has as many, and propensities if every item has one: those of what stands
    below an item that has none say nothing. Call it outside of transactions: it locks a visitor, and what
    it commits with is not waited for.
    """
    if not answer.shown:
        return
    features = [list(each.features) for each in answer.shown]
    if len({len(row) for row in features}) != 1:
        features = []
    propensities = [each.propensity for each in answer.shown]
    assignment = answer.assignment
    parameters: dict[str, Any] = {
        "visitor": answer.visitor,
        "request_id": answer.request_id,
        "session": answer.session,
        "placement": answer.placement,
        "experiment": assignment.experiment_id if assignment else None,
        "variant": assignment.variant if assignment else "",
        "shown_at": answer.shown_at,
        "start": answer.start,
        "item_ids": [each.item_id for each in answer.shown],
        "propensities": [] if None in propensities else propensities,
        "sources": Jsonb([list(each.sources) for each in answer.shown]),
        "features": _array(features),
    }
    with prepared() as cursor:
        cursor.execute(INSERT, parameters)


def _array(rows: Sequence[Sequence[float]]) -> str:
    """As Postgres reads an array of arrays; of 180 numbers a sixth of the time that the driver takes."""
    return "{" + ",".join(["{" + ",".join(map(repr, row)) + "}" for row in rows]) + "}"


def impressions_expire() -> int:
    """Delete what is older than KEEP_DAYS, a batch at a time; how many rows."""
    before = timezone.now() - timedelta(days=settings.RECOMMENDER["IMPRESSIONS"]["KEEP_DAYS"])
    gone = 0
    with connection.cursor() as cursor:
        while deleted := _delete_older(cursor, before):
            gone += deleted
    return gone


def _delete_older(cursor: CursorWrapper, before: datetime) -> int:
    cursor.execute(
        "DELETE FROM recommender_impression WHERE id IN (SELECT id FROM recommender_impression"
        " WHERE shown_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
        [before, DELETED_AT_ONCE],
    )
    return int(cursor.rowcount)


def settings_problems() -> list[str]:
    """What is wrong with ``RECOMMENDER["IMPRESSIONS"]``, a sentence each."""
    given: Any = settings.RECOMMENDER["IMPRESSIONS"]
    known = event_types()
    problems = [
        f"{name}: {given.get(name)!r} is no whole number from {least}"
        for name, least in (("KEEP_DAYS", 1), ("TOUCH_HOURS", 0))
        if not isinstance(given.get(name), int) or given[name] < least
    ]
    for name in ("CLICKS", "CONVERSIONS", "GUARDRAILS"):
        listed = given.get(name)
        if isinstance(listed, str) or not isinstance(listed, Sequence | Mapping):
            problems.append(f"{name}: is a collection of types of events")
        elif unknown := [each for each in listed if each not in known]:
            problems.append(f"{name}: unknown type {unknown[0]!r}; known: {', '.join(known)}")
    guardrails = given.get("GUARDRAILS")
    if isinstance(guardrails, Mapping):
        problems += [
            f"GUARDRAILS: {name}: {rise!r} is no tolerated rise, such as 0.1 for a tenth"
            for name, rise in guardrails.items()
            if not isinstance(rise, int | float) or not rise >= 0
        ]
    elif "GUARDRAILS" not in " ".join(problems):
        problems.append("GUARDRAILS: maps a type of events to the relative rise that is tolerated")
    return problems
