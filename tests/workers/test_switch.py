"""Spaces are switched while searches hammer them: every answer is wholly one space's."""

import json
import threading
from collections.abc import Callable
from typing import ClassVar

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from catalog.models import Item
from retrieval import services, spaces
from retrieval.fusion import Fusion
from retrieval.head import Head
from retrieval.models import Embedding
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db(transaction=True)

SWITCHES = 20
THREADS = 4
WORDS = ("frog", "drum", "lamp", "rose", "boat", "bell", "bird", "kite")
DIMS = {"text": 96, "image": 96, "audio": 96}


def url_search(client: Client) -> object:
    return client.get("/api/v1/search/", {"q": "green frog lamp", "limit": 5})


def composed_search(client: Client) -> object:
    body = {"query": [{"text": "small bell"}, {"item": "i3", "weight": 0.5}], "limit": 5}
    return client.post("/api/v1/search/", json.dumps(body), content_type="application/json")


def normalised_search(client: Client) -> object:
    body = {"query": [{"text": "old boat"}], "limit": 5, "similarity": "normalised"}
    return client.post("/api/v1/search/", json.dumps(body), content_type="application/json")


def similar(client: Client) -> object:
    return client.get("/api/v1/items/i7/similar/", {"limit": 5})


QUESTIONS: tuple[Callable[[Client], object], ...] = (
    url_search,
    composed_search,
    normalised_search,
    similar,
)

Hits = list[tuple[str, float]]


def hits(answer) -> Hits:
    assert answer.status_code == 200, answer.content
    return [(hit["item"]["external_id"], hit["score"]) for hit in answer.json()["hits"]]


@pytest.fixture
def two_spaces() -> tuple[int, int]:
    """Of other dimensions, fusions, metrics and heads, both holding every item."""
    first = spaces.ensure_active_space("fake", 64)
    other = Head.untrained(DIMS, 24, seed=7)
    other = other.with_fusion(Fusion("concat", {"text": 1.0, "image": 2.0, "audio": 1.0}))
    second = spaces.space_create("second", other, profile="fake", trained=False).pk
    for n in range(40):
        words = f"{WORDS[n % 8]} {WORDS[n // 8]} {('green', 'small', 'old')[n % 3]} thing{n}"
        make_item(f"i{n}", words)
    services.embed_everywhere(list(Item.objects.values_list("id", flat=True)))
    return first, second


def answers_of(space_id: int) -> list[Hits]:
    spaces.space_activate(space_id)
    return [hits(ask(Client())) for ask in QUESTIONS]


def test_searches_while_the_space_is_switched_twenty_times(two_spaces):
    first, second = two_spaces
    expected = {space_id: answers_of(space_id) for space_id in (second, first)}
    for position in range(len(QUESTIONS)):
        assert expected[first][position] != expected[second][position]
    stop = threading.Event()
    wrong: list[str] = []
    seen: dict[int, int] = {first: 0, second: 0}
    answered = threading.Condition()

    def hammer(offset: int) -> None:
        client, turn = Client(), offset
        try:
            while not stop.is_set():
                position = turn % len(QUESTIONS)
                found = hits(QUESTIONS[position](client))
                of = [pk for pk in seen if expected[pk][position] == found]
                with answered:
                    for pk in of:
                        seen[pk] += 1
                    if not of:
                        wrong.append(f"{QUESTIONS[position].__name__}: {found}")
                    answered.notify_all()
                turn += 1
        except Exception as err:
            wrong.append(repr(err))
            with answered:
                answered.notify_all()
        finally:
            connection.close()

    threads = [threading.Thread(target=hammer, args=[n]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        for switch in range(SWITCHES):
            chosen = second if switch % 2 == 0 else first
            before = seen[chosen]
            spaces.space_activate(chosen)
            with answered:  # let it be asked before the next switch
                assert answered.wait_for(lambda n=before, pk=chosen: wrong or seen[pk] > n + 5, 60)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert min(seen.values()) > 5 * SWITCHES // 2


class InterruptedEncoder(FakeTextEncoder):
    """While it encodes a query, other things happen."""

    meanwhile: ClassVar[list[Callable[[], object]]] = []

    def encode(self, modality, batch, role="document"):
        if role == "query" and self.meanwhile:
            self.meanwhile.pop(0)()
        return super().encode(modality, batch, role)


@pytest.fixture
def three_spaces(settings) -> list[int]:
    """The first is active; all hold every item, and are encoded by InterruptedEncoder."""
    encoder = {"text": {"BACKEND": f"{__name__}.InterruptedEncoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "interrupted": encoder}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles, "PROFILE": "interrupted"}
    made = [
        spaces.space_create_untrained(name, profile="interrupted", dim=dim).pk
        for name, dim in (("a", 16), ("b", 24), ("c", 32))
    ]
    for n in range(12):
        make_item(f"i{n}", f"{WORDS[n % 8]} thing{n}")
    services.embed_everywhere(list(Item.objects.values_list("id", flat=True)))
    spaces.space_activate(made[0])
    InterruptedEncoder.meanwhile.clear()
    return made


def replace_space(former: int, chosen: int) -> None:
    spaces.space_activate(chosen)
    spaces.space_retire(former)


def test_a_search_whose_space_is_retired_on_its_way_is_answered_by_the_active_one(three_spaces):
    first, second, _ = three_spaces
    spaces.space_activate(second)
    expected = hits(composed_search(Client()))
    spaces.space_activate(first)
    assert hits(composed_search(Client())) != expected
    cache.clear()
    InterruptedEncoder.meanwhile.append(lambda: replace_space(first, second))
    assert hits(composed_search(Client())) == expected
    assert InterruptedEncoder.meanwhile == []


def test_a_search_whose_space_is_retired_again_may_be_asked_again(three_spaces):
    first, second, third = three_spaces
    InterruptedEncoder.meanwhile += [
        lambda: replace_space(first, second),
        lambda: replace_space(second, third),
    ]
    answer = url_search(Client())
    assert (answer.status_code, answer.json()["code"]) == (503, "space_gone")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(hits(url_search(Client()))) == 5


def test_spaces_are_switched_while_a_worker_stores_embeddings(two_spaces):
    """Activation must not wait for workers, nor workers for it (a foreign key locks the space)."""
    _, second = two_spaces
    ids = list(Item.objects.values_list("id", flat=True))
    inserting, go_on = threading.Event(), threading.Event()

    def insert() -> None:
        try:
            Embedding.objects.filter(space_id=second, item_id=ids[0]).delete()
            with transaction.atomic():
                Embedding.objects.create(space_id=second, item_id=ids[0])
                inserting.set()
                go_on.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        assert inserting.wait(30)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert spaces.space_activate(second, force=True).pk == second
    finally:
        go_on.set()
        thread.join()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
