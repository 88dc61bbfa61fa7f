"""Reads of the catalog for the API, the admin and retrieval; each a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import default_storage
from django.db.models import Prefetch, Q, QuerySet

from catalog.models import Category, Item, ItemText, Media
from catalog.models.items import ItemQuerySet


def items_for_api() -> ItemQuerySet:
    """Every item with texts, categories and media: four queries, however many items."""
    return Item.objects.prefetch_related("texts", "categories", "media")


def item_by_external_id(external_id: str) -> Item:
    """One item with everything ``items_for_api`` loads. Raises ``Item.DoesNotExist``."""
    return items_for_api().get(external_id=external_id)


def category_descendants(path: str) -> QuerySet[Category]:
    """The category at ``path`` and everything below it; nothing for an unknown path."""
    return Category.objects.filter(Q(path=path) | Q(path__startswith=f"{path}/"))


@dataclass(frozen=True, slots=True)
class DocumentText:
    """An item's words in one language."""

    language: str
    title: str
    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentMedia:
    """One media file of an item; ``name`` is its name in the default storage."""

    media_id: int
    modality: Media.Modality
    name: str
    sha256: str
    position: int
    status: Media.Status

    @property
    def path(self) -> Path:
        """The local file. Raises ``NotImplementedError`` where storage is remote."""
        return Path(default_storage.path(self.name))


@dataclass(frozen=True, slots=True)
class ItemDocument:
    """All that an item's embedding is made from, at one ``content_version``."""

    item_id: int
    content_version: int
    texts: tuple[DocumentText, ...]
    """The item's own language first, the others sorted."""
    media: tuple[DocumentMedia, ...]
    """By position."""


def documents(item_ids: Iterable[int]) -> list[ItemDocument]:
    """What to embed of these items, by ascending id; unknown ids are left out. Three queries.

    The version is read first: words that change meanwhile make the item due again.
    """
    items = (
        Item.objects.filter(pk__in=list(item_ids))
        .only("content_version", "language", "title", "description", "tags")
        .order_by("pk")
        .prefetch_related(
            Prefetch("texts", ItemText.objects.order_by("language")),
            Prefetch("media", Media.objects.order_by("position", "pk")),
        )
    )
    return [_document(item) for item in items]


def _document(item: Item) -> ItemDocument:
    return ItemDocument(
        item_id=item.pk,
        content_version=item.content_version,
        texts=(_text(item), *map(_text, item.texts.all())),
        media=tuple(
            DocumentMedia(
                media_id=row.pk,
                modality=Media.Modality(row.modality),
                name=row.file.name,
                sha256=row.sha256,
                position=row.position,
                status=Media.Status(row.status),
            )
            for row in item.media.all()
        ),
    )


def _text(row: Item | ItemText) -> DocumentText:
    return DocumentText(row.language, row.title, row.description, tuple(row.tags))


@dataclass(frozen=True, slots=True)
class ItemWords:
    """All the words that an item can be found by, at one ``content_version``."""

    item_id: int
    external_id: str
    content_version: int
    texts: tuple[DocumentText, ...]
    """The item's own language first, the others sorted."""
    categories: tuple[str, ...]
    """Paths, sorted."""


def item_words(item_ids: Iterable[int]) -> list[ItemWords]:
    """The words of these items, by ascending id; unknown ids are left out. Three queries.

    The version is read first: words that change meanwhile make the item due again.
    """
    ids = list(item_ids)
    items = Item.objects.filter(pk__in=ids).order_by("pk")
    rows = items.values_list(
        "pk", "external_id", "content_version", "language", "title", "description", "tags"
    )
    found = list(rows)
    texts: dict[int, list[DocumentText]] = {}
    others = ItemText.objects.filter(item_id__in=ids).order_by("language")
    for item_id, language, title, description, tags in others.values_list(
        "item_id", "language", "title", "description", "tags"
    ):
        text = DocumentText(language, title, description, tuple(tags))
        texts.setdefault(item_id, []).append(text)
    paths: dict[int, list[str]] = {}
    links = Item.categories.through.objects.filter(item_id__in=ids)
    for item_id, path in links.order_by("category__path").values_list("item_id", "category__path"):
        paths.setdefault(item_id, []).append(path)
    return [
        ItemWords(
            item_id=item_id,
            external_id=external_id,
            content_version=version,
            texts=(
                DocumentText(language, title, description, tuple(tags)),
                *texts.get(item_id, ()),
            ),
            categories=tuple(paths.get(item_id, ())),
        )
        for item_id, external_id, version, language, title, description, tags in found
    ]
