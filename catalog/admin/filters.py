"""List filters of the catalog's admin."""

from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, MultipleDropdownFilter

from catalog.models import Category, Item, ItemText, Media
from catalog.selectors import category_descendants

Choices = list[tuple[str, str]]
INDENT = "\N{NO-BREAK SPACE}" * 4


class KindFilter(DropdownFilter):
    """Items of one kind."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Every kind in use."""
        kinds = Item.objects.order_by("kind").values_list("kind", flat=True).distinct()
        return [(kind, kind) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """The items of that kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class CategoryFilter(DropdownFilter):
    """Items in a category or anywhere below it."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The tree, indented."""
        paths = Category.objects.values_list("path", flat=True)
        ordered = sorted(paths, key=lambda path: path.split("/"))
        return [(path, INDENT * path.count("/") + path.rpartition("/")[2]) for path in ordered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """Each item once, whatever number of these categories it is in."""
        path = self.value()
        if not path:
            return queryset
        links = Item.categories.through.objects.filter(
            category__in=category_descendants(path), item_id=OuterRef("pk")
        )
        return queryset.filter(Exists(links))


class LanguageFilter(DropdownFilter):
    """Items that have words in a language."""

    title = "language"
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Every language in use, as an item's own or as a translation."""
        own = Item.objects.order_by().values_list("language", flat=True).distinct()
        texts = ItemText.objects.order_by().values_list("language", flat=True).distinct()
        return [(language, language) for language in sorted(own.union(texts))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """Items whose own words or other texts are in it."""
        language = self.value()
        if not language:
            return queryset
        texts = ItemText.objects.filter(item_id=OuterRef("pk"), language=language)
        return queryset.filter(Q(language=language) | Exists(texts))


def _has(**conditions: Any) -> Exists:
    return Exists(Media.objects.filter(item_id=OuterRef("pk"), **conditions))


class MediaFilter(MultipleDropdownFilter):
    """Items by the media they have or lack; several conditions hold together."""

    title = "media"
    parameter_name = "media"
    CONDITIONS: ClassVar[dict[str, tuple[str, Any]]] = {
        "image": ("has an image", _has(modality=Media.Modality.IMAGE)),
        "audio": ("has a sound", _has(modality=Media.Modality.AUDIO)),
        "video": ("has a video", _has(modality=Media.Modality.VIDEO)),
        "no-image": ("lacks an image", ~_has(modality=Media.Modality.IMAGE)),
        "no-audio": ("lacks a sound", ~_has(modality=Media.Modality.AUDIO)),
        "failed": ("has a broken file", _has(status=Media.Status.FAILED)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """All conditions."""
        return [(key, title) for key, (title, _) in self.CONDITIONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """The items for which every chosen condition holds; unknown ones are ignored."""
        for key in self.value() or ():
            if key in self.CONDITIONS:
                queryset = queryset.filter(self.CONDITIONS[key][1])
        return queryset


class ErrorCodeFilter(DropdownFilter):
    """Media that failed with one code."""

    title = "error code"
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Every code that occurs."""
        failed = Media.objects.exclude(error_code="").order_by("error_code")
        return [(code, code) for code in failed.values_list("error_code", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Media]) -> QuerySet[Media]:
        """The media with that code."""
        return queryset.filter(error_code=self.value()) if self.value() else queryset
