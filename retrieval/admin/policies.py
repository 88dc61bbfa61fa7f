"""Policies and their examples in the admin: written, rehearsed, measured."""

from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin import html
from catalog.admin.dialogs import dialog_action, redirected
from catalog.exceptions import CatalogError
from catalog.signatures import FORMATS
from catalog.uploads import CheckedUpload, check_upload
from retrieval import review_runs
from retrieval.admin.reviews import about, with_media
from retrieval.exceptions import RetrievalError
from retrieval.models import Case, Policy, PolicyExample, ReviewRun
from retrieval.preprocess.text import normalise

Kind = PolicyExample.Kind
TYPES: Final = {known.extension: known.content_type for known in FORMATS}
FILE_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


class ExampleForm(forms.ModelForm):
    """A text, a file or an item: one of them. What is stored is not changed, only removed."""

    upload: CheckedUpload | None = None

    class Meta:
        model = PolicyExample
        fields = ("positive", "text", "item", "file")
        widgets = {"text": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean_text(self) -> str:
        """Without what nobody sees."""
        return normalise(self.cleaned_data["text"])

    def clean_file(self) -> Any:
        """Checked before anything stores or decodes it."""
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):
            return file
        try:
            self.upload = check_upload(
                file.file,  # type: ignore[arg-type]  # the stubs say IO[Any]
                claimed_type=file.content_type,
                name=file.name or "",
            )
        except CatalogError as err:
            raise forms.ValidationError(str(err), code=err.code) from err
        if self.upload.modality not in (Kind.IMAGE, Kind.AUDIO):
            raise forms.ValidationError("A film is no example: give a picture or a sound of it.")
        return file

    def clean(self) -> dict[str, Any]:
        """Exactly one thing; its kind follows."""
        data = super().clean() or self.cleaned_data
        given = [name for name in ("text", "item", "file") if data.get(name)]
        if not self.errors and len(given) != 1:
            raise forms.ValidationError("Give one of these: a text, an item, or a file.")
        if given == ["text"]:
            self.instance.kind = Kind.TEXT
        elif given == ["item"]:
            self.instance.kind = Kind.ITEM
        elif given == ["file"] and self.upload is not None:
            self.instance.kind = Kind(self.upload.modality)
            self.instance.sha256 = self.upload.sha256
            data["file"] = File(
                data["file"].file, name=f"{self.upload.sha256}.{self.upload.extension}"
            )
        return data


class PolicyForm(forms.ModelForm):
    """With a description of three lines."""

    class Meta:
        model = Policy
        fields = ("name", "description", "enabled", "action", "threshold", "kind", "category")
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class ExampleInline(TabularInline):
    """What the policy is against, and what it is not meant to be against."""

    model = PolicyExample
    form = ExampleForm
    extra = 1
    hide_title = True
    autocomplete_fields = ("item",)
    fields = ("positive", "text", "item", "file")
    verbose_name = "example"
    verbose_name_plural = "new examples"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyExample]:
        """None of those stored: the panel shows them."""
        return super().get_queryset(request).none()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may change the policy."""
        return _may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: another example is another row."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the policy."""
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the panel's buttons."""
        return False


def _may_change(request: HttpRequest) -> bool:
    user = request.user
    return bool(user.has_perm("retrieval.change_policy") or user.has_perm("retrieval.add_policy"))


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):
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
        try:
            file = example.file.open("rb")
        except (ValueError, FileNotFoundError) as err:
            raise Http404(str(example_id)) from err
        kind = TYPES.get(example.file.name.rpartition(".")[2], "application/octet-stream")
        return FileResponse(file, content_type=kind, headers=FILE_HEADERS)  # type: ignore[return-value]

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


def example_shown(example: PolicyExample | None) -> SafeString:
    """Words, a picture, a player or an item; ``item__media`` is prefetched."""
    if example is None:
        return format_html('<span class="triad-quiet">{}</span>', "an example that is gone")
    if example.kind == Kind.TEXT:
        return format_html("<q>{}</q>", example.text)
    if example.item is not None:
        return about(example.item)
    url = reverse("admin:retrieval_policy_example", args=[example.pk])
    if example.kind == Kind.AUDIO:
        return format_html(
            '<audio class="triad-audio" controls preload="none" src="{}"></audio>', url
        )
    return format_html(
        '<img class="triad-thumb" src="{}" alt="{}" loading="lazy" decoding="async">',
        url,
        "example picture",
    )
