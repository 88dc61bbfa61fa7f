"""Fixtures of this folder."""

from collections.abc import Iterator

import pytest
from django.db import connection


@pytest.fixture
def no_database(transactional_db, tmp_path) -> Iterator[None]:
    """Postgres cannot be reached, and no connection to it is open."""
    connection.close()
    host = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = str(tmp_path)
    yield
    connection.settings_dict["HOST"] = host
    connection.close()
