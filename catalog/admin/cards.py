"""Items as the admin shows them beside one another: picture, title with its link, a figure."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin import html
from catalog.models import Item, Media


def items_pictured(item_ids: Iterable[int]) -> dict[int, Item]:
    """Items by id with their pictures, in two statements; those that are gone are left out."""
    images = Media.objects.filter(modality=Media.Modality.IMAGE).order_by("position", "pk")
    found = Item.objects.filter(pk__in=set(item_ids)).prefetch_related(Prefetch("media", images))
    return {item.pk: item for item in found}


def picture(item: Item | None, size: str = "small") -> SafeString:
    """The first picture of an item of ``items_pictured``, or an empty frame."""
    images = list(item.media.all()) if item else []
    return html.thumbnail(images[0] if images else None, size)


def link(item: Item | None, item_id: int) -> SafeString:
    """The title, linked to the item's page, with the identifier as its tooltip; or that it is gone."""
    if item is None:
        return format_html("an item that is gone ({})", item_id)
    url = reverse("admin:catalog_item_change", args=[item.pk])
    return format_html(
        '<a class="triad-link" href="{}" title="{}">{}</a>', url, item.external_id, item.title
    )


def card(items: Mapping[int, Item], item_id: int, **more: Any) -> dict[str, Any]:
    """What ``catalog/admin/card.html`` shows; ``more`` may hold ``score``, ``note``, ``badge``."""
    item = items.get(item_id)
    return {
        "item_id": item_id,
        "picture": picture(item),
        "link": link(item, item_id),
        "hidden": item is not None and not item.published,
        **more,
    }
