"""How a search goes about it: exactly over the few items that match, or down the HNSW index.

The planner alone would not do: at 100,000 x 256 and 1 % of the items matching, the index took 28 ms
of processor time for a recall@10 of .85, the exact way 3 ms; at 10 % exact took 20 ms and the index,
fetching six times the hits, 14 ms at .99 (3 ms at .95 without fetching more).
"""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.backends.postgresql.psycopg_any import mogrify  # type: ignore[import-untyped]
from django.db.models import QuerySet
from psycopg import sql

from catalog.models import Item
from retrieval.index.partitions import Column, Partition, partition_there

MAX_EF_SEARCH = 1000  # pgvector's own upper bound
# The relaxed scan returns rows slightly out of order and a filter thins them: of those that match a
# share s, fetch OVERFETCH / s times the hits and sort them by the exact score. At s = .1 of 100,000, in
# turns: recall@10 .980 at twice, .988 at three times, .990 at four times (1.2 times as long) and at six
# (2.2 times); at s = .5 .998 without.
OVERFETCH = 0.3
MAX_OVERFETCH = 20
# what one row that the HNSW scan passes costs, in rows scanned exactly: 27 µs against 2
SCAN_COST = 13
# the exact scan gives up above this many times the rows expected: counts are only estimates
SURPRISE = 4
# a column without an index is scanned for candidates while so many match: 40 ms
AFFORDABLE = 20_000
MIN_EXACT = 2_000
ESTIMATE_S = 60.0
MAX_ESTIMATES = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """``exact`` over at most ``most`` matching rows (None: all); else ``fetch`` rows of an HNSW scan."""

    exact: bool
    fetch: int
    ef_search: int
    most: int | None
    share: float
    """Of the partition's rows that match, as estimated; 1 for all that are visible."""


@dataclass(frozen=True, slots=True)
class Matching:
    """The items to search among: a query of their ids, values included, and what identifies it.

    ``key`` leaves out the seconds of times, so that "not expired by now" stays the same for a while.
    """

    statement: str
    key: tuple[Any, ...]
    everything: bool
    """No condition but visibility, which most items fulfil (and at most one item left out)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rows: of the items that match, and of the partition."""

    matching: float
    partition: float


_matching: WeakKeyDictionary[QuerySet[Item], Matching] = WeakKeyDictionary()
_estimates: dict[tuple[Any, ...], tuple[float, Estimate]] = {}


def matching(items: QuerySet[Item]) -> Matching:
    """Made once for each query set. Raises EmptyResultSet for one that says itself that it finds nothing."""
    known = _matching.get(items)
    if known is None:
        _matching[items] = known = _made(items)
    return known


def _made(items: QuerySet[Item]) -> Matching:
    text, values = items.order_by().values("id").query.sql_with_params()
    connection.ensure_connection()
    key = (text, *(_coarse(value) for value in values))
    return Matching(mogrify(text, values, connection), key, text in _everything())


def ids_text(items: QuerySet[Item]) -> str:
    """The query of the items' ids, values included, to stand in another statement.

    Percent signs are doubled, as a statement with parameters needs them. One that says itself that it
    finds nothing is a query of nothing. Of all that is visible the same text at every call.
    """
    try:
        return matching(items).statement.replace("%", "%%")
    except EmptyResultSet:
        return "SELECT 0::bigint AS id WHERE false"


def _coarse(value: object) -> object:
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else repr(value)


@cache
def _everything() -> frozenset[str]:
    visible = Item.objects.visible()
    queries = (Item.objects.all(), visible, visible.exclude(pk=0))
    return frozenset(q.order_by().values("id").query.sql_with_params()[0] for q in queries)


def plan(partition: Partition, items: Matching, limit: int, column: Column = "fused") -> Plan:
    """The quicker way that still finds at least .98 of the best. Raises SpaceGone."""
    if column not in partition.indexed:
        return Plan(exact=True, fetch=limit, ef_search=0, most=None, share=0)
    if items.everything:
        return _scan(partition, limit, 1.0)
    estimate = estimated(partition, items)
    rows = max(estimate.partition, 1.0)
    share = min(1.0, max(estimate.matching, 1.0) / rows)
    scan = _scan(partition, limit, share)
    # the scan passes fetch / share rows; the exact way reads share * rows
    if scan.fetch / share * SCAN_COST < share * rows:
        return scan
    return Plan(
        exact=True,
        fetch=limit,
        ef_search=0,
        most=max(MIN_EXACT, round(SURPRISE * share * rows)),
        share=share,
    )


def affordable(partition: Partition, items: QuerySet[Item], column: Column) -> bool:
    """Whether the column's nearest cost no more than AFFORDABLE rows. Raises SpaceGone."""
    if column in partition.indexed:
        return True
    try:
        estimate = estimated(partition, matching(items))
    except EmptyResultSet:
        return False
    return min(estimate.matching, estimate.partition) <= AFFORDABLE


def _scan(partition: Partition, limit: int, share: float) -> Plan:
    fetch = round(limit * min(MAX_OVERFETCH, max(1.0, OVERFETCH / share)))
    ef_search = min(max(limit, partition.ef_search), MAX_EF_SEARCH)
    return Plan(exact=False, fetch=fetch, ef_search=ef_search, most=None, share=share)


def estimated(partition: Partition, items: Matching) -> Estimate:
    """By Postgres's statistics, at most ESTIMATE_S old; one round trip. Raises SpaceGone."""
    key = _key(partition, items)
    known = _estimates.get(key)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    statement = sql.SQL(
        # a table that was never analysed tells by its size: two to three rows a page
        "SELECT coalesce(nullif(reltuples, -1), pg_relation_size(oid) / 3000)"
        " FROM pg_class WHERE oid = {name}::regclass; EXPLAIN (FORMAT JSON) {matching}"
    ).format(name=sql.Literal(partition.name), matching=sql.SQL(items.statement))
    with partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement)
        (rows,) = cursor.fetchone()
        cursor.nextset()
        (plans,) = cursor.fetchone()
    plans = json.loads(plans) if isinstance(plans, str) else plans
    found = Estimate(plans[0]["Plan"]["Plan Rows"], rows)
    remember(partition, items, found)
    return found


def remember(partition: Partition, items: Matching, estimate: Estimate) -> None:
    """For the next searches among the same items, in this process."""
    if len(_estimates) >= MAX_ESTIMATES:
        _estimates.clear()
    _estimates[_key(partition, items)] = (time.monotonic() + ESTIMATE_S, estimate)


def forget_estimates() -> None:
    """Whatever was counted in this process."""
    _estimates.clear()


def _key(partition: Partition, items: Matching) -> tuple[Any, ...]:
    # a filter's values may be megabytes long
    told = blake2b(repr(items.key).encode(errors="surrogatepass")).digest()
    return connection.settings_dict["NAME"], partition.name, told
