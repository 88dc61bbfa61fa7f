"""Every error as ``application/problem+json`` (RFC 9457) with a stable ``code``."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

import kombu.exceptions
import redis.exceptions
from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.html import escape
from rest_framework import exceptions as drf_errors
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from catalog import exceptions as catalog_errors
from recommender import exceptions as recommender_errors
from retrieval import exceptions as retrieval_errors

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"
RETRY_AFTER_S = 5
PROGRAM_LIMIT = "54"
"""Class of SQLSTATE: more than Postgres ever takes, such as a value too long for an index. Drivers
raise OperationalError for it, but trying again never helps."""

# An exception's status and code; the class nearest in its ancestry decides. A code of None is
# the exception's own. Detail is what the exception says, unless QUIET names its class.
PROBLEMS: dict[type[BaseException], tuple[int, str | None]] = {
    Exception: (500, "internal_error"),
    # Django
    Http404: (404, "not_found"),
    django_errors.ObjectDoesNotExist: (404, "not_found"),  # deleted while we looked at it
    django_errors.PermissionDenied: (403, "permission_denied"),
    django_errors.SuspiciousOperation: (400, "bad_request"),
    django_errors.DisallowedHost: (400, "bad_host"),
    django_errors.RequestDataTooBig: (413, "body_too_large"),
    MultiPartParserError: (400, "malformed"),
    UnreadablePostError: (400, "body_unreadable"),
    OperationalError: (503, "database_unavailable"),
    InterfaceError: (503, "database_unavailable"),
    # the broker
    redis.exceptions.ConnectionError: (503, "broker_unavailable"),
    redis.exceptions.TimeoutError: (503, "broker_unavailable"),
    redis.exceptions.OutOfMemoryError: (503, "broker_unavailable"),
    kombu.exceptions.OperationalError: (503, "broker_unavailable"),
    # Django REST framework; every other of its errors brings status and code
    drf_errors.ParseError: (400, "malformed"),
    drf_errors.ValidationError: (400, "invalid"),
    # the catalog
    catalog_errors.CatalogError: (400, None),
    catalog_errors.InvalidItem: (400, None),
    catalog_errors.UnsupportedMedia: (415, None),
    catalog_errors.MediaTooLarge: (413, None),
    catalog_errors.TooManyMedia: (409, None),
    catalog_errors.AlreadyExists: (409, None),
    catalog_errors.ImportConflict: (409, None),
    # retrieval
    retrieval_errors.RetrievalError: (500, "internal_error"),
    retrieval_errors.InvalidQuery: (400, None),
    retrieval_errors.DecodeFailed: (415, None),
    retrieval_errors.EncoderFailed: (415, None),
    retrieval_errors.AuditRunning: (409, None),
    retrieval_errors.IndexingRunning: (409, None),
    retrieval_errors.NotEmbedded: (409, None),
    retrieval_errors.SpaceConflict: (409, None),
    retrieval_errors.TooFewItems: (409, None),
    retrieval_errors.ReviewConflict: (409, None),
    retrieval_errors.ReviewRunning: (409, None),
    retrieval_errors.NoActiveSpace: (503, None),
    retrieval_errors.SpaceGone: (503, None),
    retrieval_errors.SpaceBroken: (503, None),
    retrieval_errors.QuerySaturated: (503, None),
    retrieval_errors.EncoderUnavailable: (503, None),
    # the recommender
    recommender_errors.RecommenderError: (500, "internal_error"),
    recommender_errors.InvalidEvent: (400, None),
    recommender_errors.EventConflict: (409, None),
    recommender_errors.MergeIntoItself: (400, None),
    recommender_errors.MergeConflict: (409, None),
    recommender_errors.VisitorBusy: (503, None),
    recommender_errors.UnknownPlacement: (404, None),
    recommender_errors.UnknownExperiment: (404, None),
    recommender_errors.ExperimentConflict: (409, None),
    recommender_errors.InvalidOption: (400, None),
    recommender_errors.InvalidRule: (400, None),
    recommender_errors.NothingToLearn: (409, None),
    recommender_errors.TooManyItems: (409, None),
    recommender_errors.ModelConflict: (409, None),
    recommender_errors.LlmUnavailable: (503, None),
    recommender_errors.SuggestionConflict: (409, None),
}

# What these say may hold addresses, queries or paths: the answer says this instead.
QUIET: dict[str, str] = {
    "internal_error": "Something went wrong on our side; it has been logged.",
    "database_unavailable": "The database cannot be reached; try again shortly.",
    "broker_unavailable": "The message broker cannot be reached; try again shortly.",
    "not_found": "There is nothing at this address.",
    "permission_denied": "You may not do this.",
    "bad_request": "The request could not be understood.",
    "bad_host": "The Host header names a host that is not served here; see ALLOWED_HOSTS.",
    "body_unreadable": "The request body ended before it was complete.",
    "body_too_large": "The request body is larger than the settings allow.",
    "method_not_allowed": "This address does not take this method.",
    "not_acceptable": "The answer cannot be given in an accepted media type.",
    "unsupported_media_type": "The request body's media type is not supported.",
    "csrf_failed": "The CSRF token is missing or wrong; reload the page and try again.",
}
LOUD = (
    drf_errors.APIException,
    catalog_errors.CatalogError,
    retrieval_errors.RetrievalError,
    recommender_errors.RecommenderError,
)

# The code of an error response that was made without an exception.
CODES_BY_STATUS = {
    400: "bad_request",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    500: "internal_error",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error answer; ``errors`` maps a field's path to its messages."""

    status: int
    code: str
    detail: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The JSON body."""
        body: dict[str, Any] = {
            "type": f"urn:triad:problem:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return body | ({"errors": self.errors} if self.errors else {})


def problem_from(exc: BaseException) -> Problem:
    """What to answer for an exception."""
    status, code = _status_and_code(exc)
    errors = field_errors(exc)
    return Problem(status, code, _detail(exc, code, errors), errors, _headers(exc, status))


def _status_and_code(exc: BaseException) -> tuple[int, str]:
    sqlstate = getattr(exc.__cause__, "sqlstate", None) or ""
    if isinstance(exc, OperationalError) and sqlstate.startswith(PROGRAM_LIMIT):
        return 500, "internal_error"
    for cls in type(exc).__mro__:
        if cls in PROBLEMS:
            status, code = PROBLEMS[cls]
            return status, code or str(getattr(exc, "code", "error"))
        if cls is drf_errors.APIException and isinstance(exc, drf_errors.APIException):
            codes = exc.get_codes()
            code = codes if isinstance(codes, str) else str(exc.default_code)
            return exc.status_code, code
    return 500, "internal_error"


def _detail(exc: BaseException, code: str, errors: dict[str, list[str]]) -> str:
    if errors:
        return " ".join(f"{path}: {messages[0]}" for path, messages in list(errors.items())[:5])
    if isinstance(exc, drf_errors.APIException):
        return str(exc.detail)
    if code != "internal_error" and (isinstance(exc, LOUD) or code not in QUIET):
        return str(exc)
    return QUIET[code]


def _headers(exc: BaseException, status: int) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(ceil(wait))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return headers


def field_errors(exc: BaseException) -> dict[str, list[str]]:
    """Field path → messages, of the exceptions that know fields; else empty."""
    flat: dict[str, list[str]] = {}
    if isinstance(exc, drf_errors.ValidationError):
        _flatten(exc.detail, "", flat)
    elif isinstance(getattr(exc, "errors", None), dict):
        _flatten(exc.errors, "", flat)  # type: ignore[attr-defined]
    return flat


def _flatten(found: Any, path: str, flat: dict[str, list[str]]) -> None:
    if isinstance(found, dict):
        for key, value in found.items():
            _flatten(value, _below(path, key), flat)
    elif isinstance(found, list | tuple):
        for position, value in enumerate(found):
            nested = isinstance(value, dict | list | tuple)
            _flatten(value, _below(path, position) if nested else path, flat)
    else:
        flat.setdefault(path or "body", []).append(str(found))


def _below(path: str, key: str | int) -> str:
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def exception_handler(exc: Exception, context: dict[str, Any]) -> JsonResponse:
    """The only exception handler of Django REST framework; JSON, whatever the view renders."""
    problem = problem_from(exc)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s in %s", problem.code, type(context.get("view")).__name__, exc_info=exc)
    set_rollback()
    return problem_response(problem)


def problem_response(problem: Problem) -> JsonResponse:
    """The problem as JSON."""
    return JsonResponse(
        problem.as_dict(),
        status=problem.status,
        headers=problem.headers,
        content_type=CONTENT_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )


def wants_problem(request: HttpRequest) -> bool:
    """Programs get problem+json: everything under /api/, and whoever does not take HTML."""
    return request.path.startswith(API_PREFIX) or not request.accepts("text/html")


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><body style="font:1.1rem system-ui;margin:3rem">
<h1>{title}</h1><p>{detail}</p><p><a href="/">To the first page</a></p></body></html>"""


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """problem+json or a small page, by who asks."""
    if wants_problem(request):
        return problem_response(problem)
    title = problem.as_dict()["title"]
    page = PAGE.format(title=escape(title), detail=escape(problem.detail))
    return HttpResponse(page, status=problem.status, headers=problem.headers)


