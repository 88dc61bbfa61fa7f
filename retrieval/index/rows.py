"""Rows of a partition: vectors go in and out, and are scored exactly."""

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from catalog.models import Item
from retrieval.exceptions import EncoderFailed
from retrieval.index.partitions import (
    MEASURES,
    Column,
    Metric,
    Partition,
    halfvec_text,
    partition_there,
)
from retrieval.prepared import prepared
from retrieval.types import MODALITIES, Modality

HALFVEC_HEADER = 4  # bytes of dimension and flags before the numbers, most significant byte first

Key = Hashable


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


class Scored(NamedTuple):
    """Of one item."""

    scores: dict[Key, float]
    """Of what the item has a vector for."""
    weights: dict[Modality, float]
    """The fusion's, as stored: they sum to 1."""


def scores(
    partition: Partition,
    asked: Mapping[Key, tuple[Column, NDArray[np.float32]]],
    item_ids: Iterable[int],
    *,
    metric: Metric | None = None,
) -> dict[int, Scored]:
    """Exact scores of the items: for each key of its vector against the items' column.

    One statement, however many keys. Items without a row are left out. ``metric`` other than the
    space's asks for its score. Raises SpaceGone.
    """
    measure = partition.measure if metric is None else MEASURES[metric]
    found = [partition.distance(column, vector, measure) for column, vector in asked.values()]
    statement = sql.SQL("SELECT {found} FROM {table} e WHERE e.item_id = ANY(%s)").format(
        found=sql.SQL(", ").join([sql.SQL("e.item_id, e.weights::text"), *found]),
        table=partition.table,
    )
    with partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement, [list(item_ids)])
        return {
            row[0]: Scored(
                {
                    key: measure.score(distance)
                    for key, distance in zip(asked, row[2:], strict=True)
                    if distance is not None
                },
                json.loads(row[1]),
            )
            for row in cursor.fetchall()
        }


def fused_vector(partition: Partition, item_id: int) -> NDArray[np.float32] | None:
    """The item's fused vector, or None while it has none in the space. Raises SpaceGone."""
    statement = sql.SQL("SELECT fused::text FROM {} WHERE item_id = %s AND fused IS NOT NULL")
    with partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement.format(partition.table), [item_id])
        row = cursor.fetchone()
    return None if row is None else HalfVector.from_text(row[0]).to_numpy().astype(np.float32)


def embedded_ids(partition: Partition) -> list[int]:
    """Ids of the items that have a fused vector here, ascending."""
    statement = sql.SQL("SELECT item_id FROM {} WHERE fused IS NOT NULL ORDER BY item_id")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(partition.table))
        return [row[0] for row in cursor.fetchall()]


def having(
    partition: Partition, items: QuerySet[Item], modalities: Iterable[Modality]
) -> QuerySet[Item]:
    """Those of the items that have a vector of one of the modalities here; at least one is named.

    A lazy query: whoever runs it does so within ``partition_there``.
    """
    there = sql.SQL(" OR ").join(
        sql.SQL("{} IS NOT NULL").format(sql.Identifier(name)) for name in modalities
    )
    rows = sql.SQL("SELECT item_id FROM {} WHERE fused IS NOT NULL AND ({})").format(
        partition.table, there
    )
    return items.filter(pk__in=RawSQL(rows.as_string(None), []))  # noqa: S611 - quoted above


def vectors(
    partition: Partition,
    item_ids: Sequence[int],
    columns: Sequence[Column] = (*MODALITIES, "fused"),
) -> dict[int, dict[Column, NDArray[np.float16]]]:
    """Vectors of the items as they are stored, by column; an item without any is left out.

    Raises SpaceGone.
    """
    statement = sql.SQL(
        "SELECT item_id, {} FROM {} WHERE item_id = ANY(%s) AND fused IS NOT NULL"
    ).format(
        sql.SQL(", ").join(sql.SQL("halfvec_send({})").format(sql.Identifier(c)) for c in columns),
        partition.table,
    )
    with partition_there(partition), prepared(binary=True) as cursor:
        cursor.execute(statement, [list(item_ids)])
        return {
            row[0]: {
                column: np.frombuffer(sent, ">f2", offset=HALFVEC_HEADER).astype(np.float16)
                for column, sent in zip(columns, row[1:], strict=True)
                if sent is not None
            }
            for row in cursor.fetchall()
        }


def cosines(
    partition: Partition, pairs: Sequence[tuple[int, int]], columns: Sequence[Modality]
) -> list[dict[Modality, float]]:
    """Of each two items, modality by modality of those that both have. One statement. Raises SpaceGone."""
    measured = ", ".join(f"-(one.{name} <#> other.{name})" for name in columns)  # of unit rows
    statement = (
        f"SELECT pair.place, {measured}"  # noqa: S608 - our names
        " FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS pair(one, other, place)"
        f" JOIN {partition.name} one ON one.item_id = pair.one"
        f" JOIN {partition.name} other ON other.item_id = pair.other"
    )
    found: list[dict[Modality, float]] = [{} for _ in pairs]
    with partition_there(partition), prepared(binary=True) as cursor:
        cursor.execute(statement, [[one for one, _ in pairs], [other for _, other in pairs]])
        for place, *values in cursor.fetchall():
            told = zip(columns, values, strict=True)
            found[place - 1] = {name: value for name, value in told if value is not None}
    return found


def sent(column: Column) -> str:
    """SQL: a vector of a row ``e`` as bytes, for a statement that reads more than vectors."""
    return f"halfvec_send(e.{column})"


def received(rows: Sequence[bytes | None], dim: int) -> NDArray[np.float32]:
    """(n, dim): the vectors of ``sent``, zeros for none."""
    nothing = bytes(HALFVEC_HEADER + 2 * dim)
    whole = b"".join([nothing if row is None else row for row in rows])
    bits = np.frombuffer(whole, np.uint8).reshape(len(rows), len(nothing))[:, HALFVEC_HEADER:]
    return np.ascontiguousarray(bits).view(">f2").astype(np.float32)


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
    with partition_there(partition), transaction.atomic(), connection.cursor() as cursor:
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
    return None if vector is None else halfvec_text(vector)
