"""An operator puts another space in place by clicks while visitors browse: nobody is turned away."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from catalog.models import Item
from retrieval import lexical, services, spaces
from tests.e2e.test_moderated import signed_in
from tests.e2e.test_storefront import found, search, titles
from tests.retrieval.conftest import make_item, png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

GREEN, RED = (30, 180, 60), (210, 30, 30)
PAGES = ("/", "/?q=frog", "/items/frog/", "/api/v1/search/?q=frog")
SIMILAR = "/api/v1/items/frog/similar/?limit=1"
WORDS, LOOKS = {"text": 1.0, "image": 0.0, "audio": 0.0}, {"text": 0.0, "image": 1.0, "audio": 0.0}
NEAREST = {"words": "red frog", "looks": "green cabbage"}
"""What is most like the frog in each space."""
FOUND = ["a frog", "green cabbage", "red frog"]


@pytest.fixture
def world() -> dict[str, Item]:
    """A frog, another one of other looks, and what looks like the first; a space for words answers,
    one for looks is ready.
    """
    given = {
        "frog": ("a frog", GREEN),
        "red": ("red frog", RED),
        "cabbage": ("green cabbage", GREEN),
    }
    items = [make_item(name, title, media=[png(at)]) for name, (title, at) in given.items()]
    for name, weights in (("words", WORDS), ("looks", LOOKS)):
        spaces.space_create_untrained(name, profile="fake", dim=64, weights=weights)
    ids = [item.pk for item in items]
    services.embed_everywhere(ids)
    lexical.index_items(ids)
    spaces.space_activate(spaces.space_named("words").pk)
    return {item.external_id: item for item in items}


class Answer(NamedTuple):
    """One page that a visitor asked for; ``nearest`` where it names what is most like the frog."""

    address: str
    status: int
    nearest: str
    asked_s: float
    answered_s: float


@contextmanager
def browsing(base: str) -> Iterator[list[Answer]]:
    """Somebody who opens one page after the other until the block ends."""
    answers: list[Answer] = []
    over = threading.Event()

    def browse() -> None:
        with httpx.Client(base_url=base, timeout=60) as client:
            while not over.is_set():
                for address in (SIMILAR, *PAGES):
                    asked = time.monotonic()
                    answer = client.get(address)
                    nearest = ""
                    if address == SIMILAR and answer.status_code == 200:
                        nearest = answer.json()["hits"][0]["item"]["title"]
                    answers.append(
                        Answer(address, answer.status_code, nearest, asked, time.monotonic())
                    )

    visitor = threading.Thread(target=browse)
    visitor.start()
    try:
        yield answers
    finally:
        over.set()
        visitor.join()


def nearest(page: Page) -> str:
    """The first item that is shown as similar to the frog."""
    page.goto("/?similar=frog")
    found(page)
    return titles(page)[0]


def test_pages_go_on_answering_and_come_from_the_new_space(
    page: Page, browser: Browser, live_server, world: dict[str, Item]
):
    with (
        signed_in(browser, live_server.url, "operator") as operator,
        browsing(live_server.url) as answers,
    ):
        assert nearest(page) == NEAREST["words"]
        operator.goto("/admin/retrieval/embeddingspace/")
        operator.locator("#result_list").get_by_role("link", name="looks", exact=True).click()
        operator.locator('a[href$="/activate/"]:visible').click()
        dialog = operator.locator("form:has(#dialog-form)")
        expect(dialog).to_contain_text("Active now: words.")
        search(page, "frog")  # between the operator's clicks
        assert sorted(titles(page)) == FOUND
        clicked = time.monotonic()
        dialog.get_by_role("button", name="Activate").click()
        expect(operator.locator("body")).to_contain_text("looks is active.")
        switched = time.monotonic()
        assert nearest(page) == NEAREST["looks"]
        search(page, "frog")
        assert sorted(titles(page)) == FOUND
        while not any(each.asked_s > switched and each.nearest for each in list(answers)):
            assert page.goto("/items/frog/").status == 200
    assert {(each.address, each.status) for each in answers} == {
        (address, 200) for address in (SIMILAR, *PAGES)
    }
    named = [each for each in answers if each.address == SIMILAR]
    assert {each.nearest for each in named if each.answered_s < clicked} == {NEAREST["words"]}
    assert {each.nearest for each in named if each.asked_s > switched} == {NEAREST["looks"]}
