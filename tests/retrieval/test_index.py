"""The index against the slow, obvious implementation."""

import numpy as np
import pytest
from django.db import DataError, IntegrityError, connection, transaction

from catalog.models import Item
from retrieval import claims, index, spaces
from retrieval.index import EmbeddedItem
from retrieval.models import Embedding

pytestmark = pytest.mark.django_db

DIM = 64


def unit_rows(seed: int, count: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(space, items: list[Item], vectors: np.ndarray, **modalities: np.ndarray) -> None:
    claims.claim(space.id, [item.pk for item in items])
    index.store(
        space.partition,
        [
            EmbeddedItem(
                item_id=item.pk,
                content_version=item.content_version,
                content_hash=str(row),
                modalities={name: values[row] for name, values in modalities.items()},
                fused=vectors[row],
                weights={"text": 1.0},
            )
            for row, item in enumerate(items)
        ],
    )


def brute_force(items, vectors, query, limit) -> list[int]:
    halves = vectors.astype(np.float16).astype(np.float32)
    order = np.argsort(-(halves @ query) / np.linalg.norm(halves, axis=1), kind="stable")
    return [items[row].pk for row in order[:limit]]


def test_nearest_equals_brute_force(space, many_items):
    items, vectors = many_items(400), unit_rows(1, 400)
    fill(space, items, vectors)
    for query in unit_rows(2, 10):
        found = index.nearest(space.partition, query, 10, items=Item.objects.all())
        assert [item_id for item_id, _ in found] == brute_force(items, vectors, query, 10)
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (50, 50), (300, 300), (500, 400)])
def test_nearest_always_gives_what_was_asked(space, many_items, limit, expected):
    fill(space, many_items(400), unit_rows(1, 400))
    found = index.nearest(space.partition, unit_rows(2, 1)[0], limit, items=Item.objects.all())
    assert len(found) == expected


def test_a_filter_far_from_the_query_still_fills_the_page(space, many_items):
    items, vectors = many_items(400), unit_rows(1, 400)
    fill(space, items, vectors)
    query = unit_rows(2, 1)[0]
    far = brute_force(items, vectors, query, 400)[-20:]
    chosen = Item.objects.filter(pk__in=far)
    found = index.nearest(space.partition, query, 10, items=chosen)
    assert [item_id for item_id, _ in found] == far[:10]


def test_a_modality_column_is_searched_exactly_and_skips_items_without_it(space, many_items):
    items, vectors = many_items(30), unit_rows(1, 30)
    fill(space, items[:20], vectors[:20], image=vectors[:20])
    fill(space, items[20:], vectors[20:])
    found = index.nearest(
        space.partition, vectors[25], 30, items=Item.objects.all(), column="image"
    )
    assert {item_id for item_id, _ in found} == {item.pk for item in items[:20]}


def test_scores_are_exact_inner_products_per_column(space, many_items):
    items, vectors = many_items(5), unit_rows(1, 5)
    fill(space, items, vectors, text=vectors)
    query = unit_rows(2, 1)[0]
    ids = [item.pk for item in items]
    found = index.scores(space.partition, {c: (c, query) for c in ("fused", "text", "audio")}, ids)
    for row, item_id in enumerate(ids):
        expected = pytest.approx(float(vectors[row] @ query), abs=2e-3)
        assert found[item_id].scores == {"fused": expected, "text": expected}


def test_a_vector_of_another_dimension_is_refused(space, many_items):
    items = many_items(1)
    with pytest.raises((DataError, IntegrityError)), transaction.atomic():
        fill(space, items, np.ones((1, DIM + 1), np.float32))


def test_a_result_for_an_older_version_than_claimed_is_dropped(space, many_items):
    (item,) = many_items(1)
    claims.claim(space.id, [item.pk])
    Item.objects.filter(pk=item.pk).update(content_version=2)
    Embedding.objects.filter(item=item).update(leased_until=None)
    claims.claim(space.id, [item.pk])  # another worker, for version 2
    fill(space, [item], unit_rows(1, 1))  # the first one comes late, with version 1
    row = Embedding.objects.get(item=item)
    assert (row.status, row.fused) == ("pending", None)


def test_dropping_a_partition_forgets_the_spaces_vectors_only(space, many_items):
    items, vectors = many_items(3), unit_rows(1, 3)
    other = spaces.space(
        spaces.space_create("other", space.head, profile=space.profile, trained=False).pk
    )
    fill(space, items, vectors)
    fill(other, items, vectors)
    index.partition_drop(other.partition)
    assert Embedding.objects.filter(space_id=other.id).count() == 0
    assert Embedding.objects.filter(space_id=space.id).count() == 3


def test_the_hnsw_index_serves_the_unfiltered_search(space, many_items):
    fill(space, many_items(400), unit_rows(1, 400))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(
            f"EXPLAIN SELECT item_id FROM retrieval_embedding_{space.id} e"  # noqa: S608
            f" ORDER BY e.fused::halfvec({DIM}) <=> (SELECT fused::halfvec({DIM})"
            f" FROM retrieval_embedding_{space.id} LIMIT 1) LIMIT 5"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "fused_idx" in plan or "expr_idx" in plan or "halfvec_idx" in plan
