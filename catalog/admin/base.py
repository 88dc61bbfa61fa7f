"""What the catalog's admin pages share."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from catalog.exceptions import CatalogError

LOGGED: Final = 100
"""Rows of one action that get an entry each; of more, one entry says how many."""


class AuditedActions(ModelAdmin):
    """Notes in the history which rows an action of the list was done with."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """As Django's, which notes deletions only."""
        name = next(iter(request.POST.getlist("action")), "")
        chosen = queryset
        if request.POST.get("select_across") != "1":
            chosen = queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        rows = list(chosen.prefetch_related(None)[: LOGGED + 1])
        response = super().response_action(request, queryset)
        done = self.get_actions(request).get(name)
        if done and rows and name != "delete_selected":
            self._note(request, f"{done[2]}.", rows)
        return response

    def _note(self, request: HttpRequest, message: str, rows: list[Any]) -> None:
        entry = {
            "user_id": request.user.pk,
            "content_type": ContentType.objects.get_for_model(self.model),
            "action_flag": CHANGE,
            "change_message": message,
        }
        if len(rows) > LOGGED:
            many = f"all {self.opts.verbose_name_plural} that the list showed"
            LogEntry.objects.create(object_repr=many, **entry)
            return
        LogEntry.objects.bulk_create(
            LogEntry(object_id=row.pk, object_repr=str(row)[:200], **entry) for row in rows
        )


class CatalogModelAdmin(AuditedActions):
    """A page whose writes may be refused by the services.

    Forms check first. What changed between the check and the write arrives here: nothing is
    stored, and a message says why.
    """

    list_per_page = 50

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """None, too, for what no key can be: Postgres knows no NUL."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; back to it with a message when a service refuses the write."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (CatalogError, ObjectDoesNotExist) as err:  # the latter: deleted meanwhile
            self.message_user(request, f"Nothing was saved: {err}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def counted(count: int, noun: str) -> str:
    """``1 item``, ``2 items``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
