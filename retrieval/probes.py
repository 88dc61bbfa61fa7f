"""How searches go: what was asked and found, how long it took, what the index missed.

Counted in the process and written to Redis about once a second, so that no search waits for it; kept
by the hour. A small share of the searches that went down the HNSW index among all visible items is
left for the sweeper, which runs them again exactly.
"""

import atexit
import base64
import json
import random
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import redis
from numpy.typing import NDArray

from catalog.broker import redis_client

KEY = "triad:search:metrics:"  # and the hour
WAITING = "triad:search:probes"
HOURS = 24
FLUSH_S = 1.0
BUCKETS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000, 5000)
PROBE_SHARE = 0.01
MAX_WAITING = 100
PROBES_A_SWEEP = 5  # each reads every vector of the space

_lock = threading.Lock()
_counted: Counter[str] = Counter()
_flushed_at = 0.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A search of the index to be run again exactly."""

    space_id: int
    vector: NDArray[np.float32]
    found: list[int]


@dataclass(frozen=True, slots=True)
class Latency:
    """Of calls; milliseconds, as exact as BUCKETS_MS. None without any."""

    count: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Of the last HOURS."""

    asked: int
    """Rows that the searches of the index asked for."""
    got: int
    scans: int
    """Searches down an HNSW index."""
    exact: int
    """Searches over every matching row, because few match."""
    topped_up: int
    """Scans that found too few and were followed by an exact search."""
    probes: int
    recall: float | None
    """Mean over the probes."""
    latency: Mapping[str, Latency]


def counted(**counts: int) -> None:
    """Add to the counters; never raises."""
    _add({name: value for name, value in counts.items() if value})


def took(name: str, seconds: float) -> None:
    """One call of this name; never raises."""
    _add({f"ms:{name}:{bisect_left(BUCKETS_MS, seconds * 1000)}": 1})


def _add(counts: Mapping[str, int]) -> None:
    global _flushed_at  # noqa: PLW0603 - of the process
    with _lock:
        _counted.update(counts)
        now = time.monotonic()
        if now - _flushed_at < FLUSH_S:
            return
        _flushed_at = now
    flush()


def flush() -> None:
    """Write what was counted to Redis; what cannot be written is dropped."""
    with _lock:
        counts = dict(_counted)
        _counted.clear()
    if not counts:
        return
    key = KEY + str(_hour())
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for name, value in counts.items():
                pipeline.hincrby(key, name, value)
            pipeline.expire(key, (HOURS + 1) * 3600)
            pipeline.execute()
    except redis.RedisError:
        return


atexit.register(flush)


def _hour() -> int:
    return int(time.time() // 3600)


def sampled(space_id: int, vector: NDArray[np.float32], found: Sequence[int]) -> None:
    """Leave a search for the sweeper, with the probability PROBE_SHARE; never raises."""
    if random.random() >= PROBE_SHARE:  # noqa: S311 - no secret
        return
    sent = base64.b64encode(vector.astype(np.float16).tobytes()).decode()
    probe = {"space": space_id, "vector": sent, "found": list(found)}
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            pipeline.rpush(WAITING, json.dumps(probe))
            pipeline.ltrim(WAITING, -MAX_WAITING, -1)
            pipeline.execute()
    except redis.RedisError:
        return


def probe_waiting(nearest: Callable[[Probe], list[int]]) -> int:
    """Run the oldest probes by ``nearest``, which is exact, and count their recall; their number."""
    waiting: list[bytes] = redis_client().lpop(WAITING, PROBES_A_SWEEP) or []  # type: ignore[assignment]
    for text in waiting:
        entry = json.loads(text)
        vector = np.frombuffer(base64.b64decode(entry["vector"]), np.float16).astype(np.float32)
        best = set(nearest(Probe(entry["space"], vector, entry["found"])))
        counted(probes=1, missed=len(best - set(entry["found"])), wanted=len(best))
    return len(waiting)


def report() -> Report | None:
    """None while Redis cannot be reached."""
    flush()
    try:
        with redis_client().pipeline(transaction=False) as pipeline:
            for back in range(HOURS):
                pipeline.hgetall(KEY + str(_hour() - back))
            hours = pipeline.execute()
    except redis.RedisError:
        return None
    total: Counter[str] = Counter()
    for hour in hours:
        total.update({name.decode(): int(value) for name, value in hour.items()})
    names = sorted({name.split(":")[1] for name in total if name.startswith("ms:")})
    return Report(
        **{name: total[name] for name in ("asked", "got", "scans", "exact", "topped_up", "probes")},
        recall=1 - total["missed"] / total["wanted"] if total["wanted"] else None,
        latency={name: _latency(name, total) for name in names},
    )


def _latency(name: str, total: Counter[str]) -> Latency:
    counts = [total[f"ms:{name}:{bucket}"] for bucket in range(len(BUCKETS_MS) + 1)]
    return Latency(sum(counts), _quantile(counts, 0.5), _quantile(counts, 0.95))


def _quantile(counts: Sequence[int], q: float) -> float | None:
    """Linear within a bucket; the last one, without an end, gives its start."""
    wanted = q * sum(counts)
    if not wanted:
        return None
    bounds = (0, *BUCKETS_MS, BUCKETS_MS[-1])
    seen = 0.0
    for bucket, count in enumerate(counts):
        if seen + count >= wanted:
            low, high = bounds[bucket], bounds[bucket + 1]
            return round(low + (high - low) * (wanted - seen) / count, 2)
        seen += count
    return float(BUCKETS_MS[-1])
