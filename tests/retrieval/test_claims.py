"""Claims: nothing due is forgotten, nothing is done twice, a killer of workers is stopped."""

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.models import Item
from catalog.services import items_touch
from retrieval import claims
from retrieval.claims import Claim
from retrieval.models import Embedding
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def expire_leases() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Embedding.objects.exclude(leased_until=None).update(leased_until=past)


def test_new_items_are_due_in_order_and_claimed_once(space, many_items):
    ids = [item.pk for item in many_items(3)]
    assert claims.due(space.id, limit=10) == ids
    assert claims.due(space.id, limit=10, after=ids[0]) == ids[1:]
    assert claims.claim(space.id, ids) == [Claim(pk, 1) for pk in ids]
    assert claims.due(space.id, limit=10) == []
    assert claims.claim(space.id, ids) == []


def test_claimed_items_count_an_attempt_before_the_work(space, many_items):
    (item,) = many_items(1)
    claims.claim(space.id, [item.pk])
    row = Embedding.objects.get(space_id=space.id, item=item)
    assert (row.attempts, row.attempted_version, row.status) == (1, 1, "pending")


def test_items_of_a_dead_worker_come_back_one_at_a_time_then_fail(space, many_items):
    ids = [item.pk for item in many_items(2)]
    assert settings.RETRIEVAL["MAX_ATTEMPTS"] == 3
    assert claims.claim(space.id, ids) == [Claim(ids[0], 1), Claim(ids[1], 1)]
    for _ in range(2):  # attempts 2 and 3, each alone
        expire_leases()
        assert claims.claim(space.id, ids) == [Claim(ids[0], 1)]
        assert claims.claim(space.id, ids) == [Claim(ids[1], 1)]
    expire_leases()
    assert claims.due(space.id, limit=10) == ids
    assert claims.claim(space.id, ids) == []
    rows = Embedding.objects.filter(space_id=space.id)
    assert set(rows.values_list("status", "error_code", "attempts")) == {
        ("failed", "attempts_exhausted", 3)
    }
    assert claims.due(space.id, limit=10) == []
    assert claims.progress(space.id) == {"total": 2, "ready": 0, "pending": 0, "failed": 2}


def test_a_failed_item_is_due_again_once_it_changes(space, many_items):
    (item,) = many_items(1)
    (claim,) = claims.claim(space.id, [item.pk])
    claims.fail(space.id, claim, "encoder_failed", "NaN")
    assert claims.due(space.id, limit=10) == []
    items_touch([item.pk])
    assert claims.due(space.id, limit=10) == [item.pk]
    assert claims.claim(space.id, [item.pk]) == [Claim(item.pk, 2)]
    assert Embedding.objects.get(space_id=space.id, item=item).attempts == 1


def test_retry_failed_gives_every_attempt_back(space, many_items):
    (item,) = many_items(1)
    (claim,) = claims.claim(space.id, [item.pk])
    claims.fail(space.id, claim, "encoder_failed", "NaN")
    assert claims.failed_retry(space.id) == 1
    assert claims.claim(space.id, [item.pk]) == [Claim(item.pk, 1)]


def test_released_items_are_due_at_once(space, many_items):
    ids = [item.pk for item in many_items(2)]
    claims.release(space.id, claims.claim(space.id, ids), "OSError: disk full")
    assert claims.due(space.id, limit=10) == ids
    assert claims.interrupted(space.id, limit=10) == ids
    assert claims.claim(space.id, ids) == [Claim(ids[0], 1)]


def test_due_since_sees_only_recent_changes(space, many_items):
    old, new = many_items(2)
    Item.objects.filter(pk=old.pk).update(content_changed_at=timezone.now() - timedelta(days=1))
    since = timezone.now() - timedelta(hours=1)
    assert claims.due(space.id, limit=10, since=since) == [new.pk]


def test_unknown_items_are_no_claim(space):
    assert claims.claim(space.id, [987_654_321]) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_share_the_items_without_overlap(space, many_items):
    ids = [item.pk for item in many_items(200)]
    taken: list[list[int]] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        taken.append([claim.item_id for claim in claims.claim(space.id, ids)])
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item for own in taken for item in own) == ids


def test_the_item_takes_its_embedding_with_it(space):
    item = make_item("gone", "gone")
    claims.claim(space.id, [item.pk])
    item.delete()
    assert not Embedding.objects.filter(space_id=space.id).exists()
