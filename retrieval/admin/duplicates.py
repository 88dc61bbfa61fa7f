"""Near duplicates in the admin: two items side by side, and what becomes of them."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm

from catalog.admin import html
from catalog.admin.dialogs import dialog_action, row_or_404
from retrieval import duplicates
from retrieval.admin.duplicate_signals import badges, bars, mirrored
from retrieval.admin.reviews import (
    ReviewAdmin,
    StateFilter,
    about,
    bar,
    card,
    next_of,
    with_media,
)
from retrieval.exceptions import ReviewConflict
from retrieval.models import DuplicatePair, ReviewRun

Grade = DuplicatePair.Grade
State = DuplicatePair.State
GRADE_VARIANTS: Final = {Grade.EXACT: "danger", Grade.NEAR: "warning", Grade.SIMILAR: "info"}
QUEUE_READ: Final = 500
SIDES: Final = ("left", "right")


@admin.register(DuplicatePair)
class DuplicatePairAdmin(ReviewAdmin):
    """Exact ones first, then the strongest."""

    run_kind = ReviewRun.Kind.DUPLICATES
    decision_permission = "retrieval.review_duplicates"
    list_display = (
        "left_shown",
        "right_shown",
        "grade_badge",
        "strength",
        "signals_shown",
        "decision",
    )
    list_filter = (StateFilter, ("grade", ChoicesDropdownFilter))
    search_fields = (
        *("left__external_id", "left__title", "right__external_id", "right__title", "note"),
    )
    actions = ("keep_selected", "hide_newer_selected")
    actions_list = ("find",)
    ordering = ("grade", "-score", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DuplicatePair]:
        """With what a row shows, in two more queries."""
        rows = super().get_queryset(request).select_related("left", "right")
        return rows.prefetch_related(*map(with_media, SIDES))

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view(self.merge_view)
        address = "<int:pair_id>/merge/<int:kept_id>/"
        return [path(address, view, name="retrieval_duplicatepair_merge"), *super().get_urls()]

    # --- the list -------------------------------------------------------------------------------

    @display(description="older item", ordering="left__title")
    def left_shown(self, pair: DuplicatePair) -> SafeString:
        """Linked to the pair."""
        return _linked(pair, about(pair.left))

    @display(description="newer item", ordering="right__title")
    def right_shown(self, pair: DuplicatePair) -> SafeString:
        """Linked to the pair."""
        return _linked(pair, about(pair.right))

    @display(description="class", ordering="grade")
    def grade_badge(self, pair: DuplicatePair) -> SafeString:
        """Exact, near, merely similar."""
        return html.badge(pair.get_grade_display(), GRADE_VARIANTS[Grade(pair.grade)])

    @display(description="strength", ordering="score")
    def strength(self, pair: DuplicatePair) -> SafeString:
        """From 0 to 1."""
        return bar(pair.score, pair.score)

    @display(description="alike by")
    def signals_shown(self, pair: DuplicatePair) -> SafeString:
        """Words, pictures and sounds with how much each is alike; what makes them copies stands out."""
        return badges(pair)

    @display(description="decision", ordering="state")
    def decision(self, pair: DuplicatePair) -> SafeString:
        """With who decided."""
        said = f"{pair.decided_by}: {pair.note}" if pair.decided_by else ""
        variant = "warning" if pair.state == State.OPEN else "success"
        return html.badge(pair.get_state_display(), variant, said)

    # --- one pair -------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Both items side by side; POST decides, then shows the next."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pair = self._pair(request, object_id)
        if request.method == "POST":
            return self._decide(request, pair)
        queue = self._queue()
        mates = DuplicatePair.objects.filter(grade=pair.grade, group=pair.group)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{pair.left.title} and {pair.right.title}",
            "opts": self.opts,
            "pair": pair,
            "cards": [card(pair.left), card(pair.right)],
            "badge": self.grade_badge(pair),
            "signals": bars(pair),
            "mirrored": mirrored(pair),
            "mates": mates.exclude(pk=pair.pk).select_related("left", "right")[:5],
            "content": duplicates.content_now(pair),
            "may_decide": self.has_decide_permission(request),
            "waiting": len(queue),
            "next": next_of(queue, pair.pk),
        }
        return TemplateResponse(request, "retrieval/admin/review/pair.html", context)

    def _pair(self, request: HttpRequest, object_id: str | int) -> DuplicatePair:
        pk = row_or_404(self, request, str(object_id)).pk
        related = [f"{side}__{name}" for side in SIDES for name in ("texts", "categories")]
        return get_object_or_404(self.get_queryset(request).prefetch_related(*related), pk=pk)

    def _queue(self) -> list[int]:
        rows = DuplicatePair.objects.filter(state=State.OPEN).order_by(*self.ordering)
        return list(rows.values_list("pk", flat=True)[:QUEUE_READ])

    def _decide(self, request: HttpRequest, pair: DuplicatePair) -> HttpResponse:
        given = {
            "by": request.user.get_username(),
            "note": request.POST.get("note", ""),
            "content": request.POST.get("content", ""),
        }
        left, right = pair.left, pair.right
        ways: dict[str, tuple[Callable[[], Model], str]] = {
            "keep": (lambda: duplicates.pair_keep(pair.pk, **given), "Both are kept."),
            "hide_right": (
                lambda: duplicates.pair_hide(pair.pk, left.pk, **given),
                f"{right} is hidden.",
            ),
            "hide_left": (
                lambda: duplicates.pair_hide(pair.pk, right.pk, **given),
                f"{left} is hidden.",
            ),
            "reopen": (
                lambda: duplicates.pair_reopen(pair.pk, by=given["by"]),
                "Asked again.",
            ),
        }
        chosen = ways.get(request.POST.get("decision", ""))
        if chosen is None:
            self.message_user(request, "Choose what shall become of them.", messages.ERROR)
            return HttpResponseRedirect(request.path)
        queue = self._queue()
        if not self.decided(request, *chosen):
            return HttpResponseRedirect(request.path)
        self.message_user(request, chosen[1], messages.SUCCESS)
        hidden = {"hide_right": (right, left), "hide_left": (left, right)}
        if found := hidden.get(request.POST["decision"]):
            item, kept = found
            self.log_change(request, item, f"Hidden: nearly the same as {kept}.")
        return _to_next(queue, pair.pk)

    def merge_view(self, request: HttpRequest, pair_id: int, kept_id: int) -> HttpResponse:
        """What a merge would do; POST does it."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        pair = self._pair(request, pair_id)
        here = reverse("admin:retrieval_duplicatepair_change", args=[pair_id])
        if request.method == "POST":
            return self._merge(request, pair, kept_id)
        try:
            preview = duplicates.merge_preview(pair, kept_id)
        except ReviewConflict as err:
            self.message_user(request, str(err), messages.ERROR)
            return HttpResponseRedirect(here)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Merge into {preview.merging.kept.title}",
            "opts": self.opts,
            "pair": pair,
            "plan": preview.merging,
            "media": [html.preview(each) for each in preview.merging.media],
            "moving": preview.moving,
            "content": duplicates.content_now(pair),
            "may_delete": request.user.has_perm("catalog.delete_item"),
            "back": here,
        }
        return TemplateResponse(request, "retrieval/admin/review/merge.html", context)

    def _merge(self, request: HttpRequest, pair: DuplicatePair, kept_id: int) -> HttpResponse:
        after = request.POST.get("after", "hide")
        if after not in ("hide", "delete"):
            self.message_user(request, "Choose to hide or to delete the other.", messages.ERROR)
            return HttpResponseRedirect(request.path)
        if after == "delete" and not request.user.has_perm("catalog.delete_item"):
            raise PermissionDenied
        other = pair.right if kept_id == pair.left_id else pair.left
        kept = pair.left if kept_id == pair.left_id else pair.right
        moved: dict[str, int] = {}

        def merge() -> Model:
            row, found = duplicates.pair_merge(
                pair.pk,
                kept_id,
                after="delete" if after == "delete" else "hide",
                by=request.user.get_username(),
                note=request.POST.get("note", ""),
                content=request.POST.get("content", ""),
            )
            moved.update(found)
            return row

        queue = self._queue()
        done = "deleted" if after == "delete" else "hidden"
        said = f"{other} is merged into {kept} and {done}."
        if not self.decided(request, merge, said):
            return HttpResponseRedirect(request.path)
        went = ", ".join(f"{count} {noun}" for noun, count in moved.items() if count)
        self.log_change(request, kept, f"Got what {other} had{f', with {went}' if went else ''}.")
        if after == "hide":
            self.log_change(request, other, f"Hidden: merged into {kept}.")
        self.message_user(request, f"{said}{f' {went} went over.' if went else ''}")
        return _to_next(queue, pair.pk)

    # --- actions --------------------------------------------------------------------------------

    @admin.action(description="Keep both", permissions=["decide"])
    def keep_selected(self, request: HttpRequest, queryset: QuerySet[DuplicatePair]) -> None:
        """Of all that are open."""
        by = request.user.get_username()
        self.decide_all(
            request, queryset, lambda pair: duplicates.pair_keep(pair.pk, by=by), "pair"
        )

    @admin.action(description="Hide the newer item", permissions=["decide"])
    def hide_newer_selected(self, request: HttpRequest, queryset: QuerySet[DuplicatePair]) -> None:
        """Of all that are open."""
        by = request.user.get_username()
        self.decide_all(
            request,
            queryset,
            lambda pair: duplicates.pair_hide(pair.pk, pair.left_id, by=by),
            "pair",
        )

    @dialog_action(
        description="Look for duplicates",
        icon="difference",
        permissions=["decide"],
        dialog={
            "title": "Look for duplicates in the whole catalog?",
            "description": "A worker of the queue train compares every item with what is near to it. New "
            "files are decoded once. What was decided stays decided.",
            "form_class": None,
            "form_submit_text": "Look",
        },
    )
    def find(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        """Queue a run, once the dialog was confirmed."""
        return self.start(request)


def _linked(pair: DuplicatePair, shown: SafeString) -> SafeString:
    url = reverse("admin:retrieval_duplicatepair_change", args=[pair.pk])
    return format_html('<a class="triad-plain" href="{}">{}</a>', url, shown)


def _to_next(queue: list[int], pk: int) -> HttpResponse:
    after = next_of(queue, pk)
    if after is None:
        return HttpResponseRedirect(reverse("admin:retrieval_duplicatepair_changelist"))
    return HttpResponseRedirect(reverse("admin:retrieval_duplicatepair_change", args=[after]))
