"""Django's Redis cache on one connection pool a process.

Django makes a cache object for every request under ASGI, and with it a pool and a connection; and a
client for every operation, which takes longer than the operation.
"""

from functools import cache
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


class _SharedClient(RedisCacheClient):
    _servers: list[str]

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """The process' own; of several servers, writes and reads go to the first."""
        return _client(self._servers[0])


class SharedRedisCache(RedisCache):
    """``django.core.cache.backends.redis.RedisCache`` without OPTIONS, which it ignores."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _SharedClient
