"""Liveness needs nothing; readiness says what is missing."""

import pytest
import redis
from django.db.migrations.recorder import MigrationRecorder
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.test import APIClient

from retrieval.models import EmbeddingSpace
from tests.clients import anonymous

READY = "/api/v1/health/ready"
OK = {"status": "ok"}


@pytest.fixture
def space(db):
    return EmbeddingSpace.objects.create(
        name="first", state="active", dim=8, fused_dim=8, head=b"", head_sha256=""
    )


@pytest.mark.parametrize("path", ["/api/v1/health/live", "/api/v1/health/live/"])
def test_live_needs_no_database_no_key_and_no_count(path, settings):
    settings.API = settings.API | {"ANONYMOUS_READ": False}

    response = anonymous().get(path)

    assert (response.status_code, response.json()) == (200, OK)
    assert "X-RateLimit-Limit" not in response
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", [READY, f"{READY}/"])
def test_ready(space, path):
    response = anonymous().get(path)

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "components": {"database": OK, "migrations": OK, "redis": OK, "active_space": OK},
    }


def test_without_an_active_space(db):
    response = anonymous().get(READY)

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response["Content-Type"] == "application/problem+json"
    assert {name: response.json()[name] for name in ("status", "code", "detail")} == {
        "status": 503,
        "code": "not_ready",
        "detail": "active_space: No embedding space is active: run `manage.py embed`.",
    }
    assert response.json()["failed"] == ["active_space"]
    assert response.json()["components"]["active_space"] == {
        "status": "failed",
        "detail": "No embedding space is active: run `manage.py embed`.",
    }


def test_without_redis(space, monkeypatch, tmp_path):
    nowhere = redis.Redis(unix_socket_path=str(tmp_path / "s"), retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr("config.health.redis_client", lambda: nowhere)

    response = anonymous().get(READY)

    assert (response.status_code, response.json()["failed"]) == (503, ["redis"])
    assert response.json()["components"]["redis"]["detail"] == "Redis cannot be reached."


def test_without_postgres(no_database, tmp_path):
    response = anonymous().get(READY)

    assert response.status_code == 503
    assert response.json()["failed"] == ["database", "migrations", "active_space"]
    assert str(tmp_path) not in response.content.decode()
    assert response.json()["components"]["redis"] == OK


def test_with_a_migration_that_is_not_applied(space):
    MigrationRecorder.Migration.objects.filter(app="retrieval").delete()

    response = anonymous().get(READY)

    assert response.json()["failed"] == ["migrations"]
    assert "run `manage.py migrate`" in response.json()["components"]["migrations"]["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/health/live", READY])
def test_other_methods_are_405(path, method):
    response = APIClient(enforce_csrf_checks=True).generic(method, path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"
