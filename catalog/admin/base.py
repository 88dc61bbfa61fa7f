"""What the catalog's admin pages share."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from catalog.exceptions import CatalogError


class CatalogModelAdmin(ModelAdmin):
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
