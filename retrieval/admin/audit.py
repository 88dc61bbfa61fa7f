"""The catalog's quality in the admin: what the last audit found, and a button for the next."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm

from catalog.admin import html
from catalog.admin.base import CarefulAdmin
from catalog.admin.dialogs import dialog_action, redirected
from catalog.models import Item
from retrieval.admin.runs import run_badge
from retrieval.audit import run_create
from retrieval.exceptions import AuditRunning
from retrieval.models import AuditFinding, AuditRun

ANY = "any"
LIST = "admin:retrieval_auditfinding_changelist"


class QualityFilter(DropdownFilter):
    """Items by what the last audit found; not what has changed since."""

    title = "quality"
    parameter_name = "quality"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every check, and any of them."""
        return [(ANY, "anything odd"), *AuditFinding.Check.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """The items of which it is still true."""
        check = self.value()
        if not check:
            return queryset
        found = AuditFinding.objects.filter(
            item=OuterRef("pk"), content_version__gte=OuterRef("content_version")
        )
        return queryset.filter(Exists(found if check == ANY else found.filter(check_name=check)))


def quality_panel(item: Item) -> SafeString:
    """What the last audit found about an item."""
    findings = AuditFinding.objects.filter(item=item)
    lines = [(finding, _badge(finding, item.content_version)) for finding in findings]
    return render_to_string("retrieval/admin/quality.html", {"lines": lines})


def _badge(finding: AuditFinding, version: int) -> SafeString:
    if finding.content_version < version:
        return html.badge("changed since")
    return html.badge(finding.get_check_name_display(), "warning")


@admin.register(AuditFinding)
class AuditFindingAdmin(CarefulAdmin):
    """Findings are read, not edited: repair the item and audit again."""

    list_display = ("about", "kind_of_finding", "detail", "score_shown", "found_at")
    list_display_links = None
    list_filter = (("check_name", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("item",)
    list_before_template = "retrieval/admin/audit_list.html"
    search_fields = ("item__external_id", "item__title", "detail")
    actions_list = ("audit_now",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditFinding]:
        """With the version that the item has by now."""
        return super().get_queryset(request).annotate(version=F("item__content_version"))

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view(self.run_view)
        return [path("run/", view, name="retrieval_auditfinding_run"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only an audit finds something."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor is a finding changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It goes when the next audit does not find it; or with its item."""
        return obj is not None and bool(request.user.has_perm("catalog.delete_item"))

    def has_audit_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may add findings."""
        return bool(super().has_add_permission(request))

    @dialog_action(
        description="Audit the catalog",
        icon="fact_check",
        permissions=["audit"],
        dialog={
            "title": "Audit the catalog?",
            "description": "A worker of the queue train looks at every item and decodes every file, "
            "about a minute for 1,000 items. What was found before is replaced.",
            "form_class": None,
            "form_submit_text": "Audit",
        },
    )
    def audit_now(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        """Queue an audit, once the dialog was confirmed."""
        try:
            run = run_create(request.user.get_username())
        except AuditRunning as err:
            self.message_user(request, str(err), messages.WARNING)
        else:
            self.log_change(request, run, "Asked for.")
            self.message_user(request, "The audit is queued; its progress is shown below.")
        return redirected(request, reverse(LIST))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the last audit above the list."""
        return super().changelist_view(request, {**(extra_context or {}), "run_panel": run_panel()})

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """The last audit alone, for the list to show again and again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponse(run_panel())

    @display(description="item", ordering="item__title")
    def about(self, finding: AuditFinding) -> SafeString:
        """A link to its page."""
        url = reverse("admin:catalog_item_change", args=[finding.item_id])
        name = html.two_lines(finding.item.title, finding.item.external_id)
        return format_html('<a class="triad-link" href="{}">{}</a>', url, name)

    @display(description="finding", ordering="check_name")
    def kind_of_finding(self, finding: Any) -> SafeString:
        """Or that the item has changed since."""
        return _badge(finding, finding.version)

    @display(description="score", ordering="score")
    def score_shown(self, finding: AuditFinding) -> str:
        """In the check's own unit."""
        return f"{finding.score:.2f}"


def run_panel() -> SafeString:
    """How far the last audit is; it asks again by itself while it goes on."""
    run = AuditRun.objects.first()
    if run is None:
        return render_to_string("retrieval/admin/audit_run.html", {"run": None})
    labels = dict(AuditFinding.Check.choices)
    context = {
        "run": run,
        "badge": run_badge(run),
        "alive": run.status in AuditRun.UNFINISHED,
        "percent": round(100 * run.done / run.total) if run.total else 0,
        "found": [(labels[name], count) for name, count in run.found.items() if name in labels],
    }
    return render_to_string("retrieval/admin/audit_run.html", context)
