"""One item becomes part of another: what goes over, and what stays behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from catalog.content import ItemContent, TextContent
from catalog.exceptions import InvalidItem
from catalog.models import Item, Media
from catalog.services import items_publish
from catalog.upserts import items_upsert
from catalog.versions import items_touch

After = Literal["hide", "delete"]
COPIED: Final = (
    *("modality", "content_type", "bytes", "sha256", "width", "height", "duration_s"),
    *("alt", "attributes", "status", "error_code", "error"),
)


@dataclass(frozen=True, slots=True)
class Merging:
    """What ``kept`` gets of ``other``."""

    kept: Item
    other: Item
    media: Sequence[Media]
    media_left: int
    """Files for which there is no room."""
    tags: Sequence[str]
    categories: Sequence[str]
    texts: Sequence[TextContent]
    texts_left: Sequence[str]
    """Languages in which the kept item has words already."""
    attributes: Sequence[str]
    description: bool
    """Whether the kept item, which has none, gets the other's."""


def merging(kept_id: int, other_id: int) -> Merging:
    """What would go over. Raises ``Item.DoesNotExist``, and ``InvalidItem`` for an item and itself."""
    if kept_id == other_id:
        raise InvalidItem({"item": "cannot be merged with itself"})
    rows = Item.objects.prefetch_related("texts", "categories", "media")
    kept, other = rows.get(pk=kept_id), rows.get(pk=other_id)
    known = {(each.modality, each.sha256) for each in kept.media.all()}
    new = [each for each in other.media.all() if (each.modality, each.sha256) not in known]
    room = max(0, settings.CATALOG["MAX_MEDIA_PER_ITEM"] - len(known))
    languages = {kept.language, *(text.language for text in kept.texts.all())}
    offered = [_own_text(other), *map(_text, other.texts.all())]
    mine = {category.path for category in kept.categories.all()}
    return Merging(
        kept=kept,
        other=other,
        media=new[:room],
        media_left=len(new[room:]),
        tags=[tag for tag in other.tags if tag not in kept.tags]
        if other.language == kept.language
        else [],
        categories=sorted({c.path for c in other.categories.all()} - mine),
        texts=[text for text in offered if text.language not in languages],
        texts_left=[text.language for text in offered if text.language in languages],
        attributes=sorted(other.attributes.keys() - kept.attributes.keys()),
        description=bool(other.description)
        and not kept.description
        and other.language == kept.language,
    )


def _own_text(item: Item) -> TextContent:
    return TextContent(
        language=item.language,
        title=item.title,
        description=item.description,
        tags=tuple(item.tags),
    )


def _text(row: Any) -> TextContent:
    return TextContent(
        language=row.language, title=row.title, description=row.description, tags=tuple(row.tags)
    )


@transaction.atomic
def item_merge(kept_id: int, other_id: int, after: After) -> Merging:
    """Give the kept item the other's media, tags, categories, words in further languages and attributes it
    lacks; then hide or delete the other. Returns what went over.

    Raises as ``merging`` and ``services.item_update`` do; nothing is changed then.
    """
    ids = sorted({kept_id, other_id})
    list(Item.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    plan = merging(kept_id, other_id)
    kept, other = plan.kept, plan.other
    items_upsert([(_content(plan), None)])
    last = kept.media.aggregate(last=Max("position"))["last"]
    first = 0 if last is None else last + 1
    copies = [_copied(each, kept, first + place) for place, each in enumerate(plan.media)]
    Media.objects.bulk_create(copies)
    if copies:
        items_touch([kept.pk])
    if after == "delete":
        other.delete()
    else:
        items_publish(Item.objects.filter(pk=other.pk), published=False)
    return plan


def _copied(media: Media, kept: Item, position: int) -> Media:
    """A row of the kept item's that names the same file."""
    row = Media(item=kept, position=position, **{name: getattr(media, name) for name in COPIED})
    row.file.name = media.file.name
    return row


def _content(plan: Merging) -> ItemContent:
    kept, other = plan.kept, plan.other
    mine = [category.path for category in kept.categories.all()]
    changes: dict[str, Any] = {}
    if plan.tags:
        changes["tags"] = (*kept.tags, *plan.tags)
    if plan.categories:
        changes["categories"] = (*mine, *plan.categories)
    if plan.texts:
        changes["texts"] = (*map(_text, kept.texts.all()), *plan.texts)
    if plan.attributes:
        added = {name: other.attributes[name] for name in plan.attributes}
        changes["attributes"] = {**kept.attributes, **added}
    if plan.description:
        changes["description"] = other.description
    return ItemContent(external_id=kept.external_id, **changes)
