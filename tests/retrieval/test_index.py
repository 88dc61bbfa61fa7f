"""The index against the slow, obvious implementation."""

from dataclasses import replace

import numpy as np
import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from retrieval import claims, index, probes, spaces
from retrieval.index import EmbeddedItem, plans
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


def test_cosines_are_of_the_modalities_that_both_items_have(space, many_items):
    items, text, image = many_items(4), unit_rows(1, 4), unit_rows(2, 4)
    fill(space, items[:2], text[:2], text=text[:2], image=image[:2])
    fill(space, items[2:3], text[2:3], text=text[2:3])
    ids = [item.pk for item in items]
    pairs = [(ids[1], ids[0]), (ids[0], ids[2]), (ids[0], ids[3]), (ids[1], ids[0])]

    found = index.cosines(space.partition, pairs, ("image", "text"))

    both = {
        "image": pytest.approx(image[1] @ image[0], abs=1e-3),
        "text": pytest.approx(text[1] @ text[0], abs=1e-3),
    }
    assert found == [both, {"text": pytest.approx(text[0] @ text[2], abs=1e-3)}, {}, both]


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


@pytest.fixture(scope="module")
def thousands(django_db_setup, django_db_blocker):
    """3,000 embedded items in a space of their own; the tag ``t10`` is on every tenth, and so on."""
    from django.conf import settings as configured

    from retrieval.models import EmbeddingSpace

    with django_db_blocker.unblock():
        row = spaces.space_create_untrained("thousands", profile=configured.RETRIEVAL["PROFILE"])
        made = spaces.space(row.pk)
        vectors = clustered(11, 3_000)
        items = Item.objects.bulk_create(
            [
                Item(
                    external_id=f"thousands-{n}",
                    title="t",
                    tags=[f"t{step}" for step in STEPS if n % step == 0],
                )
                for n in range(3_000)
            ]
        )
        fill(made, items, vectors, image=vectors[::-1].copy())
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE catalog_item")
            cursor.execute(f"ANALYZE retrieval_embedding_{made.id}")
        yield made, items, vectors
        index.partition_drop(made.partition)
        EmbeddingSpace.objects.filter(pk=row.pk).delete()
        Item.objects.filter(external_id__startswith="thousands-").delete()


STEPS = (2, 10, 100, 1000)


def clustered(seed: int, count: int) -> np.ndarray:
    """Unit rows around a hundred centres, the same for every seed."""
    rng = np.random.default_rng(seed)
    rows = unit_rows(0, 100)[rng.integers(100, size=count)]
    rows = rows + 0.1 * rng.standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("step", [1, *STEPS])
def test_recall_at_every_selectivity(thousands, step):
    space, items, vectors = thousands
    chosen = Item.objects.visible()
    chosen = chosen if step == 1 else chosen.filter(tags__contains=[f"t{step}"])
    shares = []
    for query in clustered(12, 30):
        found = index.nearest(space.partition, query, 10, items=chosen)
        best = brute_force(items[::step], vectors[::step], query, 10)
        assert len(found) == len(best)
        shares.append(len({item_id for item_id, _ in found} & set(best)) / len(best))
    assert np.mean(shares) >= 0.98


@pytest.mark.parametrize("step", [1, *STEPS])
def test_each_of_several_vectors_finds_what_it_finds_alone(thousands, step):
    space, items, vectors = thousands
    chosen = Item.objects.visible()
    chosen = chosen if step == 1 else chosen.filter(tags__contains=[f"t{step}"])
    queries = clustered(12, 6)
    found = index.nearest_each(space.partition, queries, 10, items=chosen, ef_search=200)
    for query, near in zip(queries, found, strict=True):
        assert near == index.nearest(space.partition, query, 10, items=chosen, ef_search=200)
        assert len(near) == min(10, len(items[::step]))
    best = [brute_force(items[::step], vectors[::step], query, 10) for query in queries]
    shared = [len({i for i, _ in near} & set(b)) for near, b in zip(found, best, strict=True)]
    assert sum(shared) >= 0.98 * sum(map(len, best))


@pytest.mark.parametrize("step", [1, *STEPS])
@pytest.mark.parametrize("excluded", [slice(5), slice(3, None)], ids=["the best", "all but three"])
def test_what_is_excluded_is_not_found_but_others_in_its_place(thousands, step, excluded):
    space, items, vectors = thousands
    chosen = Item.objects.visible()
    chosen = chosen if step == 1 else chosen.filter(tags__contains=[f"t{step}"])
    queries = clustered(12, 4)
    for query in queries:
        best = brute_force(items[::step], vectors[::step], query, 3_000)
        exclude = best[excluded]
        rest = [item_id for item_id in best if item_id not in exclude][:10]

        found = [
            i for i, _ in index.nearest(space.partition, query, 10, items=chosen, exclude=exclude)
        ]
        each = index.nearest_each(
            space.partition, queries, 10, items=chosen, exclude=exclude, ef_search=200
        )

        assert len(found) == len(rest)
        assert not set(found) & set(exclude)
        assert len(set(found) & set(rest)) >= 0.9 * len(rest)
        assert all(len(near) == len(rest) for near in each)
        assert not {i for near in each for i, _ in near} & set(exclude)


