"""The command that measures what the index misses and stores the setting that misses little."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Item
from retrieval import index, spaces, tuning
from retrieval.models import EmbeddingSpace
from tests.retrieval.test_index import clustered, fill

pytestmark = pytest.mark.django_db


SMALL, LARGE = 300, 1_500
"""Items that Postgres would rather read all than go down an index; and too many for that."""


def filled_with(space, items):
    vectors = clustered(1, len(items))
    fill(space, items, vectors, image=vectors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return space


@pytest.fixture
def compact(transactional_db):
    """No pages that other tests left: they make the planner think that the table is large."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (FULL, ANALYZE) catalog_item")


@pytest.fixture
def filled(space, many_items):
    return filled_with(space, many_items(SMALL))


def row_of(space) -> EmbeddingSpace:
    return EmbeddingSpace.objects.get(pk=space.id)


def test_the_least_setting_that_reaches_the_target_is_stored(space, many_items, capsys):
    filled_with(space, many_items(LARGE))
    call_command("tune_index", queries=20)
    row = row_of(space)
    stored = row.metrics["index"]
    assert row.ef_search == stored["ef_search"] == 40
    assert (stored["target"], stored["queries"]) == (0.99, 20)
    assert 0.99 <= stored["recall@10"] <= 1.0
    assert spaces.active_space().partition.ef_search == 40
    printed = capsys.readouterr().out
    assert "40 ←" in printed
    assert f"ef_search of {row.name!r} is 40 now." in printed


def test_no_setting_below_that_of_pgvector_is_tried():
    assert min(tuning.STEPS) == 40


def test_a_catalog_that_needs_no_index_keeps_its_setting(compact, filled, capsys):
    with pytest.raises(
        CommandError, match=r"stays 100: the catalog is too small to need its index"
    ):
        call_command("tune_index", queries=5)
    row = row_of(filled)
    assert row.ef_search == 100
    assert "index" not in row.metrics
    assert "recall@10" in capsys.readouterr().out


def test_a_small_catalog_is_measured_through_its_index(compact, filled):
    """Which misses some with hardly any candidates, where reading every row misses none."""
    vector = clustered(1, 1)[0]
    assert not tuning._scans_index(filled.partition, vector)
    assert tuning._scans_index(filled.partition, vector, through_index=True)
    asked = clustered(2, 30)
    exactly, through = (
        [
            index.nearest(
                filled.partition, v, 10, items=Item.objects.visible(), ef_search=1,
                exact=exact, through_index=True,
            )
            for v in asked
        ]
        for exact in (True, False)
    )  # fmt: skip
    assert [len(found) for found in through] == [10] * 30
    assert through != exactly


def test_a_missing_index_is_not_measured(filled):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {filled.partition.fused_index}")
    with pytest.raises(CommandError, match="does not serve searches"):
        call_command("tune_index")


def test_a_dry_run_stores_nothing(filled, capsys):
    call_command("tune_index", "--dry-run", "--queries=5")
    row = row_of(filled)
    assert row.ef_search == 100
    assert "index" not in row.metrics
    assert "recall@10" in capsys.readouterr().out


def test_recall_is_that_against_the_exact_search(filled, monkeypatch):
    """A search that finds the best half only has a recall of one half."""
    real = tuning.index.nearest

    def half(*args, exact=False, **kwargs):
        found = real(*args, exact=exact, **kwargs)
        return found if exact else found[: len(found) // 2]

    monkeypatch.setattr(tuning.index, "nearest", half)
    found = tuning.measure(row_of(filled), queries=6, steps=(50, 40))
    assert [step.ef_search for step in found.steps] == [40, 50]
    assert {step.recall for step in found.steps} == {0.5}
    assert (found.reached, found.chosen.ef_search) == (False, 50)
    with pytest.raises(CommandError, match=r"No setting reaches 0\.99: the best has 0\.5000"):
        call_command("tune_index", "--dry-run", "--queries=2")


def test_the_same_seed_asks_the_same(filled):
    first, again = (tuning._queries(filled.partition, 10, seed=3) for _ in range(2))
    other = tuning._queries(filled.partition, 10, seed=4)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not all((a == b).all() for a, b in zip(first, other, strict=True))


def test_modality_indexes_are_made_used_and_dropped(filled, capsys):
    def indexes() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'",
                [filled.partition.name],
            )
            return cursor.fetchone()[0]

    call_command("tune_index", "--modality-indexes=on")
    assert indexes() == 4
    assert spaces.active_space().partition.indexed == ("fused", "text", "image", "audio")
    call_command("tune_index", "--modality-indexes=off")
    assert indexes() == 1
    assert spaces.active_space().partition.indexed == ("fused",)
    assert "modality indexes off" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_modality_indexes_are_made_concurrently_outside_a_transaction(space, many_items):
    vectors = clustered(1, 20)
    fill(space, many_items(20), vectors, image=vectors)
    call_command("tune_index", "--modality-indexes=on")
    assert row_of(space).modality_indexes
    call_command("tune_index", "--modality-indexes=off")
    assert not row_of(space).modality_indexes


def test_an_empty_space_cannot_be_measured(space):
    with pytest.raises(CommandError, match="holds 0 vectors"):
        call_command("tune_index")


def test_an_unknown_space_is_named(filled):
    with pytest.raises(CommandError, match="no space 'other'"):
        call_command("tune_index", "--space=other")


@pytest.mark.parametrize("target", ["0", "1.1", "x"])
def test_a_target_that_no_recall_can_have_is_refused(target):
    with pytest.raises(CommandError, match="not above 0 and at most 1"):
        call_command("tune_index", f"--target={target}")
