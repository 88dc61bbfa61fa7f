"""An editor flags an item, a moderator decides, and visitors see it or not: in three browsers at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from catalog.models import Item
from retrieval import lexical, services, spaces
from tests.e2e.test_storefront import found, titles
from tests.retrieval.conftest import make_item, png

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> dict[str, Item]:
    """Two pictures of frogs."""
    items = [
        make_item(f"frog-{n}", f"a frog of {n}", media=[png((20, 90 * n, 30))]) for n in (1, 2)
    ]
    space_id = spaces.ensure_active_space("fake", 64)
    ids = [item.pk for item in items]
    services.embed_items(space_id, ids)
    lexical.index_items(ids)
    return {item.external_id: item for item in items}


@contextmanager
def signed_in(browser: Browser, base: str, role: str) -> Iterator[Page]:
    """A page of somebody with this role."""
    user = get_user_model().objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    context = browser.new_context(base_url=base)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
    yield context.new_page()
    context.close()


def shown(page: Page) -> list[str]:
    """Titles that a visitor finds."""
    page.goto("/?q=frog")
    found(page)
    return sorted(titles(page))


def test_what_is_flagged_goes_once_a_moderator_says_so_and_comes_back(
    page: Page, browser: Browser, live_server, world: dict[str, Item]
):
    both = ["a frog of 1", "a frog of 2"]
    assert shown(page) == both
    bad = world["frog-2"]
    with (
        signed_in(browser, live_server.url, "editor") as editor,
        signed_in(browser, live_server.url, "moderator") as moderator,
    ):
        editor.goto(f"/admin/catalog/item/{bad.pk}/change/")
        editor.locator('a[href$="/flag/"]:visible').first.click()
        form = editor.locator("form:has(#dialog-form)")
        form.locator("[name=reason]").fill("<b>not</b> a frog")
        form.locator("button[type=submit]").click()
        expect(editor.locator("body")).to_contain_text("Flagged: moderators will look at it.")
        assert shown(page) == both  # nobody decided yet

        answer = editor.goto("/admin/retrieval/case/")
        assert answer is not None
        assert answer.status == 403
        moderator.goto("/admin/retrieval/case/")
        moderator.locator("#result_list tbody a").first.click()
        expect(moderator.locator(".triad-reason")).to_have_text("<b>not</b> a frog")
        moderator.get_by_role("button", name="Uphold").click()
        assert shown(page) == ["a frog of 1"]
        page.goto("/items/frog-2/")
        expect(page.locator("body")).to_contain_text("There is nothing at this address")

        moderator.goto("/admin/retrieval/case/?state=upheld")
        moderator.locator("#result_list tbody a").first.click()
        moderator.get_by_role("button", name="Ask again").click()
        moderator.goto("/admin/retrieval/case/")
        moderator.locator("#result_list tbody a").first.click()
        moderator.get_by_role("button", name="Dismiss").click()
        assert shown(page) == both
