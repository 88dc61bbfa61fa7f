"""Experiments in the admin: drafted, started, read, stopped."""

from typing import Any, ClassVar, Final, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.admin import html
from catalog.admin.charts import Bar, interval_bars
from catalog.admin.dialogs import dialog_action, row_or_404
from catalog.admin.records import ActionAdmin
from recommender.admin.changes import trail
from recommender.admin.option_forms import GROUPS, OptionsForm, shown
from recommender.changes import Action, Subject, change_record
from recommender.exceptions import RecommenderError
from recommender.experiments import draft_problem, experiment_start, experiment_stop
from recommender.models import Experiment, Variant
from recommender.placements import declared_names
from recommender.reports import ExperimentReport, experiment_report
from recommender.reports.metrics import Metric
from recommender.reports.text import Row, metric_rows, size_rows
from retrieval.admin.space_forms import SayingForm
from retrieval.admin.space_tables import table

State = Experiment.State
VARIANTS: Final = {State.RUNNING: "success", State.DRAFT: "info"}


class ExperimentForm(forms.ModelForm):
    """Where and of whom."""

    placement = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "placement" in self.fields:  # not where nothing can be changed
            field = cast("forms.ChoiceField", self.fields["placement"])
            field.choices = [(name, name) for name in declared_names()]


