"""Addresses of the admin that can name nothing, refused in one place: its lists pass what they read to SQL."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse

from config.problems import Problem, answer

NUL: Final = "\0"
"""No text of Postgres holds it; no browser's form sends it."""
REFUSED: Final = Problem(
    400,
    "bad_request",
    "The address holds a character that no text has (NUL), or a field without a name.",
)


class AdminAddressMiddleware:
    """Answers 404 for a path with NUL, and 400 for a query string with it or with an empty ``_to_field``,
    for which Django's forms look."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Raises Http404."""
        match = request.resolver_match
        if match is None or match.app_name != "admin":
            return None
        if NUL in unquote(request.path):  # keys of rows may spell it _00
            raise Http404
        said = (text for name, texts in request.GET.lists() for text in (name, *texts))
        if any(NUL in text for text in said) or request.GET.get(TO_FIELD_VAR) == "":
            return answer(request, REFUSED)
        return None
