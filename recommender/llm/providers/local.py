"""A model of our own, in a worker of the queue ``llm``: no web process holds it."""

from collections.abc import Iterator
from typing import Final

import redis
from celery import current_app
from kombu.exceptions import OperationalError

from catalog.broker import redis_client
from recommender.exceptions import LlmUnavailable
from recommender.llm.providers import tickets
from recommender.llm.providers.types import Account, Request

QUEUE: Final = "llm"
MOST_WAITING: Final = 8
"""One worker answers one after another: who comes behind so many would wait in vain."""


class LocalProvider:
    """Asks a worker and passes on what it writes."""

    name = "local"

    def pieces(self, request: Request, account: Account) -> Iterator[str]:
        """See ``Provider``."""
        try:
            yield from self._pieces(request, account)
        except (redis.RedisError, OperationalError) as err:
            raise LlmUnavailable("down", f"the broker cannot be reached: {err}") from err

    def _pieces(self, request: Request, account: Account) -> Iterator[str]:
        waiting: int = redis_client().llen(QUEUE)  # type: ignore[assignment]
        if waiting >= MOST_WAITING:
            raise LlmUnavailable("rate_limited", f"{waiting} others wait for a worker of {QUEUE}.")
        connection = tickets.client(request.left_s)
        ticket = tickets.put(connection, request)
        try:
            current_app.send_task(
                "workers.tasks.answer_llm", args=[ticket], expires=max(1.0, request.left_s)
            )
            yield from tickets.pieces(connection, ticket, request, account)
        finally:
            tickets.gone(connection, ticket)
            connection.close()