def _plain(status: int) -> Problem:
    code = CODES_BY_STATUS.get(status, "error")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return Problem(status, code, QUIET.get(code, f"{phrase}."))


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of suspicious requests."""
    return answer(request, problem_from(exception))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of refused requests."""
    return answer(request, problem_from(exception))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of unknown addresses."""
    return answer(request, _plain(404))


def handler500(request: HttpRequest) -> HttpResponse:
    """Django's handler of everything else; it is called while the exception is being handled."""
    exc = sys.exc_info()[1]
    return answer(request, problem_from(exc) if exc else _plain(500))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's view for a missing or wrong CSRF token."""
    return answer(request, Problem(403, "csrf_failed", QUIET["csrf_failed"]))


class ProblemMiddleware:
    """Stands outermost: gives errors that others made under /api/ our shape, adds rate headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on and look at the answer."""
        response = self.get_response(request)
        if (
            response.status_code >= HTTPStatus.BAD_REQUEST
            and request.path.startswith(API_PREFIX)
            and response.get("Content-Type") not in (CONTENT_TYPE, "application/json")
        ):
            kept = {name: response[name] for name in ("Allow",) if name in response}
            response = problem_response(_plain(response.status_code))
            for name, value in kept.items():
                response[name] = value
        if response.status_code == HTTPStatus.MOVED_PERMANENTLY and request.method != "GET":
            # to the address with its slash; after a 301 clients would turn a POST into a GET
            response.status_code = HTTPStatus.PERMANENT_REDIRECT
        for name, value in getattr(request, "rate_headers", {}).items():
            response[name] = value
        return response
