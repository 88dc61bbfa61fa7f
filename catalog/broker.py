"""The web processes' own connection to Redis: it gives up quickly, for somebody waits."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 2.0


@cache
def redis_client(timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client that is safe to share between threads; raises redis.exceptions.ConnectionError."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # one more try: a server that was restarted leaves dead connections in the pool
        retry=Retry(NoBackoff(), 1),
    )
