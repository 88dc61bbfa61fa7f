"""Visitors in the admin: what they did, what they are drawn to, what they would be shown; export, forget."""

from typing import Any, Final, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from rest_framework.request import Request
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from catalog.admin import html, panels
from catalog.admin.cards import card, items_pictured
from catalog.admin.dialogs import dialog_action, redirected, row_or_404
from recommender.admin.events import ReadOnlyAdmin
from recommender.admin.preview import LookForm, seen
from recommender.admin.profiles import profile_panel
from recommender.admin.stages import SAID, problem_of, stages
from recommender.api.visitors import streamed
from recommender.llm import calls
from recommender.llm.rerank import PURPOSE
from recommender.models import Event, Visitor
from recommender.visitors import visitor_export, visitor_forget

EVENTS_A_PAGE: Final = 20
EVENTS: Final = "recommender.view_event"
NAMELESS: Final = "a visitor"
"""In the admin's log: it must not keep the name of whoever is forgotten."""


@admin.register(Visitor)
class VisitorAdmin(ReadOnlyAdmin):
    """Who visits, latest first."""

    list_display = ("external_id", "merged_into", "created_at")
    readonly_fields = ("taste", "events_panel")
    fieldsets = (
        (None, {"fields": (("external_id", "merged_into", "created_at"),)}),
        ("Taste", {"fields": ("taste",)}),
        ("Events", {"fields": ("events_panel",)}),
    )
    list_select_related = ("merged_into",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("external_id__startswith",)
    search_help_text = "How an identifier begins"
    actions_detail = ("sees", "export", "forget")

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view(self.events_view)
        own = path("<int:visitor_id>/events/", view, name="recommender_visitor_events")
        return [own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Visitor | None = None) -> list[Any]:
        """Without events for whoever may not see them."""
        may = request.user.has_perm(EVENTS)
        return [each for each in super().get_fieldsets(request, obj) if may or each[0] != "Events"]

    def has_forget_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Users who may delete visitors."""
        return bool(request.user.has_perm("recommender.delete_visitor"))

    # --- what they would see --------------------------------------------------------------------

    @action(description="What they see now", icon="visibility", permissions=["view"])
    def sees(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A placement as they would get it now, stage by stage."""
        visitor = cast("Visitor", row_or_404(self, request, object_id))
        form = LookForm(request.GET)
        good = form.is_valid()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"What {visitor} sees now",
            "opts": self.opts,
            "visitor": visitor,
            "form": form,
            "placements": form.names,
            "chosen": form.placement_name,
            "by_model": calls.enabled(PURPOSE),
        }
        if good:
            try:
                context |= stages(*seen(form.look(visitor.external_id)))
            except SAID as err:
                context["problem"] = problem_of(err)
        return TemplateResponse(request, "recommender/admin/sees.html", context)

    # --- what they did --------------------------------------------------------------------------

    def events_view(self, request: HttpRequest, visitor_id: int) -> HttpResponse:
        """Their events, the latest first, a page at a time by ``before``, the id of an event."""
        if not (self.has_view_permission(request) and request.user.has_perm(EVENTS)):
            raise PermissionDenied
        visitor = get_object_or_404(Visitor, pk=visitor_id)
        before = request.GET.get("before", "")
        rows = Event.objects.filter(visitor=visitor.merged_into_id or visitor.pk)
        if before.isdecimal() and len(before) < 19:
            rows = rows.filter(pk__lt=int(before))
        page = list(rows.order_by("-pk")[: EVENTS_A_PAGE + 1])
        items = items_pictured(row.item_id for row in page if row.item_id)
        lines = [
            {"event": row, "badge": html.badge(row.type, "info"), "card": self._about(row, items)}
            for row in page[:EVENTS_A_PAGE]
        ]
        context = {
            "lines": lines,
            "first": not before,
            "url": request.path,
            "before": page[EVENTS_A_PAGE - 1].pk if len(page) > EVENTS_A_PAGE else None,
        }
        back = reverse("admin:recommender_visitor_change", args=[visitor.pk])
        return panels.panel(
            request, self, "recommender/admin/visitor_events.html", context,
            title=f"Events of {visitor}", back=back,
        )  # fmt: skip

    def _about(self, row: Event, items: Any) -> dict[str, Any] | None:
        return card(items, row.item_id) if row.item_id else None

    @display(description="events")
    def events_panel(self, visitor: Visitor) -> SafeString:
        """The latest, and a way to the ones before."""
        url = reverse("admin:recommender_visitor_events", args=[visitor.pk])
        return panels.lazy(url, "Show their events")

    @display(description="taste")
    def taste(self, visitor: Visitor) -> SafeString:
        """What the recommender knows of them."""
        return profile_panel(visitor)

    # --- what they may ask for ------------------------------------------------------------------

    @action(description="Export", icon="download", permissions=["view"])
    def export(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """All that is known of them, as a JSON file."""
        visitor = cast("Visitor", row_or_404(self, request, object_id))
        parts = visitor_export(visitor.external_id)
        if parts is None:
            raise Http404(object_id)
        answer = streamed(Request(request), parts)
        answer["Content-Disposition"] = f'attachment; filename="visitor-{visitor.pk}.json"'
        answer["Cache-Control"] = "no-store"
        self._log(request, visitor.pk, CHANGE, "Exported.")
        return answer

    @dialog_action(
        description="Forget",
        icon="person_remove",
        permissions=["forget"],
        dialog={
            "title": "Forget this visitor?",
            "description": "Everything known of them is deleted for good, under all their identifiers: "
            "events, what was shown to them, what was learned of their taste.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Forget",
        },
    )
    def forget(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Delete every row that mentions them."""
        visitor = cast("Visitor", row_or_404(self, request, object_id))
        visitor_forget(visitor.external_id)
        self._log(request, visitor.pk, DELETION, "Forgotten.")
        self.message_user(request, "The visitor is forgotten.", messages.SUCCESS)
        return redirected(request, reverse("admin:recommender_visitor_changelist"))

    def _log(self, request: HttpRequest, visitor_id: int, flag: int, said: str) -> None:
        LogEntry.objects.create(
            user_id=cast("int", request.user.pk),
            content_type=ContentType.objects.get_for_model(Visitor),
            object_id=str(visitor_id),
            object_repr=NAMELESS,
            action_flag=flag,
            change_message=said,
        )
