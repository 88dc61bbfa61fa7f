"""What a version gives to be served: rows that are written once, and towers of new items."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import sql
from scipy.sparse import csr_matrix

from recommender.collaborative.content import content_of
from recommender.collaborative.two_tower import Towers, TwoTower
from recommender.models import RecommenderModel
from retrieval import index, spaces
from retrieval.exceptions import SpaceGone

NEIGHBOURS: Final = 200
"""An item keeps. MovieLens 100K, EASE on validation data, NDCG@10 with all 1,574: .084, with 200 .084,
with 100 .081, with 50 .082; with those above 0 only .078.
"""
TOWERS: Final = "recommender_itemtower"
PLACED_AT_ONCE: Final = 1_000


def towers_of(version_id: int, factors: int) -> index.Factors:
    """Where a two-tower version's vectors are."""
    return index.factors_partition(TOWERS, version_id, factors)


@transaction.atomic
def neighbours_store(version_id: int, item_ids: NDArray[np.int64], found: csr_matrix) -> None:
    """One row an item that has any; items that were deleted meanwhile are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE neighbours_new"
            " (item_id bigint, neighbours bigint[], scores real[]) ON COMMIT DROP"
        )
        with cursor.copy("COPY neighbours_new FROM STDIN") as copy:
            for row in _neighbour_rows(item_ids, found):
                copy.write_row(row)
        cursor.execute(
            "INSERT INTO recommender_itemneighbours (model_id, item_id, neighbours, scores)"
            " SELECT %s, n.item_id, n.neighbours, n.scores FROM neighbours_new n"
            " JOIN catalog_item i ON i.id = n.item_id ORDER BY i.external_id FOR KEY SHARE OF i",
            [version_id],
        )


def _neighbour_rows(
    item_ids: NDArray[np.int64], found: csr_matrix
) -> Iterator[tuple[int, list[int], list[float]]]:
    for item_id, start, end in zip(item_ids, found.indptr[:-1], found.indptr[1:], strict=True):
        if start < end:
            order = start + np.argsort(-found.data[start:end], kind="stable")
            yield int(item_id), item_ids[found.indices[order]].tolist(), found.data[order].tolist()


def towers_store(version_id: int, model: TwoTower, space: spaces.Space | None) -> None:
    """The items it learned from, then every other that is embedded in the space; commits.

    Raises SpaceGone.
    """
    partition = towers_of(version_id, model.factors)
    learned = _rows(model.item_ids.tolist(), model.towers, learned=True)
    index.factors_create(partition, learned)
    if space:
        place_missing(partition, model, space.partition, most=None)


def towers_place(version: RecommenderModel, *, most: int) -> int:
    """Give items that were embedded since the training their vectors, by what they are alone; how many.

    Items whose content changed are placed again. Nothing is trained. A version whose embedding space is
    no longer filled has nothing to place by.
    """
    if version.space_id is None or not version.parameters or not spaces.is_live(version.space_id):
        return 0
    model = TwoTower.from_bytes(bytes(version.parameters))
    space = spaces.space(version.space_id)
    try:
        return place_missing(
            towers_of(version.pk, version.factors), model, space.partition, most=most
        )
    except SpaceGone:
        return 0  # retired meanwhile, this version or the space


def place_missing(
    partition: index.Factors, model: TwoTower, embedded: index.Partition, *, most: int | None
) -> int:
    """At most so many. Raises SpaceGone."""
    placed = 0
    while most is None or placed < most:
        due = _due(partition, embedded, PLACED_AT_ONCE)
        if not due:
            break
        towers = model.place(content_of(embedded, [item_id for item_id, _ in due]))
        rows = _rows([i for i, _ in due], towers, learned=False, versions=[v for _, v in due])
        stored = index.factors_store(partition, list(rows))
        placed += stored
        if not stored:
            break  # all of them were deleted meanwhile
    return placed


def _due(partition: index.Factors, embedded: index.Partition, limit: int) -> list[tuple[int, int]]:
    """(item, version of its content) without a vector, or with one of another content."""
    statement = sql.SQL(
        "SELECT e.item_id, e.content_version FROM {} e LEFT JOIN {} t ON t.item_id = e.item_id"
        " WHERE e.fused IS NOT NULL AND (t.item_id IS NULL"
        " OR (NOT t.learned AND t.content_version < e.content_version)) ORDER BY e.item_id LIMIT {}"
    ).format(embedded.table, partition.table, limit)
    with index.partition_there(partition), connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _rows(
    item_ids: Iterable[int],
    towers: Towers,
    *,
    learned: bool,
    versions: Iterable[int] | None = None,
) -> Iterator[index.FactorRow]:
    made = versions if versions is not None else (0 for _ in towers.vectors)
    rows = zip(item_ids, towers.vectors, towers.contexts, made, strict=True)
    for item_id, vector, context, content_version in rows:
        yield index.FactorRow(item_id, vector, context, learned, content_version)


def stored_drop(version_id: int) -> None:
    """Forget what a version gave. Raises OperationalError if its vectors are in use without a pause."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM recommender_itemneighbours WHERE model_id = %s", [version_id])
        index.factors_drop(towers_of(version_id, 1))
