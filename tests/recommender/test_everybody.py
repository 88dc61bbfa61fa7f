"""What everybody gets is found anew every few seconds, and what may not be shown goes at once."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Item
from recommender import pipeline
from recommender.candidates import Context, everybody
from recommender.pipeline import Asked
from recommender.placements import declared
from recommender.types import Taste
from retrieval import services
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db(transaction=True)
SOURCES = {"new": 1.0}


@pytest.fixture
def shelf(space) -> list[int]:
    """Ids of three items, the newest last."""
    made = [make_item(name, name) for name in ("frog", "toad", "newt")]
    services.embed_items(space.id, [item.pk for item in made])
    return [item.pk for item in made]


def newest(**fields) -> set[int]:
    asked = Asked("home", timezone.now(), sources=SOURCES, **fields)
    found = pipeline.recommend(asked)
    return {each.candidate.item_id for each in found.placed}


def read(number: int = 1) -> int:
    """How often the table of items was asked for the latest, in so many requests."""
    with CaptureQueriesContext(connection) as captured:
        for _ in range(number):
            newest()
    return sum("ORDER BY i.published_at DESC" in each["sql"] for each in captured)


def test_found_once_for_several_requests(shelf):
    assert read(3) == 1


def test_found_anew_when_it_is_old(shelf, monkeypatch):
    newest()
    monkeypatch.setattr(everybody, "KEPT_S", -1.0)
    everybody.forget_lists()
    assert read(3) == 3


def test_an_item_that_is_hidden_or_deleted_goes_at_once(shelf):
    frog, toad, newt = shelf
    assert newest() == {newt, toad, frog}
    Item.objects.filter(pk=newt).update(published=False)
    Item.objects.filter(pk=toad).delete()
    assert newest() == {frog}


def test_what_one_request_leaves_out_another_gets(shelf):
    frog, toad, newt = shelf
    assert newest(exclude=(newt,)) == {toad, frog}
    assert newest() == {newt, toad, frog}
    assert newest(items=(toad,)) == {newt, frog}


def test_each_filter_has_its_own(shelf):
    Item.objects.filter(external_id="toad").update(kind="book")
    assert newest(filter={"kind": "book"}) == {shelf[1]}
    assert newest() == set(shelf)


def test_a_longer_list_than_is_kept_is_found(shelf, space):
    context = Context(space, declared("home"), Taste(), Item.objects.visible(), timezone.now())
    for limit in (1, 3, 2):
        found = everybody.new(context, limit)
        assert [each.item_id for each in found] == shelf[::-1][:limit]
    without = replace(context, left_out=frozenset({shelf[2]}))
    assert [each.item_id for each in everybody.new(without, 1)] == [shelf[1]]
