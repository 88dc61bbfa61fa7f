"""What the catalog's admin pages share."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from catalog.exceptions import CatalogError

LOGGED: Final = 100
"""Rows of one action that get an entry each; of more, one entry says how many."""


class CarefulChangeList(ChangeList):
    """Dates that there are none of are a wrong parameter, as others are."""

    def get_filters(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters, upon which the list is shown as it is."""
        try:
            return super().get_filters(request)
        except OverflowError as err:
            raise IncorrectLookupParameters(err) from err


class CarefulAdmin(ModelAdmin):
    """What an address or a form names and no row can be called finds nothing."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """As Unfold's."""
        return CarefulChangeList

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Without relations to what cannot be; moments as moments, which their two inputs need."""
        initial = super().get_changeform_initial_data(request)
        for field in (*self.opts.fields, *self.opts.many_to_many):
            if isinstance(field, models.DateTimeField) and field.name in initial:
                with suppress(ValidationError):
                    initial[field.name] = forms.DateTimeField().clean(initial.pop(field.name))
            elif field.is_relation and field.name in initial:
                given = initial[field.name]
                if isinstance(given, list):
                    initial[field.name] = [each for each in given if _may_name(field, each)]
                elif not _may_name(field, given):
                    del initial[field.name]
        return initial

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Of the rows that can be."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        possible = [each for each in chosen if _may_name(self.opts.pk, each)]
        if len(possible) < len(chosen):
            form = request.POST.copy()
            form.setlist(ACTION_CHECKBOX_NAME, possible)
            request.POST = form  # type: ignore[assignment]  # Django makes it immutable
        return super().response_action(request, queryset)


def _may_name(field: Any, name: str) -> bool:
    """Whether ``name`` may be a value of the key that a field is or leads to."""
    key = field.target_field if field.is_relation else field
    try:
        key.to_python(name)
    except ValidationError:
        return False
    return "\0" not in name


class AuditedActions(CarefulAdmin):
    """Notes in the history which rows an action of the list was done with."""

    note_themselves: ClassVar[Collection[str]] = ()
    """Actions that change only some of what was chosen, and ``note`` which."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """As Django's, which notes deletions only."""
        name = next(iter(request.POST.getlist("action")), "")
        chosen = queryset
        if request.POST.get("select_across") != "1":
            names = request.POST.getlist(ACTION_CHECKBOX_NAME)
            chosen = queryset.filter(
                pk__in=[each for each in names if _may_name(self.opts.pk, each)]
            )
        rows = list(chosen.prefetch_related(None)[: LOGGED + 1])
        response = super().response_action(request, queryset)
        done = self.get_actions(request).get(name)
        if done and name != "delete_selected" and name not in self.note_themselves:
            self.note(
                request,
                f"{done[2]}.",
                rows,
                f"all {self.opts.verbose_name_plural} that the list showed",
            )
        return response

    def note(self, request: HttpRequest, message: str, rows: Sequence[Any], many: str) -> None:
        """An entry for each row; of more than LOGGED one that says ``many``."""
        entry = {
            "user_id": request.user.pk,
            "content_type": ContentType.objects.get_for_model(self.model),
            "action_flag": CHANGE,
            "change_message": message,
        }
        if len(rows) > LOGGED:
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
