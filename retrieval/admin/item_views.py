"""What the item's page fetches by itself: neighbours, waveforms; and a failed embedding's retry."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from catalog.admin import ItemAdmin, panels
from catalog.admin.cards import card, items_pictured
from catalog.admin.dialogs import redirected
from catalog.admin.fields import StoredFileWidget
from catalog.admin.html import waveform as waveform_image
from catalog.admin.item_forms import MediaForm
from catalog.admin.items import MediaInline
from catalog.models import Item, Media
from catalog.wake import workers_wake
from retrieval import claims, search, spaces
from retrieval.exceptions import DecodeFailed, RetrievalError
from retrieval.models import EmbeddingSpace
from retrieval.types import MODALITIES
from retrieval.waveforms import sentence_svg, waveform, waveform_svg

NEIGHBOURS: Final = 8
HEARD: Final = (Media.Modality.AUDIO, Media.Modality.VIDEO)
COLUMNS: Final = {
    "fused": "by everything",
    "text": "by words",
    "image": "by looks",
    "audio": "by sound",
}
KEPT_S: Final = 24 * 3600
"""A waveform in the browser: of an address whose bytes never change."""


class HeardFileWidget(StoredFileWidget):
    """A stored sound or video with its outline."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        """The player over the waveform."""
        url = reverse("admin:catalog_item_waveform", args=[self.stored.pk])
        return waveform_image(super().render(*args, **kwargs), url)


class HeardMediaForm(MediaForm):
    """As the catalog has it; sounds with their waveform."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.modality in HEARD:
            self.fields["file"].widget = HeardFileWidget(self.instance)


class HeardMediaInline(MediaInline):
    """Pictures, sounds with their waveforms, videos."""

    form = HeardMediaForm


class ItemViews(ItemAdmin):
    """The addresses beside the item's page."""

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view
        own = [
            path("<int:item_id>/neighbours/", view(self.neighbours), name="catalog_item_neighbours"),
            path("<int:item_id>/retry/<int:space_id>/", view(require_POST(self.retry)),
                 name="catalog_item_retry"),
            path("media/<int:media_id>/waveform.svg", view(self.waveform),
                 name="catalog_item_waveform"),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    def neighbours(self, request: HttpRequest, item_id: int) -> HttpResponse:
        """The items most like it, a column for everything and for each modality that it has."""
        self._check_view(request)
        item = get_object_or_404(Item, pk=item_id)
        context: dict[str, Any] = {}
        try:
            context["columns"], context["lacking"] = neighbour_columns(item)
        except RetrievalError as err:
            context["problem"] = str(err)
        except RedisError:
            context["problem"] = "Redis cannot be reached: try again shortly."
        back = reverse("admin:catalog_item_change", args=[item.pk])
        return panels.panel(
            request, self, "retrieval/admin/neighbours.html", context,
            title=f"Neighbours of {item.title}", back=back,
        )  # fmt: skip

    def waveform(self, request: HttpRequest, media_id: int) -> HttpResponse:
        """The outline of a sound as a picture; a file that cannot be decoded says so in it."""
        self._check_view(request)
        media = get_object_or_404(Media, pk=media_id, modality__in=HEARD)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
        try:
            drawn = waveform_svg(waveform(media))
            headers["Cache-Control"] = f"private, max-age={KEPT_S}"
        except DecodeFailed as err:
            drawn = sentence_svg(f"No waveform: {err.code}")
        except RedisError:
            drawn = sentence_svg("No waveform while Redis is down")
        return HttpResponse(drawn, content_type="image/svg+xml", headers=headers)

    def retry(self, request: HttpRequest, item_id: int, space_id: int) -> HttpResponse:
        """Make a failed embedding due again, with all its attempts."""
        item = get_object_or_404(Item, pk=item_id)
        if not self.has_change_permission(request, item):
            raise PermissionDenied
        space = get_object_or_404(EmbeddingSpace.objects.only("name"), pk=space_id)
        if claims.failed_retry(space.pk, [item.pk]):
            workers_wake([item.pk])
            self.log_change(request, item, f"Embedding in the space {space.name} tried again.")
            self.message_user(request, f"A worker tries again in the space {space.name}.")
        else:
            said = f"Nothing failed in the space {space.name} any more."
            self.message_user(request, said, messages.WARNING)
        return redirected(request, reverse("admin:catalog_item_change", args=[item.pk]))

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def neighbour_columns(item: Item) -> tuple[list[dict[str, Any]], list[str]]:
    """The columns, and the modalities in which it has no vector.

    Raises NotEmbedded, NoActiveSpace, SpaceGone.
    """
    space = spaces.active_space()
    part = search.item_part(space, item.pk)
    others = Item.objects.visible().exclude(pk=item.pk)
    there = [name for name in MODALITIES if name in part.own]
    found = {"fused": search.search(space, [part], NEIGHBOURS, items=others)}
    for name in there:
        hits = search.search(space, [part], NEIGHBOURS, items=others, modalities={name: 1.0})
        found[name] = hits
    items = items_pictured(hit.item_id for hits in found.values() for hit in hits)
    columns = [
        {
            "name": COLUMNS[name],
            "cards": [card(items, hit.item_id, score=hit.score) for hit in hits],
        }
        for name, hits in found.items()
    ]
    return columns, [name for name in MODALITIES if name not in there]
