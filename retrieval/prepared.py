"""Statements that Postgres plans once for each connection, not at each call."""

from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import errors
from psycopg.pq import Format, TransactionStatus


class _Cursor(psycopg.Cursor[Any]):
    """Goes on where a migration changed a table that a plan of this connection reads."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        try:
            return super().execute(query, params, **options)
        except errors.FeatureNotSupported:  # cached plan must not change result type
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            return super().execute(query, params, **options | {"prepare": False})


def prepared(*, binary: bool = False) -> CursorWrapper:
    """A cursor that sends values beside the statement; from its sixth time on a statement is not planned.

    Planning takes as long as running what a request asks. Cast a value whose type its place does not
    tell (``%(name)s::text``), and keep what changes out of the text. One statement at a time. ``binary``
    rows are half as long where they are mostly bytes; JSON is read.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor: Any = _Cursor(connection.connection)
    cursor.format = Format.BINARY if binary else Format.TEXT
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    wrapped: CursorWrapper = wrap(cursor)
    return wrapped
