"""How calls went, by purpose: outcomes, latency, tokens, money; kept in Redis by the hour.

Written at once, unlike a search's: a call takes far longer than a write.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import redis

from catalog.broker import redis_client
from recommender.llm import budget
from recommender.llm.providers.types import Usage

KEY: Final = "triad:llm:metrics:"  # and the hour
HOURS: Final = 24
BUCKETS_MS: Final = (
    50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 20_000, 30_000,
    60_000, 120_000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PurposeReport:
    """Of the last HOURS; milliseconds, as exact as BUCKETS_MS, of answers only."""

    outcomes: Mapping[str, int]
    """ok, or the code of LlmUnavailable; rejected: an answer that failed later checks, one of ok."""
    tokens_in: int
    tokens_out: int
    cost: float
    p50_ms: int | None
    p95_ms: int | None


def took(purpose: str, outcome: str, took_ms: int, usage: Usage) -> None:
    """One call; never raises."""
    counts = {
        f"{purpose}|outcome|{outcome}": 1,
        f"{purpose}|tokens|in": usage.tokens_in,
        f"{purpose}|tokens|out": usage.tokens_out,
        f"{purpose}|micro|cost": round(budget.cost(usage) * budget.MICRO),
    }
    if outcome == "ok":
        counts[f"{purpose}|ms|{bisect_left(BUCKETS_MS, took_ms)}"] = 1
    _add(counts)


def counted(purpose: str, outcome: str) -> None:
    """One more of an outcome that is not a call's own; never raises."""
    _add({f"{purpose}|outcome|{outcome}": 1})


def _add(counts: Mapping[str, int]) -> None:
    key = KEY + str(_hour())
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name, value in counts.items():
                if value:
                    pipeline.hincrby(key, name, value)
            pipeline.expire(key, (HOURS + 1) * 3600)
            pipeline.execute()
    except redis.RedisError:
        return


def report() -> dict[str, PurposeReport] | None:
    """By purpose; None if Redis cannot be reached."""
    now = _hour()
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for hour in range(now - HOURS + 1, now + 1):
                pipeline.hgetall(KEY + str(hour))
            hours = pipeline.execute()
    except redis.RedisError:
        return None
    total: Counter[str] = Counter()
    for hour in hours:
        # a provider may have said less than nothing before that was refused
        total.update({name.decode(): max(int(value), 0) for name, value in hour.items()})
    purposes = sorted({name.partition("|")[0] for name in total})
    return {purpose: _of_purpose(purpose, total) for purpose in purposes}


def _of_purpose(purpose: str, total: Mapping[str, int]) -> PurposeReport:
    own = {
        name.removeprefix(f"{purpose}|"): value
        for name, value in total.items()
        if name.startswith(f"{purpose}|")
    }
    times = {
        int(name.removeprefix("ms|")): value
        for name, value in own.items()
        if name.startswith("ms|")
    }
    return PurposeReport(
        outcomes={
            name.removeprefix("outcome|"): value
            for name, value in sorted(own.items())
            if name.startswith("outcome|")
        },
        tokens_in=own.get("tokens|in", 0),
        tokens_out=own.get("tokens|out", 0),
        cost=own.get("micro|cost", 0) / budget.MICRO,
        p50_ms=_quantile(times, 0.5),
        p95_ms=_quantile(times, 0.95),
    )


def _quantile(times: Mapping[int, int], share: float) -> int | None:
    """The upper end of the bucket that holds it."""
    wanted, seen = share * sum(times.values()), 0
    for bucket in sorted(times):
        seen += times[bucket]
        if seen >= wanted:
            return BUCKETS_MS[min(bucket, len(BUCKETS_MS) - 1)]
    return None


def _hour() -> int:
    return int(time.time() // 3600)
