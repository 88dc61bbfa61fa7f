"""Embedding spaces in the admin: to read, to make, to compare, to switch, to retire."""

from typing import ClassVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from catalog.admin import html
from catalog.admin.dialogs import dialog_action, row_or_404
from retrieval import comparison, plots, spaces, training_jobs
from retrieval.admin import space_tables
from retrieval.admin.space_forms import (
    ActivateForm,
    BackfillForm,
    CreateForm,
    RetireForm,
    RollbackForm,
    TrainForm,
)
from retrieval.admin.space_views import SpaceViews
from retrieval.exceptions import RetrievalError
from retrieval.models import EmbeddingSpace

State = EmbeddingSpace.State


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(SpaceViews):
    """What ``manage.py space`` does, with dialogs."""

    list_display = (
        *("name", "state_badge", "fusion", "metric", "trained", "dim", "progress", "created_at"),
    )
    list_before_template = "retrieval/admin/space_list.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "state_badge"),
                    ("profile", "trained"),
                    ("fusion", "metric"),
                    ("dim", "fused_dim"),
                    "progress",
                    "error",
                )
            },
        ),
        ("Encoders", {"fields": ("encoders_table",)}),
        ("Measured when it was made", {"fields": ("metrics_table",)}),
        ("Training", {"fields": ("plots_panel",)}),
        ("History", {"fields": (("created_at", "activated_at"), "previous", "head_sha256")}),
    )
    readonly_fields = (
        *("name", "state_badge", "profile", "trained", "fusion", "metric", "dim", "fused_dim"),
        *("progress", "error", "encoders_table", "metrics_table", "plots_panel"),
        *("created_at", "activated_at", "previous", "head_sha256"),
    )
    actions_list = ("train", "create", "rollback")
    actions_row = ("compare",)
    actions_detail = ("activate", "backfill", "compare", "retire")
    offered: ClassVar = {
        "activate": (State.BUILDING, State.READY),
        "backfill": (*EmbeddingSpace.LIVE, State.FAILED),
        "compare": EmbeddingSpace.LIVE,
        "retire": (State.BUILDING, State.READY, State.FAILED),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmbeddingSpace]:
        """Without the heads, which are megabytes."""
        return (
            super().get_queryset(request).select_related("previous").defer("head", "previous__head")
        )

    # --- actions --------------------------------------------------------------------------------

    @dialog_action(
        description="Train",
        icon="model_training",
        permissions=["make"],
        dialog={
            "title": "Train a new space",
            "description": "A worker aligns words, pictures and sounds on the catalog's items, which "
            "takes minutes, then embeds them all in the new space. The active space goes on answering.",
            "form_class": TrainForm,
            "form_submit_text": "Train",
        },
    )
    def train(self, request: HttpRequest, form: TrainForm) -> HttpResponse:
        """Queue the training."""
        given = {name: form.cleaned_data[name] for name in ("profile", "fusion", "metric", "seed")}
        name = form.cleaned_data["name"]
        return self.done(
            request,
            lambda: training_jobs.job_create(name, **given, created_by=request.user.get_username()),
            f"The training of {name} is queued; its progress is shown below.",
        )

    @dialog_action(
        description="Create",
        icon="add",
        permissions=["make"],
        dialog={
            "title": "Create a space",
            "description": "It is building until a worker has embedded every item there.",
            "form_class": CreateForm,
            "form_submit_text": "Create",
        },
    )
    def create(self, request: HttpRequest, form: CreateForm) -> HttpResponse:
        """Make it and wake the workers."""
        given = form.cleaned_data
        name = given["name"]
        made = {"fusion": given["fusion"], "metric": given["metric"], "weights": given["weights"]}

        def make() -> EmbeddingSpace:
            if given["source"]:
                row = spaces.space_create_from(given["source"], name, **made)
            else:
                row = spaces.space_create_untrained(name, profile=given["profile"], **made)
            training_jobs.wake_due(row.pk)
            return row

        return self.done(request, make, f"{name} is being filled.", "Created.")

    @dialog_action(
        description="Roll back",
        icon="undo",
        permissions=["activate"],
        dialog={
            "title": "Roll back to the space before?",
            "description": "The space that was active before answers again, at once. The present one "
            "stays ready.",
            "form_class": RollbackForm,
            "form_submit_text": "Roll back",
        },
    )
    def rollback(self, request: HttpRequest, form: RollbackForm) -> HttpResponse:
        """Switch back, unless somebody else switched meanwhile."""
        expected = form.cleaned_data["expected"]
        return self.done(
            request,
            lambda: spaces.space_rollback(expected=expected),
            "{} is active again.",
            "Rolled back to.",
        )

    @dialog_action(
        description="Activate",
        icon="swap_horiz",
        permissions=["activate"],
        dialog={
            "title": "Activate this space?",
            "description": "From now on it answers every search and recommendation. The former "
            "one stays ready: roll back to return to it.",
            "form_class": ActivateForm,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, form: ActivateForm, object_id: str) -> HttpResponse:
        """Switch to this space, unless somebody else switched meanwhile."""
        expected, force = form.cleaned_data["expected"], form.cleaned_data.get("force", False)
        return self.done(
            request,
            lambda: spaces.space_activate(int(object_id), expected=expected, force=force),
            "{} is active.",
            "Activated.",
        )

    @dialog_action(
        description="Backfill",
        icon="sync",
        permissions=["activate"],
        dialog={
            "title": "Embed what is missing in this space?",
            "description": "Workers embed every item that is due here, failed ones too.",
            "form_class": BackfillForm,
            "form_submit_text": "Backfill",
        },
    )
    def backfill(self, request: HttpRequest, form: BackfillForm, object_id: str) -> HttpResponse:
        """Resume a failed space; wake the workers."""

        def fill() -> EmbeddingSpace:
            row = spaces.space_resume(int(object_id))
            training_jobs.wake_due(row.pk)
            return row

        return self.done(request, fill, "Workers were asked to fill {}.", "Backfill asked for.")

    @dialog_action(
        description="Retire",
        icon="delete_sweep",
        permissions=["retire"],
        dialog={
            "title": "Retire this space?",
            "description": "Its vectors are dropped for good, and with them what can be dropped of the "
            "encoders' stored outputs. Its row stays as a record.",
            "form_class": RetireForm,
            "form_submit_text": "Retire",
        },
    )
    def retire(self, request: HttpRequest, form: RetireForm, object_id: str) -> HttpResponse:
        """Drop its vectors."""
        row = get_object_or_404(EmbeddingSpace.objects.defer("head"), pk=object_id)

        def drop() -> EmbeddingSpace:
            spaces.space_retire(row.pk)
            return row

        return self.done(request, drop, "{} is retired.", "Retired.")

    @action(description="Compare", icon="compare_arrows", permissions=["view"])
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose another space; then both side by side. Measures for some seconds."""
        row = cast("EmbeddingSpace", row_or_404(self, request, object_id))
        others = self.get_queryset(request).exclude(pk=row.pk).exclude(state=State.RETIRED)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Compare {row.name}",
            "opts": self.opts,
            "space": row,
            "others": others.exclude(head_sha256=""),
        }
        chosen = request.GET.get("with", "")
        other = next((each for each in others if chosen == str(each.pk)), None)
        if other is not None:
            context["other"] = other
            try:
                found = comparison.compare(row.pk, other.pk)
            except RetrievalError as err:
                context["problem"] = str(err)
            else:
                context |= {
                    "overlap": found.overlap,
                    "rows": comparison.table(found),
                    "notes": comparison.notes(found),
                }
        return TemplateResponse(request, "retrieval/admin/compare.html", context)

    # --- columns and panels ---------------------------------------------------------------------

    @display(description="state", ordering="state")
    def state_badge(self, space: EmbeddingSpace) -> SafeString:
        """Its place in the life of a space; why it failed as a tooltip."""
        return html.state_badge(space.state, space.error)

    @display(description="items")
    def progress(self, space: EmbeddingSpace) -> SafeString:
        """How many items it holds; nothing for spaces that are no longer fed."""
        return space_tables.progress(space)

    @display(description="by modality")
    def encoders_table(self, space: EmbeddingSpace) -> SafeString:
        """Fingerprint and dimension of each encoder."""
        return space_tables.table("modality", space.encoders)

    @display(description="metrics")
    def metrics_table(self, space: EmbeddingSpace) -> SafeString:
        """Single figures first, then a line for each measurement that has several."""
        return space_tables.metrics(space.metrics)

    @display(description="plots")
    def plots_panel(self, space: EmbeddingSpace) -> SafeString:
        """Loss and retrieval over the epochs."""
        stored = plots.plots_of(space)
        context = {
            "space": space,
            "plots": stored.items(),
            "size": (plots.WIDTH_PX, plots.HEIGHT_PX),
        }
        return SafeString(render_to_string("retrieval/admin/plots.html", context))
