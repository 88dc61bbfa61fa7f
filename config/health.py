"""Health for load balancers and people: is the process up, and can it do its work?"""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from catalog.broker import redis_client
from retrieval.models import EmbeddingSpace

DATABASE_TIMEOUT_MS = 2000


class NotReady(Exception):
    """A component cannot be used; the message says why, without addresses or credentials."""


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, false)", [DATABASE_TIMEOUT_MS]
            )
            try:
                cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
                found = cursor.fetchone()
            finally:
                cursor.execute("RESET statement_timeout")
    except DatabaseError as err:
        raise NotReady("Postgres cannot be reached.") from err
    if found is None:
        raise NotReady("Postgres lacks the extension pgvector: run `manage.py migrate`.")


def _migrations() -> None:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as err:
        raise NotReady("Unknown, because Postgres cannot be reached.") from err
    if missing:
        raise NotReady(f"{len(missing)} migrations are not applied: run `manage.py migrate`.")


def _redis() -> None:
    try:
        redis_client().ping()
    except RedisError as err:
        raise NotReady("Redis cannot be reached.") from err


def _space() -> None:
    try:
        name = (
            EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.ACTIVE)
            .values_list("name", flat=True)
            .first()
        )
    except DatabaseError as err:
        raise NotReady("Unknown, because Postgres cannot be reached.") from err
    if name is None:
        raise NotReady("No embedding space is active: run `manage.py embed`.")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "active_space": _space,
}


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Whether the process answers; touches nothing else."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether every component can be used: 200, or 503 and which cannot and why."""
    components: dict[str, dict[str, str]] = {}
    for name, check in CHECKS.items():
        try:
            check()
        except NotReady as problem:
            components[name] = {"status": "failed", "detail": str(problem)}
        else:
            components[name] = {"status": "ok"}
    failed = [name for name, found in components.items() if found["status"] != "ok"]
    if not failed:
        return JsonResponse({"status": "ok", "components": components})
    body = {"status": "failed", "failed": failed, "components": components}
    return JsonResponse(body, status=503, headers={"Retry-After": "5"})
