"""The part of the embedding table that holds one space: its columns, its metric, its HNSW indexes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import psycopg
from django.db import ProgrammingError, connection, transaction
from numpy.typing import NDArray
from psycopg import sql

from retrieval.exceptions import SpaceConflict, SpaceGone
from retrieval.types import MODALITIES, Modality

HNSW_M = 16
HNSW_EF_CONSTRUCTION = 64
EF_SEARCH = 100  # of a space that was not tuned
# room beside each row for its next version: raising the version of an unchanged item then touches no
# index (.99 of 1,387 rows, .17 with full pages, each of which goes into the HNSW graph once more)
FILLFACTOR = 50
# a row keeps ``fused`` in its page and the modalities' vectors outside, because exact searches read
# ``fused`` of many rows
BYTES_A_NUMBER = 2
BESIDES_BYTES = 400
MAX_INLINE_BYTES = 8_160
DROP_WAIT_S = 5
MAX_DIM = 4_000  # pgvector's HNSW on halfvec takes no more

Column = Modality | str
Metric = Literal["cosine", "inner_product", "euclidean"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How pgvector computes a metric, and the score that its distance means."""

    operator: sql.SQL
    operator_class: sql.SQL
    score: Callable[[float], float]
    """Of a distance."""


MEASURES: Mapping[str, Measure] = {
    "cosine": Measure(sql.SQL("<=>"), sql.SQL("halfvec_cosine_ops"), lambda d: 1 - d),
    # the operator gives the negative inner product, so that an ascending index scan is best first
    "inner_product": Measure(sql.SQL("<#>"), sql.SQL("halfvec_ip_ops"), lambda d: -d),
    # 1 - d²/2 is the cosine of unit rows, and falls with the distance of any others
    "euclidean": Measure(sql.SQL("<->"), sql.SQL("halfvec_l2_ops"), lambda d: 1 - d * d / 2),
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
    ef_search: int = EF_SEARCH
    """How many candidates a scan of an HNSW index keeps, where the limit does not ask for more."""
    modality_indexes: bool = False
    """Whether each modality's column has an HNSW index of its own."""

    @property
    def measure(self) -> Measure:
        """Of its metric."""
        return MEASURES[self.metric]

    @property
    def indexed(self) -> tuple[Column, ...]:
        """The columns with an HNSW index."""
        return ("fused", *(MODALITIES if self.modality_indexes else ()))

    def dim_of(self, column: Column) -> int:
        """How long the vectors of a column are."""
        return self.fused_dim if column == "fused" else self.dim

    @property
    def name(self) -> str:
        """Of the partition's table."""
        return f"retrieval_embedding_{self.space_id}"

    @property
    def fused_index(self) -> str:
        """Name of the HNSW index on ``fused``."""
        return index_name(self, "fused")

    @property
    def table(self) -> sql.Identifier:
        """The partition's table."""
        return sql.Identifier(self.name)

    def distance_text(self, column: Column, vector: NDArray[np.float32]) -> str:
        """Of a row ``e`` from the vector by the space's metric, as SQL: quick, for the hot path."""
        return self.distance_to(column, f"'{halfvec_text(vector)}'::halfvec({self.dim_of(column)})")

    def distance_to(self, column: Column, vector: str) -> str:
        """The same from a vector that is SQL itself."""
        operator = self.measure.operator.as_string(None)
        return f"(e.{column}::halfvec({self.dim_of(column)}) {operator} {vector})"

    def distance(
        self, column: Column, vector: NDArray[np.float32], measure: Measure | None = None
    ) -> sql.Composed:
        """Of a row ``e`` from the vector, in the form that the column's index serves."""
        return sql.SQL("(e.{column}::halfvec({dim}) {operator} {vector}::halfvec({dim}))").format(
            column=sql.Identifier(column),
            dim=self.dim_of(column),
            operator=(measure or self.measure).operator,
            vector=sql.Literal(halfvec_text(vector)),
        )


@cache
def _half_texts() -> list[str]:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    return [f"{value:.5g}" for value in halves.tolist()]  # 11 bits of precision: five digits do


def halfvec_text(vector: NDArray[np.float32]) -> str:
    """As pgvector reads it. Of 256 dimensions: 28 µs, and half as long as with every digit (240 µs)."""
    texts = _half_texts()
    bits: list[int] = vector.astype(np.float16).view(np.uint16).tolist()
    return f"[{','.join([texts[value] for value in bits])}]"


@contextmanager
def partition_there(partition: Partition) -> Iterator[None]:
    """Raises SpaceGone where the partition's table is missing."""
    try:
        yield
    except ProgrammingError as err:
        if isinstance(err.__cause__, psycopg.errors.UndefinedTable):
            raise SpaceGone(partition.space_id) from err
        raise


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
    table = sql.SQL(
        "CREATE TABLE {table} PARTITION OF retrieval_embedding"
        " (CONSTRAINT {check} CHECK ({dims})) FOR VALUES IN ({space_id})"
        " WITH (fillfactor = {fillfactor}, toast_tuple_target = {inline})"
    ).format(
        table=partition.table,
        check=sql.Identifier(f"{partition.name}_dim"),
        dims=dims,
        space_id=partition.space_id,
        fillfactor=FILLFACTOR,
        inline=min(partition.fused_dim * BYTES_A_NUMBER + BESIDES_BYTES, MAX_INLINE_BYTES),
    )
    inline = sql.SQL("ALTER TABLE {} ALTER COLUMN fused SET STORAGE MAIN").format(partition.table)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(table)
        cursor.execute(inline)
        for column in partition.indexed:
            cursor.execute(hnsw_index(partition, column, sql.SQL("")))


def index_name(partition: Partition, column: Column) -> str:
    """Of the column's HNSW index."""
    return f"{partition.name}_{column}_idx"


def hnsw_index(partition: Partition, column: Column, how: sql.SQL) -> sql.Composed:
    """The statement that makes a column's index."""
    return sql.SQL(
        "CREATE INDEX {how} {name} ON {table} USING hnsw"
        " (({column}::halfvec({dim})) {operator_class})"
        " WITH (m = {m}, ef_construction = {ef})"
    ).format(
        how=how,
        name=sql.Identifier(index_name(partition, column)),
        table=partition.table,
        column=sql.Identifier(column),
        dim=partition.dim_of(column),
        operator_class=partition.measure.operator_class,
        m=HNSW_M,
        ef=HNSW_EF_CONSTRUCTION,
    )


def modality_indexes_make(partition: Partition) -> None:
    """An HNSW index on each modality's column, while searches and workers go on.

    A half-made one that an interrupted run left is made again. Inside a transaction, where Postgres
    makes no index concurrently, workers wait meanwhile.
    """
    modality_indexes_drop(partition, broken_only=True)
    how = sql.SQL("IF NOT EXISTS" if connection.in_atomic_block else "CONCURRENTLY IF NOT EXISTS")
    with partition_there(partition), connection.cursor() as cursor:
        for column in MODALITIES:
            cursor.execute(hnsw_index(partition, column, how))


def modality_indexes_drop(partition: Partition, *, broken_only: bool = False) -> None:
    """Without them the modalities' columns are scanned exactly."""
    names = [index_name(partition, column) for column in MODALITIES]
    for name in _broken(names) if broken_only else names:
        how = sql.SQL("" if connection.in_atomic_block else "CONCURRENTLY")
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP INDEX {} IF EXISTS {}").format(how, sql.Identifier(name)))


def _broken(names: Sequence[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid"
            " WHERE relname = ANY(%s) AND NOT indisvalid",
            [list(names)],
        )
        return [name for (name,) in cursor.fetchall()]


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
