"""The vector index: partitions, nearest neighbours, exact scores. The only user of pgvector's
operators; distances stay in here, scores (higher is better, at most 1 for rows within the unit ball)
leave.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psycopg
from django.db import ProgrammingError, connection, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from catalog.models import Item
from retrieval.exceptions import EncoderFailed, SpaceConflict, SpaceGone
from retrieval.types import MODALITIES, Modality

HNSW_M = 16
HNSW_EF_CONSTRUCTION = 64
MIN_EF_SEARCH = 100
MAX_EF_SEARCH = 1000  # pgvector's own upper bound
# the relaxed scan returns rows slightly out of order: fetch more and sort by the exact score
# (100,000 x 256, 10 % filter: recall@10 .927 at k rows, .990 at 4 k)
OVERFETCH = 4
# room beside each row for its next version: raising the version of an unchanged item then touches no
# index (.99 of 1,387 rows, .17 with full pages, each of which goes into the HNSW graph once more)
FILLFACTOR = 50
HALFVEC_HEADER = 4  # bytes of dimension and flags before the numbers, most significant byte first
DROP_WAIT_S = 5
MAX_DIM = 4_000  # pgvector's HNSW on halfvec takes no more

Column = Modality | str
Metric = Literal["cosine", "inner_product", "euclidean"]


@dataclass(frozen=True, slots=True)
class _Measure:
    """How pgvector computes a metric, and the score that its distance means."""

    operator: sql.SQL
    operator_class: sql.SQL
    score: sql.SQL
    """Of ``{}``, the distance."""


MEASURES: Mapping[str, _Measure] = {
    "cosine": _Measure(sql.SQL("<=>"), sql.SQL("halfvec_cosine_ops"), sql.SQL("1 - {}")),
    # the operator gives the negative inner product, so that an ascending index scan is best first
    "inner_product": _Measure(sql.SQL("<#>"), sql.SQL("halfvec_ip_ops"), sql.SQL("- {}")),
    # 1 - d²/2 is the cosine of unit rows, and falls with the distance of any others
    "euclidean": _Measure(sql.SQL("<->"), sql.SQL("halfvec_l2_ops"), sql.SQL("1 - {} ^ 2 / 2")),
}


@dataclass(frozen=True, slots=True)
class Partition:
    """The part of the embedding table that holds one space.

    In a cosine space every vector is a unit row; in the others ``fused`` (fused_dim,) has its natural
    length, at most 1, and the modalities' own vectors (dim,) are unit rows.
    """

    space_id: int
    dim: int
    fused_dim: int
    metric: Metric = "cosine"

    @property
    def measure(self) -> _Measure:
        """Of its metric."""
        return MEASURES[self.metric]

    def dim_of(self, column: Column) -> int:
        """How long the vectors of a column are."""
        return self.fused_dim if column == "fused" else self.dim

    @property
    def table(self) -> sql.Identifier:
        """The partition's table."""
        return sql.Identifier(f"retrieval_embedding_{self.space_id}")


@dataclass(frozen=True, slots=True)
class EmbeddedItem:
    """What one item becomes: unit rows (dim,) of the modalities it has, and ``fused``.

    ``fused`` is (fused_dim,), of unit norm in a cosine space; None for an item with no modality,
    which then is found by nothing.
    """

    item_id: int
    content_version: int
    content_hash: str
    modalities: Mapping[Modality, NDArray[np.float32]]
    fused: NDArray[np.float32] | None
    weights: Mapping[Modality, float]
    """The fusion's, summing to 1."""


def check_indexable(fused_dim: int) -> None:
    """Raises SpaceConflict for more dimensions than the index takes."""
    if fused_dim > MAX_DIM:
        raise SpaceConflict(
            f"A fused vector of {fused_dim} dimensions cannot be indexed, {MAX_DIM} can: use "
            "the fusion 'weighted' or 'attention' instead of 'concat', or a smaller RETRIEVAL_DIM."
        )


