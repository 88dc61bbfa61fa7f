"""Visitors become one, leave with what is known of them, and leave nothing behind."""

import json
import threading

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from recommender.events import events_record
from recommender.exceptions import MergeConflict, MergeIntoItself
from recommender.impressions import Answer, Shown, impression_log
from recommender.models import Event, EventKey, Impression, Profile, Visitor
from recommender.profiles import profiles_update
from recommender.types import Assignment
from recommender.visitors import (
    EXPORT_ROWS,
    SECTIONS,
    Merged,
    visitor_export,
    visitor_forget,
    visitor_merge,
)
from retrieval import services, spaces
from tests.recommender.worlds import NOW, experiment, item, mentions, read, sent, stored
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def record(*data) -> None:
    events_record(read(*data))


def show(visitor: str, *item_ids: int, **fields) -> None:
    items = [Shown(item_id, ["taste"]) for item_id in item_ids]
    impression_log(
        Answer("req-0451", "home", items, NOW, visitor=visitor, session="sess-0451", **fields)
    )


def owners() -> dict[str, str]:
    return {key: visitor for key, visitor, *_ in stored()}


def test_events_before_and_after_a_merge_are_the_accounts():
    record(sent("e1", visitor="cookie"), sent("e2", visitor="anna"))

    assert visitor_merge("cookie", "anna") == Merged("anna", 1)
    record(sent("e3", visitor="cookie"))

    assert owners() == {"e1": "anna", "e2": "anna", "e3": "anna"}


def test_merging_again_changes_nothing():
    record(sent("e1", visitor="cookie"))
    visitor_merge("cookie", "anna")

    assert visitor_merge("cookie", "anna") == Merged("anna", 0)


def test_a_retry_after_a_merge_is_a_duplicate():
    record(sent("e1", visitor="cookie"))
    visitor_merge("cookie", "anna")

    assert events_record(read(sent("e1", visitor="cookie"))).duplicates == [0]


def test_visitors_nobody_knew():
    assert visitor_merge("cookie", "anna") == Merged("anna", 0)
    record(sent("e1", visitor="cookie"))

    assert owners() == {"e1": "anna"}


def test_a_chain_is_one_step():
    record(sent("e1", visitor="a"))
    visitor_merge("a", "b")
    visitor_merge("b", "c")
    record(sent("e2", visitor="a"), sent("e3", visitor="b"))

    assert owners() == {"e1": "c", "e2": "c", "e3": "c"}
    assert set(Visitor.objects.values_list("external_id", "merged_into__external_id")) == {
        *(("a", "c"), ("b", "c"), ("c", None)),
    }


def test_into_one_that_was_merged():
    visitor_merge("b", "c")

    assert visitor_merge("a", "b") == Merged("c", 0)
    assert visitor_merge("a", "c") == Merged("c", 0)


def test_into_itself():
    with pytest.raises(MergeIntoItself):
        visitor_merge("a", "a")
    assert not Visitor.objects.exists()


@pytest.mark.parametrize("target", ["a", "b"])
def test_no_circle(target):
    visitor_merge("a", "c")
    visitor_merge("b", "c")

    with pytest.raises(MergeConflict, match="belongs to 'c' already"):
        visitor_merge("c", target)


def test_not_into_a_second():
    visitor_merge("cookie", "anna")

    with pytest.raises(MergeConflict, match="give who comes next a new identifier"):
        visitor_merge("cookie", "bert")


def export(external_id: str):
    parts = visitor_export(external_id)
    return parts and json.loads("".join(parts))


def test_export(monkeypatch):
    monkeypatch.setattr("recommender.visitors.EXPORT_ROWS", 2)
    record(*(sent(f"e{n}", visitor="cookie", session="s") for n in range(3)))
    record(sent("p1", visitor="anna", type="play", share=0.5, value=2), sent("x", visitor="bert"))
    visitor_merge("cookie", "anna")

    found = export("cookie")

    assert found == export("anna")
    assert list(found) == ["visitor", "also_known_as", "first_seen", *SECTIONS]
    assert (found["visitor"], found["also_known_as"]) == ("anna", ["cookie"])
    assert [event["id"] for event in found["events"]] == ["e0", "e1", "e2", "p1"]
    last = found["events"][-1]
    del last["received_at"]
    assert last == {
        "id": "p1",
        "item": "frog",
        "type": "play",
        "value": 2.0,
        "share": 0.5,
        "occurred_at": "2026-11-23T12:00:00+00:00",
        "session": None,
        "request_id": None,
    }


def test_export_of_what_was_shown(monkeypatch):
    monkeypatch.setattr("recommender.visitors.EXPORT_ROWS", 1)
    frog, toad = item("frog"), item("toad")
    colours = experiment("colours")
    show("cookie", frog.pk, toad.pk)
    show("anna", toad.pk, assignment=Assignment(colours.pk, "colours", "bold"))
    show("bert", frog.pk)
    frog.delete()
    visitor_merge("cookie", "anna")

    shared = {"request_id": "req-0451", "placement": "home", "session": "sess-0451"}
    shared["shown_at"] = "2026-11-23T12:00:00+00:00"
    assert export("anna")["impressions"] == [
        {**shared, "experiment": None, "variant": None, "items": [None, "toad"]},
        {**shared, "experiment": "colours", "variant": "bold", "items": ["toad"]},
    ]


