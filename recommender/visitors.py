"""What is done with a visitor as a whole: merged into another, exported, forgotten."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from recommender.events import TRIES, visitors_ensure
from recommender.exceptions import MergeConflict, MergeIntoItself, VisitorBusy
from recommender.models import Event, Visitor
from recommender.profiles import profiles_exported, profiles_forget, profiles_join

LOCK: Final = 7_240_002
"""Of the advisory lock of whoever rewrites stored events."""
EXPORT_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Merged:
    """Whose events they are now, and how many changed hands."""

    into: str
    events: int


def visitor_merge(source: str, target: str) -> Merged:
    """Give everything of ``source`` to ``target``, also what arrives later; doing it again changes nothing.

    Visitors nobody knew are made: what they do later counts. Raises MergeIntoItself, and MergeConflict
    for a source that belongs to somebody else or to whom the target belongs.
    """
    if source == target:
        raise MergeIntoItself(source)
    for _ in range(TRIES):
        visitors_ensure([source, target])
        with transaction.atomic():
            visitors_stand_still()
            rows = {row.external_id: row for row in _person_of(source, target)}
            if {source, target} <= rows.keys():
                return _merged(source, target, rows)
    raise VisitorBusy


def _merged(source: str, target: str, rows: dict[str, Visitor]) -> Merged:
    of, to = rows[source], rows[target]
    root_id = to.merged_into_id or to.pk
    root = next(row for row in rows.values() if row.pk == root_id)
    if of.merged_into_id == root_id:
        return Merged(root.external_id, 0)
    if of.merged_into_id is not None:
        raise MergeConflict(
            f"{source!r} belongs to another visitor already: give who comes next a new identifier."
        )
    if root_id == of.pk:
        raise MergeConflict(f"{target!r} belongs to {source!r} already.")
    Visitor.objects.filter(merged_into=of.pk).update(merged_into=root_id)
    Visitor.objects.filter(pk=of.pk).update(merged_into=root_id)
    events = Event.objects.filter(visitor_id=of.pk).update(visitor_id=root_id)
    profiles_join(of.pk, root_id)
    return Merged(root.external_id, events)


@transaction.atomic
def visitor_forget(external_id: str) -> bool:
    """Delete every row that mentions the visitor, under any of their identifiers; whether there was any.

    An event sent again afterwards is a new one.
    """
    visitors_stand_still()
    ids = [row.pk for row in _person_of(external_id)]
    if not ids:
        return False
    profiles_forget(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM recommender_event WHERE visitor_id = ANY(%s) RETURNING key)"
            " DELETE FROM recommender_eventkey k USING gone WHERE k.key = gone.key",
            [ids],
        )
        cursor.execute("DELETE FROM recommender_visitor WHERE id = ANY(%s)", [ids])
    return True


def visitors_stand_still() -> None:
    """Until the transaction ends nobody else merges or forgets, nor rewrites stored events at all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _person_of(*external_ids: str) -> list[Visitor]:
    """All identifiers of whoever has one of these, their rows locked against new events."""
    roots = {
        row.merged_into_id or row.pk for row in Visitor.objects.filter(external_id__in=external_ids)
    }
    family = Visitor.objects.filter(pk__in=roots) | Visitor.objects.filter(merged_into__in=roots)
    return list(family.order_by("external_id").select_for_update())


def visitor_export(external_id: str) -> Iterator[str] | None:
    """Everything that mentions the visitor, as JSON in parts; None if nothing does.

    One object: ``visitor``, ``also_known_as``, ``first_seen``, and a list for each of SECTIONS.
    """
    row = Visitor.objects.select_related("merged_into").filter(external_id=external_id).first()
    if row is None:
        return None
    return _export(row.merged_into or row)


def _export(person: Visitor) -> Iterator[str]:
    facts = {
        "visitor": person.external_id,
        "also_known_as": list(
            person.aliases.order_by("external_id").values_list("external_id", flat=True)
        ),
        "first_seen": person.created_at.isoformat(),
    }
    yield json.dumps(facts)[:-1]
    for name, rows in SECTIONS.items():
        yield f', "{name}": ['
        comma = ""
        for page in rows(person):
            yield comma + ", ".join(map(json.dumps, page))
            comma = ", "
        yield "]"
    yield "}"


def _events(person: Visitor) -> Iterator[list[dict[str, Any]]]:
    """In the order they were stored, a page at a time."""
    last = 0
    while True:
        rows = list(Event.objects.filter(visitor=person, pk__gt=last).order_by("pk")[:EXPORT_ROWS])
        if not rows:
            return
        last = rows[-1].pk
        yield [_event(row) for row in rows]


def _event(row: Event) -> dict[str, Any]:
    """As it was sent, with when it arrived."""
    return {
        "id": row.key,
        "item": row.item_external_id,
        "type": row.type,
        "value": row.value,
        "share": row.share,
        "occurred_at": row.occurred_at.isoformat(),
        "received_at": row.received_at.isoformat(),
        "session": row.session or None,
        "request_id": row.request_id or None,
    }


def _profiles(person: Visitor) -> Iterator[list[dict[str, Any]]]:
    yield profiles_exported(person.pk, timezone.now())


SECTIONS: Final[dict[str, Callable[[Visitor], Iterator[list[dict[str, Any]]]]]] = {
    "events": _events,
    "profiles": _profiles,
}
"""The lists of an export, by name; ``visitor_forget`` deletes what each of them reads."""
