"""The category tree in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Count, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Concat
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog.admin.base import CatalogModelAdmin, counted
from catalog.categories import category_get
from catalog.category_moves import category_move, check_move
from catalog.exceptions import InvalidItem
from catalog.models import Category, Item
from catalog.selectors import category_descendants
from catalog.versions import items_touch_in

ITEM_CATEGORIES = Item.categories.through


class CategoryForm(forms.ModelForm):
    """A node's name and place."""

    class Meta:
        model = Category
        fields = ("name", "parent")

    def clean(self) -> dict[str, Any]:
        """Refuses cycles and paths that are taken, too long or too deep."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            node = Category.objects.get(pk=self.instance.pk) if self.instance.pk else None
            try:
                check_move(node, data["parent"], data["name"])
            except InvalidItem as err:
                for field, problem in err.errors.items():
                    self.add_error(field, problem)
        return data


@admin.register(Category)
class CategoryAdmin(CatalogModelAdmin):
    """The tree, one line a node."""

    form = CategoryForm
    list_display = ("node", "path", "item_count", "item_count_with_below")
    list_display_links = ("node",)
    list_per_page = 200
    search_fields = ("path",)
    search_help_text = "Part of a path"
    autocomplete_fields = ("parent",)
    readonly_fields = ("path",)
    fields = ("name", "parent", "path")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """With the numbers of items."""
        links = ITEM_CATEGORIES.objects.order_by()
        here = links.filter(category=OuterRef("pk"))
        below = Q(category__path__startswith=Concat(OuterRef("path"), Value("/")))
        with_below = links.filter(Q(category=OuterRef("pk")) | below)
        return (
            super()
            .get_queryset(request)
            .annotate(
                items_here=_counted(here),
                items_with_below=_counted(with_below),
            )
        )

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """In the order of the tree, which is not that of the paths: ``a b`` sorts before ``a/b``."""
        return [Func(F("path"), Value("/"), function="string_to_array")]

    def get_fields(self, request: HttpRequest, obj: Category | None = None) -> tuple[str, ...]:
        """The path follows from the others: there is none before the first save."""
        return self.fields if obj else ("name", "parent")

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        """Makes or moves the node; the paths below it follow."""
        name, parent = form.cleaned_data["name"], form.cleaned_data["parent"]
        if change:
            category_move(obj, parent, name)
        else:
            made = category_get(check_move(None, parent, name))
            obj.pk = made.pk
            obj.refresh_from_db()

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """The nodes by name, the items' links only as a number: there may be thousands."""
        paths = [category.path for category in objs]
        doomed = Category.objects.filter(pk__in=[category.pk for category in objs])
        for path in paths:
            doomed |= Category.objects.filter(path__startswith=f"{path}/")
        links = ITEM_CATEGORIES.objects.filter(category__in=doomed).count()
        lines: list[Any] = [f"category: {category}" for category in doomed.order_by("path")]
        if links:
            lines.append(f"{counted(links, 'link')} to items; the items themselves stay")
        counts = {"categories": len(doomed), "links to items": links}
        allowed = self.has_delete_permission(request)
        return lines, counts, set() if allowed else {"category"}, []

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        """With everything below it; the items stay and are due again."""
        self.delete_queryset(request, Category.objects.filter(pk=obj.pk))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Category]) -> None:
        """As above, of several."""
        for path in queryset.values_list("path", flat=True):
            items_touch_in(category_descendants(path))
        queryset.delete()

    @display(description="category")
    def node(self, category: Category) -> SafeString:
        """The name, indented by depth."""
        return format_html(
            '<span style="padding-left: {}rem">{}</span>',
            1.5 * category.path.count("/"),
            category.name,
        )

    @display(description="items")
    def item_count(self, category: Any) -> str:
        """Items in the category itself."""
        return str(category.items_here or "")

    @display(description="items with those below")
    def item_count_with_below(self, category: Any) -> SafeString | str:
        """Items in it or in its descendants, linked to their list."""
        if not category.items_with_below:
            return ""
        url = reverse("admin:catalog_item_changelist", query={"category": category.path})
        return format_html('<a class="triad-link" href="{}">{}</a>', url, category.items_with_below)


def _counted(links: Any) -> Coalesce:
    """Different items of the links; the constant makes one group of all rows."""
    group = links.annotate(group=Value(1)).values("group")
    counted = group.annotate(items=Count("item", distinct=True)).values("items")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
