"""How long an answer waits for the database, and how it does without what does not come in time."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from django.db import OperationalError, connection, transaction

from catalog.timeouts import PATIENT_MS, timeouts

log = logging.getLogger(__name__)

STATEMENT_MS: Final = 500
"""Of each statement: an answer without one part beats none."""
LOCK_MS: Final = 100
"""For a table or row that somebody locks, which takes no time or long: who reads waits for ALTER TABLE,
VACUUM FULL, TRUNCATE and LOCK only."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """How a source did, or another part that an answer can do without."""

    name: str
    found: int
    took_ms: float
    error: str = ""
    """Why it was skipped, if it was."""


_skipped: ContextVar[list[Report] | None] = ContextVar("skipped", default=None)


@contextmanager
def limited() -> Iterator[list[Report]]:
    """STATEMENT_MS and LOCK_MS for each statement of this connection within; two statements, none within
    another ``limited``. Yields what ``attempt`` skips.
    """
    outermost = _skipped.get() is None
    skipped: list[Report] = []
    token = _skipped.set(skipped)
    try:
        with timeouts(STATEMENT_MS, LOCK_MS) if outermost else nullcontext():
            yield skipped
    finally:
        _skipped.reset(token)


def attempt(name: str, work: Callable[[], T]) -> T | None:
    """What ``work`` finds; None, which is reported, if the database takes too long over it."""
    started = time.perf_counter()
    try:
        return apart(work)
    except OperationalError as err:
        took_ms = (time.perf_counter() - started) * 1000
        log.warning("%s was skipped after %.0f ms: %s", name, took_ms, err)
        skip([Report(name, 0, round(took_ms, 2), type(err).__name__)])
        return None


def skip(reports: Iterable[Report]) -> None:
    """Those that say why they were skipped are among what ``limited`` yields."""
    skipped = _skipped.get()
    if skipped is not None:
        skipped.extend(each for each in reports if each.error)


def insisted(work: Callable[[], T]) -> T:
    """What ``work`` finds; it is given PATIENT_MS if it takes too long. Raises OperationalError then."""
    try:
        return apart(work)
    except OperationalError:
        if _skipped.get() is None:
            raise
    return patient(work)


def patient(work: Callable[[], T]) -> T:
    """What ``work`` finds, each of whose statements is given PATIENT_MS. Raises OperationalError."""
    with timeouts(PATIENT_MS, PATIENT_MS):
        return work()


def apart(work: Callable[[], T]) -> T:
    """``work``, which does not take the caller's transaction along if it fails.

    Without one it has none of its own, which would cost two round trips.
    """
    if not connection.in_atomic_block:
        return work()
    with transaction.atomic():
        return work()
