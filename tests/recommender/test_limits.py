"""A table that somebody locks, or reads that take long, cost an answer a part of it and never the answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction
from rest_framework.test import APIClient

from catalog import access
from recommender import limits
from recommender.models import Impression
from recommender.popularity import popularity_count
from recommender.profiles import profiles_update
from retrieval import services
from tests.clients import anonymous, with_scopes
from tests.recommender.model_worlds import ready
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_chance")]

PATH = "/api/v1/recommendations/"
ROWS_PATH = f"{PATH}rows/"
WAITED = """
SELECT EXISTS (SELECT FROM pg_locks WHERE relation = %s::regclass AND NOT granted
    AND clock_timestamp() - waitstart > %s * interval '1 ms')
"""
HELD_S = 30
"""An answer that waited for the lock would be as late."""
BOUND_S = 8
WORDS = ("frog pond", "toad pond", "newt pond", "drum tune", "flute tune", "saw tool")


@pytest.fixture
def world(space) -> str:
    """Anna likes the frog, dislikes the saw; name of the table with the embeddings."""
    made = [make_item(words.split()[0], words) for words in WORDS]
    services.embed_items(space.id, [item.pk for item in made])
    happen([("anna", "like", "frog"), ("anna", "dislike", "saw"), ("ben", "like", "drum")])
    profiles_update(1_000)
    popularity_count(force=True)
    ready("kin", {made[0]: {made[1]: 0.9}}, active=True)
    return space.partition.name


@contextmanager
def locked(table: str) -> Iterator[Callable[[], bool]]:
    """By another connection, against everybody. Yields whether somebody waits longer than for a part."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{HELD_S}s'")
            cursor.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

            def waited_for() -> bool:
                cursor.execute(WAITED, [table, limits.LOCK_MS * 2])
                return cursor.fetchone()[0]

            yield waited_for
    finally:
        other.close()


def ask(path: str = PATH, **query) -> dict:
    response = anonymous().get(path, {"visitor": "anna", "explain": True, **query})
    assert response.status_code == 200, response.content
    return response.json()


def skipped(answer: dict) -> set[str]:
    return {each["name"] for each in answer["sources"] if each["error"] == "OperationalError"}


def names(answer: dict) -> set[str]:
    return {each["item"]["external_id"] for each in answer["items"]}


OTHERS = {"toad", "newt", "drum", "flute"}
LOCKED = {
    "recommender_itempopularity": {"trending", "popular", "popularity"},
    "recommender_itemneighbours": {"collaborative"},
    "recommender_itemtower": {"factors"},
    "recommender_profile": {"visitor"},
    "recommender_pendingevent": {"visitor"},
    "recommender_experiment": {"visitor", "impression"},
    "recommender_impression": {"visitor", "impression"},
    "recommender_visitor": {"visitor", "impression"},
    "recommender_recommendermodel": {"visitor"},
}


@pytest.mark.parametrize(("table", "parts"), LOCKED.items(), ids=LOCKED)
def test_a_locked_table_costs_what_is_read_from_it(world, table, parts):
    with locked(table):
        started = time.monotonic()
        answer = ask()
        took_s = time.monotonic() - started
        logged = Impression.objects.exists() if "impression" not in parts else False

    assert took_s < BOUND_S
    assert (skipped(answer), answer["degraded"]) == (parts, True)
    # whom nobody could look up has liked and disliked nothing
    assert names(answer) == (OTHERS | {"frog", "saw"} if "visitor" in parts else OTHERS)
    assert logged == ("impression" not in parts)
    assert Impression.objects.count() == logged
    after = ask()
    assert (skipped(after), after["degraded"], names(after)) == (set(), False, OTHERS)


def test_locked_vectors_leave_what_everybody_gets(world):
    with locked(world):
        answer = ask(items="drum", modalities='{"text": 1}')

    assert {"vectors", "items"} <= skipped(answer)
    assert names(answer) == OTHERS - {"drum"}
    assert {name for each in answer["items"] for name in each["sources"]} <= {
        "trending", "popular", "new", "collaborative",
    }  # fmt: skip


def test_rows_and_later_pages(world):
    cursor = ask(limit=2)["next_cursor"]

    with locked("recommender_itempopularity"):
        rows = ask(ROWS_PATH)
        page = ask(cursor=cursor, limit=2)

    assert rows["degraded"] is True
    assert [row["code"] for row in rows["rows"]] == ["for_you"]
    assert len(page["items"]) == 2
    with locked("recommender_visitor"):
        rows = ask(ROWS_PATH, limit=2)
    assert "for_you" not in {row["code"] for row in rows["rows"]}
    assert rows["rows"]


def test_without_the_rules_there_is_no_answer_and_soon(world, monkeypatch):
    monkeypatch.setattr(limits, "PATIENT_MS", 300)
    with locked("recommender_rule"):
        started = time.monotonic()
        response = anonymous().get(PATH, {"visitor": "anna"})
        took_s = time.monotonic() - started

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert took_s < BOUND_S
    assert ask()["degraded"] is False


