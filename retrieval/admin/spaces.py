"""Embedding spaces in the admin: to read, to compare, to activate."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from catalog.admin import html
from retrieval import claims
from retrieval.exceptions import SpaceConflict
from retrieval.models import EmbeddingSpace
from retrieval.spaces import space_activate

State = EmbeddingSpace.State
STATE_VARIANTS: Final = {
    State.ACTIVE: "success",
    State.READY: "info",
    State.BUILDING: "warning",
    State.FAILED: "danger",
}


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(ModelAdmin):
    """Spaces are made by ``train_space``; here one of them is chosen."""

    list_display = ("name", "state_badge", "trained", "dim", "progress", "created_at")
    fieldsets = (
        (None, {"fields": (("name", "state_badge"), ("profile", "dim"), "trained", "progress")}),
        ("Encoders", {"fields": ("encoders_table",)}),
        ("Measured when it was made", {"fields": ("metrics_table",)}),
        ("History", {"fields": (("created_at", "activated_at"), "head_sha256", "error")}),
    )
    readonly_fields = (
        *("name", "state_badge", "profile", "dim", "trained", "progress", "encoders_table"),
        *("metrics_table", "created_at", "activated_at", "head_sha256", "error"),
    )
    actions_row = ("activate",)
    actions_detail = ("activate",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmbeddingSpace]:
        """Without the heads, which are megabytes."""
        return super().get_queryset(request).defer("head")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A space needs a trained head."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A space never changes; who may activate it is asked apart."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retiring drops the partition as well; a bare row deletion would not."""
        return False

    def has_activate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may change spaces."""
        return bool(super().has_change_permission(request, obj))

    @action(
        description="Activate",
        icon="swap_horiz",
        permissions=["activate"],
        dialog={
            "title": "Activate this space?",
            "description": "From now on it answers every search and recommendation. The former "
            "one stays ready: activate it to go back. Items this space does not have yet are not "
            "found until they are embedded.",
            "form_class": None,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Switch to this space, once the dialog was confirmed."""
        try:
            space = space_activate(int(object_id))
        except SpaceConflict as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
        else:
            self.log_change(request, space, "Activated.")
            self.message_user(request, f"{space.name} is active.", messages.SUCCESS)
        url = reverse("admin:retrieval_embeddingspace_changelist")
        return HttpResponse(headers={"HX-Redirect": url}) if _is_htmx(request) else _to(url)

    @display(description="state", ordering="state")
    def state_badge(self, space: EmbeddingSpace) -> SafeString:
        """Its place in the life of a space."""
        return html.badge(space.state, STATE_VARIANTS.get(State(space.state), ""))

    @display(description="items")
    def progress(self, space: EmbeddingSpace) -> SafeString | str:
        """How many items it holds; nothing for spaces that are no longer fed."""
        if space.state not in EmbeddingSpace.LIVE:
            return ""
        counts = claims.progress(space.pk)
        shares = {
            name: 100 * counts[name] / max(counts["total"], 1) for name in ("ready", "failed")
        }
        context = {"counts": counts, "shares": shares}
        return render_to_string("retrieval/admin/progress.html", context)

    @display(description="by modality")
    def encoders_table(self, space: EmbeddingSpace) -> SafeString:
        """Fingerprint and dimension of each encoder."""
        return _table("modality", space.encoders)

    @display(description="metrics")
    def metrics_table(self, space: EmbeddingSpace) -> SafeString:
        """Single figures first, then a line for each measurement that has several."""
        single, several = metrics_split(space.metrics)
        return _table("measurement", several, single)


def metrics_split(metrics: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Single values, and groups of them by the path to the group, such as ``en · text to image``."""
    single: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}

    def walk(path: tuple[str, ...], values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, dict):
                walk((*path, name), value)
            elif path:
                groups.setdefault(" · ".join(path), {})[name] = value
            else:
                single[name] = value

    walk((), metrics)
    return single, groups


def _table(
    corner: str, rows: dict[str, dict[str, Any]], single: dict[str, Any] | None = None
) -> SafeString:
    columns = list(dict.fromkeys(name for values in rows.values() for name in values))
    cells = [(name, [row.get(column, "") for column in columns]) for name, row in rows.items()]
    # pairs, not dicts: of a dict with a key "items" a template's .items is that value
    figures = list((single or {}).items())
    context = {"corner": corner, "columns": columns, "rows": cells, "figures": figures}
    return render_to_string("retrieval/admin/table.html", context)


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _to(url: str) -> HttpResponse:
    return HttpResponseRedirect(url)
