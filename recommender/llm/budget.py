"""What calls may cost in a day, over all processes.

A call reserves the most it can cost before it is made and settles when it ended, so that calls at the
same moment cannot overspend together. What a killed process had reserved counts as spent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.conf import settings

from catalog.broker import redis_client
from recommender.exceptions import LlmUnavailable
from recommender.llm.providers.types import Message, Usage

KEY: Final = "triad:llm:spent:"  # and the day
KEPT_S: Final = 3 * 86_400
MICRO: Final = 1_000_000
"""Money is counted in whole millionths, the prices are of a million tokens: one is the other."""
MESSAGE_TOKENS: Final = 8
"""That a message's role and marks may take."""

_RESERVE = """
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens') or '0')
local money = tonumber(redis.call('HGET', KEYS[1], 'money') or '0')
local most_tokens, most_money = tonumber(ARGV[3]), tonumber(ARGV[4])
if most_tokens > 0 and tokens + tonumber(ARGV[1]) > most_tokens then return 'tokens' end
if most_money > 0 and money + tonumber(ARGV[2]) > most_money then return 'money' end
redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'money', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 'ok'
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Of a day, reservations of calls in progress included; ``cost`` in the unit of the prices."""

    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call may cost at most."""

    key: str
    tokens: int
    money: int
    """Millionths."""


def most_tokens(text: str) -> int:
    """No tokenizer makes more of a text: each of its tokens stands for a byte or more."""
    return len(text.encode(errors="replace"))


def cost(usage: Usage) -> float:
    """In the unit of the prices."""
    return _micro(usage) / MICRO


def reserve(messages: Sequence[Message], max_tokens: int) -> Reservation:
    """Raises LlmUnavailable: ``budget`` if it could overspend, ``down`` if nobody can tell."""
    sent = sum(most_tokens(message.content) + MESSAGE_TOKENS for message in messages)
    most = Usage(sent, max_tokens)
    held = Reservation(KEY + _day(), sent + max_tokens, _micro(most))
    limits = [settings.LLM["TOKENS_A_DAY"], round(settings.LLM["MONEY_A_DAY"] * MICRO)]
    try:
        answer: Any = redis_client().eval(
            _RESERVE, 1, held.key, held.tokens, held.money, *limits, KEPT_S
        )
    except redis.RedisError as err:
        if any(limits):
            raise LlmUnavailable("down", f"the budget cannot be read: {err}") from err
        return held
    if answer != b"ok":
        raise LlmUnavailable(
            "budget",
            f"the day's {answer.decode()} are spent: raise LLM_{answer.decode().upper()}_A_DAY or "
            "wait for the next day (UTC).",
        )
    return held


def settle(held: Reservation, usage: Usage) -> None:
    """Count what the call took instead of the most; never raises."""
    try:
        with redis_client().pipeline() as pipeline:
            spent = usage.tokens_in + usage.tokens_out
            pipeline.hincrby(held.key, "tokens", spent - held.tokens)
            pipeline.hincrby(held.key, "money", _micro(usage) - held.money)
            pipeline.execute()
    except redis.RedisError:
        return


def spent() -> Spent:
    """Of this day. Raises redis.RedisError."""
    found: Any = redis_client().hmget(KEY + _day(), ["tokens", "money"])
    tokens, money = found
    return Spent(int(tokens or 0), int(money or 0) / MICRO)


def _micro(usage: Usage) -> int:
    priced = (
        usage.tokens_in * settings.LLM["PRICE_IN"] + usage.tokens_out * settings.LLM["PRICE_OUT"]
    )
    return round(priced)


def _day() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())
