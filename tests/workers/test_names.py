"""The sweep has the catalog's names read when they are due."""

import pytest
from django.core.cache import cache

from recommender.llm.understanding import names_due, names_want, vocabulary
from tests.retrieval.conftest import make_item
from workers import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Times that a worker was asked to read them."""
    found: list[str] = []
    monkeypatch.setattr(tasks.read_names, "delay", lambda: found.append("read"))
    return found


def test_the_sweep_has_names_read_when_they_are_wanted(asked):
    cache.clear()
    make_item("boot", "red boot", attributes={"brand": "Acme"})
    tasks.sweep()
    assert asked == ["read"]

    tasks.read_names()
    tasks.sweep()
    assert asked == ["read"]
    assert vocabulary().brands == {"acme": "Acme"}

    names_want()
    tasks.sweep()
    assert asked == ["read", "read"]
    assert names_due()
