"""Wakes a worker when events wait, and what it does then: only a hint, for what waits are rows."""

import logging
import time
from functools import partial
from typing import Final

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from catalog.broker import redis_client
from recommender.profiles.updating import profiles_update

log = logging.getLogger(__name__)

TASK: Final = "workers.tasks.update_profiles"
WOKEN: Final = "triad:profiles:woken"
"""Is there while a message is on its way that no worker has taken."""
WOKEN_MS: Final = 5_000
"""A message that was lost keeps others from being sent for so long."""
TIMEOUT_S: Final = 0.2
"""Somebody waits for their events to be taken: a broker on the same network answers in 1 ms."""
REST_S: Final = 10.0
"""A broker that did not answer is not asked again for so long; the sweep runs every 15 s."""

CATCH_UP_S: Final = 2.0
"""A worker goes on for so long before it looks for others' messages, and those of queries first."""

_rest_until = 0.0


def profiles_wake() -> None:
    """After the current transaction commits, ask a worker to bring profiles up to date.

    One message does for all that is committed before a worker takes it. A broker that is away costs
    freshness: the sweep asks again.
    """
    transaction.on_commit(partial(_send, repeat=False))


def profiles_wake_again() -> None:
    """Ask a worker whatever messages are on their way."""
    _send(repeat=True)


def profiles_catch_up() -> None:
    """What a worker does with the message: updates until nothing waits, or for CATCH_UP_S."""
    redis_client().delete(WOKEN)  # whoever commits from now on sends another
    end = time.monotonic() + CATCH_UP_S
    while profiles_update():
        if time.monotonic() > end:
            profiles_wake_again()
            return


def _send(*, repeat: bool) -> None:
    global _rest_until  # noqa: PLW0603 - of the process
    if time.monotonic() < _rest_until:
        return
    try:
        first = redis_client(TIMEOUT_S).set(WOKEN, 1, nx=not repeat, px=WOKEN_MS)
        if first:
            current_app.send_task(TASK)
    except (RedisError, KombuError) as err:
        _rest_until = time.monotonic() + REST_S
        log.warning("could not reach the broker, the sweep will update profiles: %s", err)
