"""Writes to the catalog. Every function is one transaction (or part of the caller's).

A change to what an item is found by (words, language, categories, the set and order of media)
raises ``content_version`` in the same transaction. Nothing here knows HTTP or the queue: callers
wake the workers with ``catalog.wake.workers_wake``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from catalog.categories import category_get
from catalog.category_moves import category_rename
from catalog.content import (
    UNSET,
    ItemContent,
    NewMedia,
    TextContent,
    Unset,
    checked,
    checked_media,
)
from catalog.exceptions import InvalidItem, TooManyMedia
from catalog.files import file_store
from catalog.models import Item, Media
from catalog.uploads import CheckedUpload
from catalog.upserts import Upserted, items_upsert
from catalog.versions import items_touch

__all__ = [
    "UNSET",
    "AddedMedia",
    "ItemContent",
    "NewMedia",
    "TextContent",
    "Unset",
    "Upserted",
    "category_get",
    "category_rename",
    "item_delete",
    "item_update",
    "item_upsert",
    "items_delete",
    "items_hold",
    "items_publish",
    "items_touch",
    "items_upsert",
    "media_add",
    "media_delete",
    "media_mark",
    "media_update",
]


def item_upsert(content: ItemContent, media: Sequence[NewMedia] | None = None) -> Upserted:
    """Create the item or make it say what ``content`` gives; an equal item is left alone.

    ``media`` replaces all of the item's media in this order; None leaves them. Raises
    ``InvalidItem``, ``TooManyMedia``, and ``UnsupportedMedia`` if a file changed meanwhile.
    """
    return items_upsert([(content, media)])[0]


def item_update(item: Item, **changes: Any) -> bool:
    """Change the given fields of ``ItemContent``; True if anything differs now.

    Refreshes ``item``. Raises ``InvalidItem``, also for a field that cannot be changed, and
    ``Item.DoesNotExist`` when the item was deleted meanwhile.
    """
    unknown = changes.keys() - set(ItemContent.__dataclass_fields__) | changes.keys() & {
        "external_id"
    }
    if unknown:
        raise InvalidItem(dict.fromkeys(sorted(unknown), "is not a field that can be changed"))
    content = checked(replace(ItemContent(external_id=item.external_id), **changes))
    with transaction.atomic():
        Item.objects.select_for_update().get(pk=item.pk)
        upserted = items_upsert([(content, None)])[0]
    item.refresh_from_db()
    return upserted.outcome == "changed"


def item_delete(item: Item) -> None:
    """Delete the item, its media rows and, after commit, files nobody else refers to."""
    item.delete()


def items_delete(queryset: QuerySet[Item]) -> int:
    """Delete all these items as ``item_delete`` does; returns how many."""
    return queryset.delete()[1].get(Item._meta.label, 0)


def items_publish(queryset: QuerySet[Item], published: bool) -> int:
    """Show or hide items; returns how many changed. Embeddings stay as they are."""
    return queryset.exclude(published=published).update(
        published=published, updated_at=timezone.now()
    )


def items_hold(queryset: QuerySet[Item], held: bool) -> int:
    """Keep items from being shown, or let them be shown again; returns how many changed.

    Unlike ``items_publish`` no editor and no import undoes it.
    """
    return queryset.exclude(held=held).update(held=held, updated_at=timezone.now())


class AddedMedia(NamedTuple):
    """An item's medium, and whether it is new."""

    medium: Media
    created: bool


@transaction.atomic
def media_add(
    item: Item,
    upload: CheckedUpload,
    *,
    alt: str = "",
    position: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> AddedMedia:
    """Store a checked file as the item's media, last unless ``position`` says otherwise.

    Bytes the item already has give the existing row, unchanged. Raises ``InvalidItem``,
    ``TooManyMedia``, and ``Item.DoesNotExist`` when the item was deleted meanwhile.
    """
    alt, attributes = checked_media(alt, attributes or {})
    _check_position(position)
    Item.objects.select_for_update().get(pk=item.pk)
    present = Media.objects.filter(item=item)
    same = present.filter(modality=upload.modality, sha256=upload.sha256).first()
    if same is not None:
        return AddedMedia(same, created=False)
    limit = settings.CATALOG["MAX_MEDIA_PER_ITEM"]
    if present.count() >= limit:
        raise TooManyMedia(f"The item already has {limit} media; delete one first.")
    if position is None:
        last = present.aggregate(last=Max("position"))["last"]
        position = 0 if last is None else last + 1
    row = upload.as_media(item_id=item.pk, position=position, alt=alt, attributes=attributes)
    row.file.name = file_store(upload)
    row.save(force_insert=True)
    items_touch([item.pk])
    return AddedMedia(row, created=True)


@transaction.atomic
def media_update(media: Media, **changes: Any) -> bool:
    """Change ``alt``, ``attributes`` or ``position``; True if anything differs now."""
    unknown = changes.keys() - {"alt", "attributes", "position"}
    if unknown:
        raise InvalidItem(dict.fromkeys(sorted(unknown), "is not a field that can be changed"))
    Item.objects.select_for_update().get(pk=media.item_id)
    media.refresh_from_db()
    alt, attributes = checked_media(
        changes.get("alt", media.alt), changes.get("attributes", media.attributes)
    )
    position = changes.get("position", media.position)
    _check_position(position, required=True)
    moved = position != media.position
    if not moved and (alt, attributes) == (media.alt, media.attributes):
        return False
    media.alt, media.attributes, media.position = alt, attributes, position
    media.save(update_fields=["alt", "attributes", "position"])
    if moved:
        items_touch([media.item_id])
    else:
        Item.objects.filter(pk=media.item_id).update(updated_at=timezone.now())
    return True


@transaction.atomic
def media_delete(media: Media) -> None:
    """Delete the row and, after commit, the file if no other row names it."""
    Item.objects.select_for_update().get(pk=media.item_id)
    if media.delete()[0]:
        items_touch([media.item_id])


def media_mark(
    media_ids: Iterable[int], status: Media.Status, error_code: str = "", error: str = ""
) -> None:
    """Note what the worker found out about these files; versions stay as they are."""
    Media.objects.filter(pk__in=list(media_ids)).update(
        status=status, error_code=error_code[:64], error=error.replace("\0", "")[:500]
    )


MAX_POSITION = 32_767


def _check_position(position: Any, *, required: bool = False) -> None:
    if position is None and not required:
        return
    if isinstance(position, bool) or not isinstance(position, int):
        raise InvalidItem({"position": "must be a whole number"})
    if not 0 <= position <= MAX_POSITION:
        raise InvalidItem({"position": f"must be between 0 and {MAX_POSITION}"})