def test_an_export_tells_what_the_profile_says():
    embedded("frog")
    item("later")
    record(sent("e1", visitor="cookie"), sent("e2", type="dislike", item="later"))
    visitor_merge("cookie", "anna")
    profiles_update()

    (found,) = export("anna")["profiles"]

    assert found.pop("updated_at")
    weight = pytest.approx(4 * 0.5 ** (days_since(NOW) / 180), rel=1e-3)
    strength = pytest.approx(-4 * 0.5 ** (days_since(NOW) / 365), rel=1e-3)
    moment = "2026-11-23T12:00:00+00:00"
    assert found.pop("session") == [] or days_since(NOW) < 1
    assert found == {
        "space": spaces.active_space().name,
        "interests": [{"item": "frog", "weight": weight}],
        "dislikes": [],
        "history": [
            {"item": "later", "type": "dislike", "strength": strength, "at": moment},
            {"item": "frog", "type": "like", "strength": weight, "at": moment},
        ],
    }


def days_since(moment) -> float:
    return max((timezone.now() - moment).total_seconds() / 86_400, 0.0)


def test_export_of_who_did_nothing():
    visitor_merge("cookie", "anna")

    assert [export("anna")[name] for name in SECTIONS] == [[] for _ in SECTIONS]


def test_export_of_nobody():
    assert export("nobody") is None


def test_an_export_reads_a_page_at_a_time(django_assert_num_queries):
    record(*(sent(f"e{n}") for n in range(EXPORT_ROWS)))
    parts = visitor_export("anna")

    with django_assert_num_queries(2):  # the aliases, the first page
        next(parts), next(parts), next(parts)


@pytest.mark.parametrize("name", ["anna-0451", "cookie-0451", "phone-0451"])
def test_no_row_mentions_who_was_forgotten(name):
    """Every table of the database is searched, for the identifiers and for the rows' own ids."""
    embedded("frog")
    item("drum")
    record(
        sent("evt-anna-0", visitor="anna-0451", item="drum"),
        sent("evt-anna-1", visitor="anna-0451", session="sess-0451"),
        sent("evt-anna-2", visitor="cookie-0451", item="later", request_id="req-0451"),
        sent("evt-anna-3", visitor="phone-0451", occurred_at="2026-02-03T00:00:00Z"),
        sent("evt-bert-1", visitor="bert-0815"),
    )
    show("phone-0451", 7)
    show("anna-0451", 7)
    visitor_merge("phone-0451", "cookie-0451")
    visitor_merge("cookie-0451", "anna-0451")
    show("phone-0451", 8)
    profiles_update()
    record(sent("evt-anna-4", visitor="phone-0451"))
    ids = list(Visitor.objects.exclude(external_id="bert-0815").values_list("pk", flat=True))
    assert {table for table, _ in references(ids)} >= {
        *("recommender_event", "recommender_visitor"),
        *("recommender_profile", "recommender_pendingevent"),
    }
    traces = ("-0451", "evt-anna")  # no hexadecimal: vectors are
    before = mentions(*traces)
    kinds = ("event", "eventkey", "impression", "visitor")
    assert {f"recommender_{kind}" for kind in kinds} <= before.keys()

    assert visitor_forget(name) is True

    assert mentions(*traces) == {}
    assert references(ids) == []
    assert owners() == {"evt-bert-1": "bert-0815"}
    assert EventKey.objects.count() == 1
    assert not Impression.objects.exists()
    assert list(Profile.objects.values_list("visitor__external_id", flat=True)) == ["bert-0815"]


def embedded(name: str) -> None:
    """An item that profiles can tell from others."""
    made = make_item(name, f"a {name}")
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    services.embed_everywhere([made.pk])


def references(ids: list[int]) -> list[tuple[str, str]]:
    """(table, column) of every foreign key to visitors that still holds one of the ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, attname FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)"
            " WHERE contype = 'f' AND confrelid = 'recommender_visitor'::regclass"
        )
        columns = cursor.fetchall()
        kinds = ("event", "impression", "visitor")
        assert {table for table, _ in columns} >= {f"recommender_{kind}" for kind in kinds}
        found = []
        for table, column in columns:
            cursor.execute(f"SELECT 1 FROM {table} WHERE {column} = ANY(%s)", [ids])  # noqa: S608
            found += [(table, column)] if cursor.fetchone() else []
        return found


def test_forgetting_twice_is_fine():
    record(sent("e1"))

    assert visitor_forget("anna") is True
    assert visitor_forget("anna") is False


def test_who_was_forgotten_starts_anew():
    record(sent("e1"))
    visitor_forget("anna")

    assert events_record(read(sent("e1"))).new == [0]


def test_the_command(capsys):
    record(sent("e1"))

    call_command("forget_visitor", "anna", "bert")

    assert capsys.readouterr().out == "anna: forgotten\nbert: nothing mentions them\n"
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_events_arrive_while_their_visitor_is_merged_and_forgotten():
    """Nothing is lost to a former identifier, nothing fails, and the last word is the forgetting."""
    failures: list[BaseException] = []

    def run(work):
        def safely():
            try:
                work()
            except BaseException as err:
                failures.append(err)
            finally:
                connection.close()

        return threading.Thread(target=safely)

    def send():
        for n in range(30):
            names = ["cookie", "anna"] if n % 2 else ["anna", "cookie"]
            record(*(sent(f"e{n}-{name}", visitor=name) for name in names))

    def change():
        for _ in range(10):
            visitor_merge("cookie", "anna")
            visitor_forget("cookie")
        visitor_merge("cookie", "anna")

    threads = [run(send), run(change)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert set(owners().values()) <= {"anna"}
    assert Event.objects.count() == EventKey.objects.count()
    visitor_forget("anna")
    assert not Event.objects.exists()
    assert not EventKey.objects.exists()
    assert not Visitor.objects.exists()
