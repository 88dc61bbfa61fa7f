"""The queues and how full they are."""

from redis.exceptions import RedisError

from catalog.broker import redis_client

# in the order in which a free worker takes from them: somebody waits for a query, and soon looks at
# what they like
QUEUES = ("query", "profiles", "embed", "default", "train", "llm")
# their workers hold every encoder from the start; training loads what it needs
ENCODING = frozenset({"query", "embed"})
# its worker holds the local language model, if there is one
LLM = "llm"


def depths() -> dict[str, int]:
    """Messages waiting in each queue, those in a worker's hands not counted.

    Raises redis.exceptions.ConnectionError.
    """
    with redis_client().pipeline(transaction=False) as pipeline:
        for queue in QUEUES:
            pipeline.llen(queue)
        return dict(zip(QUEUES, pipeline.execute(), strict=True))


def depths_or_none() -> dict[str, int | None]:
    """As ``depths``; None for each when the broker cannot be reached."""
    try:
        return dict(depths())
    except RedisError:
        return dict.fromkeys(QUEUES, None)
