"""The search box reads a sentence: what it understood is shown, taken back, or not read at all."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from playwright.sync_api import Page, expect

from catalog.models import Item
from recommender.llm.understanding import names_read
from retrieval import lexical, services, spaces
from tests.e2e.test_storefront import found, search, searches_sent, titles
from tests.retrieval.conftest import make_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> dict[str, Item]:
    """Boots and bags of three materials at different prices, in English and Chinese."""
    cache.clear()
    items = [
        make_item(
            f"{material}-{kind}",
            f"{material} {kind}",
            kind=kind,
            categories=(kind,),
            texts={"zh": f"{spelled}{thing}"},
            attributes={"price": price + first},
        )
        for kind, thing, first in (("boots", "靴子", 20), ("bags", "包", 50))
        for price, (material, spelled) in enumerate(
            (("leather", "皮革"), ("canvas", "帆布"), ("wool", "羊毛"))
        )
    ]
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, [item.pk for item in items])
    lexical.index_items([item.pk for item in items])
    names_read()
    return {item.external_id: item for item in items}


@pytest.fixture
def sent(page: Page) -> list[dict[str, Any]]:
    return searches_sent(page)


def chips(page: Page):
    return page.locator(".understood .chip")


def test_an_english_sentence(page: Page, sent: list[dict[str, Any]]):
    page.goto("/")
    search(page, "boots under 22, not leather")
    expect(page.locator(".understood > span")).to_have_text("Understood as")
    expect(chips(page)).to_have_text(["not leather", "Category: Boots", "Price: under 22"])
    assert titles(page) == ["canvas boots"]
    assert {name: sent[-1].get(name) for name in ("understand", "by_rules", "unread")} == {
        "understand": True,
        "by_rules": True,
        "unread": None,
    }

    page.get_by_role("button", name="This is not meant: not leather").click()
    expect(chips(page)).to_have_text(["Category: Boots", "Price: under 22"])
    found(page)
    assert sorted(titles(page)) == ["canvas boots", "leather boots"]
    page.reload()
    expect(chips(page)).to_have_text(["Category: Boots", "Price: under 22"])

    page.get_by_role("link", name="Search for the words as typed").click()
    expect(page.locator(".understood > span")).to_have_text("Searched for the words as typed.")
    found(page)
    assert len(titles(page)) == 6
    assert "understand" not in sent[-1]
    page.get_by_role("link", name="Read them as a sentence").click()
    expect(chips(page)).to_have_count(3)

    # other words are another sentence, and plain words are none
    search(page, "wool bags")
    found(page)
    expect(page.locator(".understood")).to_have_count(0)
    assert titles(page)[0] == "wool bags"


def test_a_chinese_sentence(page: Page):
    page.goto("/?lang=zh")
    page.locator("#q").fill("靴子，不要皮革，22元以下")
    page.locator("#q").press("Enter")
    expect(page.locator(".understood > span")).to_have_text("理解为")
    expect(chips(page)).to_have_text(["不要皮革", "类别: Boots", "价格: 至多 22"])
    assert sorted(titles(page)) == ["帆布靴子", "羊毛靴子"]
    chips(page).last.click()
    expect(chips(page)).to_have_text(["不要皮革", "类别: Boots"])
    page.get_by_role("link", name="按原文搜索").click()
    expect(page.locator(".understood > span")).to_have_text("已按原文搜索。")


def test_hostile_words_stay_words(page: Page):
    page.goto("/")
    search(page, "boots without <img src=x onerror=alert(1)>")
    found(page)
    expect(page.locator(".understood img")).to_have_count(0)


def test_parts_that_are_not_one_sentence_are_not_read(page: Page, sent: list[dict[str, Any]]):
    page.goto("/?q=boots+not+leather&q=wool&w=1,0.5")
    found(page)
    assert "understand" not in sent[-1]
    page.goto("/?q=boots+not+leather&mode=lexical")
    found(page)
    assert "understand" not in sent[-1]
