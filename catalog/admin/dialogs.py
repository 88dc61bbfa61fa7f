"""Actions that ask before they do anything: in a dialog over the page, or on a page of their own for whoever
opens their address.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from catalog.admin.base import CarefulAdmin


def dialog_action(
    *, description: str, icon: str, permissions: Iterable[str], dialog: ActionDialog
) -> Callable[[Callable[..., HttpResponse]], Any]:
    """An action of an admin that is done with the valid form of its dialog, and with its row's id if it is
    about a row. Answers 403 without the permission, and 404 if there is no such row.
    """

    def decorated(run: Callable[..., HttpResponse]) -> Any:
        @wraps(run)
        def asked(
            admin: ModelAdmin, request: HttpRequest, object_id: str | None = None
        ) -> HttpResponse:
            row = None if object_id is None else row_or_404(admin, request, object_id)
            form_class = dialog["form_class"] or BaseDialogForm
            given: dict[str, Any] = {} if row is None else {"object_id": str(row.pk)}
            form = form_class(
                request=request, data=request.POST or None, object_id=given.get("object_id")
            )
            if form.is_valid():
                return run(admin, request, form, **given)
            return _shown(admin, request, row, description, dialog, form)

        made = action(description=description, icon=icon, permissions=permissions)(asked)
        made.dialog = dialog  # the menus open it over the page
        return made

    return decorated


def row_or_404(admin: ModelAdmin, request: HttpRequest, object_id: str) -> Model:
    """The row of an address, whatever stands there. Raises Http404."""
    row = admin.get_object(request, unquote(str(object_id)))
    if row is None:
        raise Http404(object_id)
    return row


def redirected(request: HttpRequest, url: str) -> HttpResponse:
    """To ``url``, also from a dialog."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _shown(
    admin: ModelAdmin,
    request: HttpRequest,
    row: Model | None,
    description: str,
    dialog: ActionDialog,
    form: BaseDialogForm,
) -> HttpResponse:
    context = {"dialog": dialog, "form": form, "form_submit_text": dialog["form_submit_text"]}
    if request.headers.get("HX-Request") == "true":
        return render(request, "unfold/helpers/dialog.html", context)
    page = f"admin:{admin.opts.app_label}_{admin.opts.model_name}"
    back = reverse(f"{page}_change", args=[row.pk]) if row else reverse(f"{page}_changelist")
    whole = {
        **admin.admin_site.each_context(request),
        "title": description,
        "subtitle": str(row) if row else None,
        "opts": admin.opts,
        "back": back,
        "back_to": str(row) if row else f"all {admin.opts.verbose_name_plural}",
        **context,
    }
    return TemplateResponse(request, "catalog/admin/dialog.html", whole)


class DialogAdmin(CarefulAdmin):
    """Offers on a row's page only the actions that make sense in the state it is in."""

    state_field: ClassVar[str] = "state"
    offered: ClassVar[Mapping[str, Collection[str]]] = {}
    """Action → states; one that is not named here is offered in all."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With the menu of its row, which is read by now."""
        row = kwargs.get("obj")
        if row is not None:
            state, row_id = getattr(row, self.state_field, None), context["object_id"]
            prefix = len(f"{self.opts.app_label}_{self.opts.model_name}_")
            offered = [
                each
                for each in self.get_actions_detail(request, row_id)
                if self._is_offered(each.action_name[prefix:], state)
            ]
            menu = self._get_actions_navigation(self.actions_detail, offered, row_id)
            context["actions_detail"] = menu
        return super().render_change_form(request, context, *args, **kwargs)

    def _is_offered(self, name: str, state: str | None) -> bool:
        return name not in self.offered or (state or "") in self.offered[name]
