"""Every error is problem+json for programs, a page for people, and says nothing it should not."""

import pytest
from django.core.exceptions import ObjectDoesNotExist, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from kombu.exceptions import OperationalError as BrokerError
from psycopg.errors import ProgramLimitExceeded
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework import exceptions as drf

from catalog import exceptions as catalog
from config import problems
from retrieval import exceptions as retrieval
from tests.clients import anonymous

SECRET = "password=hunter2"


@pytest.mark.parametrize(
    ("exc", "status", "code", "detail"),
    [
        (RuntimeError(SECRET), 500, "internal_error", None),
        (KeyError(SECRET), 500, "internal_error", None),
        (OperationalError(SECRET), 503, "database_unavailable", None),
        (InterfaceError(SECRET), 503, "database_unavailable", None),
        (RedisConnectionError(SECRET), 503, "broker_unavailable", None),
        (BrokerError(SECRET), 503, "broker_unavailable", None),
        (retrieval.RetrievalError(SECRET), 500, "internal_error", None),
        (Http404(SECRET), 404, "not_found", None),
        (ObjectDoesNotExist(SECRET), 404, "not_found", None),
        (SuspiciousOperation(SECRET), 400, "bad_request", None),
        (drf.NotFound("No frog."), 404, "not_found", "No frog."),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed", 'Method "PUT" not allowed.'),
        (drf.ParseError("Not JSON."), 400, "malformed", "Not JSON."),
        (drf.Throttled(7), 429, "throttled", None),
        (catalog.UnsupportedMedia("A PDF."), 415, "unsupported_media", "A PDF."),
        (catalog.MediaTooLarge("9 MiB."), 413, "media_too_large", "9 MiB."),
        (catalog.TooManyMedia("20."), 409, "too_many_media", "20."),
        (catalog.InvalidItem({"title": "is long"}), 400, "invalid", "title: is long"),
        (retrieval.InvalidQuery({"query[0]": "empty"}), 400, "invalid", "query[0]: empty"),
    ],
)
def test_status_code_and_detail(exc, status, code, detail):
    found = problems.problem_from(exc)

    assert (found.status, found.code) == (status, code)
    assert SECRET not in found.detail
    assert found.detail
    if detail:
        assert found.detail == detail


def test_every_error_a_view_may_meet_has_a_status_below_500_or_a_reason_to_wait():
    for module in (catalog, retrieval):
        base = getattr(module, f"{module.__name__.partition('.')[0].capitalize()}Error")
        shared = (cls for cls in base.__subclasses__() if cls.__module__ == module.__name__)
        for cls in shared:
            status, code = problems.PROBLEMS[cls]
            assert 400 <= status < 500 or status == 503, cls
            assert code or cls.code != base.code, cls


def test_headers():
    assert problems.problem_from(OperationalError()).headers == {"Retry-After": "5"}
    assert problems.problem_from(drf.Throttled(6.2)).headers == {"Retry-After": "7"}


def test_more_than_postgres_ever_takes_is_no_outage():
    error = OperationalError(SECRET)
    error.__cause__ = ProgramLimitExceeded(SECRET)
    found = problems.problem_from(error)
    assert (found.status, found.code, found.headers) == (500, "internal_error", {})
    assert SECRET not in found.detail


def test_paths_of_nested_fields():
    exc = drf.ValidationError(
        {
            "tags": {1: ["long"]},
            "parts": [{"text": ["empty"]}, {}, {"weight": ["big", "odd"]}],
            "title": {"en": ["long"]},
            "non_field_errors": ["odd"],
        }
    )

    assert problems.field_errors(exc) == {
        "tags[1]": ["long"],
        "parts[0].text": ["empty"],
        "parts[2].weight": ["big", "odd"],
        "title.en": ["long"],
        "body": ["odd"],
    }


# --- Django's own errors ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nope/", "/api/v2/items/"])
def test_an_unknown_address_under_api(path):
    response = anonymous().get(path, headers={"Accept": "text/html"})

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:triad:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "not_found",
    }


def test_an_unknown_address_elsewhere_is_a_page_for_people():
    page = anonymous().get("/<nope>", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"Not found" in page.content
    assert b"nope" not in page.content

    program = anonymous().get("/nope", headers={"Accept": "application/json"})
    assert (program.status_code, program["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.django_db
def test_with_debug_on_api_errors_keep_their_shape(settings):
    settings.DEBUG = True

    response = anonymous().get("/api/v1/nope/")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_wrong_host():
    response = anonymous().get("/api/v1/items/", headers={"Host": "evil.example"})

    assert (response.status_code, response.json()["code"]) == (400, "bad_host")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/api/v1/health/live", 405, "method_not_allowed"),
        ("PUT", "/api/schema/", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/health/live", 405, "method_not_allowed"),
    ],
)
def test_a_method_that_is_not_taken(method, path, status, code):
    response = anonymous().generic(method, path)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_an_answer_that_cannot_be_given():
    response = anonymous().get("/api/v1/categories/", headers={"Accept": "application/xml"})

    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")


@pytest.mark.django_db
def test_a_form_without_the_csrf_token():
    client = Client(enforce_csrf_checks=True)

    page = client.post("/admin/login/", {"username": "a"}, headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (403, "text/html; charset=utf-8")

    program = client.post("/admin/login/", {"username": "a"}, headers={"Accept": "*/json"})
    assert (program.status_code, program.json()["code"]) == (403, "csrf_failed")


def test_an_unexpected_error_tells_nothing(monkeypatch):
    def broken(request):
        raise RuntimeError(SECRET)

    monkeypatch.setattr("catalog.api.category_tree", broken)
    response = problems.handler500(RequestFactory().get("/api/v1/x/"))
    assert response.status_code == 500

    response = anonymous().get("/api/v1/categories/")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert SECRET not in response.content.decode()


# --- a database that is down --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/items/"),
        ("GET", "/api/v1/items/a/"),
        ("GET", "/api/v1/categories/"),
        ("GET", "/api/v1/status/"),
    ],
)
def test_a_database_that_is_down(no_database, method, path):
    response = anonymous().generic(method, path)

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response["Retry-After"] == "5"
    assert response["Content-Type"] == "application/problem+json"


def test_a_database_that_is_down_while_the_key_is_looked_up(no_database):
    response = anonymous().get("/api/v1/items/", HTTP_X_API_KEY="abcdefgh." + "x" * 32)

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("path", ["/api/v1/items/", "/admin/"])
def test_a_database_that_is_down_while_the_session_is_loaded(no_database, path):
    client = anonymous()
    client.cookies["sessionid"] = "x" * 32

    response = client.get(path, headers={"Accept": "application/json"})

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 308), ("PUT", 308)])
def test_an_address_without_its_slash_keeps_the_method(method, status):
    response = anonymous().generic(method, "/api/v1/items")

    assert (response.status_code, response["Location"]) == (status, "/api/v1/items/")
