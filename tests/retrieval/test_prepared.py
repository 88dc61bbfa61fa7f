"""Statements that stay planned, and what a migration does to them."""

import pytest
from django.db import connection, transaction
from django.db.utils import NotSupportedError

from retrieval.prepared import prepared

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 10
"""More than psycopg waits for before it prepares a statement."""


@pytest.fixture
def table():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE migrated (name varchar(5)); INSERT INTO migrated VALUES ('frog')"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE migrated")


def names(*, binary: bool = False) -> list[str]:
    with prepared(binary=binary) as cursor:
        cursor.execute("SELECT name FROM migrated WHERE name <> %s", [""])
        return [name for (name,) in cursor.fetchall()]


def migrate() -> None:
    """A result of another type than was planned, by another process."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("ALTER TABLE migrated ALTER COLUMN name TYPE text")
    finally:
        other.close()


@pytest.mark.parametrize("binary", [False, True])
def test_a_migration_under_it_is_not_noticed(table, binary: bool):
    for _ in range(TIMES):
        assert names(binary=binary) == ["frog"]
    migrate()
    for _ in range(TIMES):
        assert names(binary=binary) == ["frog"]


def test_within_a_transaction_there_is_no_going_on(table):
    for _ in range(TIMES):
        names()
    migrate()
    with pytest.raises(NotSupportedError, match="cached plan"), transaction.atomic():
        names()