def refused(path: str, client: APIClient | None = None, **query) -> tuple[int, str]:
    """Status and code, which came soon."""
    started = time.monotonic()
    response = (client or anonymous()).get(path, query)
    assert time.monotonic() - started < BOUND_S
    return response.status_code, response.json()["code"]


INSIDE = {"filter": '{"categories": "animals"}'}


@pytest.mark.parametrize(
    ("table", "path", "query"),
    [
        ("catalog_item", PATH, {}),
        ("catalog_item", PATH, {"visitor": "anna"}),
        ("catalog_item", ROWS_PATH, {}),
        ("catalog_item", ROWS_PATH, {"visitor": "anna"}),
        ("catalog_item_categories", PATH, INSIDE),
    ],
)
def test_without_the_items_there_is_no_answer_and_soon(world, monkeypatch, table, path, query):
    monkeypatch.setattr(limits, "PATIENT_MS", 300)
    with locked(table):
        assert refused(path, **query) == (503, "database_unavailable")
    assert ask(path, **query)["degraded"] is False


def test_items_that_come_in_time_are_recommended(world):
    """The lock goes once a statement waits that is given longer for it than an answer's others."""
    held, answered = threading.Event(), threading.Event()

    def hold() -> None:
        with locked("catalog_item") as patient_waits:
            held.set()
            while not (patient_waits() or answered.is_set()):
                pass

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(HELD_S)
        answer = ask()
    finally:
        answered.set()
        holder.join()

    assert (names(answer), answer["degraded"]) == (OTHERS, False)


def test_a_row_that_is_left_out_for_what_it_lacked_is_told(world, settings):
    """None of those that are kept lacks anything."""
    placements = settings.RECOMMENDER["PLACEMENTS"]
    home = placements["home"] | {"sources": {"collaborative": 1.0}, "fallback": []}
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": placements | {"home": home}}
    asked = {"visitor": "anna", "limit": 1}

    def rows() -> tuple[int, bool, list[str]]:
        response = anonymous().get(ROWS_PATH, asked)
        answer = response.json()
        return response.status_code, answer["degraded"], [row["code"] for row in answer["rows"]]

    whole = rows()
    with locked("recommender_itemneighbours"):
        assert rows() == (200, True, whole[2][1:])
    assert whole[:2] == (200, False)
    assert whole[2][0] == "for_you"
    assert len(whole[2]) > 1


@pytest.mark.parametrize("path", [PATH, ROWS_PATH, "/api/v1/items/", "/api/v1/search/?q=frog"])
def test_a_key_that_cannot_be_looked_up_is_no_wait(world, monkeypatch, path):
    client = with_scopes("read")
    monkeypatch.setattr(access, "PATIENT_MS", 300)
    before = both()
    with locked("catalog_apikey"):
        assert refused(path, client) == (503, "database_unavailable")
        assert anonymous().get(path).status_code == 200
    assert client.get(path).status_code == 200
    assert both() == before


def test_a_lock_that_goes_in_time_costs_nothing_essential(world):
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with locked("catalog_item"):
            held.set()
            over.wait(HELD_S)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(HELD_S)
        with limits.limited() as parts:
            tried = []

            def look() -> int:
                tried.append(1)
                if len(tried) == 2:
                    over.set()
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM catalog_item")
                    return cursor.fetchone()[0]

            assert limits.insisted(look) == len(WORDS)
            assert (len(tried), parts) == (2, [])
    finally:
        over.set()
        holder.join()


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


def both() -> tuple[str, str]:
    return shown("statement_timeout"), shown("lock_timeout")


def fails() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")


def test_limits_hold_within_and_end_with_the_outermost(monkeypatch):
    monkeypatch.setattr(limits, "STATEMENT_MS", 50)
    before = both()
    with limits.limited() as outer:
        assert both() == ("50ms", "100ms")
        with limits.limited() as inner:
            assert limits.attempt("inner", fails) is None
        assert both() == ("50ms", "100ms")
        assert limits.attempt("outer", fails) is None
    assert both() == before
    assert [each.name for each in inner] == ["inner"]
    assert [(each.name, each.found, each.error) for each in outer] == [
        ("outer", 0, "OperationalError")
    ]


def test_a_failed_part_leaves_the_callers_transaction_whole(monkeypatch):
    monkeypatch.setattr(limits, "STATEMENT_MS", 50)
    before = both()
    with transaction.atomic():
        make_item("frog", "frog")
        with limits.limited():
            limits.attempt("part", fails)
            assert both() == ("50ms", "100ms")
        make_item("toad", "toad")
    assert shown("transaction_isolation")
    assert both() == before

    with pytest.raises(OperationalError), transaction.atomic(), limits.limited():
        fails()
    assert both() == before
