"""What every test gets: an empty Redis, a media folder of its own; and what runs first."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import override_settings

from tests.emptying import empty_after_tests, rows_of, tables_written

# minutes each, in processes of their own: one that comes last has nothing beside it
LONGEST = (
    "e2e/test_demo.py",
    "workers/test_embedding.py",
    "retrieval/test_pages.py",
    "retrieval/test_filters.py",
    "retrieval/encoders/test_fetch_weights.py",
)


def pytest_collection() -> None:
    """Nothing of what is collected is garbage: a tenth of the run went on looking through it."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were shuffled."""
    items.sort(key=lambda item: _place(item.path.as_posix()))


def _place(path: str) -> int:
    return next((n for n, name in enumerate(LONGEST) if path.endswith(name)), len(LONGEST))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """The test's database, which knows what it has before any test."""
    with django_db_blocker.unblock():
        empty_after_tests(rows_of(tables_written()))


@pytest.fixture(scope="module")
def module_db(
    django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A transaction around a module's tests, each of which finds what the module's fixtures stored.

    The media folder is the module's too. Not for tests of real transactions, nor for what is in Redis.
    """
    folder = tmp_path_factory.mktemp("module") / "media"
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=folder), transaction.atomic():
        yield folder
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def media_root(request: pytest.FixtureRequest, tmp_path: Path, settings) -> Path:
    """Stored files of this test only, or of those that share a database."""
    shared = "module_db" in request.fixturenames
    settings.MEDIA_ROOT = request.getfixturevalue("module_db") if shared else tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def empty_redis(request: pytest.FixtureRequest) -> None:
    """No cache, no queue, no rate count from an earlier test."""
    if "django_db_setup" in request.fixturenames or "db" in request.fixturenames:
        cache._cache.get_client().flushdb()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """No list of an earlier test, and no second connection to its database."""
    yield
    if "recommender.candidates" in sys.modules:
        from recommender.candidates import beside, everybody

        everybody.forget_lists()
        beside.close()
