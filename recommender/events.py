"""Stores events: each once however often it is sent, in a handful of statements for any number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from recommender.event_input import NewEvent
from recommender.exceptions import VisitorBusy
from recommender.partitions import month_of, partitions_ensure
from recommender.profiles import profiles_wake

TRIES: Final = 5
"""Between two looks somebody may forget the visitor, or the event that had the id."""


class _Forgotten(Exception):
    """A visitor went after they were made sure of."""


@dataclass(slots=True)
class Recorded:
    """What became of the events, by their position."""

    new: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    """The same id with the same content was there, or comes earlier in the same list."""
    conflicts: list[int] = field(default_factory=list)
    """The same id with another content."""


def events_record(events: Sequence[NewEvent]) -> Recorded:
    """Store what is new, in one transaction: once it returns, the events are there.

    Raises VisitorBusy for visitors who are forgotten again and again meanwhile.
    """
    partitions_ensure({month_of(event.occurred_at) for event in events})
    for _ in range(TRIES):
        visitors_ensure({event.visitor for event in events})
        try:
            with transaction.atomic():
                return _recorded(events)
        except _Forgotten:
            continue
    raise VisitorBusy


def _recorded(events: Sequence[NewEvent]) -> Recorded:
    """Locks in one order, ids of events, then visitors, then items, each sorted: two calls never wait
    for each other in a circle, nor does one for a merge or a catalog import.
    """
    recorded = Recorded()
    first: dict[str, int] = {}
    for at, event in enumerate(events):
        first.setdefault(event.key, at)
    known = _claim({key: events[at].digest for key, at in first.items()})
    for at, event in enumerate(events):
        if at == first[event.key] and event.key not in known:
            recorded.new.append(at)
        elif event.digest == known.get(event.key, events[first[event.key]].digest):
            recorded.duplicates.append(at)
        else:
            recorded.conflicts.append(at)
    _insert([events[at] for at in recorded.new])
    return recorded


def _claim(wanted: dict[str, UUID]) -> dict[str, UUID]:
    """Take the ids that are free; the digests of those that are not."""
    left, known = dict(wanted), dict[str, UUID]()
    for _ in range(TRIES):
        if not left:
            return known
        keys = sorted(left)
        taken = _rows(
            "INSERT INTO recommender_eventkey (key, digest)"
            " SELECT * FROM unnest(%s::text[], %s::uuid[])"
            " ON CONFLICT (key) DO NOTHING RETURNING key",
            [keys, [left[key] for key in keys]],
        )
        for (key,) in taken:
            del left[key]
        if left:
            found = dict(
                _rows(
                    "SELECT key, digest FROM recommender_eventkey WHERE key = ANY(%s)", [list(left)]
                )
            )
            known |= found
            left = {key: digest for key, digest in left.items() if key not in found}
    if left:
        raise VisitorBusy
    return known


def _insert(events: Sequence[NewEvent]) -> None:
    if not events:
        return
    visitors = _visitors({event.visitor for event in events})
    items: dict[str, int] = dict(
        _rows(
            "SELECT external_id, id FROM catalog_item WHERE external_id = ANY(%s)"
            " ORDER BY external_id FOR KEY SHARE",
            [list({event.item for event in events})],
        )
    )
    columns = zip(
        *(
            (
                *(event.key, visitors[event.visitor], items.get(event.item), event.item),
                *(event.type, event.value, event.share, event.occurred_at),
                *(event.session, event.request_id),
            )
            for event in events
        ),
        strict=True,
    )
    _execute(
        "WITH stored AS (INSERT INTO recommender_event (key, visitor_id, item_id, item_external_id,"
        " type, value, share, occurred_at, session, request_id) SELECT * FROM unnest(%s::text[],"
        " %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::float8[], %s::float8[],"
        " %s::timestamptz[], %s::text[], %s::text[])"
        " RETURNING id, visitor_id, item_id, type, share, occurred_at)"
        " INSERT INTO recommender_pendingevent"
        " (event_id, visitor_id, item_id, type, share, occurred_at)"
        " SELECT * FROM stored WHERE item_id IS NOT NULL",
        [list(column) for column in columns],
    )
    if items:
        profiles_wake()


def visitors_ensure(names: Iterable[str]) -> None:
    """Make the visitors who are not known, in a transaction of its own unless the caller has one.

    Of its own, because what inserts and locks visitors in one transaction cannot keep their order.
    """
    wanted = set(names)
    there = _rows(
        "SELECT external_id FROM recommender_visitor WHERE external_id = ANY(%s)", [list(wanted)]
    )
    if missing := sorted(wanted - {name for (name,) in there}):
        _execute(
            "INSERT INTO recommender_visitor (external_id) SELECT unnest(%s::text[])"
            " ON CONFLICT (external_id) DO NOTHING",
            [missing],
        )


def _visitors(names: set[str]) -> dict[str, int]:
    """Whose events those of each visitor are; nobody merges or forgets them before the transaction ends."""
    found: dict[str, int] = dict(
        _rows(
            "SELECT external_id, coalesce(merged_into_id, id) FROM recommender_visitor"
            " WHERE external_id = ANY(%s) ORDER BY external_id FOR KEY SHARE",
            [list(names)],
        )
    )
    if found.keys() != names:
        raise _Forgotten
    return found


def _rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _execute(statement: str, parameters: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