def partition_create(partition: Partition) -> None:
    """The space's partition with its own dimensions and its own HNSW index on ``fused``.

    Raises SpaceConflict for more dimensions than the index takes.
    """
    check_indexable(partition.fused_dim)
    dims = sql.SQL(" AND ").join(
        sql.SQL("({0} IS NULL OR vector_dims({0}) = {1})").format(
            sql.Identifier(name), partition.dim_of(name)
        )
        for name in (*MODALITIES, "fused")
    )
    statements = [
        sql.SQL(
            "CREATE TABLE {table} PARTITION OF retrieval_embedding"
            " (CONSTRAINT {check} CHECK ({dims})) FOR VALUES IN ({space_id})"
            " WITH (fillfactor = {fillfactor})"
        ).format(
            table=partition.table,
            check=sql.Identifier(f"retrieval_embedding_{partition.space_id}_dim"),
            dims=dims,
            space_id=partition.space_id,
            fillfactor=FILLFACTOR,
        ),
        sql.SQL(
            "CREATE INDEX ON {table} USING hnsw ((fused::halfvec({dim})) {operator_class})"
            " WITH (m = {m}, ef_construction = {ef})"
        ).format(
            table=partition.table,
            dim=partition.fused_dim,
            operator_class=partition.measure.operator_class,
            m=HNSW_M,
            ef=HNSW_EF_CONSTRUCTION,
        ),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes on disk."""

    table: int
    indexes: int


def partition_size(partition: Partition) -> Size:
    """Of the partition's rows, with what is stored out of line, and of its indexes."""
    table = partition.table.as_string(None)
    with connection.cursor() as cursor:
        # no table (of a space that failed before it had one) is 0 bytes
        cursor.execute(
            "SELECT coalesce(pg_table_size(to_regclass(%s)), 0),"
            " coalesce(pg_indexes_size(to_regclass(%s)), 0)",
            [table, table],
        )
        return Size(*cursor.fetchone())


def partition_drop(partition: Partition) -> None:
    """Forget every vector of the space at once.

    Dropping needs the whole embedding table for a moment; whoever asks for it meanwhile queues up
    behind. Raises OperationalError (from LockNotAvailable) rather than wait above DROP_WAIT_S.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{DROP_WAIT_S}s'")
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(partition.table))


def nearest(
    partition: Partition,
    vector: NDArray[np.float32],
    limit: int,
    *,
    items: QuerySet[Item],
    column: Column = "fused",
) -> list[tuple[int, float]]:
    """The ``limit`` items of ``items`` nearest to ``vector``: (item id, score), best first.

    ``vector`` is as long as the column's. Raises SpaceGone if the space was retired meanwhile.
    Always ``min(limit, matching)`` rows: what the HNSW scan leaves out, an exact scan brings.
    ``column`` other than ``fused`` has no index and is scanned exactly.
    """
    found = _scan(partition, vector, limit * OVERFETCH, items, column, exact=column != "fused")
    if column == "fused" and len(found) < limit:
        found = _scan(partition, vector, limit, items, column, exact=True)
    return sorted(found, key=lambda row: (-row[1], row[0]))[:limit]


def _scan(
    partition: Partition,
    vector: NDArray[np.float32],
    limit: int,
    items: QuerySet[Item],
    column: Column,
    *,
    exact: bool,
) -> list[tuple[int, float]]:
    matching, parameters = items.order_by().values("id").query.sql_with_params()
    distance = _distance(partition, vector, column, partition.measure)
    statement = sql.SQL(
        "SELECT e.item_id, {score} FROM {table} e"
        " WHERE e.{column} IS NOT NULL AND e.item_id IN ({matching})"
        " ORDER BY {distance} LIMIT {limit}"
    ).format(
        score=partition.measure.score.format(distance),
        distance=distance,
        table=partition.table,
        column=sql.Identifier(column),
        matching=sql.SQL(matching),  # compiled by Django, values apart
        limit=limit,
    )
    ef_search = min(max(limit, MIN_EF_SEARCH), MAX_EF_SEARCH)
    with _partition_there(partition), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
        cursor.execute(f"SET LOCAL hnsw.ef_search = {ef_search}")
        if exact:
            cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute(statement, parameters)
        return [(int(item_id), float(score)) for item_id, score in cursor.fetchall()]


def scores(
    partition: Partition,
    vectors: Mapping[Column, NDArray[np.float32]],
    item_ids: Iterable[int],
    *,
    metric: Metric | None = None,
) -> dict[int, dict[Column, float]]:
    """Exact scores of the items in each column they have a vector in, against that column's query.

    ``metric`` other than the space's asks for its score. Raises SpaceGone.
    """
    measure = partition.measure if metric is None else MEASURES[metric]
    columns = list(vectors)
    found = sql.SQL(", ").join(
        measure.score.format(_distance(partition, vectors[column], column, measure))
        for column in columns
    )
    statement = sql.SQL("SELECT e.item_id, {found} FROM {table} e WHERE e.item_id = ANY(%s)")
    with _partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement.format(found=found, table=partition.table), [list(item_ids)])
        return {
            row[0]: {
                column: float(score)
                for column, score in zip(columns, row[1:], strict=True)
                if score is not None
            }
            for row in cursor.fetchall()
        }


def _distance(
    partition: Partition, vector: NDArray[np.float32], column: Column, measure: _Measure
) -> sql.Composed:
    return sql.SQL("(e.{column}::halfvec({dim}) {operator} {vector}::halfvec({dim}))").format(
        column=sql.Identifier(column),
        dim=partition.dim_of(column),
        operator=measure.operator,
        vector=_literal(vector),
    )


def fused_vector(partition: Partition, item_id: int) -> NDArray[np.float32] | None:
    """The item's fused vector, or None while it has none in the space. Raises SpaceGone."""
    statement = sql.SQL("SELECT fused::text FROM {} WHERE item_id = %s AND fused IS NOT NULL")
    with _partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement.format(partition.table), [item_id])
        row = cursor.fetchone()
    return None if row is None else HalfVector.from_text(row[0]).to_numpy().astype(np.float32)


