"""The moderation queue: items that policies or people are against, and what becomes of them."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm

from catalog.admin import html
from catalog.admin.dialogs import dialog_action, row_or_404
from retrieval import contents, moderation
from retrieval.admin.policy_examples import example_shown
from retrieval.admin.reviews import (
    ReviewAdmin,
    StateFilter,
    about,
    bar,
    card,
    next_of,
    shown_badge,
    with_media,
)
from retrieval.models import Case, PolicyExample, ReviewRun

State = Case.State
STATE_VARIANTS: Final = {State.OPEN: "warning", State.UPHELD: "danger", State.DISMISSED: "success"}
FULL_BAR: Final = 12.0
"""Deviations: copies have about so many."""
QUEUE_READ: Final = 500


@admin.register(Case)
class CaseAdmin(ReviewAdmin):
    """Strongest first."""

    run_kind = ReviewRun.Kind.MODERATION
    decision_permission = "retrieval.moderate"
    list_display = ("item_shown", "policy_shown", "strength", "state_badge", "shown", "opened_at")
    list_filter = (StateFilter, ("policy", RelatedDropdownFilter))
    search_fields = ("item__external_id", "item__title", "reason", "note")
    actions = ("uphold_selected", "dismiss_selected")
    actions_list = ("check_catalog",)
    ordering = (F("score").desc(nulls_first=True), "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        """With what a row shows, in one more query."""
        rows = super().get_queryset(request).select_related("item", "policy")
        return rows.prefetch_related(with_media("item"))

    # --- the list -------------------------------------------------------------------------------

    @display(description="item", ordering="item__title")
    def item_shown(self, case: Case) -> SafeString:
        """Linked to the case."""
        url = reverse("admin:retrieval_case_change", args=[case.pk])
        return format_html('<a class="triad-plain" href="{}">{}</a>', url, about(case.item))

    @display(description="policy", ordering="policy__name")
    def policy_shown(self, case: Case) -> SafeString:
        """Or who flagged it, and why."""
        if case.policy is not None:
            return html.two_lines(case.policy.name, case.reason)
        return html.two_lines(f"flagged by {case.flagged_by or 'somebody'}", case.reason)

    @display(description="strength", ordering="score")
    def strength(self, case: Case) -> SafeString:
        """In deviations."""
        return html.badge("by hand") if case.score is None else score_bar(case.score)

    @display(description="state", ordering="state")
    def state_badge(self, case: Case) -> SafeString:
        """With who decided."""
        said = f"{case.decided_by}: {case.note}" if case.decided_by else ""
        return html.badge(case.state, STATE_VARIANTS[State(case.state)], said)

    @display(description="item is")
    def shown(self, case: Case) -> SafeString:
        """Held, hidden or published."""
        return shown_badge(case.item)

    # --- one case -------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The item beside what it resembles; POST decides, then shows the next."""
        if not self.has_view_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        rows = self.get_queryset(request).prefetch_related("item__texts", "item__categories")
        case = get_object_or_404(rows, pk=row_or_404(self, request, object_id).pk)
        if request.method == "POST":
            return self._decide(request, case)
        queue = self._queue()
        context = {
            **self.admin_site.each_context(request),
            "title": case.item.title,
            "opts": self.opts,
            "case": case,
            "card": card(case.item),
            "badge": html.badge(case.state, STATE_VARIANTS[State(case.state)]),
            "matched": _matched(case),
            "others": case.item.cases.exclude(pk=case.pk).select_related("policy")[:5],
            "content": contents.fingerprints([case.item_id]).get(case.item_id, ""),
            "may_decide": self.has_decide_permission(request),
            "waiting": len(queue),
            "next": next_of(queue, case.pk),
        }
        return TemplateResponse(request, "retrieval/admin/review/case.html", context)

    def _queue(self) -> list[int]:
        rows = Case.objects.filter(state=State.OPEN).order_by(*self.ordering)
        return list(rows.values_list("pk", flat=True)[:QUEUE_READ])

    def _decide(self, request: HttpRequest, case: Case) -> HttpResponse:
        by, chosen = request.user.get_username(), request.POST.get("decision", "")
        queue = self._queue()
        here = HttpResponseRedirect(request.path)
        if chosen == "reopen":
            if self.decided(request, lambda: moderation.case_reopen(case.pk, by=by), "Reopened."):
                self._note(request, case, State.OPEN)
            return here
        if chosen not in (State.UPHELD, State.DISMISSED):
            self.message_user(request, "Choose to uphold or to dismiss.", messages.ERROR)
            return here
        given = {"note": request.POST.get("note", ""), "content": request.POST.get("content", "")}
        made = self.decided(
            request,
            lambda: moderation.case_decide(case.pk, State(chosen), by=by, **given),
            f"{State(chosen).label}. {given['note']}".strip(),
        )
        if not made:
            return here
        self._note(request, case, State(chosen))
        self.message_user(request, _said(case, State(chosen)), messages.SUCCESS)
        after = next_of(queue, case.pk)
        if after is None:
            return HttpResponseRedirect(reverse("admin:retrieval_case_changelist"))
        return HttpResponseRedirect(reverse("admin:retrieval_case_change", args=[after]))

    # --- actions --------------------------------------------------------------------------------

    @admin.action(description="Uphold: hide these items", permissions=["decide"])
    def uphold_selected(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """All that are open."""
        self._decide_all(request, queryset, State.UPHELD)

    @admin.action(description="Dismiss", permissions=["decide"])
    def dismiss_selected(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        """All that are open."""
        self._decide_all(request, queryset, State.DISMISSED)

    def _note(self, request: HttpRequest, case: Case, state: State) -> None:
        """Into the item's own history: who keeps the item may see no cases."""
        self.log_change(request, case.item, f"Moderation: {state.label.lower()}, {case.policy}.")

    def _decide_all(self, request: HttpRequest, queryset: QuerySet[Case], state: State) -> None:
        by = request.user.get_username()

        def decide(case: Case) -> Any:
            made = moderation.case_decide(case.pk, state, by=by)
            self._note(request, case, state)
            return made

        self.decide_all(request, queryset, decide, "case", state.value)

    @dialog_action(
        description="Check the catalog",
        icon="policy",
        permissions=["decide"],
        dialog={
            "title": "Check the whole catalog?",
            "description": "A worker of the queue train holds every item against every enabled policy: "
            "a second for 1,000 items. What was decided stays decided. New and changed items are checked "
            "by themselves. A policy's own page can rehearse it first.",
            "form_class": None,
            "form_submit_text": "Check",
        },
    )
    def check_catalog(self, request: HttpRequest, form: BaseDialogForm) -> HttpResponse:
        """Queue a run, once the dialog was confirmed."""
        return self.start(request)


def score_bar(score: float) -> SafeString:
    """A score as a bar, for people."""
    return bar(score, score / FULL_BAR, f"{score:.1f} deviations from the usual")


def _said(case: Case, state: State) -> str:
    if state == State.UPHELD:
        return f"{case.item.title}: upheld, it is not shown any more."
    return f"{case.item.title}: dismissed."


def _matched(case: Case) -> list[dict[str, Any]]:
    ids = [line["example"] for line in case.matched]
    rows = PolicyExample.objects.filter(pk__in=ids).select_related("item")
    examples = {row.pk: row for row in rows.prefetch_related(with_media("item"))}
    return [
        {
            "example": example_shown(examples.get(line["example"])),
            "bar": score_bar(line["strength"]),
            "said": f"{'' if line['positive'] else 'counter'}example's {WORDS[line['shown']]} "
            f"against the item's {WORDS[line['against']]}",
        }
        for line in case.matched
    ]


WORDS: Final = {"text": "words", "image": "picture", "audio": "sound"}
