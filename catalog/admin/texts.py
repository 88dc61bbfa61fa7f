"""Items' words in other languages, as a list across all items."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import display

from catalog import services
from catalog.admin import html
from catalog.admin.base import CatalogModelAdmin
from catalog.admin.item_forms import ItemTextForm
from catalog.content import TextContent
from catalog.models import Item, ItemText
from catalog.wake import workers_wake


@admin.register(ItemText)
class ItemTextAdmin(CatalogModelAdmin):
    """Find and mend a translation. New ones are added at their item."""

    form = ItemTextForm
    list_display = ("name", "language", "item_link")
    list_filter = (("language", AllValuesCheckboxFilter),)
    list_select_related = ("item",)
    search_fields = ("title", "tags", "item__external_id", "item__title")
    search_help_text = "Title, tag or item"
    fields = ("item_link", "language", "title", "description", "tags")
    readonly_fields = ("item_link",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """At the item only."""
        return False

    def save_model(self, request: HttpRequest, obj: ItemText, form: Any, change: bool) -> None:
        """The item's set of texts, this one changed."""
        data = form.cleaned_data
        changed = TextContent(**{**data, "tags": tuple(data["tags"])})
        self._replace(obj.item, {obj.pk}, (changed,))

    def delete_model(self, request: HttpRequest, obj: ItemText) -> None:
        """The item's set of texts, this one left out."""
        self._replace(obj.item, {obj.pk}, ())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ItemText]) -> None:
        """Item by item, each one's set of texts without these."""
        by_item: dict[int, set[int]] = {}
        for pk, item_id in queryset.values_list("pk", "item_id"):
            by_item.setdefault(item_id, set()).add(pk)
        for item in Item.objects.filter(pk__in=by_item):
            self._replace(item, by_item[item.pk], ())

    def _replace(self, item: Item, gone: set[int], new: tuple[TextContent, ...]) -> None:
        kept = (
            TextContent(
                language=text.language,
                title=text.title,
                description=text.description,
                tags=tuple(text.tags),
            )
            for text in ItemText.objects.filter(item=item).exclude(pk__in=gone)
        )
        services.item_update(item, texts=(*kept, *new))
        workers_wake([item.pk])

    @display(description="text", ordering="title")
    def name(self, text: ItemText) -> str:
        """Its title."""
        return text.title

    @display(description="item", ordering="item__title")
    def item_link(self, text: ItemText) -> str:
        """To the item's page."""
        return html.item_link(text.item)
