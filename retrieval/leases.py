"""Long work under a lease: its row says until when a worker has it, and how far it is.

A worker that dies leaves a lease that runs out; whoever finds that decides what becomes of the row.
"""

import logging
import threading
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

log = logging.getLogger(__name__)

REPORT_EVERY_S: Final = 0.5
"""People do not look more often."""


def lease_end() -> datetime:
    """Of a lease taken or renewed now."""
    return timezone.now() + timedelta(seconds=settings.RETRIEVAL["TRAIN_LEASE_S"])


class Lease:
    """Renews ``leased_until`` from a thread, because training is silent for minutes, and writes progress.

    ``mine`` is the row as long as this worker has it, with ``leased_until``, ``stage``, ``percent`` and
    ``note``; ``lost`` is raised by the next report once it is not.
    """

    def __init__(self, mine: QuerySet[Any], lost: Exception) -> None:
        self._mine, self._error = mine, lost
        self._lost = False
        self._ended = threading.Event()
        self._stage, self._written = "", 0.0
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _renew(self) -> None:
        try:
            while not self._lost and not self._ended.wait(settings.RETRIEVAL["TRAIN_LEASE_S"] / 4):
                self._renew_once()
        finally:
            connection.close()  # this thread's own

    def _renew_once(self) -> None:
        """A database that is away for a moment costs nothing: the lease outlives some of these."""
        try:
            self._lost = not self._mine.update(leased_until=lease_end())
        except (OperationalError, InterfaceError) as err:
            log.warning("could not renew a lease, trying again: %s", err)
            connection.close()

    def report(self, entry: dict[str, Any]) -> None:
        """Write one entry of what training says, unless it is the same stage again too soon."""
        stage, now = str(entry.get("stage", "")), time.monotonic()
        soon = stage == self._stage and now - self._written < REPORT_EVERY_S
        if not self._lost and not soon:
            self._stage, self._written = stage, now
            self._lost = not self._mine.update(
                stage=stage[:32], percent=percent_of(entry), note=note_of(entry)[:200]
            )
        if self._lost:
            raise self._error


def percent_of(entry: dict[str, Any]) -> int:
    """How far the entry's stage is; 0 where it does not say."""
    done = entry.get("items", entry.get("epoch"))
    of = entry.get("of")
    return min(100, int(100 * done / of)) if done is not None and of else 0


def note_of(entry: dict[str, Any]) -> str:
    """The entry's figures in words: ``epoch 3 of 20, loss 1.2``."""
    shown = {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in entry.items()
        if name not in ("stage", "of")
    }
    if "of" in entry and shown:
        first = next(iter(shown))
        shown[first] += f" of {entry['of']}"
    return ", ".join(f"{name} {value}" for name, value in shown.items())