def embedded_ids(partition: Partition) -> list[int]:
    """Ids of the items that have a fused vector here, ascending."""
    statement = sql.SQL("SELECT item_id FROM {} WHERE fused IS NOT NULL ORDER BY item_id")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(partition.table))
        return [row[0] for row in cursor.fetchall()]


def vectors(
    partition: Partition, item_ids: Sequence[int]
) -> dict[int, dict[Column, NDArray[np.float16]]]:
    """All vectors of the items as they are stored, by column; an item without any is left out."""
    columns: tuple[Column, ...] = (*MODALITIES, "fused")
    statement = sql.SQL(
        "SELECT item_id, {} FROM {} WHERE item_id = ANY(%s) AND fused IS NOT NULL"
    ).format(
        sql.SQL(", ").join(sql.SQL("halfvec_send({})").format(sql.Identifier(c)) for c in columns),
        partition.table,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(item_ids)])
        return {
            row[0]: {
                column: np.frombuffer(sent, ">f2", offset=HALFVEC_HEADER).astype(np.float16)
                for column, sent in zip(columns, row[1:], strict=True)
                if sent is not None
            }
            for row in cursor.fetchall()
        }


@contextmanager
def _partition_there(partition: Partition) -> Iterator[None]:
    try:
        yield
    except ProgrammingError as err:
        if isinstance(err.__cause__, psycopg.errors.UndefinedTable):
            raise SpaceGone(partition.space_id) from err
        raise


def store(partition: Partition, embedded: Sequence[EmbeddedItem]) -> None:
    """Make the rows ready, unless the item was claimed again for a newer version meanwhile.

    Raises EncoderFailed, and stores none of them, if a vector is not finite; SpaceGone.
    """
    for row in embedded:
        _check_finite(row)
    statement = sql.SQL(
        "UPDATE {} SET text = %s, image = %s, audio = %s, fused = %s, weights = %s,"
        " content_version = %s, content_hash = %s, status = 'ready', leased_until = NULL,"
        " error_code = '', error = '', updated_at = now()"
        " WHERE item_id = %s AND attempted_version = %s"
    ).format(partition.table)
    with _partition_there(partition), transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (
                    *(_text(row.modalities.get(name)) for name in MODALITIES),
                    _text(row.fused),
                    json.dumps(dict(row.weights)),
                    row.content_version,
                    row.content_hash,
                    row.item_id,
                    row.content_version,
                )
                for row in embedded
            ],
        )


def _check_finite(row: EmbeddedItem) -> None:
    for name, vector in (*row.modalities.items(), ("fused", row.fused)):
        if vector is not None and not np.isfinite(vector).all():
            raise EncoderFailed(
                f"The vector {name!r} of item {row.item_id} is not finite; nothing was stored."
            )


def _text(vector: NDArray[np.float32] | None) -> str | None:
    return None if vector is None else HalfVector(vector).to_text()


def _literal(vector: NDArray[np.float32]) -> sql.Literal:
    return sql.Literal(HalfVector(vector).to_text())
