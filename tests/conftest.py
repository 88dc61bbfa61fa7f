"""What every test gets: an empty Redis, a media folder of its own."""

from pathlib import Path

import pytest
from django.core.cache import cache


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
