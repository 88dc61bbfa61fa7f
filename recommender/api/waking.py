"""Work that an answer leaves for a worker; what cannot be enqueued is left out, not waited for."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

import kombu.exceptions
import redis.exceptions
from celery import current_app

from recommender.llm.explanations import Asked

EXPIRES_S: Final = 600
"""Who looked has gone by then; whoever comes next asks again."""


def explanations_wake(asked: Sequence[Asked]) -> None:
    """Have the sentences written for the next time."""
    try:
        current_app.send_task(
            "workers.tasks.explain_items",
            args=[[astuple(each) for each in asked]],
            expires=EXPIRES_S,
        )
    except (kombu.exceptions.OperationalError, redis.exceptions.RedisError):
        return
