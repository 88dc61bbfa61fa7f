"""How a process that asks and a worker that answers find each other: through Redis.

The request waits under its ticket until its deadline; pieces of the answer come through a list. Whoever
asked takes the request away when it has enough, which the worker sees after every piece.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import redis
from django.conf import settings

from recommender.exceptions import LlmUnavailable
from recommender.llm.providers.types import Account, Message, Request, Usage

ASKED: Final = "triad:llm:asked:"  # and the ticket
SAID: Final = "triad:llm:said:"
KEPT_S: Final = 30
"""That pieces nobody takes are kept."""
LEAST_S: Final = 0.01
"""To Redis a wait of 0 is for ever."""
SPARE_S: Final = 5.0
"""By which a socket outlasts the wait that it carries."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker is to answer."""

    messages: tuple[Message, ...]
    max_tokens: int
    schema: dict[str, Any] | None


def client(wait_s: float) -> Any:  # redis-py types every answer as perhaps awaitable
    """A connection whose reads may take so long. Not shared: it waits."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=wait_s + SPARE_S, socket_connect_timeout=SPARE_S
    )


def put(connection: Any, request: Request) -> str:
    """Leave a request for a worker; its ticket."""
    ticket = uuid.uuid4().hex
    asked = {
        "messages": [asdict(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "schema": dict(request.schema) if request.schema is not None else None,
    }
    left_ms = max(1, round(request.left_s * 1000))
    connection.set(ASKED + ticket, json.dumps(asked), px=left_ms)
    return ticket


def take(connection: Any, ticket: str) -> Asked | None:
    """In a worker: the request; None if nobody waits for it any more."""
    found = connection.get(ASKED + ticket)
    if found is None:
        return None
    said = json.loads(found)
    messages = tuple(Message(**each) for each in said["messages"])
    return Asked(messages, said["max_tokens"], said["schema"])


def wanted(connection: Any, ticket: str) -> bool:
    """In a worker: whether somebody still waits."""
    return bool(connection.exists(ASKED + ticket))


def say(connection: Any, ticket: str, said: dict[str, Any]) -> None:
    """In a worker: a piece (``text``), the end (``end``) or a failure (``failed``)."""
    with connection.pipeline(transaction=False) as pipeline:
        pipeline.rpush(SAID + ticket, json.dumps(said))
        pipeline.expire(SAID + ticket, KEPT_S)
        pipeline.execute()


def pieces(connection: Any, ticket: str, request: Request, account: Account) -> Iterator[str]:
    """What the worker says, to its end. Raises LlmUnavailable."""
    while True:
        left_s = request.left_s
        found = connection.blpop([SAID + ticket], timeout=left_s) if left_s > LEAST_S else None
        if found is None:
            raise LlmUnavailable(
                "slow", "no worker of the queue llm finished in time (start one, or wait longer)."
            )
        said = json.loads(found[1])
        if "failed" in said:
            raise LlmUnavailable("down", said["failed"])
        if "end" in said:
            account.usage = Usage(said["end"]["tokens_in"], said["end"]["tokens_out"])
            account.cut = said["end"]["cut"]
            return
        yield said["text"]


def gone(connection: Any, ticket: str) -> None:
    """Nobody waits any more."""
    connection.delete(ASKED + ticket, SAID + ticket)
