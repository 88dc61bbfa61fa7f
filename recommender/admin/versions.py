"""Versions of the recommender's models in the admin: to read, train, switch and retire."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from catalog.admin import html
from catalog.admin.dialogs import dialog_action
from catalog.admin.records import RecordAdmin
from recommender import versions
from recommender.admin.rankers import ranker_panel
from recommender.collaborative.holdout import K
from recommender.exceptions import RecommenderError
from recommender.models import RecommenderModel
from retrieval.admin import space_tables
from retrieval.admin.space_forms import SayingForm

Kind = RecommenderModel.Kind
State = RecommenderModel.State


class TrainForm(BaseDialogForm):
    """What ``manage.py train_recommender`` asks."""

    algorithm = forms.ChoiceField(
        choices=RecommenderModel.Algorithm,
        widget=UnfoldAdminSelectWidget,
        help_text="The first three answer what goes with an item; two-tower knows new items too; "
        "logistic ranks, learned from what was shown.",
    )
    activation = forms.ChoiceField(
        choices=RecommenderModel.Activation,
        initial=RecommenderModel.Activation.NEVER,
        widget=UnfoldAdminSelectWidget,
        label="Activate it",
    )
    seed = forms.IntegerField(
        initial=0, min_value=0, max_value=2**31 - 1, widget=UnfoldAdminIntegerFieldWidget
    )


class SwitchForm(SayingForm):
    """Carries which version its reader saw active: whoever switched meanwhile is not overruled."""

    expected = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expected"].initial = versions.active_id(self._kind())

    def _kind(self) -> str:
        rows = RecommenderModel.objects.filter(pk=self.object_id or 0)
        return rows.values_list("kind", flat=True).first() or ""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """Which one would be replaced."""
        active = versions.active_version(self._kind())
        return {"lines": [f"Active now: {active.name if active else 'none'}."], "problem": ""}


class RollbackForm(SwitchForm):
    """Names the version that would answer again."""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """From which version to which."""
        active = versions.active_version(self._kind())
        if active is None or active.previous is None:
            return {"lines": [], "problem": "No other version was active before."}
        return {"lines": [f"From {active.name} back to {active.previous.name}."], "problem": ""}


class RetireForm(BaseDialogForm):
    """Asks again."""


@admin.register(RecommenderModel)
class RecommenderModelAdmin(RecordAdmin):
    """What ``manage.py recommender_model`` does, with dialogs."""

    errors = RecommenderError

    list_display = (
        *("name", "state_badge", "kind", "algorithm", "hit_rate", "ndcg", "coverage"),
        *("events", "progress", "created_at"),
    )
    list_filter = ("kind", "state")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "state_badge"),
                    ("kind", "algorithm"),
                    ("config", "seed"),
                    ("events", "visitors", "items"),
                    ("space", "activation"),
                    "progress",
                    "error",
                )
            },
        ),
        ("Measured on the latest events, held out", {"fields": ("metrics_table",)}),
        (
            "History",
            {
                "fields": (
                    ("created_by", "created_at", "trained_at", "seconds"),
                    ("activated_at", "previous"),
                )
            },
        ),
    )
    readonly_fields = (
        *("name", "state_badge", "kind", "algorithm", "config", "seed", "events", "visitors"),
        *("items", "space", "activation", "progress", "error", "metrics_table", "created_by"),
        "weights",
        *("created_at", "trained_at", "seconds", "activated_at", "previous"),
    )
    actions = None
    actions_list = ("train",)
    actions_detail = ("activate", "rollback", "retire")
    offered: ClassVar = {
        "activate": (State.READY,),
        "rollback": (State.ACTIVE,),
        "retire": (State.READY, State.FAILED),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecommenderModel]:
        """Without the parameters, which are large."""
        rows = super().get_queryset(request).select_related("previous", "space")
        return rows.defer("parameters", "previous__parameters", "space__head")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a ranker with its weights."""
        given = super().get_fieldsets(request, obj)
        if obj is None or obj.kind != Kind.RANKER:
            return given
        return [*given[:1], ("What counts how much", {"fields": ("weights",)}), *given[1:]]

    # --- actions --------------------------------------------------------------------------------

    @dialog_action(
        description="Train",
        icon="model_training",
        permissions=["make"],
        dialog={
            "title": "Train a new version",
            "description": "A worker learns from all events, which takes seconds to minutes. What is "
            "active goes on answering.",
            "form_class": TrainForm,
            "form_submit_text": "Train",
        },
    )
    def train(self, request: HttpRequest, form: TrainForm) -> HttpResponse:
        """Queue the training."""
        given = form.cleaned_data
        return self.done(
            request,
            lambda: versions.version_ask(
                given["algorithm"],
                seed=given["seed"],
                activation=given["activation"],
                created_by=request.user.get_username(),
            ),
            "The training of {} is queued.",
        )

    @dialog_action(
        description="Activate",
        icon="swap_horiz",
        permissions=["activate"],
        dialog={
            "title": "Activate this version?",
            "description": "From now on it answers for its kind. The former one stays ready: roll back "
            "to return to it.",
            "form_class": SwitchForm,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, form: SwitchForm, object_id: str) -> HttpResponse:
        """Switch to this version, unless somebody else switched meanwhile."""
        expected = form.cleaned_data["expected"]
        return self.done(
            request,
            lambda: versions.version_activate(int(object_id), expected=expected),
            "{} is active.",
            "Activated.",
        )

    @dialog_action(
        description="Roll back",
        icon="undo",
        permissions=["activate"],
        dialog={
            "title": "Roll back to the version before?",
            "description": "Of this one's kind, the version that was active before answers again.",
            "form_class": RollbackForm,
            "form_submit_text": "Roll back",
        },
    )
    def rollback(self, request: HttpRequest, form: RollbackForm, object_id: str) -> HttpResponse:
        """Switch back, unless somebody else switched meanwhile."""
        expected = form.cleaned_data["expected"]
        kinds = RecommenderModel.objects.filter(pk=object_id).values_list("kind", flat=True)
        return self.done(
            request,
            lambda: versions.version_rollback(kinds.get(), expected=expected),
            "{} is active again.",
            "Rolled back to.",
        )

    @dialog_action(
        description="Retire",
        icon="delete_sweep",
        permissions=["retire"],
        dialog={
            "title": "Retire this version?",
            "description": "What it learned is forgotten for good. Its row stays as a record.",
            "form_class": RetireForm,
            "form_submit_text": "Retire",
        },
    )
    def retire(self, request: HttpRequest, form: RetireForm, object_id: str) -> HttpResponse:
        """Forget what it learned."""
        return self.done(
            request,
            lambda: versions.version_retire(int(object_id)),
            "{} is retired.",
            "Retired.",
        )

    # --- columns --------------------------------------------------------------------------------

    @display(description="state", ordering="state")
    def state_badge(self, row: RecommenderModel) -> SafeString:
        """Its place in the life of a version; why it failed as a tooltip."""
        return html.state_badge(row.state, row.error)

    @display(description=f"HR@{K}")
    def hit_rate(self, row: RecommenderModel) -> str:
        """Share of visitors with a hit."""
        return _figure(row, f"hr@{K}")

    @display(description=f"NDCG@{K}")
    def ndcg(self, row: RecommenderModel) -> str:
        """How high the hits were."""
        return _figure(row, f"ndcg@{K}")

    @display(description="coverage")
    def coverage(self, row: RecommenderModel) -> str:
        """Share of the items that anybody was shown."""
        return _figure(row, f"coverage@{K}")

    @display(description="progress")
    def progress(self, row: RecommenderModel) -> str:
        """Of a training; afterwards what was noted."""
        if row.state != State.BUILDING:
            stale = versions.version_stale(row)
            return f"Train again: {stale}." if stale else row.note
        return f"{row.stage} {row.percent} % {row.note}".strip() if row.stage else "waiting"

    @display(description="weights")
    def weights(self, row: RecommenderModel) -> SafeString:
        """Of a ranker, beside the weighted formula's."""
        return ranker_panel(row)

    @display(description="metrics")
    def metrics_table(self, row: RecommenderModel) -> SafeString:
        """The version beside what is popular, or the formula, and the one that was active."""
        return space_tables.metrics(row.metrics)


def _figure(row: RecommenderModel, name: str) -> str:
    value = row.metrics.get("model", {}).get(name)
    return "" if value is None else f"{value:.3f}"
