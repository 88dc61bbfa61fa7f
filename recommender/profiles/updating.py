"""Profiles take in what has happened: each event once, whoever does it and however many at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from django.db import connection, transaction

from recommender.interests import take_in
from recommender.leanings import Deed, Leanings
from recommender.profiles import likeness, rows
from recommender.profiles.reading import Told, deeds, latest, pending
from retrieval import index, spaces
from retrieval.exceptions import SpaceGone
from retrieval.models import EmbeddingSpace

BATCH: Final = 500
"""Events a call: their visitors' rows are held for about a tenth of a second."""
VISITORS_READ: Final = 10
"""Visitors whose events are read from the start in one statement."""
EVENTS_READ: Final = 5_000
"""After so many a call leaves the other new visitors to the next one."""
READ_ANEW: Final = 1_000
"""Latest events of one visitor that a new profile is made of."""


def profiles_update(limit: int = BATCH) -> int:
    """Let profiles in the active space take in about ``limit`` of the events that wait; how many.

    0 when nothing waits that no other worker holds. In one transaction: whoever is stopped in the
    middle has done nothing. An event whose item has no vector counts by its item only, and is parked
    until it has one.
    """
    partition = active_partition()
    if partition is None:
        return 0
    try:
        while True:
            with transaction.atomic():
                visitors = _claim(limit)
                if not visitors:
                    return 0
                if done := _update(partition, visitors, limit):
                    return done
    except SpaceGone:
        return 0  # retired meanwhile: the next call asks the active one


def active_partition() -> index.Partition | None:
    """Of the space that answers, if there is one; its head is not read."""
    row = EmbeddingSpace.objects.defer("head").filter(state=EmbeddingSpace.State.ACTIVE).first()
    return None if row is None else spaces.partition_of(row)


def _claim(limit: int) -> list[int]:
    """Visitors of the first events that wait, locked: against other workers, merging and forgetting.

    Not against new events, which need their key only. Visitors whom somebody holds are passed by; they
    are left to the holder, who looks again once it has committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.visitor_id FROM recommender_pendingevent p JOIN recommender_visitor v"
            " ON v.id = p.visitor_id WHERE p.parked_at IS NULL ORDER BY p.event_id LIMIT %s"
            " FOR NO KEY UPDATE OF v SKIP LOCKED",
            [limit],
        )
        return sorted({visitor_id for (visitor_id,) in cursor.fetchall()})


def profiles_renew(limit: int = VISITORS_READ) -> int:
    """Make profiles in the active space for ``limit`` visitors who have one in another only, those of late
    first; of how many. 0 when nobody is left whom no other worker holds. In one transaction.
    """
    partition = active_partition()
    if partition is None:
        return 0
    try:
        with transaction.atomic():
            visitors = _claim_of_other_spaces(partition.space_id, limit)
            for some, told in _anew(visitors):
                fresh = {visitor_id: Leanings.empty(partition.fused_dim) for visitor_id in some}
                _apply(partition, fresh, told, ())
            return len(visitors)
    except SpaceGone:
        return 0


def _claim_of_other_spaces(space_id: int, limit: int) -> list[int]:
    others = EmbeddingSpace.objects.exclude(pk=space_id).values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.visitor_id FROM recommender_profile p JOIN recommender_visitor v"
            " ON v.id = p.visitor_id WHERE p.space_id = ANY(%s) ORDER BY p.updated_at DESC LIMIT %s"
            " FOR NO KEY UPDATE OF v SKIP LOCKED",
            [list(others), limit],
        )
        return sorted({visitor_id for (visitor_id,) in cursor.fetchall()})


def _update(partition: index.Partition, visitors: Sequence[int], limit: int) -> int:
    """Reads what waits again: a visitor's last holder may have taken it in before we got the lock."""
    waiting = pending(visitors, limit)
    concerned = sorted({each.visitor_id for each in waiting})
    known = rows.read(partition.space_id, partition.fused_dim, concerned)
    told = [each for each in waiting if each.visitor_id in known]
    for new, theirs in _anew([each for each in concerned if each not in known]):
        known |= {visitor_id: Leanings.empty(partition.fused_dim) for visitor_id in new}
        told += theirs
    done = [each for each in waiting if each.visitor_id in known]
    _apply(partition, known, told, done)
    return len(done)


def _anew(visitors: Sequence[int]) -> Iterator[tuple[Sequence[int], list[Told]]]:
    """The visitors a few at a time with all that their new profiles are made of, until it is a lot."""
    read = 0
    for start in range(0, len(visitors), VISITORS_READ):
        if read >= EVENTS_READ:
            return
        some = visitors[start : start + VISITORS_READ]
        told = latest(some, READ_ANEW)
        read += len(told)
        yield some, told


def _apply(
    partition: index.Partition,
    leanings: Mapping[int, Leanings],
    told: Sequence[Told],
    done: Sequence[Told],
) -> None:
    """Let the leanings take in what is told, store them, and note what was ``done`` with that."""
    if not leanings:
        return
    found = deeds(partition, told)
    theirs: dict[int, list[Deed]] = defaultdict(list)
    for each, deed in found:
        theirs[each.visitor_id].append(deed)
    threshold = likeness.threshold(partition)
    for visitor_id, own in theirs.items():
        take_in(leanings[visitor_id], own, threshold)
    rows.write(partition.space_id, leanings)
    parked = {each.event_id: each for each, deed in found if deed.vector is None}
    _park(list(parked.values()))
    _delete({each.event_id for each in (*told, *done)} - parked.keys())


def _park(told: Sequence[Told]) -> None:
    """Their items are locked first, in everybody's order: whoever deletes an item takes its events along."""
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH there AS MATERIALIZED (SELECT id FROM catalog_item WHERE id = ANY(%s)"
            " ORDER BY external_id FOR KEY SHARE)"
            " INSERT INTO recommender_pendingevent"
            " (event_id, visitor_id, item_id, type, share, occurred_at, parked_at)"
            " SELECT e.*, now() FROM (SELECT event_id, visitor_id, item_id, type, share,"
            " to_timestamp(at) FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[],"
            " %s::float8[], %s::float8[]) AS t (event_id, visitor_id, item_id, type, share, at)) e"
            " JOIN there ON there.id = e.item_id ORDER BY e.event_id"
            " ON CONFLICT (event_id) DO UPDATE SET parked_at = excluded.parked_at",
            [[each.item_id for each in told], *map(list, zip(*told, strict=True))],
        )


def _delete(event_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM recommender_pendingevent WHERE event_id = ANY(%s)", [sorted(event_ids)]
        )
