"""The storefront's pages: one shell, filled in the browser from the API.

The shell knows just enough of an item to have a title, a preview and the right status before any
script runs.
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix
from django.views.decorators.http import require_safe

from catalog.models import Item, Media
from catalog.selectors import items_for_api
from catalog.serializers import words_for

# (language tag, its own name): the languages of the demo catalog
LANGUAGES = (
    ("en", "English"),
    ("zh", "中文"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ja", "日本語"),
)
EXAMPLES = (
    ("en", "frog"),
    ("zh", "我想要一部新的智能手机"),
    ("en", "a new smartphone"),
    ("en", "something that flies"),
    ("de", "ein Musikinstrument"),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a link to an item shows elsewhere."""

    title: str
    language: str
    description: str
    image: str | None


@require_safe
def home_page(request: HttpRequest) -> HttpResponse:
    """The first page; searches are this page with a query string."""
    return _page(request)


@require_safe
def item_page(request: HttpRequest, external_id: str) -> HttpResponse:
    """One item; 404 for an unknown one, and no word about any where reading needs a key."""
    if not settings.API["ANONYMOUS_READ"]:
        return _page(request)
    item = items_for_api().visible().filter(external_id=external_id).first()
    if item is None:
        return _page(request, status=HTTPStatus.NOT_FOUND)
    return _page(request, _preview(request, item))


def _preview(request: HttpRequest, item: Item) -> Preview:
    words = words_for(item, request.GET.getlist("lang")[:1])
    picture = next(
        (
            medium
            for medium in item.media.all()
            if medium.modality == Media.Modality.IMAGE and medium.status != Media.Status.FAILED
        ),
        None,
    )
    return Preview(
        title=words.title,
        language=words.language,
        description=words.description,
        image=request.build_absolute_uri(picture.file.url) if picture else None,
    )


def _page(
    request: HttpRequest, preview: Preview | None = None, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {
        "preview": preview,
        "languages": LANGUAGES,
        "examples": EXAMPLES,
        "api_root": f"{get_script_prefix()}api/v1/",
        "events": "on" if settings.API["ANONYMOUS_EVENTS"] else "off",
        "docs_url": f"{get_script_prefix()}api/docs/",
    }
    response = render(request, "storefront/page.html", context, status=status)
    response["Content-Security-Policy"] = _content_security_policy()
    return response


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
