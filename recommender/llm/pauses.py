"""A provider that failed several times in a row is left alone for a while, by purpose.

So a dead endpoint costs the first few requests their time limit, not all of them. By purpose, because
what is too slow for one (a page that waits) may do for another (a batch).
"""

from typing import Any, Final

import redis

from catalog.broker import redis_client
from recommender.exceptions import LlmUnavailable

FAILURES: Final = 5
"""In a row; fewer may be chance."""
WITHIN_S: Final = 120
PAUSE_S: Final = 20
"""Short enough that a restarted provider is soon back, long enough that 5 waits an interval are few."""
COUNTED: Final = frozenset({"down", "slow", "rate_limited"})
KEY: Final = "triad:llm:failures:"  # and the purpose
PAUSED: Final = "triad:llm:paused:"


def check(purpose: str) -> None:
    """Raises LlmUnavailable, with the code of the last failure, during a pause."""
    try:
        code: Any = redis_client().get(PAUSED + purpose)
    except redis.RedisError:
        return
    if code is not None:
        raise LlmUnavailable(
            code.decode(),
            f"it failed {FAILURES} times in a row; asked again in {PAUSE_S} s or less.",
        )


def failed(purpose: str, err: LlmUnavailable) -> None:
    """Note a failure; never raises."""
    if err.code not in COUNTED:
        return
    try:
        with redis_client().pipeline() as pipeline:
            pipeline.incr(KEY + purpose)
            pipeline.expire(KEY + purpose, WITHIN_S)
            count = pipeline.execute()[0]
        if count >= FAILURES:
            redis_client().set(PAUSED + purpose, err.code, ex=PAUSE_S)
            redis_client().delete(KEY + purpose)
    except redis.RedisError:
        return


def answered(purpose: str) -> None:
    """Note an answer: failures are counted in a row; never raises."""
    try:
        redis_client().delete(KEY + purpose)
    except redis.RedisError:
        return
