"""Parts of the admin's pages that come by themselves: slow ones do not hold the page up, and what goes
wrong in one is a sentence there.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin


def lazy(url: str, label: str) -> SafeString:
    """A place that fetches its panel once the page is there; without scripts, a link to it."""
    return format_html(
        '<div class="triad-panel" hx-get="{0}" hx-trigger="load" hx-swap="innerHTML">'
        '<a class="triad-link" href="{0}">{1}</a></div>',
        url,
        label,
    )


def panel(
    request: HttpRequest,
    admin: ModelAdmin,
    template: str,
    context: Mapping[str, Any],
    *,
    title: str,
    back: str,
) -> HttpResponse:
    """The panel alone for a page that fetches it, else as a page of its own with a way ``back``."""
    if request.headers.get("HX-Request") == "true":
        return render(request, template, {**context, "alone": False})
    whole = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.opts,
        "panel": template,
        "back": back,
        "alone": True,
        **context,
    }
    return TemplateResponse(request, "catalog/admin/panel.html", whole)
