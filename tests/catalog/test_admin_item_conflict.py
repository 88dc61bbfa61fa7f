"""Two people who save the same item, and the order of its media."""

import pytest
from django.urls import reverse

from catalog import services
from catalog.content import ItemContent, TextContent
from catalog.models import Item
from catalog.uploads import check_upload
from tests.catalog.admin_forms import item_form
from tests.retrieval.conftest import png

pytestmark = pytest.mark.django_db
TOLD = "The item was changed at"


@pytest.fixture
def frog(woken) -> Item:
    item = services.item_upsert(
        ItemContent(
            external_id="frog", title="Frog", texts=(TextContent(language="zh", title="青蛙"),)
        )
    ).item
    for colour in ((0, 200, 0), (200, 0, 0)):
        services.media_add(item, check_upload(png(colour)))
    return item


def page(item: Item) -> str:
    return reverse("admin:catalog_item_change", args=[item.pk])


def opened(client, item: Item) -> str:
    """What the page says the item was."""
    return client.get(page(item)).context["adminform"].form["seen"].value()


@pytest.mark.parametrize("first", [{"title": "Toad"}, {"attributes": '{"size": 3}'}])
def test_the_second_is_told(admin_client, frog, first):
    seen = opened(admin_client, frog)
    done = admin_client.post(page(frog), item_form(frog, seen=seen, **first))
    assert done.status_code == 302

    second = admin_client.post(page(frog), item_form(frog, seen=seen, title="Newt"))

    (said,) = second.context["adminform"].form.non_field_errors()
    assert second.status_code == 200
    assert TOLD in said
    assert ", by admin." in said
    assert Item.objects.get().title == first.get("title", "Frog")
    assert 'value="Newt"' in second.content.decode()


def test_also_of_a_change_elsewhere(admin_client, frog):
    seen = opened(admin_client, frog)
    services.media_update(frog.media.first(), alt="a frog")
    answer = admin_client.post(page(frog), item_form(frog, seen=seen, title="Newt"))

    (said,) = answer.context["adminform"].form.non_field_errors()
    assert "after you opened it. Nothing of yours was saved" in said


def test_one_after_the_other_is_no_conflict(admin_client, frog):
    for title in ("Toad", "Newt"):
        frog.refresh_from_db()
        form = item_form(frog, seen=opened(admin_client, frog), title=title)
        assert admin_client.post(page(frog), form).status_code == 302
    assert Item.objects.get().title == "Newt"


def test_media_are_dragged_or_numbered_into_order(admin_client, frog):
    html = admin_client.get(page(frog)).content.decode()
    assert 'data-ordering-field="position"' in html
    assert 'type="number" name="media-0-position"' in html
    green, red = frog.media.order_by("position")

    form = item_form(frog, **{"media-0-position": "1", "media-1-position": "0"})
    assert admin_client.post(page(frog), form).status_code == 302

    assert list(frog.media.order_by("position")) == [red, green]
