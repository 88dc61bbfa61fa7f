"""The OpenAPI description is complete, and its pages need no network."""

import re

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.clients import anonymous


@pytest.fixture(scope="module")
def schema():
    GENERATOR_STATS.reset()
    found = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, "drf-spectacular warns: run `manage.py spectacular`"
    return found


def test_valid(schema):
    validate_schema(schema)


def test_every_operation_documents_its_errors(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            expected = {"400", "401", "403", "429", "503"}
            expected |= {"404"} if "{" in path else set()
            expected |= {"413", "415"} if method in ("post", "put", "patch") else set()
            assert expected <= operation["responses"].keys(), (method, path)
            problem = operation["responses"]["429"]["content"]["application/problem+json"]
            assert problem == {"schema": {"$ref": "#/components/schemas/Problem"}}


def test_paths(schema):
    assert {
        "/api/v1/items/",
        "/api/v1/items/{external_id}/",
        "/api/v1/items/{external_id}/media/",
        "/api/v1/items/{external_id}/media/{media_id}/",
        "/api/v1/categories/",
        "/api/v1/status/",
    } <= schema["paths"].keys()


@pytest.mark.django_db
def test_the_pages():
    assert anonymous().get("/api/schema/").status_code == 200
    page = anonymous().get("/api/docs/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert re.findall(rb"(?:src|href)=\"https?://", page.content) == []
