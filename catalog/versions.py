"""Makes items due again: one version for all that an item can be found by."""

from collections.abc import Iterable

from django.db.models import F, QuerySet
from django.utils import timezone

from catalog.models import Category, Item


def items_touch(item_ids: Iterable[int]) -> None:
    """Make these items due again, for embedding and for search by words: a new ``content_version``."""
    _touch(Item.objects.filter(pk__in=list(item_ids)))


def items_touch_in(categories: QuerySet[Category]) -> None:
    """Make every item of the categories due again: their names are words it is found by."""
    links = Item.categories.through.objects.filter(category__in=categories)
    _touch(Item.objects.filter(pk__in=links.values("item_id")))


def _touch(items: QuerySet[Item]) -> None:
    now = timezone.now()
    items.update(content_version=F("content_version") + 1, content_changed_at=now, updated_at=now)
