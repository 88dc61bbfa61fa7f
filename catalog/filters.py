"""Conditions on lists of items."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from catalog.access import require_scope
from catalog.models import Item, ItemText
from catalog.models.api_keys import Scope
from catalog.parsers import query_fields
from catalog.selectors import category_descendants

YES_NO = (("true", "true"), ("false", "false"))


def refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Raises ValidationError for a misspelled parameter, which would otherwise match everything.

    Also for one that is not UTF-8.
    """
    if unknown := sorted(set(query_fields(request)) - known):
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})


class ItemFilter(django_filters.FilterSet):
    """What ``GET /items/`` can be narrowed by; several conditions must all hold."""

    kind = django_filters.CharFilter(max_length=64)
    category = django_filters.CharFilter(
        method="in_category", max_length=1000, help_text="a category's path; includes those below"
    )
    tag = django_filters.CharFilter(field_name="tags", method="tagged", max_length=100)
    language = django_filters.CharFilter(
        method="in_language", max_length=16, help_text="items that have words in this language"
    )
    published = django_filters.ChoiceFilter(
        choices=YES_NO, method="is_published", help_text="needs the scope catalog"
    )
    search = django_filters.CharFilter(
        method="matching", max_length=200, help_text="part of a title or of the external_id"
    )

    class Meta:
        model = Item
        fields = ("kind", "category", "tag", "language", "published", "search")

    def in_category(self, items: QuerySet[Item], name: str, path: str) -> QuerySet[Item]:
        """In the category or anywhere below it."""
        below = category_descendants(path)
        links: Any = Item.categories.through.objects
        return items.filter(
            Exists(links.filter(item_id=OuterRef("pk"), category__in=below.order_by()))
        )

    def tagged(self, items: QuerySet[Item], name: str, tag: str) -> QuerySet[Item]:
        """With the tag among the item's own."""
        return items.filter(tags__contains=[tag])

    def in_language(self, items: QuerySet[Item], name: str, language: str) -> QuerySet[Item]:
        """With words in the language."""
        texts = ItemText.objects.filter(item_id=OuterRef("pk"), language=language)
        return items.filter(Q(language=language) | Exists(texts))

    def is_published(self, items: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Published or hidden, for those who may know of hidden ones."""
        require_scope(self.request, Scope.CATALOG)
        return items.filter(published=value == "true")

    def matching(self, items: QuerySet[Item], name: str, words: str) -> QuerySet[Item]:
        """With the words in a title of any language, or in the external id."""
        texts = ItemText.objects.filter(item_id=OuterRef("pk"), title__icontains=words)
        return items.filter(
            Q(title__icontains=words) | Q(external_id__icontains=words) | Exists(texts)
        )
