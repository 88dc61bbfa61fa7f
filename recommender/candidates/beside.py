"""A second connection to the database, on which one source is asked while others are asked here.

A process has few of them, each in a thread of its own; they stay open as a web thread's do.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from catalog.timeouts import settings_text
from recommender import limits

IDLE_S: Final = 1.0
"""A connection that did nothing for so long is looked at before it is used, which is a round trip."""
MOST: Final = 4
"""In one process: where more requests are answered at once, the processors have no time left for it."""

T = TypeVar("T")


class NotConnected(Exception):
    """There is no second connection to be had."""


class _Companions:
    """Threads with their connections, as many as were needed at once."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """With nothing; a child process, too, has none of its parent's threads."""
        self.free = threading.BoundedSemaphore(MOST)
        self.threads = ThreadPoolExecutor(MOST, "beside")
        self.open: dict[BaseDatabaseWrapper, tuple[Any, str]] = {}
        """With the session of each, and the statement that set its limits."""
        self.used: dict[BaseDatabaseWrapper, float] = {}
        """When each did something last."""

    def work(self, work: Callable[[], T], database: dict[str, Any], limit: str) -> T:
        """In a companion's thread. Raises NotConnected, and what ``work`` does."""
        mine = connections[DEFAULT_DB_ALIAS]
        if mine.settings_dict != database:  # the asking thread has been sent to another one
            mine.close()
            self.open.pop(mine, None)
            mine = connections[DEFAULT_DB_ALIAS] = type(mine)({**database}, DEFAULT_DB_ALIAS)
        now = time.monotonic()
        try:
            if mine.errors_occurred or now - self.used.get(mine, now) > IDLE_S:
                mine.close_if_unusable_or_obsolete()
                mine.close_if_health_check_failed()
            if mine.connection is None or self.open.get(mine) != (mine.connection, limit):
                self._limit(mine, limit)
        except (OperationalError, InterfaceError) as err:
            raise NotConnected from err
        try:
            done = work()
        finally:
            self.used[mine] = time.monotonic()
        if mine.connection is None or mine.connection.closed:
            raise NotConnected  # lost meanwhile: whatever ``work`` made of that, it is asked again
        return done

    def _limit(self, mine: BaseDatabaseWrapper, limit: str) -> None:
        with mine.cursor() as cursor:
            cursor.execute(limit)
        if mine not in self.open:
            mine.inc_thread_sharing()  # so that ``close`` may close it
        self.open[mine] = mine.connection, limit


_companions = _Companions()


def handed(work: Callable[[], T]) -> Future[T] | None:
    """``work`` under way on another connection, within the limits of an answer.

    None where it is to be done here: within a transaction, whose rows no other connection sees, or
    while all companions are busy. The future raises NotConnected where there was no connection.
    """
    if connection.in_atomic_block or not _companions.free.acquire(blocking=False):
        return None
    limit = settings_text(limits.STATEMENT_MS, limits.LOCK_MS)
    under_way: Future[T] = _companions.threads.submit(
        _companions.work, work, connection.settings_dict, limit
    )
    under_way.add_done_callback(lambda _: _companions.free.release())
    return under_way


def close() -> None:
    """The connections of companions that have nothing to do; they are made again when they are needed."""
    while _companions.open:
        mine, _ = _companions.open.popitem()
        _companions.used.pop(mine, None)
        mine.close()
        mine.dec_thread_sharing()


os.register_at_fork(after_in_child=_companions.start)
atexit.register(close)
