"""Health for load balancers and people: is the process up, and can it do its work?"""

from collections.abc import Callable

from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from catalog.broker import redis_client
from config.problems import CONTENT_TYPE, RETRY_AFTER_S, Problem
from retrieval.models import EmbeddingSpace

DATABASE_TIMEOUT_MS = 2000


class NotReady(Exception):
    """A component cannot be used; the message says why, without addresses or credentials."""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {DATABASE_TIMEOUT_MS}")
        try:
            cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
            found = cursor.fetchone()
        finally:
            cursor.execute("RESET statement_timeout")
    if found is None:
        raise NotReady("Postgres lacks the extension pgvector: run `manage.py migrate`.")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise NotReady(f"{len(missing)} migrations are not applied: run `manage.py migrate`.")


def _redis() -> None:
    redis_client().ping()


def _space() -> None:
    if not EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE).exists():
        raise NotReady("No embedding space is active: run `manage.py embed`.")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "active_space": _space,
}


@csrf_exempt  # what is not GET is 405, whoever asks
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Whether the process answers; touches nothing else."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether every component can be used: 200, or 503 and which cannot and why."""
    components = {name: _outcome(check) for name, check in CHECKS.items()}
    failed = [name for name, found in components.items() if found["status"] != "ok"]
    if not failed:
        return JsonResponse({"status": "ok", "components": components})
    detail = " ".join(f"{name}: {components[name]['detail']}" for name in failed)
    problem = Problem(503, "not_ready", detail)
    return JsonResponse(
        problem.as_dict() | {"failed": failed, "components": components},
        status=problem.status,
        headers={"Retry-After": str(RETRY_AFTER_S)},
        content_type=CONTENT_TYPE,
    )


def _outcome(check: Callable[[], None]) -> dict[str, str]:
    try:
        check()
    except NotReady as problem:
        detail = str(problem)
    except (OperationalError, InterfaceError):
        detail = "Postgres cannot be reached."
    except ProgrammingError:
        detail = "A table is missing: run `manage.py migrate`."
    except RedisError:
        detail = "Redis cannot be reached."
    else:
        return {"status": "ok"}
    return {"status": "failed", "detail": detail}
