"""Empties what a test of real transactions wrote.

Django's own way empties every table and makes permissions and roles anew after each such test,
which takes longer than most of them; see ``TransactionTestCase._fixture_teardown``.
"""

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

Rows = dict[str, str]
"""Tables that have rows, each with the digest of all of them."""


def tables_written() -> list[str]:
    """Tables of models that have rows."""
    asked = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(name, sql.Identifier(name))
        for name in _tables()
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(asked))
        return [name for (name,) in cursor.fetchall()]


def rows_of(tables: list[str]) -> Rows:
    """The digest of the rows of each."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for name in tables:
            digest = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t"
            cursor.execute(sql.SQL(digest).format(sql.Identifier(name)))
            found[name] = cursor.fetchone()[0]
    return found


def empty_after_tests(start: Rows) -> None:
    """Make Django empty, from now on, only what was written; all of it where ``start`` is no more."""

    def empty(case: TransactionTestCase) -> None:
        assert not connection.in_atomic_block, "module_db is not for tests of real transactions"
        if written := [name for name in tables_written() if name not in start]:
            connection.ops.execute_sql_flush(
                connection.ops.sql_flush(no_style(), written, allow_cascade=True)
            )
        if rows_of(list(start)) != start:
            call_command("flush", verbosity=0, interactive=False)
            start.update(rows_of(list(start)))

    TransactionTestCase._fixture_teardown = empty


def _tables() -> list[str]:
    return connection.introspection.django_table_names(only_existing=True, include_views=False)
