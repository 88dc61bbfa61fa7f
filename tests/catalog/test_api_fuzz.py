"""Whatever is sent, the catalog's API answers below 500, in the shape that its schema promises."""

import json
from urllib.parse import quote

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from catalog.models import ApiKey, Item
from tests.clients import with_scopes

pytestmark = pytest.mark.django_db

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
QUICK = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


ITEM = "/api/v1/items/{external_id}/"
OPERATIONS = [
    ("GET", "/api/v1/items/"),
    ("POST", "/api/v1/items/"),
    ("GET", ITEM),
    ("PUT", ITEM),
    ("PATCH", ITEM),
    ("DELETE", ITEM),
    ("GET", f"{ITEM}media/"),
    ("POST", f"{ITEM}media/"),
    ("DELETE", f"{ITEM}media/{{media_id}}/"),
    ("GET", "/api/v1/categories/"),
    ("GET", "/api/v1/status/"),
]


@pytest.fixture
def described(db, settings, tmp_path):
    """The API as its own schema describes it, with an item to hit."""
    settings.MEDIA_ROOT = tmp_path
    Item.objects.create(external_id="0", title="Frog")
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # as the test client does
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_the_schema_generates(described, method, path):
    _, key = ApiKey.objects.create_key(name="fuzz", scopes=["read", "catalog", "ops"])

    @QUICK
    @given(case=described[path][method].as_strategy())
    def check(case):
        response = case.call(headers={"X-Api-Key": key})
        case.validate_response(response, checks=CHECKS)

    check()


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just("\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *("external_id", "kind", "title", "description", "language", "tags", "attributes"),
    *("categories", "published", "published_at", "expires_at", "other"),
]


@pytest.fixture
def writer() -> APIClient:
    return with_scopes("catalog")


@settings(QUICK, max_examples=150)
@given(body=st.dictionaries(st.sampled_from(FIELDS), any_json), partial=st.booleans())
def test_fields_of_any_type(writer, body, partial):
    method = "PATCH" if partial else "PUT"
    Item.objects.get_or_create(external_id="a", defaults={"title": "A"})

    response = writer.generic(method, "/api/v1/items/a/", json.dumps(body), "application/json")

    assert response.status_code in (200, 201, 400)


@settings(QUICK, max_examples=100)
@given(
    query=st.dictionaries(
        st.sampled_from(
            ["limit", "cursor", "kind", "category", "tag", "language", "published", "search"]
        ),
        any_text | st.just("\0"),
    )
)
def test_parameters_of_any_text(writer, query):
    assert writer.get("/api/v1/items/", query).status_code in (200, 400)


@settings(QUICK, max_examples=100)
@given(external_id=any_text)
def test_addresses_of_any_text(writer, external_id):
    path = f"/api/v1/items/{quote(external_id, safe='')}/"

    assert writer.get(path).status_code in (200, 404)
    assert writer.put(path, {"title": "A"}).status_code in (200, 201, 400, 404, 405)