def test_a_search_that_excludes_says_nothing_of_the_index(thousands, monkeypatch):
    """What a probe finds without the exclusion would count as missed."""
    space, *_ = thousands
    sampled = []
    monkeypatch.setattr(probes, "sampled", lambda *told: sampled.append(told))
    (query,) = clustered(12, 1)
    visible = Item.objects.visible()
    (first, *_), *_ = index.nearest(space.partition, query, 10, items=visible)
    assert len(sampled) == 1

    index.nearest(space.partition, query, 10, items=visible, exclude=[first])

    assert len(sampled) == 1


def test_several_vectors_are_one_round_trip_down_the_index(thousands):
    space, *_ = thousands
    with CaptureQueriesContext(connection) as queries:
        found = index.nearest_each(
            space.partition, clustered(13, 4), 5, items=Item.objects.visible(), ef_search=40
        )
    assert [len(near) for near in found] == [5, 5, 5, 5]
    (scans,) = [each["sql"] for each in queries if "SAVEPOINT" not in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute("EXPLAIN " + scans.split(";", 1)[1])
        assert "_fused_idx" in "\n".join(line for (line,) in cursor.fetchall())


def test_no_items_are_near_none_of_several_vectors(thousands):
    space, *_ = thousands
    found = index.nearest_each(
        space.partition, clustered(13, 2), 5, items=Item.objects.none(), ef_search=40
    )
    assert found == [[], []]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limit=st.integers(1, 400),
    chosen=st.one_of(
        st.sampled_from([1, *STEPS]), st.frozensets(st.integers(0, 2_999), max_size=30)
    ),
    seed=st.integers(0, 2**16),
    column=st.sampled_from(["fused", "image"]),
)
def test_always_as_many_as_match_with_exact_scores(thousands, limit, chosen, seed, column):
    space, items, vectors = thousands
    if isinstance(chosen, frozenset):
        rows = sorted(chosen)
        matching = Item.objects.filter(pk__in=[items[row].pk for row in rows])
    else:
        rows = list(range(0, 3_000, chosen))
        matching = Item.objects.visible()
        if chosen > 1:
            matching = matching.filter(tags__contains=[f"t{chosen}"])
    query = unit_rows(seed, 1)[0]
    found = index.nearest(space.partition, query, limit, items=matching, column=column)
    assert len(found) == len({item_id for item_id, _ in found}) == min(limit, len(rows))
    stored = vectors if column == "fused" else vectors[::-1]
    expected = {items[row].pk: float(stored[row] @ query) for row in rows}
    assert all(score == pytest.approx(expected[i], abs=4e-3) for i, score in found)
    assert found == sorted(found, key=lambda row: (-row[1], row[0]))


def plan_of(space, items, limit=10, column="fused") -> index.Plan:
    return index.plan(space.partition, plans.matching(items), limit, column)


