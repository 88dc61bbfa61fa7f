"""An editor at work on an item's page, in a real browser."""

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from catalog.models import Item
from recommender.models import Rule
from retrieval import services, spaces
from tests.retrieval.conftest import make_item, png, wav

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(django_user_model) -> dict[str, Item]:
    """A frog with a picture and a sound, a toad like it; and somebody who may do anything."""
    django_user_model.objects.create_superuser("boss", password="boss")
    items = [
        make_item("frog", "frog pond", media=[png((0, 200, 0)), wav(440)]),
        make_item("toad", "toad pond", media=[png((0, 190, 0))]),
    ]
    retrieval = django_settings.RETRIEVAL
    space_id = spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    services.embed_items(space_id, [each.pk for each in items])
    return {each.external_id: each for each in items}


def test_looks_hides_and_previews(page: Page, world: dict[str, Item]) -> None:
    address = f"/admin/catalog/item/{world['frog'].pk}/change/"
    page.goto(f"/admin/login/?next={address}")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill("boss")
    page.keyboard.press("Enter")

    looks = page.locator(".triad-column", has=page.get_by_role("heading", name="by looks"))
    expect(looks.get_by_role("link", name="toad pond")).to_be_visible()
    wave = page.locator("img.triad-waveform")
    wave.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img.triad-waveform').naturalWidth > 0")

    page.get_by_text("Pin, boost, bury, hide").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Action").select_option("pin")
    dialog.get_by_label("Action").press("Enter")
    dialog.get_by_role("button", name="Make the rule").click()
    expect(dialog.get_by_text("Say at which position")).to_be_visible()
    dialog.get_by_label("Action").select_option("hide")
    dialog.get_by_role("button", name="Make the rule").press("Enter")

    page.get_by_role("link", name="hide frog pond").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="With this rule")).to_be_visible()
    assert Rule.objects.get().action == "hide"
