"""A visitor's taste, for whoever has to answer now."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from django.db import connection

from recommender import limits
from recommender.event_types import event_types
from recommender.interests import take_in, taste
from recommender.leanings import Deed, Leanings
from recommender.profiles import likeness
from recommender.profiles.rows import COLUMNS, Row, unpacked
from recommender.types import Taste
from retrieval import index, spaces

READ_ON_THE_SPOT: Final = 200
"""Latest events that somebody without a profile is judged by until a worker has made one, and of those that
a profile has yet to take in."""


class Told(NamedTuple):
    """What a profile needs of an event; ``at`` in seconds since 1970."""

    event_id: int
    visitor_id: int
    item_id: int
    type: str
    share: float | None
    at: float


def columns(visitor_id: str) -> str:
    """SQL: what ``taste_read`` takes of a profile ``p`` that may be missing, and the events of the visitor
    with this id (SQL) that wait to be taken in.

    In one statement, so that each event is in the profile or waits: a worker stores the one and deletes the
    other in one transaction.
    """
    return (
        f"{COLUMNS}, (SELECT json_agg(json_build_array(event_id, visitor_id, item_id, type, share,"  # noqa: S608
        " extract(epoch FROM occurred_at)::float8))::text FROM (SELECT * FROM recommender_pendingevent"
        f" WHERE visitor_id = {visitor_id} AND parked_at IS NULL"
        f" ORDER BY event_id DESC LIMIT {READ_ON_THE_SPOT}) waiting)"
    )


def taste_of(visitor: str, space: spaces.Space, now: datetime) -> Taste:
    """What is known of the visitor in the space, as of ``now``; empty for one nobody knows.

    One statement; one more for events that wait for a worker to take them in. Without a profile in the
    space, which an activated one lacks at first, what the latest events say: two more; and now and then two
    for what is alike there. Nothing is written. Raises SpaceGone.
    """
    partition = space.partition
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(v.merged_into_id, v.id), {columns('coalesce(v.merged_into_id, v.id)')}"  # noqa: S608
            " FROM recommender_visitor v"
            " LEFT JOIN recommender_profile p ON p.space_id = %s"
            " AND p.visitor_id = coalesce(v.merged_into_id, v.id) WHERE v.external_id = %s",
            [partition.space_id, visitor],
        )
        found = cursor.fetchone()
    return Taste() if found is None else taste_read(found[0], found[1:], partition, now)


def taste_read(
    visitor_id: int, profile: Sequence[Any], partition: index.Partition, now: datetime
) -> Taste:
    """What ``columns`` found of the visitor; as ``taste_of`` where no profile is there."""
    *stored, waiting = profile
    if stored[0] is None:
        spot = limits.attempt("events", partial(_on_the_spot, partition, visitor_id))
        leanings = spot or Leanings.empty(partition.fused_dim)
        return taste(leanings, now.timestamp())
    leanings = unpacked(Row(*stored), partition.fused_dim)
    if waiting:
        told = [Told(*each) for each in json.loads(waiting)]
        limits.attempt("events", partial(_take_in, leanings, partition, told))
    return taste(leanings, now.timestamp())


def _on_the_spot(partition: index.Partition, visitor_id: int) -> Leanings:
    leanings = Leanings.empty(partition.fused_dim)
    if told := latest([visitor_id], READ_ON_THE_SPOT):
        _take_in(leanings, partition, told)
    return leanings


def _take_in(leanings: Leanings, partition: index.Partition, told: Sequence[Told]) -> None:
    done = [deed for _, deed in deeds(partition, told)]
    take_in(leanings, done, likeness.threshold(partition))


def latest(visitor_ids: Sequence[int], limit: int) -> list[Told]:
    """At most ``limit`` events of each visitor with items of the catalog, the latest; one statement."""
    return _told(
        "SELECT e.id, v.id, e.item_id, e.type, e.share, extract(epoch FROM e.occurred_at)::float8"
        " FROM unnest(%s::bigint[]) AS v (id) CROSS JOIN LATERAL (SELECT * FROM recommender_event"
        " WHERE visitor_id = v.id AND item_id IS NOT NULL ORDER BY occurred_at DESC LIMIT %s) e",
        [list(visitor_ids), limit],
    )


def pending(visitor_ids: Sequence[int], limit: int) -> list[Told]:
    """The first events that the visitors' profiles have yet to take in, at most ``limit``; one statement."""
    return _told(
        "SELECT event_id, visitor_id, item_id, type, share, extract(epoch FROM occurred_at)::float8"
        " FROM recommender_pendingevent WHERE visitor_id = ANY(%s) AND parked_at IS NULL"
        " ORDER BY event_id LIMIT %s",
        [list(visitor_ids), limit],
    )


def _told(statement: str, parameters: list[Any]) -> list[Told]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Told(*row) for row in cursor.fetchall()]


def deeds(partition: index.Partition, told: Sequence[Told]) -> list[tuple[Told, Deed]]:
    """The events as they were stored, with their items' vectors; one statement. Raises SpaceGone.

    Those of a type that the settings do not name any more are left out.
    """
    types = event_types()
    vectors = likeness.unit_vectors(partition, {each.item_id for each in told})
    return [
        (each, Deed(each.item_id, types[each.type], each.share, each.at, vectors.get(each.item_id)))
        for each in sorted(told)
        if each.type in types
    ]
