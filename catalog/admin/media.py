"""All pictures, sounds and videos in one list: the place to find broken files."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesRadioFilter
from unfold.decorators import display

from catalog import services
from catalog.admin import html
from catalog.admin.base import CatalogModelAdmin
from catalog.admin.fields import AttributesField
from catalog.admin.filters import ErrorCodeFilter
from catalog.admin.item_forms import MediaForm
from catalog.models import Media
from catalog.wake import workers_wake


class StoredMediaForm(MediaForm):
    """A stored file; new ones are added at their item."""

    attributes = AttributesField()

    class Meta:
        model = Media
        fields = ("file", "alt", "position", "attributes")


@admin.register(Media)
class MediaAdmin(CatalogModelAdmin):
    """Stored pictures, sounds and videos."""

    form = StoredMediaForm
    list_display = ("file_preview", "item_link", "modality", "facts", "state", "created_at")
    list_display_links = ("facts",)
    list_filter = (
        ("modality", ChoicesRadioFilter),
        ("status", ChoicesRadioFilter),
        ErrorCodeFilter,
    )
    list_select_related = ("item",)
    search_fields = ("sha256__startswith", "item__external_id", "item__title", "alt")
    search_help_text = "Start of the SHA-256, item or alt text"
    ordering = ("-id",)
    readonly_fields = ("item_link", "facts", "state", "error", "sha256", "created_at")
    fieldsets = (
        (None, {"fields": ("file", "item_link", ("alt", "position"), "attributes")}),
        ("The file", {"fields": (("facts", "created_at"), "sha256", ("state", "error"))}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """At the item only."""
        return False

    def save_model(self, request: HttpRequest, obj: Media, form: Any, change: bool) -> None:
        """What the user changed; the file stays."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.media_update(obj, **changes)
        workers_wake([obj.item_id])

    def delete_model(self, request: HttpRequest, obj: Media) -> None:
        """With its file."""
        services.media_delete(obj)
        workers_wake([obj.item_id])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Media]) -> None:
        """One by one: each makes its item due again."""
        for media in queryset:
            self.delete_model(request, media)

    @display(description="file")
    def file_preview(self, media: Media) -> SafeString:
        """A thumbnail or a player."""
        return html.preview(media, "small")

    @display(description="item", ordering="item__title")
    def item_link(self, media: Media) -> SafeString:
        """To the item's page."""
        return html.item_link(media.item)

    @display(description="type and size", ordering="bytes")
    def facts(self, media: Media) -> SafeString:
        """Type, size and length."""
        return html.facts(media)

    @display(description="status", ordering="status")
    def state(self, media: Media) -> SafeString:
        """Status; why it failed."""
        return html.two_lines(
            html.status_badge(media.status, media.error_code, media.error), media.error_code
        )
