"""Items in the admin."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from catalog import services
from catalog.admin import html
from catalog.admin.base import LOGGED, counted
from catalog.admin.filters import CategoryFilter, KindFilter, LanguageFilter, MediaFilter
from catalog.admin.item_forms import (
    ItemForm,
    ItemTextForm,
    ItemTextFormSet,
    MediaForm,
    MediaFormSet,
)
from catalog.admin.transfers import ExportingAdmin
from catalog.models import Category, Item, ItemText, Media
from catalog.wake import workers_wake

CATEGORIES_SHOWN = 2
MEDIA_NOUNS = {
    Media.Modality.IMAGE: "image",
    Media.Modality.AUDIO: "sound",
    Media.Modality.VIDEO: "video",
}


class ItemTextInline(TabularInline):
    """Words in other languages."""

    model = ItemText
    form = ItemTextForm
    formset = ItemTextFormSet
    extra = 0
    hide_title = True
    verbose_name = "text"
    verbose_name_plural = "texts in other languages"


class MediaInline(TabularInline):
    """Pictures, sounds and videos: rows are dragged into order, or their positions typed."""

    model = Media
    ordering_field = "position"
    form = MediaForm
    formset = MediaFormSet
    extra = 0
    hide_title = True
    fields = ("file", "alt", "position", "facts", "state")
    readonly_fields = ("facts", "state")

    @display(description="facts")
    def facts(self, media: Media) -> str:
        """Type, size and length."""
        return html.facts(media) if media.pk else ""

    @display(description="status")
    def state(self, media: Media) -> str:
        """Whether the file could be decoded, and why not."""
        if not media.pk:
            return ""
        return html.two_lines(html.status_badge(media.status), media.error_code or media.error)


@admin.register(Item)
class ItemAdmin(ExportingAdmin):
    """What is recommended. Apps above the catalog subclass this page to add what they know."""

    form = ItemForm
    inlines = (MediaInline, ItemTextInline)
    list_display: tuple[str, ...] = (
        *("picture", "name", "kind", "languages", "in_categories", "visibility", "media_badges"),
    )
    list_display_links = ("picture", "name")
    list_filter: tuple[Any, ...] = (
        KindFilter,
        ("published", BooleanRadioFilter),
        CategoryFilter,
        LanguageFilter,
        MediaFilter,
    )
    search_fields = ("external_id", "title", "tags", "texts__title", "texts__tags")
    show_full_result_count = False
    search_help_text = "Identifier, title or tag, in any language"
    ordering = ("-id",)
    actions: tuple[str, ...] = ("publish", "hide", "reembed")
    note_themselves = ("publish", "hide")
    autocomplete_fields = ("categories",)
    readonly_fields: tuple[str, ...] = (
        *("content_version", "content_changed_at", "created_at", "updated_at", "held_panel"),
    )
    fieldsets: tuple[Any, ...] = (
        (
            None,
            {
                "fields": (
                    ("external_id", "kind"),
                    ("title", "language"),
                    *("description", "tags", "seen"),
                )
            },
        ),
        ("Where it shows", {"fields": ("categories", "published", "published_at", "expires_at")}),
        ("Attributes", {"fields": ("attributes",), "classes": ("collapse",)}),
        (
            "History",
            {
                "fields": (
                    ("content_version", "content_changed_at"),
                    ("created_at", "updated_at"),
                ),
                "classes": ("collapse",),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        """With what a row shows, in three more queries for the whole page."""
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("media", Media.objects.order_by("position", "pk")),
                Prefetch("texts", ItemText.objects.only("item_id", "language")),
                Prefetch("categories", Category.objects.order_by("path")),
            )
        )

    def get_fieldsets(self, request: HttpRequest, obj: Item | None = None) -> list[Any]:
        """What is held says so; whoever only looks needs no note of what they saw."""
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is not None and obj.held:
            fieldsets.insert(1, ("Held", {"fields": ("held_panel",)}))
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        (title, options), *rest = fieldsets
        shown = [each for each in options["fields"] if each != "seen"]
        return [(title, {**options, "fields": shown}), *rest]

    def get_readonly_fields(self, request: HttpRequest, obj: Item | None = None) -> tuple[str, ...]:
        """An identifier stays for ever: other systems know the item by it."""
        return (*self.readonly_fields, *(("external_id",) if obj else ()))

    def save_model(self, request: HttpRequest, obj: Item, form: Any, change: bool) -> None:
        """Nothing yet: words in all languages are one change, see ``save_related``."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Writes the item with its texts, then its media."""
        item: Item = form.instance
        before = item.content_version if change else None
        texts, media = self._formsets(formsets)
        changes = {"texts": texts.contents} if texts is not None and texts.has_changed() else {}
        if change:
            services.item_update(item, **form.changes, **changes)
        else:
            content = replace(form.content, **changes)
            item.pk = services.item_upsert(content).item.pk
            item.refresh_from_db()
        for formset in formsets:
            formset.instance = item
            formset.save(commit=False)  # notes what changed, for the history
        if media is not None:
            media_save(item, media)
        item.refresh_from_db(fields=["content_version"])
        if item.content_version != before:
            workers_wake([item.pk])

    def _formsets(self, formsets: Any) -> tuple[ItemTextFormSet | None, MediaFormSet | None]:
        by_model = {formset.model: formset for formset in formsets}
        return by_model.get(ItemText), by_model.get(Media)

    def delete_model(self, request: HttpRequest, obj: Item) -> None:
        """With its media's files."""
        services.item_delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """With their media's files."""
        services.items_delete(queryset)

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """Show the chosen items."""
        self._publish(request, queryset, published=True)

    @admin.action(description="Hide", permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """Hide the chosen items from search and recommendations."""
        self._publish(request, queryset, published=False)

    def _publish(self, request: HttpRequest, queryset: QuerySet[Item], *, published: bool) -> None:
        """Says what was not changed, and what is not shown all the same."""
        total = queryset.count()
        changing = queryset.exclude(published=published).prefetch_related(None)
        rows = list(changing[: LOGGED + 1])
        changed = services.items_publish(queryset, published)
        done = "published" if published else "hidden"
        said = f"{counted(changed, 'item')} {done}"
        self.note(request, "Publish." if published else "Hide.", rows, said)
        if changed < total:
            said += f", {total - changed} already {done}"
        held = queryset.filter(held=True).count() if published else 0
        if held:
            said += f"; {held} held by moderation, not shown until the case is dismissed"
        self.message_user(request, f"{said}.")

    @admin.action(description="Embed again", permissions=["change"])
    def reembed(self, request: HttpRequest, queryset: QuerySet[Item]) -> None:
        """Make the chosen items due again in every space."""
        ids = list(queryset.order_by().values_list("pk", flat=True))
        services.items_touch(ids)
        workers_wake(ids)
        self.message_user(request, f"{counted(len(ids), 'item')} will be embedded again.")

    @display(description="")
    def picture(self, item: Item) -> SafeString:
        """The first picture."""
        images = (m for m in item.media.all() if m.modality == Media.Modality.IMAGE)
        return html.thumbnail(next(images, None), "small")

    @display(description="item", ordering="title")
    def name(self, item: Item) -> SafeString:
        """Title over identifier."""
        return html.two_lines(item.title, item.external_id)

    @display(description="languages")
    def languages(self, item: Item) -> str:
        """Its own language first."""
        return ", ".join([item.language, *(text.language for text in item.texts.all())])

    @display(description="categories")
    def in_categories(self, item: Item) -> str:
        """The first paths; how many more."""
        paths = [category.path for category in item.categories.all()]
        more = len(paths) - CATEGORIES_SHOWN
        return ", ".join([*paths[:CATEGORIES_SHOWN], *([f"+{more}"] if more > 0 else [])])

    @display(description="shown", ordering="published")
    def visibility(self, item: Item) -> SafeString:
        """Published, hidden, or held by moderation."""
        if item.held:
            return html.badge("held", "warning", "Moderation keeps it from being shown.")
        return html.badge("published", "success") if item.published else html.badge("hidden")

    @display(description="by moderation")
    def held_panel(self, item: Item) -> str:
        """What "published" does not say."""
        return (
            "Moderation keeps it from being shown, published or not, until its case is dismissed."
        )

    @display(description="media")
    def media_badges(self, item: Item) -> SafeString:
        """How many of each modality; broken ones in red with their codes."""
        rows = list(item.media.all())
        parts = []
        for modality, label in MEDIA_NOUNS.items():
            if count := sum(row.modality == modality for row in rows):
                parts.append(html.badge(label if count == 1 else f"{count} {label}s", "info"))
        if broken := [row for row in rows if row.status == Media.Status.FAILED]:
            codes = ", ".join(sorted({row.error_code or "unknown" for row in broken}))
            parts.append(html.badge(f"{len(broken)} broken", "danger", codes))
        return html.badges(parts)


def media_save(item: Item, formset: MediaFormSet) -> None:
    """Write what a valid formset says: deletions first, they make room. In the caller's
    transaction.
    """
    for media in formset.deleted_objects:
        services.media_delete(media)
    for media, names in formset.changed_objects:
        services.media_update(media, **{name: getattr(media, name) for name in names})
    formset.new_objects = [
        services.media_add(
            item,
            form.upload,
            alt=form.cleaned_data["alt"],
            position=form.cleaned_data.get("position"),
        ).medium
        for form in formset.extra_forms
        if form.upload is not None and not form.cleaned_data.get("DELETE")
    ]
