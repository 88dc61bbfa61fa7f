"""The small catalog of ``worlds``, stored once for a module."""

import pytest

from catalog.models import Item
from tests.recommender.llm.ask import worlds
from tests.retrieval.conftest import make_space


@pytest.fixture(scope="module")
def stored(module_db) -> None:
    worlds.stored(make_space())


@pytest.fixture
def catalog(stored, db) -> dict[str, Item]:
    """The items by name."""
    return worlds.named()
