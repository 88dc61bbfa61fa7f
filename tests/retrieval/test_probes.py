"""Counters of searches, and the index's recall as the sweeper measures it."""

import numpy as np
import pytest

from catalog.models import Item
from retrieval import index, probes, tuning
from tests.clients import anonymous
from tests.retrieval.test_index import fill, unit_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted(empty_redis):
    probes._counted.clear()


@pytest.fixture
def filled(space, many_items):
    items, vectors = many_items(40), unit_rows(1, 40)
    fill(space, items, vectors)
    return space, items, vectors


def test_asked_and_got_are_counted(filled):
    space, *_ = filled
    for limit in (10, 30, 60):
        index.nearest(space.partition, unit_rows(2, 1)[0], limit, items=Item.objects.visible())
    found = probes.report()
    assert (found.asked, found.got) == (100, 10 + 30 + 40)
    assert (found.scans, found.topped_up, found.exact) == (3, 1, 0)


def test_exact_searches_are_counted(filled):
    space, items, _ = filled
    some = Item.objects.filter(pk__in=[items[0].pk, items[1].pk])
    index.nearest(space.partition, unit_rows(2, 1)[0], 5, items=some)
    found = probes.report()
    assert (found.asked, found.got, found.scans, found.exact) == (5, 2, 0, 1)


def test_quantiles_are_those_of_the_calls_to_within_a_bucket():
    for ms in (0.5, 4.0, 4.5, 6.0, 80.0):
        probes.took("search", ms / 1000)
    (latency,) = probes.report().latency.values()
    assert latency.count == 5
    assert 3 < latency.p50_ms <= 5
    assert 70 < latency.p95_ms <= 100


def test_a_call_beyond_the_last_bucket_counts_there():
    probes.took("search", 60)
    assert probes.report().latency["search"] == probes.Latency(1, 5000.0, 5000.0)


def test_a_probe_counts_what_the_search_missed(filled, monkeypatch):
    space, _, vectors = filled
    monkeypatch.setattr(probes, "PROBE_SHARE", 1.0)
    index.nearest(space.partition, vectors[0], 10, items=Item.objects.visible())
    half = [item_id for item_id, _ in index.nearest(
        space.partition, vectors[1], 10, items=Item.objects.visible(), exact=True
    )][:5]  # fmt: skip
    probes.sampled(space.id, vectors[1], [*half, *[-n for n in range(5)]])
    assert probes.probe_waiting(tuning.recall_probe) == 2
    assert probes.probe_waiting(tuning.recall_probe) == 0
    found = probes.report()
    assert (found.probes, found.recall) == (2, pytest.approx(0.75))


def test_few_searches_are_probed(filled, monkeypatch):
    space, *_ = filled
    monkeypatch.setattr(probes, "PROBE_SHARE", 0.0)
    index.nearest(space.partition, unit_rows(2, 1)[0], 10, items=Item.objects.visible())
    assert probes.probe_waiting(tuning.recall_probe) == 0


def test_a_probe_of_a_space_that_is_gone_counts_nothing(filled, monkeypatch):
    monkeypatch.setattr(probes, "PROBE_SHARE", 1.0)
    probes.sampled(10**6, unit_rows(1, 1)[0], [1, 2])
    assert probes.probe_waiting(tuning.recall_probe) == 1
    assert probes.report().recall is None


def test_the_status_page_shows_them(filled):
    space, *_ = filled
    index.nearest(space.partition, unit_rows(2, 1)[0], 10, items=Item.objects.visible())
    probes.took("search", 0.004)
    assert anonymous().get("/api/v1/status/").json()["search"] == {
        "asked": 10,
        "got": 10,
        "scans": 1,
        "exact": 0,
        "topped_up": 0,
        "probes": 0,
        "recall": None,
        "latency": {"search": {"count": 1, "p50_ms": 4.0, "p95_ms": pytest.approx(4.9)}},
    }


def test_without_redis_nothing_is_counted_and_nothing_breaks(filled, monkeypatch):
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    nowhere = redis.Redis(unix_socket_path="/nowhere", retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(probes, "redis_client", lambda: nowhere)
    monkeypatch.setattr(probes, "PROBE_SHARE", 1.0)
    space, *_ = filled
    found = index.nearest(space.partition, unit_rows(2, 1)[0], 10, items=Item.objects.visible())
    assert len(found) == 10
    assert probes.report() is None


def test_probes_leave_the_vector_as_it_was(filled, monkeypatch):
    space, _, vectors = filled
    monkeypatch.setattr(probes, "PROBE_SHARE", 1.0)
    probes.sampled(space.id, vectors[0], [7, 8])
    seen: list[probes.Probe] = []
    probes.probe_waiting(lambda probe: seen.append(probe) or [])
    assert (seen[0].space_id, seen[0].found) == (space.id, [7, 8])
    assert np.allclose(seen[0].vector, vectors[0], atol=1e-3)