class VariantInline(StackedInline):
    """The ways to fill the placement; the first is what the others are compared with."""

    model = Variant
    form = OptionsForm
    fieldsets = (
        (None, {"fields": (("name", "weight"), "overrides_shown")}),
        *((title, {"fields": fields, "classes": ["collapse"]}) for title, fields in GROUPS),
    )
    readonly_fields = ("overrides_shown",)
    extra = 0
    min_num = 2

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of what cannot be changed any more only what is stored."""
        if obj is not None and obj.state != State.DRAFT:
            return [(None, {"fields": (("name", "weight"), "overrides_shown")})]
        return super().get_fieldsets(request, obj)

    @display(description="differs in")
    def overrides_shown(self, variant: Variant) -> SafeString | str:
        """An option a line."""
        if not variant.overrides:
            return "nothing: as the placement is; open a heading below to change that"
        rows = {name: {"value": str(shown(value))} for name, value in variant.overrides.items()}
        return table("option", rows)


class StartForm(SayingForm):
    """Says what would stand in the way."""

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        """Where, of whom, between what."""
        row = get_object_or_404(Experiment, pk=object_id)
        variants = list(row.variants.all())
        total = sum(each.weight for each in variants) or 1
        split = ", ".join(f"{each.name} {each.weight / total:.0%}" for each in variants)
        lines = [f"In {row.placement}, for {row.share:.0%} of its visitors: {split or 'nobody'}."]
        try:
            problem = draft_problem(row.placement, variants)
        except RecommenderError as err:
            problem = str(err)
        return {"lines": lines, "problem": problem}


class StopForm(BaseDialogForm):
    """Asks what everybody gets from now on."""

    keep = forms.ChoiceField(
        required=False,
        label="From now on everybody gets",
        widget=UnfoldAdminSelectWidget,
        help_text="A variant's options become overrides of the placement.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Variant.objects.filter(experiment=self.object_id or 0)
        names = rows.values_list("name", flat=True)
        self.fields["keep"].choices = [
            ("", "the placement as it is"),
            *((name, f"{name}") for name in names),
        ]


@admin.register(Experiment)
class ExperimentAdmin(ActionAdmin):
    """A draft can be edited; what has started can only be stopped, so that its figures mean something."""

    errors = RecommenderError
    form = ExperimentForm
    list_display = ("name", "placement", "state_badge", "variant_names", "started_at", "stopped_at")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    ordering = ("-id",)
    search_fields = ("name", "placement", "hypothesis")
    fields = (("name", "placement"), "share", "hypothesis", ("started_at", "stopped_at"), "trail")
    readonly_fields = ("started_at", "stopped_at", "trail")
    inlines = (VariantInline,)
    actions = None
    actions_row = ("report",)
    actions_detail = ("report", "start", "stop")
    offered: ClassVar = {
        "report": (State.RUNNING, State.STOPPED),
        "start": (State.DRAFT,),
        "stop": (State.RUNNING,),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        """With the variants."""
        return super().get_queryset(request).prefetch_related("variants")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of a draft."""
        draft = obj is None or obj.state == State.DRAFT
        return draft and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of a draft: the impressions of the others refer to it."""
        draft = obj is None or obj.state == State.DRAFT
        return draft and bool(super().has_delete_permission(request, obj))

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may change experiments."""
        return bool(super().has_change_permission(request))

    def save_model(self, request: HttpRequest, obj: Experiment, form: Any, change: bool) -> None:
        """Unless somebody started it since the form was shown."""
        form.before = None
        if change:
            stored = Experiment.objects.select_for_update().get(pk=obj.pk)
            if stored.state != State.DRAFT:
                raise PermissionDenied
            form.before = stored.facts()
        obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The variants; and the trail of both."""
        super().save_related(request, form, formsets, change)
        row = Experiment.objects.get(pk=form.instance.pk)
        how = Action.CHANGED if change else Action.CREATED
        change_record(Subject.EXPERIMENT, how, row, request.user.get_username(), before=form.before)

    def delete_model(self, request: HttpRequest, obj: Experiment) -> None:
        """Its trail stays."""
        by = request.user.get_username()
        change_record(Subject.EXPERIMENT, Action.DELETED, obj, by, before=obj.facts())
        obj.delete()

    # --- actions --------------------------------------------------------------------------------

    @dialog_action(
        description="Start",
        icon="play_arrow",
        permissions=["run"],
        dialog={
            "title": "Start this experiment?",
            "description": "From now on it decides what its visitors get. It cannot be changed any "
            "more, only stopped.",
            "form_class": StartForm,
            "form_submit_text": "Start",
        },
    )
    def start(self, request: HttpRequest, form: StartForm, object_id: str) -> HttpResponse:
        """Start it, once the dialog was confirmed."""
        by = request.user.get_username()
        return self.done(
            request, lambda: experiment_start(int(object_id), by), "{}: started.", "Started."
        )

    @dialog_action(
        description="Stop",
        icon="stop",
        permissions=["run"],
        dialog={
            "title": "Stop this experiment?",
            "description": "It cannot be started again. Its report stays.",
            "form_class": StopForm,
            "form_submit_text": "Stop",
        },
    )
    def stop(self, request: HttpRequest, form: StopForm, object_id: str) -> HttpResponse:
        """Stop it, and keep a variant if one was chosen."""
        by, keep = request.user.get_username(), form.cleaned_data["keep"]
        return self.done(
            request,
            lambda: experiment_stop(int(object_id), by, keep),
            "{}: stopped.",
            "Stopped.",
        )

    @action(description="Report", icon="monitoring", permissions=["view"])
    def report(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Each variant's figures, how they differ, and whether to believe it."""
        row = cast("Experiment", row_or_404(self, request, object_id))
        report = experiment_report(row)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Report of {row.name}",
            "opts": self.opts,
            "report": report,
            "badge": self.state_badge(row),
            "sizes": size_rows(report),
            "metrics": [_metric(report, each) for each in report.metrics],
            "guardrails": [_metric(report, each) for each in report.guardrails],
        }
        return TemplateResponse(request, "recommender/admin/experiment_report.html", context)

    # --- columns and panels ---------------------------------------------------------------------

    @display(description="state", ordering="state")
    def state_badge(self, row: Experiment) -> SafeString:
        """Draft, running or stopped."""
        return html.badge(row.state, VARIANTS.get(State(row.state), ""))

    @display(description="variants")
    def variant_names(self, row: Experiment) -> str:
        """The control first."""
        return ", ".join(variant.name for variant in row.variants.all())

    @display(description="changes")
    def trail(self, row: Experiment) -> SafeString:
        """Who changed it."""
        return trail(Subject.EXPERIMENT, row)


def _metric(report: ExperimentReport, metric: Metric) -> tuple[Metric, list[Row], SafeString]:
    """A metric with its table and its chart."""
    rows = metric_rows(report, metric)
    said = {row[0]: row[1] for row in rows}
    bars = [
        Bar(name, estimate.value, estimate.low, estimate.high, said[name])
        for name in said
        if (estimate := metric.estimates.get(name)) is not None
    ]
    return metric, rows, interval_bars(metric.name, bars, note="with 95 % intervals")
