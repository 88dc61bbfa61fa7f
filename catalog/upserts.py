"""Creates and changes items in batches: the one code path behind every upsert."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, prefetch_related_objects
from django.utils import timezone

from catalog.categories import categories_get
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
from catalog.models import Category, Item, ItemText, Media
from catalog.uploads import CheckedUpload

SEARCHED_FIELDS: Final = frozenset({"title", "description", "tags", "language"})
"""Columns of an item that it is found by: its embedding and its words in the index follow."""
COLUMNS: Final = (
    *("kind", "title", "description", "language", "tags", "attributes"),
    *("published", "published_at", "expires_at"),
)
INSERT_TRIES: Final = 5

T = TypeVar("T")
Outcome: TypeAlias = Literal["created", "changed", "unchanged"]
Row: TypeAlias = tuple[ItemContent, Sequence[NewMedia] | None]


@dataclass(frozen=True, slots=True)
class Upserted:
    """An item as it is now, and what the upsert did to it."""

    item: Item
    outcome: Outcome


@transaction.atomic
def items_upsert(
    rows: Sequence[Row], *, store: Callable[[CheckedUpload], str] = file_store
) -> list[Upserted]:
    """``services.item_upsert`` for many items with different ids, in a handful of queries.

    All or nothing: the first ``InvalidItem`` or ``TooManyMedia`` rolls everything back.
    ``store`` writes a file and returns its storage name.
    """
    rows = [(checked(content), _checked_media(media)) for content, media in rows]
    ids = [content.external_id for content, _ in rows]
    if len(set(ids)) < len(ids):
        raise ValueError("items_upsert takes each external_id once")
    categories = categories_get(path for content, _ in rows for path in _given(content.categories))
    items, created = _locked_or_inserted([content for content, _ in rows])
    work = _Work(categories, store)
    outcomes: dict[str, Outcome] = {}
    for content, media in rows:
        item = items[content.external_id]
        new = content.external_id in created
        changed = work.apply(item, content, media, new=new)
        outcomes[content.external_id] = "created" if new else "changed" if changed else "unchanged"
    work.save()
    for item in items.values():  # what was loaded for the comparison is old now
        item._prefetched_objects_cache = {}  # type: ignore[attr-defined]
    return [Upserted(items[each], outcomes[each]) for each in ids]


def _checked_media(media: Sequence[NewMedia] | None) -> list[NewMedia] | None:
    """In order, each file once. Raises ``InvalidItem`` and ``TooManyMedia``."""
    if media is None:
        return None
    limit = settings.CATALOG["MAX_MEDIA_PER_ITEM"]
    if len(media) > limit:
        raise TooManyMedia(f"The item has {len(media)} media; the limit is {limit}.")
    clean: dict[tuple[str, str], NewMedia] = {}
    for each in media:
        alt, attributes = checked_media(each.alt, each.attributes or {})
        key = (each.upload.modality, each.upload.sha256)
        clean.setdefault(key, NewMedia(upload=each.upload, alt=alt, attributes=attributes))
    return list(clean.values())


def _locked_or_inserted(contents: Sequence[ItemContent]) -> tuple[dict[str, Item], set[str]]:
    """Every item, its row locked, and the ids that were inserted here.

    Another writer may insert the same id meanwhile: then our insert waits, fails and finds it.
    """
    wanted = {content.external_id: content for content in contents}
    for _ in range(INSERT_TRIES):
        present = Item.objects.filter(external_id__in=list(wanted)).order_by("external_id")
        items = {item.external_id: item for item in present.select_for_update()}
        prefetch_related_objects(list(items.values()), "texts", "categories", "media")
        missing = sorted(wanted.keys() - items.keys())
        if not missing:
            return items, set()
        try:
            with transaction.atomic():
                new = Item.objects.bulk_create([_new_item(wanted[each]) for each in missing])
        except IntegrityError:
            continue
        _prefetch_nothing(new)
        return items | {item.external_id: item for item in new}, set(missing)
    raise InvalidItem({"external_id": "is being written by others; try again"})


def _prefetch_nothing(items: Sequence[Item]) -> None:
    """New items have no relations yet: say so instead of asking the database."""
    for item in items:
        item._prefetched_objects_cache = {  # type: ignore[attr-defined]
            "texts": ItemText.objects.none(),
            "categories": Category.objects.none(),
            "media": Media.objects.none(),
        }


def _new_item(content: ItemContent) -> Item:
    if content.title is UNSET:
        raise InvalidItem({"title": "is required for a new item"})
    return Item(external_id=content.external_id, **_columns(content))


def _given(values: tuple[T, ...] | Unset) -> tuple[T, ...]:
    return () if values is UNSET else values


def _columns(content: ItemContent) -> dict[str, Any]:
    given = content.given()
    columns = {name: given[name] for name in COLUMNS if name in given}
    if "tags" in columns:
        columns["tags"] = list(columns["tags"])
    return columns


@dataclass(slots=True)
class _Work:
    """Compares items with what they should say and collects the rows to write."""

    categories: dict[str, Category]
    store: Callable[[CheckedUpload], str]
    texts: list[ItemText] = field(default_factory=list)
    stale_texts: list[int] = field(default_factory=list)
    links: list[Any] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)

    def apply(
        self, item: Item, content: ItemContent, media: Sequence[NewMedia] | None, *, new: bool
    ) -> bool:
        """Whether the item differs from what it was; its own row is updated at once."""
        changes = {
            name: value
            for name, value in _columns(content).items()
            if not new and not _same(getattr(item, name), value)
        }
        searched = not SEARCHED_FIELDS.isdisjoint(changes)
        searched |= self._apply_texts(item, content, changes.get("language", item.language))
        searched |= self._apply_categories(item, content)
        described = False
        if media is not None:
            media_changed, described = self._apply_media(item, media)
            searched |= media_changed
        if new or not (changes or searched or described):
            return False
        _update(item, changes, searched=searched)
        return True

    def save(self) -> None:
        """Write what was collected."""
        if self.stale_texts:
            ItemText.objects.filter(pk__in=self.stale_texts).delete()
        ItemText.objects.bulk_create(self.texts)
        Item.categories.through.objects.bulk_create(self.links)
        Media.objects.bulk_create(self.media)

    def _apply_texts(self, item: Item, content: ItemContent, language: str) -> bool:
        present = {text.language: text for text in item.texts.all()}
        wanted = {text.language: text for text in _given(content.texts)}
        if content.texts is UNSET:
            if language in present:
                raise InvalidItem({"language": f"the item has a text in {language} already"})
            return False
        if language in wanted:
            raise InvalidItem({f"texts.{language}": "repeats the item's own language"})
        kept = {each for each, text in present.items() if _same_text(text, wanted.get(each))}
        self.stale_texts += [text.pk for each, text in present.items() if each not in kept]
        self.texts += [
            ItemText(
                item_id=item.pk,
                language=text.language,
                title=text.title,
                description=text.description,
                tags=list(text.tags),
            )
            for each, text in wanted.items()
            if each not in kept
        ]
        return kept != present.keys() or kept != wanted.keys()

    def _apply_categories(self, item: Item, content: ItemContent) -> bool:
        if content.categories is UNSET:
            return False
        present = {category.path: category.pk for category in item.categories.all()}
        wanted = set(_given(content.categories))
        through = Item.categories.through
        if gone := present.keys() - wanted:
            through.objects.filter(
                item_id=item.pk, category_id__in=[present[path] for path in gone]
            ).delete()
        self.links += [
            through(item_id=item.pk, category_id=self.categories[path].pk)
            for path in sorted(wanted - present.keys())
        ]
        return wanted != present.keys()

    def _apply_media(self, item: Item, media: Sequence[NewMedia]) -> tuple[bool, bool]:
        """Whether the set or order changed, and whether words about them did."""
        present = {(row.modality, row.sha256): row for row in item.media.all()}
        wanted = {(each.upload.modality, each.upload.sha256): each for each in media}
        gone = [row.pk for key, row in present.items() if key not in wanted]
        if gone:
            Media.objects.filter(pk__in=gone).delete()
        content_changed, described = bool(gone), False
        for position, (key, each) in enumerate(wanted.items()):
            facts = {"position": position, "alt": each.alt, "attributes": each.attributes or {}}
            row = present.get(key)
            if row is None:
                row = each.upload.as_media(item_id=item.pk, **facts)
                row.file.name = self.store(each.upload)
                self.media.append(row)
                content_changed = True
            elif changes := {k: v for k, v in facts.items() if not _same(getattr(row, k), v)}:
                Media.objects.filter(pk=row.pk).update(**changes)
                content_changed |= "position" in changes
                described = True
        return content_changed, described


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON: unlike in Python, true is not 1. Numbers compare as they are written, because
    Postgres gives 1e30 back as the integer 10**30.
    """
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, int | float) and isinstance(new, int | float):
        return Decimal(repr(old)) == Decimal(repr(new))
    return bool(old == new)


def _same_text(row: ItemText, text: TextContent | None) -> bool:
    return text is not None and (row.title, row.description, tuple(row.tags)) == (
        text.title,
        text.description,
        text.tags,
    )


def _update(item: Item, changes: dict[str, Any], *, searched: bool) -> None:
    """The row is locked, so adding one to the object's version too keeps both the same."""
    now = timezone.now()
    changes = {**changes, "updated_at": now}
    for name, value in changes.items():
        setattr(item, name, value)
    if searched:
        item.content_version += 1
        item.content_changed_at = now
        changes |= {"content_version": F("content_version") + 1, "content_changed_at": now}
    Item.objects.filter(pk=item.pk).update(**changes)
