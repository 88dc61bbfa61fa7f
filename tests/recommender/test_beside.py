"""Sources side by side: one is asked on a second connection, unless that would see something else."""

import os
import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recommender import pipeline
from recommender.candidates import SOURCES, beside
from recommender.pipeline import Asked
from recommender.popularity import popularity_count
from recommender.profiles import profiles_update
from recommender.types import Found
from retrieval import services
from retrieval.exceptions import SpaceGone
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna(space) -> list[int]:
    """She likes the frog; ids of frog, toad, drum."""
    made = [make_item(title.split()[0], title) for title in ("frog pond", "toad pond", "drum tune")]
    services.embed_items(space.id, [item.pk for item in made])
    happen([("anna", "like", "frog")])
    profiles_update(1_000)
    popularity_count(force=True)
    return [item.pk for item in made]


def session_id() -> int:
    """Of this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def sessions() -> int:
    """With this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0]


@pytest.fixture
def asked_on(monkeypatch) -> dict[str, int]:
    """Source -> the session that it was asked on."""
    found: dict[str, int] = {}

    def watched(name, source):
        def ask(context, limit):
            found[name] = session_id()
            return source(context, limit)

        return ask

    for name, source in list(SOURCES.items()):
        monkeypatch.setitem(SOURCES, name, watched(name, source))
    return found


def recommended(**fields) -> pipeline.Recommended:
    return pipeline.recommend(Asked("home", timezone.now(), visitor="anna", seed="1", **fields))


def ids(found: pipeline.Recommended) -> list[int]:
    return [each.candidate.item_id for each in found.placed]


def test_what_searches_most_is_asked_on_another_connection(anna, asked_on):
    recommended()
    here = session_id()
    assert {name for name, at in asked_on.items() if at != here} == {"taste"}
    assert set(asked_on) > {"taste", "session", "collaborative"}


def test_the_answer_is_the_same_as_in_a_transaction_where_all_are_asked_here(anna, asked_on):
    apart = recommended()
    with transaction.atomic():
        together = recommended()
        assert set(asked_on.values()) == {session_id()}
    assert ids(apart) == ids(together)
    assert [each.name for each in apart.reports] == [each.name for each in together.reports]
    codes, others = (
        {
            item: [(each.code, each.item_id) for each in given]
            for item, given in found.reasons.items()
        }
        for found in (apart, together)
    )
    assert codes == others


def test_what_a_transaction_has_not_committed_is_found_in_it(anna, space):
    with transaction.atomic():
        newt = make_item("newt", "newt pond")
        services.embed_items(space.id, [newt.pk])
        assert newt.pk in ids(recommended())


def test_a_slow_one_is_skipped_and_said(anna, monkeypatch):
    def slow(context, limit):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return []

    monkeypatch.setattr("recommender.limits.STATEMENT_MS", 50)
    monkeypatch.setitem(SOURCES, "taste", slow)
    found = recommended()
    assert {each.name: each.error for each in found.reports if each.error} == {
        "taste": "OperationalError"
    }
    assert found.placed


def test_a_space_that_is_gone_is_raised_as_from_here(anna, monkeypatch):
    def gone(context, limit):
        raise SpaceGone(context.space.id)

    monkeypatch.setitem(SOURCES, "taste", gone)
    with pytest.raises(SpaceGone):
        recommended()
    monkeypatch.undo()
    assert recommended().placed


def test_without_a_second_connection_it_is_asked_here(anna, asked_on, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    found = recommended()
    assert set(asked_on.values()) == {session_id()}
    assert [each.error for each in found.reports] == [""] * len(found.reports)


def test_while_all_companions_are_busy_it_is_asked_here(anna, asked_on):
    over = threading.Event()
    busy = [beside.handed(over.wait) for _ in range(beside.MOST)]
    assert beside.handed(over.wait) is None
    recommended()
    over.set()
    assert all(each.result() for each in busy)
    assert set(asked_on.values()) == {session_id()}


def test_a_connection_that_was_cut_is_made_again(anna, asked_on):
    recommended()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [asked_on["taste"]])
    for _ in range(
        2
    ):  # asked here where the other connection is found to be lost, then on a new one
        found = recommended()
        assert [each.error for each in found.reports] == [""] * len(found.reports)


def test_closing_leaves_no_connection(anna):
    before = sessions()
    recommended()
    assert sessions() == before + 1
    beside.close()
    until = time.monotonic() + 30
    while sessions() > before and time.monotonic() < until:
        pass  # the server notices at its own time
    assert sessions() == before
    assert recommended().placed


def test_a_child_process_has_companions_of_its_own(anna):
    recommended()
    child = os.fork()
    if not child:
        handed = beside.handed(lambda: [Found(1, 1.0)])
        os._exit(0 if handed and handed.result(timeout=30) == [Found(1, 1.0)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
