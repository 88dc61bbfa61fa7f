"""What every test gets: an empty Redis, a media folder of its own; and what runs first."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache

# minutes each, in processes of their own: one that comes last has nothing beside it
LONGEST = (
    "e2e/test_demo.py",
    "workers/test_embedding.py",
    "retrieval/test_pages.py",
    "retrieval/test_filters.py",
    "retrieval/encoders/test_fetch_weights.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were shuffled."""
    items.sort(key=lambda item: _place(item.path.as_posix()))


def _place(path: str) -> int:
    return next((n for n, name in enumerate(LONGEST) if path.endswith(name)), len(LONGEST))


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings) -> Path:
    """Stored files of this test only."""
    settings.MEDIA_ROOT = tmp_path / "media"
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
