"""Placements in the admin: what is in force, what overrides the settings, and what comes of it."""

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from catalog.admin import html
from catalog.admin.base import CarefulAdmin
from catalog.admin.charts import Line, line_chart
from recommender.admin.changes import trail
from recommender.admin.option_forms import GROUPS, PlacementForm, shown
from recommender.exceptions import UnknownPlacement
from recommender.models import Change, Experiment, Placement
from recommender.models.placements import OPTIONS
from recommender.placements import (
    declared,
    declared_names,
    overridden,
    placement_override,
    placements_ensure,
)
from recommender.reports import Kpis, PlacementReport, placement_reports
from retrieval.admin.space_tables import table

PERIODS: Final = {1: "1 day", 7: "7 days", 14: "14 days", 30: "30 days", 90: "90 days"}
DEFAULT_DAYS: Final = 14


@admin.register(Placement)
class PlacementAdmin(CarefulAdmin):
    """The placements of the settings, a row each; single options can be changed while it runs."""

    form = PlacementForm
    list_display = ("name", "overrides_shown", "experiment", "updated_at")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "in_force")}),
        *((title, {"fields": fields}) for title, fields in GROUPS),
        (None, {"fields": ("trail",)}),
    )
    readonly_fields = ("name", "in_force", "trail")
    actions = None
    actions_list = ("figures",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With a row for every placement, also a new one."""
        placements_ensure()
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are declared in the settings."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only of one that the settings no longer have."""
        gone = obj is not None and obj.name not in declared_names()
        return gone and bool(super().has_delete_permission(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor can that be changed."""
        there = obj is None or obj.name in declared_names()
        return there and bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Placement, form: Any, change: bool) -> None:
        """With its trail."""
        placement_override(obj.name, obj.overrides, request.user.get_username())

    @action(description="Key figures", icon="monitoring", permissions=["view"])
    def figures(self, request: HttpRequest) -> HttpResponse:
        """Key figures of every placement per day, as charts and tables."""
        chosen = request.GET.get("days", "")
        days = next((each for each in PERIODS if chosen == str(each)), DEFAULT_DAYS)
        now = timezone.now()
        first = (now - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        reports = placement_reports(first, now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Key figures",
            "opts": self.opts,
            "periods": PERIODS,
            "days": days,
            "reports": [
                (name, _totals(report.total).items(), _chart(report), _days(report))
                for name, report in reports.items()
            ],
        }
        return TemplateResponse(request, "recommender/admin/figures.html", context)

    @display(description="overridden")
    def overrides_shown(self, placement: Placement) -> SafeString | str:
        """The names of the options."""
        if placement.name not in declared_names():
            return html.badge("not in the settings any more", "warning")
        return ", ".join(placement.overrides) or "–"

    @display(description="experiment")
    def experiment(self, placement: Placement) -> SafeString | str:
        """What runs there."""
        row = Experiment.objects.filter(
            placement=placement.name, state=Experiment.State.RUNNING
        ).first()
        if row is None:
            return "–"
        url = reverse("admin:recommender_experiment_change", args=[row.pk])
        return format_html('<a class="triad-link" href="{}">{}</a>', url, row.name)

    @display(description="in force")
    def in_force(self, placement: Placement) -> SafeString:
        """Every option as requests get it, outside of experiments."""
        try:
            base = declared(placement.name)
        except (UnknownPlacement, ValueError) as err:
            return format_html('<span class="triad-error">{}</span>', str(err))
        now = overridden(base, placement.overrides, "the admin")
        rows = {
            name: {
                "in force": str(shown(getattr(now, name))),
                "settings": str(shown(getattr(base, name))),
            }
            for name in OPTIONS
        }
        return table("option", rows)

    @display(description="changes")
    def trail(self, placement: Placement) -> SafeString:
        """Who changed it."""
        return trail(Change.Subject.PLACEMENT, placement)


def _totals(kpis: Kpis) -> dict[str, str]:
    return {
        "answers": f"{kpis.answers:,}",
        "visitors": f"{kpis.visitors:,}",
        "items shown": f"{kpis.shown:,}",
        "CTR": _percent(kpis.ctr),
        "value": f"{kpis.value:,.2f}",
    }


def _chart(report: PlacementReport) -> SafeString | str:
    """CTR per day; empty if nothing was shown."""
    if not report.days:
        return ""
    line = Line("CTR", [kpis.ctr for kpis in report.days.values()])
    days = [f"{day:%m-%d}" for day in report.days]
    return line_chart("Clicked of what was shown (CTR)", days, [line], percent=True)


def _days(report: PlacementReport) -> SafeString:
    """The latest first."""
    rows = {}
    for day, kpis in reversed(report.days.items()):
        rates = {name: _percent(rate) for name, rate in sorted(kpis.rates.items())}
        rows[day.isoformat()] = {**_totals(kpis), **rates}
    return table("day", rows)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
