"""Events as tests send them, and what is stored of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db import connection

from catalog.models import Item
from recommender.event_input import EventReader, NewEvent
from recommender.events import events_record
from recommender.models import Event, Experiment

VARIANTS = (("control", 1.0, {}), ("bold", 1.0, {"diversity": 0.9}))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def sent(key: str | None = "e1", **fields: Any) -> dict[str, Any]:
    """A like of a frog by Anna, as a client would send it."""
    data = {"visitor": "anna", "item": "frog", "type": "like", **fields}
    return data if key is None else {"id": key, **data}


def read(*data: dict[str, Any]) -> list[NewEvent]:
    """Checked, at NOW."""
    reader = EventReader(now=NOW)
    return [reader.read(each) for each in data]


def item(external_id: str = "frog") -> Item:
    """An item of the catalog."""
    return Item.objects.create(external_id=external_id, title=external_id)


def experiment(
    name: str = "colours",
    *,
    placement: str = "home",
    variants: Sequence[tuple[str, float, dict[str, Any]]] = VARIANTS,
    **fields: Any,
) -> Experiment:
    """A draft."""
    row = Experiment.objects.create(name=name, placement=placement, **fields)
    for variant, weight, overrides in variants:
        row.variants.create(name=variant, weight=weight, overrides=overrides)
    return row


def stored() -> list[tuple[str, str, str, bool]]:
    """(id, visitor, item, whether it is joined) of every event, by id."""
    rows = Event.objects.select_related("visitor").order_by("key")
    return [
        (row.key, row.visitor.external_id, row.item_external_id, row.item_id is not None)
        for row in rows
    ]


def mentions(*texts: str) -> dict[str, int]:
    """Table → rows that hold one of the texts anywhere, over every table of the database."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'p', 'm') AND nspname = current_schema()"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE EXISTS"  # noqa: S608 - a table's own name
                " (SELECT FROM unnest(%s::text[]) x WHERE position(x IN t::text) > 0)",
                [list(texts)],
            )
            if count := cursor.fetchone()[0]:
                found[table] = count
    return found


def happen(events: Iterable[tuple[str, str, str]]) -> None:
    """Store (visitor, type, item) each as an event of this moment."""
    reader = EventReader()
    events_record(
        [
            reader.read(
                {"id": uuid4().hex, "visitor": visitor, "item": item, "type": type_}
                | ({"share": 1.0} if type_ == "play" else {})
            )
            for visitor, type_, item in events
        ]
    )
