"""How long this thread's connection waits for the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from django.db import connection
from psycopg.pq import TransactionStatus

PATIENT_MS: Final = 3_000
"""For what there is no answer without."""

RESET: Final = "RESET statement_timeout; RESET lock_timeout"
_within: ContextVar[str] = ContextVar("within", default=RESET)
"""The statement that sets what holds now."""


@contextmanager
def timeouts(statement_ms: int, lock_ms: int) -> Iterator[None]:
    """Of each statement within, and of its wait for each lock; then what held before. Two statements.

    Whatever takes longer raises OperationalError.
    """
    before = _within.get()
    token = _within.set(settings_text(statement_ms, lock_ms))
    try:
        _run(_within.get())
        yield
    finally:
        _within.reset(token)
        _run(before)


def settings_text(statement_ms: int, lock_ms: int) -> str:
    """A statement that sets both for a connection."""
    return f"SET statement_timeout = {int(statement_ms)}; SET lock_timeout = {int(lock_ms)}"


def _run(statement: str) -> None:
    """Not where a transaction has failed, whose end takes back what was set in it."""
    there = connection.connection
    if there and there.info.transaction_status == TransactionStatus.INERROR:
        return
    with connection.cursor() as cursor:
        cursor.execute(statement)
