"""The item's page and list, with the state of the embeddings added to what the catalog shows."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, F, FilteredRelation, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin import ItemAdmin, html, panels
from catalog.admin.cards import card, items_pictured
from catalog.admin.dialogs import dialog_action, redirected
from catalog.models import Item
from retrieval import moderation
from retrieval.admin.audit import QualityFilter, quality_panel
from retrieval.admin.item_views import HeardMediaInline, ItemViews
from retrieval.exceptions import ReviewConflict
from retrieval.models import DuplicatePair, Embedding, EmbeddingSpace
from retrieval.spaces import live_spaces
from retrieval.types import MODALITIES

Status = Embedding.Status
LATER = ("Embeddings", "Neighbours", "Near duplicates", "Quality")
PAIRS = 12
"""Near duplicates on the page."""


def state_of(prefix: str, version: str) -> Case:
    """Where an item stands in a space: its row's status counts only for the item's version.

    ``prefix`` leads to the embedding, which may be missing; ``version`` to the content version.
    """
    made, tried = f"{prefix}content_version", f"{prefix}attempted_version"
    failed = Q(**{f"{prefix}status": Status.FAILED, f"{tried}__gte": F(version)})
    return Case(
        When(Q(**{f"{made}__gte": F(version)}), then=Value(Status.READY.value)),
        When(failed, then=Value(Status.FAILED.value)),
        default=Value(Status.PENDING.value),
    )


class EmbeddingFilter(RadioFilter):
    """Items by where they stand in the active space."""

    title = "embedding"
    parameter_name = "embedding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Ready, pending, failed."""
        return [(status.value, status.value) for status in Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """The items in that state."""
        # the annotation of EmbeddedItemAdmin.get_queryset
        chosen: dict[str, Any] = {"embedding_state": self.value()}
        return queryset.filter(**chosen) if self.value() else queryset


class FlagForm(BaseDialogForm):
    """Asks why."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


admin.site.unregister(Item)


@admin.register(Item)
class EmbeddedItemAdmin(ItemViews):
    """The catalog's page with what is known of the item's embeddings."""

    inlines = (HeardMediaInline, *ItemAdmin.inlines[1:])

    list_display = (*ItemAdmin.list_display, "embedding")
    list_filter = (*ItemAdmin.list_filter, EmbeddingFilter, QualityFilter)
    readonly_fields = (
        *ItemAdmin.readonly_fields,
        "embeddings_panel",
        "neighbours_panel",
        "duplicates_panel",
        "quality_panel",
    )
    actions_detail: tuple[str, ...] = ("flag",)
    fieldsets = (
        *ItemAdmin.fieldsets[:2],
        ("Embeddings", {"fields": ("embeddings_panel",)}),
        ("Neighbours", {"fields": ("neighbours_panel",)}),
        ("Near duplicates", {"fields": ("duplicates_panel",)}),
        ("Quality", {"fields": ("quality_panel",)}),
        *ItemAdmin.fieldsets[2:],
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        """With the state in the active space; no vectors are read."""
        active = EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE)
        space_id = active.values_list("pk", flat=True).first()
        return (
            super()
            .get_queryset(request)
            .annotate(
                active=FilteredRelation(
                    "embeddings", condition=Q(embeddings__space_id=space_id or 0)
                ),
                embedding_state=state_of("active__", "content_version"),
                embedding_error_code=Coalesce("active__error_code", Value("")),
                embedding_error=Coalesce("active__error", Value("")),
            )
        )

    def has_flag_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may add cases."""
        return bool(request.user.has_perm("retrieval.add_case"))

    @dialog_action(
        description="Flag",
        icon="flag",
        permissions=["flag"],
        dialog={
            "title": "Flag this item?",
            "description": "A moderator looks at it and decides. Until then it stays as it is.",
            "form_class": FlagForm,
            "form_submit_text": "Flag",
        },
    )
    def flag(self, request: HttpRequest, form: FlagForm, object_id: str) -> HttpResponse:
        """Open a case by hand."""
        item = get_object_or_404(Item, pk=object_id)
        reason = form.cleaned_data["reason"]
        try:
            moderation.case_flag(item.pk, reason, request.user.get_username())
        except ReviewConflict as err:
            self.message_user(request, str(err), messages.WARNING)
        else:
            self.log_change(request, item, f"Flagged: {reason}")
            self.message_user(request, "Flagged: moderators will look at it.")
        return redirected(request, reverse("admin:catalog_item_change", args=[item.pk]))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Item | None:
        """With whether its reader may have a failed embedding tried again, and may see pairs."""
        item = super().get_object(request, object_id, from_field)
        if item is not None:
            item.may_retry = self.has_change_permission(request, item)
            item.may_compare = request.user.has_perm("retrieval.view_duplicatepair")
        return item

    def get_fieldsets(self, request: HttpRequest, obj: Item | None = None) -> list[Any]:
        """A new item has no embeddings, and nobody has looked at it yet."""
        fieldsets = list(super().get_fieldsets(request, obj))
        return fieldsets if obj else [each for each in fieldsets if each[0] not in LATER]

    @display(description="embedding")
    def embedding(self, item: Any) -> SafeString:
        """State in the active space; the error as a tooltip."""
        if item.embedding_state != Status.FAILED:
            return html.status_badge(item.embedding_state)
        return html.status_badge(
            item.embedding_state, item.embedding_error_code, item.embedding_error
        )

    @display(description="in each live space")
    def embeddings_panel(self, item: Item) -> SafeString:
        """A line for each space that new content is embedded into."""
        live = live_spaces()
        spaces = EmbeddingSpace.objects.defer("head").in_bulk(live)
        rows = {
            row.space_id: row
            for row in Embedding.objects.filter(item=item)
            .annotate(state=state_of("", "item__content_version"))
            .defer("text", "image", "audio", "fused")
        }
        lines = [_line(item, space, rows.get(space.pk)) for space in (spaces[pk] for pk in live)]
        context = {"lines": lines, "item": item, "may_retry": getattr(item, "may_retry", False)}
        return render_to_string("retrieval/admin/item_embeddings.html", context)

    @display(description="most like it")
    def neighbours_panel(self, item: Item) -> SafeString:
        """Fetched once the page is there: up to four searches."""
        url = reverse("admin:catalog_item_neighbours", args=[item.pk])
        return panels.lazy(url, "Show its neighbours")

    @display(description="may be the same")
    def duplicates_panel(self, item: Item) -> SafeString:
        """The items that it makes a pair with, and what was decided about each."""
        pairs = list(DuplicatePair.objects.filter(Q(left=item) | Q(right=item))[: PAIRS + 1])
        others = [pair.right_id if pair.left_id == item.pk else pair.left_id for pair in pairs]
        items = items_pictured(others[:PAIRS])
        cards = [
            {
                **card(items, other, score=pair.score),
                "note": f"{pair.get_grade_display()}, {pair.get_state_display().lower()}",
                "pair": pair.pk,
            }
            for pair, other in zip(pairs[:PAIRS], others, strict=False)
        ]
        may_compare = getattr(item, "may_compare", False)
        context = {"cards": cards, "more": len(pairs) > PAIRS, "may_compare": may_compare}
        return render_to_string("retrieval/admin/item_duplicates.html", context)

    @display(description="found by the last audit")
    def quality_panel(self, item: Item) -> SafeString:
        """A line for each finding."""
        return quality_panel(item)


def _line(item: Item, space: EmbeddingSpace, row: Any) -> dict[str, Any]:
    if row is None:
        return {"space": space, "state": html.status_badge(Status.PENDING)}
    return {
        "space": space,
        "state": html.status_badge(row.state),
        "failed": row.state == Status.FAILED,
        "versions": f"{row.content_version} of {item.content_version}",
        "attempts": row.attempts,
        "weights": [
            (name, round(100 * row.weights[name])) for name in MODALITIES if name in row.weights
        ],
        "updated_at": row.updated_at,
        "error_code": row.error_code,
        "error": row.error,
    }
