"""Policies in the admin: written, rehearsed, measured."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin import html
from catalog.admin.base import CarefulAdmin
from catalog.admin.dialogs import dialog_action, redirected
from retrieval import review_runs
from retrieval.admin.policy_examples import ExampleInline, example_shown, file_served
from retrieval.admin.reviews import with_media
from retrieval.exceptions import RetrievalError
from retrieval.models import Case, Policy, PolicyExample, ReviewRun


class PolicyForm(forms.ModelForm):
    """With a description of three lines."""

    class Meta:
        model = Policy
        fields = ("name", "description", "enabled", "action", "threshold", "kind", "category")
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


@admin.register(Policy)
class PolicyAdmin(CarefulAdmin):
    """What the catalog shall not show."""

    form = PolicyForm
    inlines = (ExampleInline,)
    list_display = ("name", "enabled", "action", "threshold", "examples_count", "cases_count")
    list_filter = (("enabled", BooleanRadioFilter),)
    search_fields = ("name", "description")
    autocomplete_fields = ("category",)
    fieldsets = (
        (None, {"fields": ("name", "description", ("enabled", "action"), "threshold")}),
        ("Only these items", {"fields": (("kind", "category"),)}),
        ("Examples", {"fields": ("examples_panel",)}),
        ("Precision and recall", {"fields": ("quality_panel",)}),
    )
    readonly_fields = ("examples_panel", "quality_panel")
    actions_detail = ("rehearse", "check_now")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        """With the counts of the list."""
        positive = Q(examples__positive=True)
        open_cases = Q(cases__state=Case.State.OPEN)
        rows = super().get_queryset(request)
        return rows.annotate(
            positives=Count("examples", filter=positive, distinct=True),
            negatives=Count("examples", filter=~positive, distinct=True),
            waiting=Count("cases", filter=open_cases, distinct=True),
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Knowing whether its reader may change it: a panel has buttons for that."""
        policy = super().get_object(request, object_id, from_field)
        if policy is not None:
            policy.may_change = self.has_change_permission(request, policy)
        return policy

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not of one that has cases, which would go with it: it can be disabled."""
        free = obj is None or not obj.cases.exists()
        return free and bool(super().has_delete_permission(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        """A new one has neither examples nor figures."""
        return self.fieldsets if obj else self.fieldsets[:2]

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view
        return [
            path("examples/<int:example_id>/file/", view(self.example_file),
                 name="retrieval_policy_example"),
            path("examples/<int:example_id>/remove/", view(self.example_remove),
                 name="retrieval_policy_example_remove"),
            *super().get_urls(),
        ]  # fmt: skip

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may change policies: a run may hide items."""
        return bool(request.user.has_perm("retrieval.change_policy"))

    # --- the list and the page ------------------------------------------------------------------

    @display(description="examples")
    def examples_count(self, policy: Any) -> SafeString:
        """For and against."""
        return html.two_lines(f"{policy.positives}", f"{policy.negatives} counterexamples")

    @display(description="open cases")
    def cases_count(self, policy: Any) -> SafeString:
        """Linked to them."""
        url = f"{reverse('admin:retrieval_case_changelist')}?policy__id__exact={policy.pk}"
        return format_html('<a class="triad-link" href="{}">{}</a>', url, policy.waiting)

    @display(description="examples")
    def examples_panel(self, policy: Policy) -> SafeString:
        """What is stored, with a button for each."""
        rows = policy.examples.select_related("item").prefetch_related(with_media("item"))
        lines = [(row, example_shown(row)) for row in rows]
        context = {"lines": lines, "may_change": getattr(policy, "may_change", False)}
        return render_to_string("retrieval/admin/review/examples.html", context)

    @display(description="on labelled items")
    def quality_panel(self, policy: Policy) -> SafeString:
        """At several thresholds."""
        quality = policy.quality
        at = datetime.fromisoformat(quality["at"]) if quality else None
        context = {"quality": quality, "threshold": policy.threshold, "at": at}
        return render_to_string("retrieval/admin/review/policy_quality.html", context)

    def example_file(self, request: HttpRequest, example_id: int) -> HttpResponse:
        """An example's file, for staff who see policies or cases alone: it is not public."""
        user = request.user
        if not (user.has_perm("retrieval.view_policy") or user.has_perm("retrieval.view_case")):
            raise PermissionDenied
        example = get_object_or_404(PolicyExample, pk=example_id)
        return file_served(example)

    def example_remove(self, request: HttpRequest, example_id: int) -> HttpResponse:
        """Remove one example; POST only."""
        example = get_object_or_404(PolicyExample.objects.select_related("policy"), pk=example_id)
        if request.method != "POST" or not self.has_change_permission(request, example.policy):
            raise PermissionDenied
        policy, said = example.policy, str(example)
        example.delete()
        self.log_change(request, policy, f"Removed {said}.")
        self.message_user(request, f"The {said} is removed.")
        return redirected(request, reverse("admin:retrieval_policy_change", args=[policy.pk]))

    # --- runs -----------------------------------------------------------------------------------

    @dialog_action(
        description="Rehearse",
        icon="science",
        permissions=["run"],
        dialog={
            "title": "Rehearse this policy?",
            "description": "A worker counts what it would find in the whole catalog, and measures its "
            "precision and recall. Nothing becomes a case, nothing is hidden.",
            "form_class": None,
            "form_submit_text": "Rehearse",
        },
    )
    def rehearse(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Queue a run that only counts."""
        return self._start(request, object_id, rehearsal=True)

    @dialog_action(
        description="Check the catalog",
        icon="policy",
        permissions=["run"],
        dialog={
            "title": "Hold the whole catalog against this policy?",
            "description": "What it finds becomes a case; with the action hold it is hidden at once. What "
            "was decided stays decided. Rehearse first.",
            "form_class": None,
            "form_submit_text": "Check",
        },
    )
    def check_now(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Queue a run of this policy."""
        return self._start(request, object_id, rehearsal=False)

    def _start(self, request: HttpRequest, object_id: str, *, rehearsal: bool) -> HttpResponse:
        policy = get_object_or_404(Policy, pk=object_id)
        try:
            review_runs.run_create(
                ReviewRun.Kind.MODERATION,
                policy=policy,
                rehearsal=rehearsal,
                created_by=request.user.get_username(),
            )
        except RetrievalError as err:
            self.message_user(request, str(err), messages.WARNING)
        else:
            self.log_change(request, policy, "Rehearsed." if rehearsal else "Checked the catalog.")
            self.message_user(request, "The run is queued; its progress is shown below.")
        return redirected(request, reverse("admin:retrieval_case_changelist"))
