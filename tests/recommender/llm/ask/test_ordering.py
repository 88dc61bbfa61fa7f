"""The first of a kind by a number or a date, of however many there are."""

import pytest
from django.utils import timezone

from catalog.models import Item
from recommender.llm import ask
from recommender.llm.understanding import names_read
from retrieval import lexical, services
from tests.retrieval.conftest import make_item, make_space

pytestmark = pytest.mark.django_db

MANY = 60  # more than are looked at in the order of likeness


@pytest.fixture(scope="module")
def stored(module_db) -> None:
    """Watches and clocks; the dearest watch and the newest are last in likeness to "watch"."""
    for n in range(MANY):
        make_item(
            f"watch-{n}",
            "watch" if n else "a thing to wear on the wrist with hands that tell of hours",
            tags=("red",) if n % 7 == 3 else (),
            categories=("watches/wrist",),
            attributes={"price": 500 - n, "released": f"20{10 + (n * 7) % 60:02}-01-11"},
        )
    make_item("hidden", "watch", categories=("watches",), attributes={"price": 900}, published=False)  # fmt: skip
    make_item("odd", "watch", categories=("watches",), attributes={"price": "dear"})
    make_item("bare", "watch", categories=("watches",))
    make_item("clock", "clock", categories=("clocks",), attributes={"price": 1000})
    make_item("toy", "wooden train", categories=("toys",), attributes={"price": 10})
    make_item("gone", "a rattle", categories=("rattles",), published=False)
    ids = list(Item.objects.values_list("pk", flat=True))
    services.embed_items(make_space().id, ids)
    lexical.index_items(ids)


@pytest.fixture
def shop(stored, settings) -> None:
    settings.RETRIEVAL = settings.RETRIEVAL | {"FILTERS": {"price": "number", "released": "date"}}
    names_read()


def cited(question: str) -> list[str]:
    draft = ask.draft(ask.Asked(question=question, now=timezone.now()))
    return [] if draft.refused else [each.external_id for each in draft.cited]


def test_the_dearest_of_all(shop):
    assert cited("the most expensive watch")[:3] == ["watch-0", "watch-1", "watch-2"]
    assert cited("最贵的手表")[:3] == ["watch-0", "watch-1", "watch-2"]


def test_the_cheapest_of_those_that_have_the_other_words(shop):
    assert cited("the cheapest red watch")[:2] == ["watch-59", "watch-52"]


def test_what_no_item_of_the_kind_says_is_not_dropped(shop):
    """No watch says so: the nearest are what is ordered, and not the first of all."""
    assert "watch-59" in cited("the cheapest watch")
    plain = cited("the cheapest watch")
    assert cited("the cheapest purple watch") != plain
    assert cited("the three cheapest watches") == plain


def test_the_newest(shop):
    newest = Item.objects.filter(external_id__startswith="watch").order_by("-attributes__released")
    expected = [item.external_id for item in newest[:3]]
    assert cited("the newest watch")[:3] == expected


def test_within_a_budget(shop):
    assert cited("the most expensive watch under 450")[:2] == ["watch-51", "watch-52"]


def test_what_is_asked_for_names_a_category_in_another_language(shop):
    """No item has the word; which is nearest is the encoder's matter."""
    assert all(cited(question) for question in ("玩具", "给孩子的玩具", "toys for kids"))
    assert not any(cited(question) for question in ("唱片", "给孩子的唱片", "records for kids"))


def test_a_category_of_hidden_items_is_none(shop):
    assert "gone" not in cited("rattles")
