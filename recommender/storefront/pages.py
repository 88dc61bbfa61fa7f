"""What every page of the storefront has: its language, its policy, what its script needs to know."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JSONCatalog

from recommender.storefront.fields import field_label, price_field, shown_fields

# (language tag, its own name): the languages of the demo catalog
LANGUAGES = (
    ("en", "English"),
    ("zh", "中文"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ja", "日本語"),
)
PAGE_LANGUAGES = {"en": "en", "zh": "zh-hans"}
"""What the pages themselves are written in, by the first subtag: Django's names of them."""
MODALITIES = (("text", _("Words")), ("image", _("Looks")), ("audio", _("Sound")))
MODES = (
    ("hybrid", _("By meaning and word for word")),
    ("dense", _("By meaning only")),
    ("lexical", _("Word for word only")),
)


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """The template in the visitor's language, with our policy."""
    with translation.override(page_language(request)):
        everywhere: dict[str, Any] = {
            "page_language": "zh" if translation.get_language() == "zh-hans" else "en",
            "languages": LANGUAGES,
            "modalities": MODALITIES,
            "modes": MODES,
            "api_root": f"{get_script_prefix()}api/v1/",
            "events": "on" if settings.API["ANONYMOUS_EVENTS"] else "off",
            "docs_url": f"{get_script_prefix()}api/docs/",
            "fields": [
                {
                    "name": field.name,
                    "type": field.type,
                    "label": field_label(field.name),
                    "is_price": field.name == price_field(),
                }
                for field in shown_fields()
            ],
            "phrases": phrases(translation.get_language()),
        }
        response = render(request, template, {**everywhere, **context}, status=status)
    response["Content-Security-Policy"] = _content_security_policy()
    response["Content-Language"] = everywhere["page_language"]
    patch_vary_headers(response, ("Accept-Language", "Cookie"))
    return response


def page_language(request: HttpRequest) -> str:
    """Of the languages that the pages are written in, the one of ``?lang=``, else of the visitor."""
    asked = request.GET.get("lang") or translation.get_language_from_request(request)
    return PAGE_LANGUAGES.get(asked.partition("-")[0].lower(), "en")


@cache
def phrases(language: str) -> dict[str, Any]:
    """What the scripts say, by the English of it; empty for English."""
    if language == "en":
        return {}
    folder = Path(apps.get_app_config("recommender").path) / "locale"
    catalog = JSONCatalog()
    catalog.translation = DjangoTranslation(language, domain="djangojs", localedirs=[str(folder)])
    found: dict[str, Any] = catalog.get_catalog()
    return found


def _content_security_policy() -> str:
    """Own files only; pictures and sounds also from where MEDIA_URL points."""
    media = urlsplit(settings.MEDIA_URL)
    elsewhere = f" {media.scheme}://{media.netloc}" if media.netloc else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            f"img-src 'self' blob:{elsewhere}",
            f"media-src 'self' blob:{elsewhere}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