class TestPlan:
    def test_few_matching_rows_are_scanned_exactly(self, thousands):
        space, *_ = thousands
        plan = plan_of(space, Item.objects.visible().filter(tags__contains=["t100"]))
        assert plan.exact
        assert 0.005 <= plan.share <= 0.03  # of a sample that Postgres drew

    def test_all_that_is_visible_goes_down_the_index_without_more_rows_than_asked(self, thousands):
        space, items, _ = thousands
        for everything in (
            Item.objects.all(),
            Item.objects.visible(),
            Item.objects.visible().exclude(pk=items[0].pk),
        ):
            plan = plan_of(space, everything)
            assert (plan.exact, plan.fetch, plan.ef_search) == (False, 10, 100)

    def test_ef_search_is_the_spaces_and_grows_with_the_limit(self, thousands):
        space, *_ = thousands
        tuned = replace(space, partition=replace(space.partition, ef_search=40))
        found = [plan_of(tuned, Item.objects.visible(), n).ef_search for n in (10, 60, 5_000)]
        assert found == [40, 60, 1000]

    def test_the_less_match_the_more_are_fetched(self, thousands):
        space, *_ = thousands
        items = Item.objects.visible().filter(tags__contains=["t2"])
        for share, fetch in ((0.5, 10), (0.1, 30), (0.02, 150)):
            estimate = plans.Estimate(share * 10**7, 10**7)
            plans.remember(space.partition, plans.matching(items), estimate)
            assert plan_of(space, items).fetch == fetch
        plans.forget_estimates()

    def test_a_column_without_an_index_is_scanned_exactly(self, thousands):
        space, *_ = thousands
        assert plan_of(space, Item.objects.visible(), column="image").exact

    def test_round_trips(self, thousands):
        """One, and one more for an estimate, which is remembered."""
        space, *_ = thousands
        plans.forget_estimates()
        some = Item.objects.filter(tags__contains=["t100"])
        for items, expected in ((Item.objects.visible(), 1), (some, 2), (some, 1)):
            with CaptureQueriesContext(connection) as queries:
                index.nearest(space.partition, unit_rows(1, 1)[0], 10, items=items)
            # a test's own transaction adds savepoints, which requests do not have
            assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == expected

    def test_more_matches_than_estimated_are_left_to_the_index(self, thousands):
        space, items, vectors = thousands
        half = Item.objects.visible().filter(tags__contains=["t2"])
        # 1 % by the statistics, so at most 2,000 are read exactly; 3,000 would be too many
        everything = Item.objects.filter(title="t")
        for chosen, known in ((everything, 3000), (half, 1500)):
            matching = plans.matching(chosen)
            plans.remember(space.partition, matching, plans.Estimate(1, 3000))
            assert index.plan(space.partition, matching, 10).exact
            query = clustered(13, 1)[0]
            found = index.nearest(space.partition, query, 10, items=chosen)
            rows = slice(None, None, 3000 // known)
            assert [i for i, _ in found] == brute_force(items[rows], vectors[rows], query, 10)
        assert plans.estimated(space.partition, plans.matching(everything)).matching == 2001
        assert plans.estimated(space.partition, plans.matching(half)).matching == 1

    def test_nothing_matches_by_definition(self, thousands):
        space, *_ = thousands
        assert (
            index.nearest(space.partition, unit_rows(1, 1)[0], 5, items=Item.objects.none()) == []
        )


class TestModalityIndexes:
    @pytest.fixture
    def indexed(self, thousands):
        space, items, vectors = thousands
        index.modality_indexes_make(space.partition)
        return replace(space.partition, modality_indexes=True), items, vectors

    def test_they_are_used_when_they_are_there(self, indexed):
        partition, items, vectors = indexed
        plan = index.plan(partition, plans.matching(Item.objects.visible()), 10, "image")
        assert not plan.exact
        with CaptureQueriesContext(connection) as queries:
            query = clustered(14, 1)[0]
            found = index.nearest(
                partition, query, 10, items=Item.objects.visible(), column="image"
            )
        assert [i for i, _ in found] == brute_force(items, vectors[::-1], query, 10)
        statement = next(q["sql"] for q in queries if "ORDER BY" in q["sql"])
        with connection.cursor() as cursor:
            # 3,000 rows may be sorted as cheaply: what the table's statistics say is no matter here
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute("EXPLAIN " + statement.split(";", 1)[1])
            assert "_image_idx" in "\n".join(line for (line,) in cursor.fetchall())

    def test_making_them_twice_and_dropping_them_twice_is_no_error(self, indexed):
        partition, *_ = indexed
        index.modality_indexes_make(partition)
        for _ in range(2):
            index.modality_indexes_drop(partition)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'",
                [partition.name],
            )
            assert cursor.fetchone() == (1,)

    def test_lopsided_weights_take_candidates_from_the_modalitys_own_vectors(self, thousands):
        space, items, vectors = thousands
        fused, image = clustered(15, 1)[0], clustered(16, 1)[0]
        asked = {"fused": fused, "image": image}
        best = {
            name: brute_force(items, rows, asked[name], 10)
            for name, rows in (("fused", vectors), ("image", vectors[::-1]))
        }
        everything = Item.objects.visible()

        def found(weights) -> list[int]:
            return index.candidates(space.partition, asked, weights, 10, items=everything)

        balanced = {"image": 1, "text": 1, "audio": 1}
        assert found({}) == found(balanced) == best["fused"]
        assert found({"image": 0.5, "text": 0.5}) == found({"image": 1}) == best["image"]

    def test_items_without_the_modality_follow_by_the_fused_vector(self, space, many_items):
        items, vectors = many_items(20), unit_rows(1, 20)
        fill(space, items[:5], vectors[:5], image=vectors[:5])
        fill(space, items[5:], vectors[5:])
        asked = {"fused": vectors[9], "image": vectors[2]}
        found = index.candidates(
            space.partition, asked, {"image": 1}, 10, items=Item.objects.filter(title__contains="i")
        )
        assert found[:5] == brute_force(items[:5], vectors[:5], vectors[2], 5)
        fused = brute_force(items, vectors, vectors[9], 10)
        assert found[5:] == [item_id for item_id in fused if item_id not in found[:5]]

    def test_a_large_catalog_without_an_index_is_not_scanned(self, thousands):
        space, *_ = thousands
        everything = Item.objects.visible()
        assert plans.affordable(space.partition, everything, "image")
        many = plans.Estimate(plans.AFFORDABLE + 1, 10**6)
        plans.remember(space.partition, plans.matching(everything), many)
        assert not plans.affordable(space.partition, everything, "image")
        assert plans.affordable(space.partition, everything, "fused")
        plans.forget_estimates()
