"""Admins of rows that actions make, switch and end, and that nobody edits."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from catalog.admin.dialogs import DialogAdmin, redirected


class ActionAdmin(DialogAdmin):
    """An admin whose actions say on the list what they did, or why they did nothing."""

    errors: ClassVar[type[Exception]]
    """What an action may raise for its user to read."""

    def done(
        self, request: HttpRequest, run: Callable[[], Any], said: str, logged: str = ""
    ) -> HttpResponse:
        """Run, and go to the list with ``said``, in which {} is the row's name; its history gets ``logged``,
        or that.
        """
        try:
            row = run()
        except self.errors as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
        else:
            self.log_change(request, row, logged or said.format(row.name))
            self.message_user(request, said.format(row.name), messages.SUCCESS)
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return redirected(request, reverse(page))


class RecordAdmin(ActionAdmin):
    """Rows are never edited: adding is asked for by what makes one, changing by what switches to one,
    deleting by what retires one.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Not by a form: there is more to one than its row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It never changes; who may activate it is asked apart."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retiring forgets what belongs to it as well; a bare row deletion would not."""
        return False

    def has_make_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may add such rows."""
        return super().has_add_permission(request)

    def has_activate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may change such rows."""
        return super().has_change_permission(request, obj)

    def has_retire_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users who may delete such rows."""
        return super().has_delete_permission(request, obj)
