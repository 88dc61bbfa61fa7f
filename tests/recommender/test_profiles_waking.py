"""Workers are woken once for many events, and a broker that is away disturbs nobody."""

import socket
import time

import pytest

from catalog.broker import redis_client
from recommender import profiles
from recommender.events import events_record
from recommender.models import PendingEvent
from recommender.profiles import waking
from tests.recommender.worlds import item, read, sent
from workers import tasks

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "profiles"


@pytest.fixture(autouse=True)
def _rested(monkeypatch) -> None:
    monkeypatch.setattr(waking, "_rest_until", 0.0)


def record(key: str, name: str = "frog") -> None:
    events_record(read(sent(key, item=name)))


def messages() -> int:
    return redis_client().llen(QUEUE)


def test_one_message_until_a_worker_takes_it():
    item("frog")
    record("e1")
    record("e2")
    assert messages() == 1

    tasks.update_profiles()
    record("e3")

    assert messages() == 2


def test_a_retry_and_unknown_items_wake_nobody():
    record("e1", "unknown")
    item("frog")
    record("e2")
    redis_client().delete(QUEUE, waking.WOKEN)

    record("e2")

    assert messages() == 0


def test_the_sweep_asks_again_while_anything_waits():
    item("frog")
    record("e1")
    redis_client().delete(QUEUE)  # lost

    profiles.profiles_upkeep()
    assert messages() == 1

    PendingEvent.objects.all().delete()
    redis_client().delete(QUEUE)
    profiles.profiles_upkeep()
    assert messages() == 0


def test_a_worker_passes_on_what_would_take_long(monkeypatch, settings):
    tasks.sweep()
    for name in ("frog", "drum"):
        item(name)
        record(name, name)
    redis_client().delete(QUEUE, waking.WOKEN)
    monkeypatch.setattr(waking, "CATCH_UP_S", -1.0)

    tasks.update_profiles()

    assert messages() == 1


@pytest.fixture
def deaf_broker(settings):
    """Takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        settings.REDIS_URL = f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        redis_client.cache_clear()
        yield
    redis_client.cache_clear()


def test_a_broker_that_does_not_answer_is_asked_once(deaf_broker):
    item("frog")
    started = time.monotonic()
    record("e1")
    first = time.monotonic() - started
    record("e2")
    second = time.monotonic() - started - first

    assert first < 4 * waking.TIMEOUT_S
    assert second < waking.TIMEOUT_S
    assert PendingEvent.objects.count() == 2


def test_a_broker_that_is_away(settings):
    item("frog")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    try:
        record("e1")
    finally:
        redis_client.cache_clear()

    assert PendingEvent.objects.count() == 1
