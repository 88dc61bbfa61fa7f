"""Nearest neighbours among the items that match."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from retrieval import probes
from retrieval.index import plans
from retrieval.index.partitions import Column, Partition, halfvec_text, partition_there
from retrieval.types import Modality

# From this share of the weights on, a modality's own column brings the candidates. Of the ten best by
# weights (50 items of the demo as queries) 100 candidates held, by fused / own vectors: at a share of
# a third .998 / .998 for pictures and .992 / .960 for sounds, at one half .986 / 1.000 and .950 / .996,
# at .8 .962 / 1.000 and .894 / 1.000.
LOPSIDED = 0.5
# the scan may remember what it passed by in this many times work_mem, and go on for as many rows
SCAN_MEMORY = 4
MIN_SCAN = 20_000
PROBED = 10  # hits whose recall is probed
# Postgres reads and sorts a small table rather than go down its index; with these off it may not
THROUGH_INDEX = {f"enable_{way}": "off" for way in ("seqscan", "bitmapscan", "sort")}

Found = list[tuple[int, float]]


def nearest(
    partition: Partition,
    vector: NDArray[np.float32],
    limit: int,
    *,
    items: QuerySet[Item],
    exclude: Collection[int] = (),
    column: Column = "fused",
    ef_search: int | None = None,
    exact: bool = False,
    through_index: bool = False,
    probed: bool = True,
) -> Found:
    """The ``limit`` items of ``items`` nearest to ``vector``: (item id, score), best first.

    ``vector`` is as long as the column's; ``exclude`` leaves some of ``items`` out, so that one query set
    does for whoever is done with different ones: what it takes to search among its items is known. Always
    ``min(limit, matching)`` rows with exact scores: what an HNSW scan leaves out, an exact scan brings. ``exact`` asks for the latter at once; a column
    without an index is always scanned so. Where Postgres thinks reading all rows quicker, the scan is
    exact as well; ``through_index`` keeps it from that, for measuring. One round trip, two if the number
    of matching items had to be estimated. ``probed``: counted, and perhaps run again exactly by the
    sweeper. Raises SpaceGone if the space was retired meanwhile.
    """
    try:
        matching = plans.matching(items)
    except EmptyResultSet:
        return []
    if exact:
        return _exact(partition, vector, limit, matching, exclude, column)[0]
    plan = plans.plan(partition, matching, limit, column)
    while plan.exact:
        found, count = _exact(partition, vector, limit, matching, exclude, column, most=plan.most)
        if plan.most is None or count <= plan.most:
            if probed:
                probes.counted(exact=1, asked=limit, got=len(found))
            return found
        # Many more match than expected: at least so many, which the next plan expects, and the next
        # searches too. Each expects SURPRISE times as many as the one before.
        rows = plans.estimated(partition, matching).partition
        plans.remember(partition, matching, plans.Estimate(count, rows))
        plan = plans.plan(partition, matching, limit, column)
    settings = _settings(plan, ef_search, through_index=through_index)
    scan = f"{settings}; {_scan(partition, vector, matching, exclude, column, plan)}"
    found = _scored(partition, _fetch(partition, scan, skip=1))[:limit]
    short = len(found) < limit
    if short:
        found = _exact(partition, vector, limit, matching, exclude, column)[0]
    if probed:
        probes.counted(scans=1, topped_up=short, asked=limit, got=len(found))
        if matching.everything and not exclude and column == "fused":
            best = [item_id for item_id, _ in found[:PROBED]]
            probes.sampled(partition.space_id, vector, best)
    return found


def nearest_each(
    partition: Partition,
    vectors: NDArray[np.float32],
    limit: int,
    *,
    items: QuerySet[Item],
    exclude: Collection[int] = (),
    ef_search: int,
) -> list[Found]:
    """``nearest`` by the fused vector for each row of ``vectors``, (n, fused_dim), in one round trip.

    For candidates that are ranked again: ``ef_search`` is the caller's, so that what it misses is not
    probed. Where few items match, one exact search for each. Raises SpaceGone.
    """
    try:
        matching = plans.matching(items)
    except EmptyResultSet:
        return [[] for _ in vectors]
    plan = plans.plan(partition, matching, limit)
    if plan.exact or len(vectors) == 1:
        return [
            nearest(
                partition,
                row,
                limit,
                items=items,
                exclude=exclude,
                ef_search=ef_search,
                probed=False,
            )
            for row in vectors
        ]
    settings = _settings(plan, max(ef_search, limit), through_index=False)
    scans = _scans(partition, vectors, matching, exclude, plan)
    rows = _fetch(partition, f"{settings}; {scans}", skip=1)
    near: list[list[tuple[int, float]]] = [[] for _ in vectors]
    for place, item_id, distance in rows:
        near[place].append((item_id, distance))
    found = [_scored(partition, each)[:limit] for each in near]
    probes.counted(scans=len(found), asked=limit * len(found), got=sum(len(each) for each in found))
    return [
        each if len(each) == limit else _exact(partition, row, limit, matching, exclude, "fused")[0]
        for row, each in zip(vectors, found, strict=True)
    ]


def candidates(
    partition: Partition,
    vectors: Mapping[Column, NDArray[np.float32]],
    weights: Mapping[Modality, float],
    limit: int,
    *,
    items: QuerySet[Item],
) -> list[int]:
    """Ids of what may score best by modality weights, to be scored exactly by them; best first.

    ``vectors`` holds "fused" and the modalities asked for. A modality with at least LOPSIDED of the
    weights brings them by its own column, if that has an index or few items match; whoever lacks it
    follows by the fused vector, which else brings all.
    """
    total = sum(weights.values())
    lopsided = [n for n, w in weights.items() if n in vectors and total and w / total >= LOPSIDED]
    found: dict[int, None] = {}
    for name in lopsided:
        if plans.affordable(partition, items, name):
            near = nearest(partition, vectors[name], limit, items=items, column=name)
            found |= dict.fromkeys(item_id for item_id, _ in near)
    if len(found) < limit:
        near = nearest(partition, vectors["fused"], limit, items=items)
        found |= dict.fromkeys(item_id for item_id, _ in near)
    return list(found)


def scans_index(
    partition: Partition,
    vector: NDArray[np.float32],
    limit: int,
    *,
    items: QuerySet[Item],
    through_index: bool = False,
) -> bool:
    """Whether ``nearest`` by the fused vector goes down the HNSW index. Raises SpaceGone.

    It does not where few match, nor where Postgres thinks reading every row quicker.
    """
    matching = plans.matching(items)
    plan = plans.plan(partition, matching, limit)
    if plan.exact:
        return False
    settings = _settings(plan, None, through_index=through_index)
    statement = f"{settings}; EXPLAIN {_scan(partition, vector, matching, (), 'fused', plan)}"
    with partition_there(partition), _savepoint(), connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.nextset()
        return any(partition.fused_index in line for (line,) in cursor.fetchall())


def _settings(plan: plans.Plan, ef_search: int | None, *, through_index: bool) -> str:
    """A statement that sets what the scan needs, until the transaction ends."""
    settings = {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": ef_search or plan.ef_search,
        "hnsw.max_scan_tuples": max(MIN_SCAN, round(2 * plan.fetch / plan.share)),
        "hnsw.scan_mem_multiplier": SCAN_MEMORY,
        **(THROUGH_INDEX if through_index else {}),
    }
    return "SELECT " + ", ".join(
        f"set_config('{name}', '{value}', true)" for name, value in settings.items()
    )


def _scan(
    partition: Partition,
    vector: NDArray[np.float32],
    matching: plans.Matching,
    exclude: Collection[int],
    column: Column,
    plan: plans.Plan,
) -> str:
    return (
        f"SELECT e.item_id, {partition.distance_text(column, vector)}"  # noqa: S608 - our names,
        f" FROM {partition.name} e WHERE e.{column} IS NOT NULL"  # numbers, and what Django quoted
        f"{_without(exclude)} AND e.item_id IN ({matching.statement}) ORDER BY 2 LIMIT {plan.fetch}"
    )


def _scans(
    partition: Partition,
    vectors: NDArray[np.float32],
    matching: plans.Matching,
    exclude: Collection[int],
    plan: plans.Plan,
) -> str:
    """The scan of each vector, told apart by its row: (row, item id, distance). Planned once."""
    values = ", ".join(
        f"({place}, '{halfvec_text(row)}'::halfvec({partition.fused_dim}))"
        for place, row in enumerate(vectors)
    )
    return (
        f"SELECT v.place, f.* FROM (VALUES {values}) AS v(place, vector)"  # noqa: S608 - as above
        f" CROSS JOIN LATERAL (SELECT e.item_id, {partition.distance_to('fused', 'v.vector')}"
        f" FROM {partition.name} e WHERE e.fused IS NOT NULL{_without(exclude)}"
        f" AND e.item_id IN ({matching.statement}) ORDER BY 2 LIMIT {plan.fetch}) f"
    )


def _without(exclude: Collection[int]) -> str:
    if not exclude:
        return ""
    return f" AND NOT e.item_id = ANY('{{{','.join(map(str, map(int, exclude)))}}}'::bigint[])"


def _exact(
    partition: Partition,
    vector: NDArray[np.float32],
    limit: int,
    matching: plans.Matching,
    exclude: Collection[int],
    column: Column,
    *,
    most: int | None = None,
) -> tuple[Found, int]:
    """The nearest, and how many items match; none where more than ``most`` do (None: however many).

    Ids gathered into an array are looked up in their order: 2 µs each, 3 in a join. ``OFFSET 0`` keeps
    the planner from the HNSW index.
    """
    bound, ids = "", "ids"
    if most is not None:
        bound, ids = f" LIMIT {most + 1}", f"CASE WHEN cardinality(ids) <= {most} THEN ids END"
    statement = (
        "WITH m AS MATERIALIZED (SELECT array_agg(id) AS ids"  # noqa: S608 - as above
        f" FROM ({matching.statement}{bound}) i)"
        f" (SELECT * FROM (SELECT e.item_id, {partition.distance_text(column, vector)}"
        f" FROM {partition.name} e"
        f" WHERE e.item_id = ANY((SELECT {ids} FROM m)::bigint[]) AND e.{column} IS NOT NULL"
        f"{_without(exclude)}"
        f" OFFSET 0) d ORDER BY 2, 1 LIMIT {limit})"
        " UNION ALL SELECT NULL, coalesce(cardinality(ids), 0) FROM m"
    )
    rows = _fetch(partition, statement)
    count = next(int(value) for item_id, value in rows if item_id is None)
    return _scored(partition, rows), count


def _fetch(partition: Partition, statement: str, *, skip: int = 0) -> list[tuple[Any, ...]]:
    """Rows of a message of several statements, which Postgres takes as one transaction.

    So one round trip does for the settings and the search, and they end with it.
    """
    with partition_there(partition), _savepoint(), connection.cursor() as cursor:
        cursor.execute(statement)
        for _ in range(skip):
            cursor.nextset()
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _savepoint() -> AbstractContextManager[object]:
    """A missing table must not end the caller's transaction, if there is one."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _scored(partition: Partition, rows: Sequence[tuple[Any, ...]]) -> Found:
    """Of (item id, distance) rows; one without an item is none."""
    score = partition.measure.score
    found = [(item_id, score(distance)) for item_id, distance in rows if item_id is not None]
    return sorted(found, key=lambda row: (-row[1], row[0]))
