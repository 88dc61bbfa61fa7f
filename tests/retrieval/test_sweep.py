"""The sweep: a full pass now and then, recent changes in between."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalog.models import Item
from catalog.services import items_touch
from retrieval import claims, sweep
from retrieval.models import Embedding

pytestmark = pytest.mark.django_db


def age(items: list[Item]) -> None:
    """As if nothing had changed for a day."""
    day_ago = timezone.now() - timedelta(days=1)
    Item.objects.filter(pk__in=[item.pk for item in items]).update(content_changed_at=day_ago)


def test_the_first_pass_is_full_and_later_ones_see_changes(space, many_items):
    items = many_items(3)
    age(items)
    assert sweep.due_items(space.id) == [item.pk for item in items]
    assert sweep.due_items(space.id) == []  # old, and a full pass was just made
    items_touch([items[1].pk])
    assert sweep.due_items(space.id) == [items[1].pk]


def test_items_of_a_dead_worker_are_found_between_full_passes(space, many_items):
    items = many_items(2)
    age(items)
    sweep.due_items(space.id)
    claims.claim(space.id, [items[0].pk])
    assert sweep.due_items(space.id) == []  # leased
    Embedding.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert sweep.due_items(space.id) == [items[0].pk]


def test_a_pass_that_was_cut_short_is_followed_by_another(space, many_items, monkeypatch):
    monkeypatch.setattr(sweep, "SWEEP_LIMIT", 2)
    items = many_items(3)
    age(items)
    assert len(sweep.due_items(space.id)) == 2
    assert len(sweep.due_items(space.id)) == 2


def test_a_full_pass_is_due_again_after_a_while(space, many_items):
    items = many_items(1)
    age(items)
    sweep.due_items(space.id)
    cache.delete(f"sweep:{space.id}:full")  # what its time limit does
    assert sweep.due_items(space.id) == [items[0].pk]
