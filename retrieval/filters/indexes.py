"""Indexes for the declared attributes: what there should be, what is there.

Numbers, dates and texts get two each: a btree on the value of an attribute that is one, and the (few)
items where it is a list, so that a condition's two sides both have an index. Booleans, and equality
with a few values, are answered by the model's GIN index on all attributes.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from catalog.models import Item
from retrieval.exceptions import IndexingRunning
from retrieval.filters.compiling import key_sql, value_sql
from retrieval.filters.fields import Field, declared

PREFIX = "item_filter_"
DIGEST_CHARS = 10
MAX_SLUG = 30
LOCK = 7_119_406_001  # any number that no other advisory lock of this database has


@dataclass(frozen=True, slots=True)
class FilterIndex:
    """An index that a declared attribute should have; its name changes with its definition."""

    attribute: str
    definition: str
    """What follows ``CREATE INDEX name ON table``."""

    @property
    def name(self) -> str:
        """Within the 63 bytes of an identifier."""
        slug = re.sub(r"[^a-z0-9]+", "_", self.attribute.lower())[:MAX_SLUG]
        digest = hashlib.sha256(self.definition.encode()).hexdigest()[:DIGEST_CHARS]
        return f"{PREFIX}{slug}_{digest}"

    def create(self, *, concurrently: bool = True) -> sql.Composed:
        """The statement; one that is concurrent keeps nobody waiting and needs autocommit."""
        return sql.SQL("CREATE INDEX {}{} ON {} ").format(
            sql.SQL("CONCURRENTLY " if concurrently else ""),
            sql.Identifier(self.name),
            sql.Identifier(Item._meta.db_table),
        ) + sql.SQL(self.definition)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would make the indexes agree with the declaration."""

    create: list[FilterIndex]
    drop: list[str]
    """Names: of attributes that are declared no more, and of indexes left unfinished."""
    keep: list[FilterIndex]


def wanted() -> list[FilterIndex]:
    """Of every declared attribute but booleans."""
    return [index for field in declared() if field.type != "boolean" for index in _of(field)]


def _of(field: Field) -> Iterator[FilterIndex]:
    # a statement without parameters: nothing is doubled for them
    key = key_sql("attributes", field.name).replace("%%", "%")
    yield FilterIndex(field.name, f"USING btree (({value_sql(key, field)}))")
    yield FilterIndex(field.name, f"USING btree (id) WHERE jsonb_typeof({key}) = 'array'")


def plan() -> Plan:
    """By what is in the database now."""
    there = _there()
    indexes = wanted()
    names = {index.name for index in indexes}
    return Plan(
        create=[index for index in indexes if not there.get(index.name, False)],
        drop=sorted(name for name, valid in there.items() if name not in names or not valid),
        keep=[index for index in indexes if there.get(index.name, False)],
    )


def drop(name: str) -> sql.Composed:
    """The statement, which keeps nobody waiting."""
    return sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name))


def carry_out(statement: sql.Composed) -> None:
    """Outside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def analyse() -> None:
    """Let the planner know how the indexed values are spread."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(Item._meta.db_table)))


@contextmanager
def alone() -> Iterator[None]:
    """Raises IndexingRunning if another process is here: its unfinished index looks like a broken one.

    Nobody waits for the lock, because a concurrent build waits for whoever waits.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise IndexingRunning
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _there() -> dict[str, bool]:
    """Our indexes by name, and whether they are finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = %s::regclass AND starts_with(c.relname::text, %s)",
            [Item._meta.db_table, PREFIX],
        )
        return dict(cursor.fetchall())
