"""Queues whose workers take on nothing for a while: a row says so, and outlives every process.

Workers drop the messages of such a queue: whatever they were about follows from rows, and the sweeper
sends it again once the queue goes on. What has begun is finished.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec

from celery import current_app
from kombu.exceptions import OperationalError as KombuError

from catalog.models import QueuePause
from retrieval.sweep import full_pass_next

log = logging.getLogger(__name__)

P = ParamSpec("P")

PAUSABLE: Final = ("profiles", "embed", "train", "llm")
"""Not query: somebody waits for its answer; nor default, which brings everything else back."""


class NotPausable(ValueError):
    """There is no such queue, or it must go on."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"{queue!r} cannot be paused; these can: {', '.join(PAUSABLE)}.")


def paused() -> frozenset[str]:
    """The queues that take on nothing at this moment."""
    return frozenset(QueuePause.objects.values_list("queue", flat=True))


def queue_pause(queue: str, by: str = "") -> QueuePause:
    """Its workers finish what they do and take on nothing; commits. Raises NotPausable."""
    _pausable_check(queue)
    return QueuePause.objects.get_or_create(queue=queue, defaults={"paused_by": by})[0]


def queue_resume(queue: str) -> bool:
    """Let it go on, and look for everything that was dropped meanwhile; whether it was paused.

    Raises NotPausable.
    """
    _pausable_check(queue)
    deleted, _ = QueuePause.objects.filter(queue=queue).delete()
    if deleted:
        full_pass_next()
        try:
            current_app.send_task("workers.tasks.sweep")
        except KombuError as err:
            log.warning("could not reach the broker, the next sweep will find all: %s", err)
    return deleted > 0


def _pausable_check(queue: str) -> None:
    if queue not in PAUSABLE:
        raise NotPausable(queue)


def unless_paused(
    queue: str, instead: Callable[..., Any] | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Of a task: does nothing, or ``instead``, while its queue is paused."""

    def decorate(task: Callable[P, None]) -> Callable[P, None]:
        @wraps(task)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            if queue not in paused():
                task(*args, **kwargs)
            elif instead is not None:
                instead(*args, **kwargs)

        return run

    return decorate
