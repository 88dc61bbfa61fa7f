"""When the sweep last ran: it comes from beat and runs in a worker, so it shows that both live."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError as KombuError
from redis.exceptions import RedisError

from catalog.broker import redis_client

KEY: Final = "triad:sweep:last"
LATE: Final = 4
"""Intervals without a sweep after which something is wrong; at least LATE_S."""
LATE_S: Final = 60
ASKED_S: Final = 0.5
"""Workers that live answer sooner."""
KNOWN_S: Final = 10
"""For so long the workers that answered last are shown."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sweep that ended."""

    at: datetime
    took_ms: int
    ago_s: float

    @property
    def late(self) -> bool:
        """Whether the next one is missing."""
        every: float = settings.CELERY_BEAT_SCHEDULE["sweep"]["schedule"]
        return self.ago_s > max(LATE * every, LATE_S)


@contextmanager
def beating() -> Iterator[None]:
    """Note that a sweep ended well."""
    started = time.monotonic()
    yield
    took_ms = round(1000 * (time.monotonic() - started))
    redis_client().set(KEY, json.dumps({"at": time.time(), "took_ms": took_ms}))


def last() -> Beat | None:
    """None before the first sweep, or while Redis cannot be reached."""
    try:
        found: Any = redis_client().get(KEY)
    except RedisError:
        return None
    if found is None:
        return None
    said = json.loads(found)
    return Beat(datetime.fromtimestamp(said["at"], UTC), said["took_ms"], time.time() - said["at"])


def workers_by_queue() -> dict[str, int] | None:
    """How many worker nodes listen to each queue; None while the broker cannot be reached."""
    try:
        known: dict[str, int] | None = cache.get("workers:listening")
        if known is not None:
            return known
        answers = current_app.control.inspect(timeout=ASKED_S).active_queues() or {}
        known = {}
        for queues in answers.values():
            for queue in queues:
                known[queue["name"]] = known.get(queue["name"], 0) + 1
        cache.set("workers:listening", known, KNOWN_S)
    except (KombuError, RedisError, OSError):
        return None
    return known
