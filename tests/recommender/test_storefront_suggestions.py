"""What the first page suggests to search and to ask for."""

import re

import pytest
from django.core.cache import cache
from django.test import Client

from recommender.llm.understanding import names_read
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def searches(page: str) -> list[str]:
    return re.findall(r"data-example[^>]*>([^<]*)<", page)


def questions(page: str) -> list[str]:
    return re.findall(r"data-ask[^>]*>([^<]*)<", page)


@pytest.fixture
def shop() -> None:
    """Three kettles, two mugs, a pan and a bell; a hidden drum."""
    for kind, count in (("kitchen/tea-kettles", 3), ("kitchen/mugs", 2), ("kitchen/pans", 1)):
        for n in range(count):
            make_item(f"{kind[-4:]}-{n}", kind, categories=(kind,), attributes={"price": 10 + n})
    make_item("bell", "a bell", categories=("music",))
    make_item("drum", "a drum", categories=("music/drums",), published=False)
    names_read()


def test_kinds_of_things_with_the_most_items_each_top_category_in_turn(client: Client, shop):
    page = client.get("/").text
    assert searches(page) == ["tea kettles", "mugs", "pans"]
    assert questions(page) == ["the cheapest tea kettles", "mugs under 11"]
    assert "What are you looking for?" in page
    cache.clear()
    names_read()
    make_item("bells", "bells", categories=("music/bells",))
    page = client.get("/", {"lang": "zh"}).text
    assert searches(page) == ["tea kettles", "bells", "mugs", "pans"]
    assert questions(page)[0] == "最便宜的tea kettles"


def test_the_demo_catalog_has_its_own(client: Client, shop):
    make_item("emoji:1F4F1", "mobile phone")
    page = client.get("/").text
    assert "frog" in searches(page)
    assert "What animals can fly?" in questions(page)
    assert "tea kettles" not in page


def test_an_empty_catalog_suggests_nothing(client: Client):
    page = client.get("/").text
    assert (searches(page), questions(page), 'aria-label="Examples"' in page) == ([], [], False)


def test_names_are_text_not_markup(client: Client):
    make_item("evil", "evil", categories=("a/<b>bold</b>",))
    assert "<b>bold" not in client.get("/").text


def test_a_catalog_that_needs_a_key_is_not_told_of(client: Client, shop, settings):
    settings.API = settings.API | {"ANONYMOUS_READ": False}
    assert "kettles" not in client.get("/").text
