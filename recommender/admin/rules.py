"""Rules in the admin: what is pinned, boosted, buried and hidden, where and when."""

from typing import Any, Final, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.admin import html, panels
from catalog.admin.base import CarefulAdmin, counted
from recommender.admin.changes import trail
from recommender.admin.rule_preview import rule_preview
from recommender.models import Change, Rule
from recommender.placements import declared_names
from recommender.rules import rule_delete, rule_problems, rule_save

VARIANTS: Final = {
    Rule.Action.PIN: "info",
    Rule.Action.BOOST: "success",
    Rule.Action.BURY: "warning",
    Rule.Action.HIDE: "danger",
}
TITLES_SHOWN: Final = 3
VISITORS: Final = "recommender.view_visitor"
"""What a visitor would see tells their taste."""


class RuleForm(forms.ModelForm):
    """A rule that makes sense; what does not is said beside its field."""

    placement = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = declared_names()
        if (former := self.instance.placement) and former not in names:
            names.append(former)
        field = cast("forms.ChoiceField", self.fields["placement"])
        field.choices = [("", "all"), *((name, name) for name in names)]

    def clean(self) -> dict[str, Any]:
        """What ``rule_save`` would refuse."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        problems = rule_problems(
            action=data.get("action", ""),
            items=len(data.get("items") or ()),
            category=data.get("category") is not None,
            tag=bool(data.get("tag")),
            position=data.get("position"),
            factor=data.get("factor"),
            starts_at=data.get("starts_at"),
            ends_at=data.get("ends_at"),
        )
        if (placement := data.get("placement")) and placement not in declared_names():
            problems["placement"] = f"There is no {placement!r} in the settings any more."
        for field, problem in problems.items():
            if field not in self.errors:
                self.add_error(field, problem)
        return data


class InForceFilter(DropdownFilter):
    """Rules by whether they count now."""

    title = "in force"
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Either."""
        return [("yes", "now"), ("no", "not now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        """Those that do or do not."""
        now = timezone.now()
        started = Q(starts_at=None) | Q(starts_at__lte=now)
        current = Q(ends_at=None) | Q(ends_at__gt=now)
        in_force = started & current & Q(enabled=True)
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(in_force if self.value() == "yes" else ~in_force)


@admin.register(Rule)
class RuleAdmin(CarefulAdmin):
    """Every change is in the trail, and what a deleted rule was as well."""

    form = RuleForm
    list_display = ("name", "what", "about", "where", "state", "starts_at", "ends_at")
    list_filter = (("action", ChoicesDropdownFilter), InForceFilter)
    list_filter_submit = True
    list_select_related = ("category",)
    ordering = ("-id",)
    search_fields = ("name", "tag", "category__path", "items__external_id", "items__title")
    autocomplete_fields = ("items", "category")
    fieldsets = (
        (None, {"fields": ("name", ("action", "placement"), "position", "factor", "enabled")}),
        ("About", {"fields": ("items", "category", "tag")}),
        ("When", {"fields": ("starts_at", "ends_at")}),
        ("Effect", {"fields": ("effect",)}),
        ("Changes", {"fields": ("trail",)}),
    )
    readonly_fields = ("effect", "trail")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        """With the items."""
        return super().get_queryset(request).prefetch_related("items")

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view(require_POST(self.preview_view))
        own = [
            path("preview/", view, name="recommender_rule_preview_new"),
            path("<int:rule_id>/preview/", view, name="recommender_rule_preview"),
        ]
        return [*own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        """Whoever may not change it has nothing to preview."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [each for each in super().get_fieldsets(request, obj) if may or each[0] != "Effect"]

    def preview_view(self, request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
        """What the rule as it stands in the form would change; nothing is stored."""
        row = get_object_or_404(Rule, pk=rule_id) if rule_id is not None else None
        may = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if not may:
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if request.POST.get("preview_visitor", "").strip() and not request.user.has_perm(VISITORS):
            context: dict[str, Any] = {"problem": "You may not look at visitors: name none."}
        elif form.is_valid():
            context = rule_preview(form.instance, form.cleaned_data["items"], request.POST)
        else:
            context = {"errors": [(n, " ".join(said)) for n, said in form.errors.items()]}
        back = reverse("admin:recommender_rule_changelist")
        return panels.panel(
            request, self, "recommender/admin/rule_preview.html", context,
            title="What the rule would change", back=back,
        )  # fmt: skip

    @display(description="what it would change")
    def effect(self, rule: Rule) -> SafeString:
        """A sample visitor, and a button that looks with and without the rule."""
        named = (
            ("recommender_rule_preview", [rule.pk])
            if rule.pk
            else ("recommender_rule_preview_new", [])
        )
        url = reverse(f"admin:{named[0]}", args=named[1])
        context = {"url": url, "placements": declared_names()}
        return render_to_string("recommender/admin/rule_effect.html", context)

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        """With its items and its trail, in one transaction."""
        items = [item.pk for item in form.cleaned_data["items"]]
        rule_save(obj, request.user.get_username(), items)

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        """Its trail stays."""
        rule_delete(obj, request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """One by one, as each leaves its trail."""
        for rule in queryset:
            self.delete_model(request, rule)

    @display(description="action", ordering="action")
    def what(self, rule: Rule) -> SafeString:
        """With its position or factor."""
        return action_badge(rule)

    @display(description="about")
    def about(self, rule: Rule) -> SafeString | str:
        """Items, a category or a tag; or that they are gone."""
        items = list(rule.items.all())
        if items:
            titles = ", ".join(item.title for item in items[:TITLES_SHOWN])
            return (
                titles
                if len(items) <= TITLES_SHOWN
                else f"{titles}, … ({counted(len(items), 'item')})"
            )
        if rule.category:
            return f"category {rule.category.path}"
        if rule.tag:
            return f"tag {rule.tag}"
        return html.badge("nothing any more", "warning")

    @display(description="placement", ordering="placement")
    def where(self, rule: Rule) -> str:
        """One, or all."""
        return rule.placement or "all"

    @display(description="state")
    def state(self, rule: Rule) -> SafeString:
        """Whether it counts now."""
        return state_badge(rule)

    @display(description="changes")
    def trail(self, rule: Rule) -> SafeString:
        """Who changed it."""
        return trail(Change.Subject.RULE, rule)


def action_badge(rule: Rule) -> SafeString:
    """What it does, with its position or factor."""
    position = f" at {rule.position}" if rule.position else ""
    factor = f" × {rule.factor:g}" if rule.factor else ""
    return html.badge(f"{rule.action}{position or factor}", VARIANTS[Rule.Action(rule.action)])


def state_badge(rule: Rule) -> SafeString:
    """Whether it counts now."""
    now = timezone.now()
    if not rule.enabled:
        return html.badge("disabled")
    if rule.starts_at and rule.starts_at > now:
        return html.badge("scheduled", "info")
    if rule.ends_at and rule.ends_at <= now:
        return html.badge("over")
    return html.badge("in force", "success")
