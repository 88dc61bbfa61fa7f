"""The storefront's pages: one shell, filled in the browser from the API.

The shell knows just enough of an item to have a title, a preview and the right status before any
script runs. Without scripts the same places are at ``plain/``.
"""

from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.models import Item, Media
from catalog.selectors import items_for_api
from catalog.serializers import words_for
from recommender.storefront.asking import ask_box
from recommender.storefront.pages import page


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
    return _shell(request)


@require_safe
def item_page(request: HttpRequest, external_id: str) -> HttpResponse:
    """One item; 404 for an unknown one, and no word about any where reading needs a key."""
    if not settings.API["ANONYMOUS_READ"]:
        return _shell(request, external_id=external_id)
    item = items_for_api().visible().filter(external_id=external_id).first()
    if item is None:
        return _shell(request, external_id=external_id, status=HTTPStatus.NOT_FOUND)
    return _shell(request, _preview(request, item), external_id=external_id)


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


def _shell(
    request: HttpRequest,
    preview: Preview | None = None,
    *,
    external_id: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    plain = (
        reverse("storefront:plain-item", args=[external_id])
        if external_id
        else reverse("storefront:plain")
    )
    said = request.GET.urlencode()
    context = ask_box(request) | {
        "preview": preview,
        "plain_url": f"{plain}?{said}" if said else plain,
    }
    return page(request, "storefront/page.html", context, status)
