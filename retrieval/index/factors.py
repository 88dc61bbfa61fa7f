"""Vectors learned elsewhere than in a space: a table of (version, item) with one partition a version.

Their ``vector`` is found as embeddings are, by ``nearest`` with its plans; ``context`` is only read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import sql

from retrieval.index.partitions import (
    DROP_WAIT_S,
    Column,
    Partition,
    check_indexable,
    halfvec_text,
    hnsw_index,
    partition_there,
)
from retrieval.index.rows import HALFVEC_HEADER
from retrieval.prepared import prepared

NAMES: Final = ("item_id", "vector", "context", "learned", "content_version")
_COLUMNS: Final = sql.SQL(", ").join(map(sql.Identifier, NAMES))


class FactorRow(NamedTuple):
    """Of one item."""

    item_id: int
    vector: NDArray[np.float32]
    context: NDArray[np.float32]
    learned: bool
    content_version: int


@dataclass(frozen=True, slots=True)
class Factors(Partition):
    """The vectors of one version: ``space_id`` is the version's id, ``dim`` is of ``context`` and
    ``fused_dim`` of ``vector``.
    """

    parent: str = ""
    """The table's name."""

    @property
    def name(self) -> str:
        """Of the partition's table."""
        return f"{self.parent}_{self.space_id}"

    @property
    def indexed(self) -> tuple[Column, ...]:
        """What is searched."""
        return ("vector",)

    def dim_of(self, column: Column) -> int:
        """How long the vectors of a column are."""
        return self.fused_dim if column == "vector" else self.dim


def factors_partition(parent: str, version: int, dim: int) -> Factors:
    """Of contexts (dim,) and vectors (dim + 1,), compared by inner product."""
    return Factors(version, dim, dim + 1, "inner_product", parent=parent)


@transaction.atomic
def factors_create(partition: Factors, rows: Iterable[FactorRow]) -> None:
    """The partition with its rows and its index; an item that was deleted meanwhile is left out.

    Made by itself and attached when it is complete: nobody waits while it is being filled.
    """
    check_indexable(partition.fused_dim)
    parent = sql.Identifier(partition.parent)
    check = sql.SQL(
        "CHECK (model_id = {id} AND vector_dims(vector) = {vector} AND vector_dims(context) = {context})"
    ).format(id=partition.space_id, vector=partition.fused_dim, context=partition.dim)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS, {})").format(
                partition.table, parent, check
            )
        )
        copied = sql.SQL("COPY {} (model_id, {}) FROM STDIN").format(partition.table, _COLUMNS)
        with cursor.copy(copied) as copy:
            for row in rows:
                copy.write_row((partition.space_id, *_values(row)))
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (model_id, item_id)").format(partition.table)
        )
        cursor.execute(hnsw_index(partition, "vector", sql.SQL("")))
        # what attaching takes anyway; with it no item goes between the two statements
        cursor.execute("LOCK TABLE catalog_item IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(
            sql.SQL(
                "DELETE FROM {} f WHERE NOT EXISTS (SELECT FROM catalog_item i WHERE i.id = f.item_id)"
            ).format(partition.table)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                parent, partition.table, partition.space_id
            )
        )


def factors_store(partition: Factors, rows: Sequence[FactorRow]) -> int:
    """Put rows in, in place of such as were not learned; how many. Items that are gone are left out.

    Raises SpaceGone.
    """
    statement = sql.SQL(
        "INSERT INTO {} AS f (model_id, {}) SELECT {}, g.item_id, g.vector::halfvec,"
        " g.context::halfvec, g.learned, g.content_version FROM unnest(%s::bigint[], %s::text[],"
        " %s::text[], %s::boolean[], %s::bigint[]) AS g({}) JOIN catalog_item i ON i.id = g.item_id"
        " ORDER BY i.external_id FOR KEY SHARE OF i"
        " ON CONFLICT (model_id, item_id) DO UPDATE SET vector = EXCLUDED.vector,"
        " context = EXCLUDED.context, content_version = EXCLUDED.content_version"
        " WHERE NOT f.learned"
    ).format(partition.table, _COLUMNS, partition.space_id, _COLUMNS)
    columns = zip(*map(_values, rows), strict=True)
    with partition_there(partition), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [list(column) for column in columns])
        return int(cursor.rowcount)


def contexts(
    parent: str, version: str, item_ids: Sequence[int]
) -> tuple[int, dict[int, NDArray[np.float32]]] | None:
    """The version, and its items' contexts by item; one statement.

    ``version`` is a query of one id, SQL. None where none of the items is there.
    """
    statement = (
        "SELECT model_id, item_id, halfvec_send(context)"  # noqa: S608 - our names
        f" FROM {parent} WHERE model_id = ({version}) AND item_id = ANY(%s)"
    )
    with prepared(binary=True) as cursor:
        cursor.execute(statement, [list(item_ids)])
        rows = cursor.fetchall()
    if not rows:
        return None
    return rows[0][0], {
        item_id: np.frombuffer(sent, ">f2", offset=HALFVEC_HEADER).astype(np.float32)
        for _, item_id, sent in rows
    }


def _values(row: FactorRow) -> tuple[int, str, str, bool, int]:
    vector, context = halfvec_text(row.vector), halfvec_text(row.context)
    return row.item_id, vector, context, row.learned, row.content_version


def factors_drop(partition: Factors) -> None:
    """Forget every vector of the version.

    Raises OperationalError (from LockNotAvailable) rather than wait above DROP_WAIT_S.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{DROP_WAIT_S}s'")
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(partition.table))
