"""Suggested texts in the admin: asked for on the list of items, accepted or rejected here."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from catalog.admin import html
from catalog.admin.base import AuditedActions
from catalog.models import Item, ItemText
from catalog.wake import workers_wake
from recommender.llm.drafting import suggestions_send
from recommender.llm.suggestions import (
    CATALOG_ERRORS,
    suggestion_accept,
    suggestion_reject,
    suggestions_ask,
)
from recommender.models import Suggestion
from retrieval.admin.items import EmbeddedItemAdmin

VARIANTS: Final = {
    Suggestion.Status.ASKED: "info",
    Suggestion.Status.SUGGESTED: "warning",
    Suggestion.Status.ACCEPTED: "success",
    Suggestion.Status.FAILED: "danger",
}
MAX_ITEMS: Final = 500
"""Asked for at once: every draft is a call."""
MAX_LANGUAGES: Final = 6


class SuggestionForm(forms.ModelForm):
    """Only the text is the person's."""

    class Meta:
        model = Suggestion
        fields = ("text",)


@admin.register(Suggestion)
class SuggestionAdmin(AuditedActions):
    """Drafts: nothing reaches the catalog but by accepting them."""

    form = SuggestionForm
    list_display = ("about", "kind", "language", "draft", "state", "source", "asked_at")
    list_filter = (("status", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("item",)
    search_fields = ("item__external_id", "item__title", "text")
    actions = ("accept", "reject")
    note_themselves = actions
    fields = ("about", ("kind", "language"), "text", ("state", "problem"), "source")
    readonly_fields = ("about", "kind", "language", "state", "problem", "source")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are asked for on the list of items."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Suggestion | None = None) -> bool:
        """Open ones, by who may change items."""
        open_ = obj is None or obj.status == Suggestion.Status.SUGGESTED
        return open_ and bool(request.user.has_perm("catalog.change_item"))

    def save_model(self, request: HttpRequest, obj: Suggestion, form: Any, change: bool) -> None:
        """Saving the page accepts the text as it stands there."""
        self._decide(request, [obj], partial(suggestion_accept, text=form.cleaned_data["text"]))

    @admin.action(description="Accept", permissions=["change"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        """Write the chosen drafts into the catalog."""
        done = self._decide(request, queryset.order_by("pk"), suggestion_accept)
        self.note(request, "Accept.", done, f"{len(done)} suggestions")

    @admin.action(description="Reject", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        """Put the chosen drafts away."""
        done = self._decide(request, queryset.order_by("pk"), suggestion_reject)
        self.note(request, "Reject.", done, f"{len(done)} suggestions")

    def _decide(
        self, request: HttpRequest, rows: Iterable[Suggestion], decide: Callable[..., object]
    ) -> list[Suggestion]:
        """Those that could be decided; of the others a message each says why not."""
        done = []
        for row in rows:
            try:
                with transaction.atomic():
                    decide(row, request.user)
            except CATALOG_ERRORS as err:
                self.message_user(request, f"{row}: {err}", messages.WARNING)
            else:
                done.append(row)
        workers_wake({row.item_id for row in done})
        self.message_user(request, f"{len(done)} decided.")
        return done

    @display(description="item")
    def about(self, row: Suggestion) -> SafeString:
        """Title over identifier."""
        return html.two_lines(row.item.title, row.item.external_id)

    @display(description="draft")
    def draft(self, row: Suggestion) -> str:
        """Its text, or why there is none."""
        return row.text or row.problem

    @display(description="status")
    def state(self, row: Suggestion) -> SafeString:
        """In colour."""
        return html.badge(row.status, VARIANTS.get(Suggestion.Status(row.status), ""))


class SuggestingItemAdmin(EmbeddedItemAdmin):
    """The list of items, with an action that asks for drafts."""

    actions = (*EmbeddedItemAdmin.actions, "suggest")

    @admin.action(description="Suggest texts", permissions=["change"])
    def suggest(self, request: HttpRequest, queryset: QuerySet[Item]) -> HttpResponse | None:
        """Ask for what the chosen items lack: description, tags, alt texts, the catalog's languages."""
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MAX_ITEMS + 1])
        if len(ids) > MAX_ITEMS:
            self.message_user(request, f"Choose at most {MAX_ITEMS} items.", messages.ERROR)
            return None
        rows = suggestions_ask(ids, kinds_possible(), _languages())
        transaction.on_commit(partial(suggestions_send, rows))
        self.message_user(
            request, f"{len(rows)} texts asked for: workers of the queue train draft them."
        )
        return HttpResponseRedirect(reverse("admin:recommender_suggestion_changelist"))


def kinds_possible() -> list[str]:
    """Without a model, tags and alt texts."""
    kinds: list[str] = [Suggestion.Kind.TAGS, Suggestion.Kind.ALT]
    if settings.LLM["PROVIDER"] != "none":
        kinds += [Suggestion.Kind.DESCRIPTION, Suggestion.Kind.TRANSLATION]
    return kinds


def _languages() -> list[str]:
    """Those that most of the catalog's other texts are in."""
    counted = ItemText.objects.order_by().values_list("language", flat=True).distinct()
    return sorted(counted)[:MAX_LANGUAGES]
