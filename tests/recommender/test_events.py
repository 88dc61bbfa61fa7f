"""Events are stored once, in their month, for whom they belong to."""

import threading
from datetime import date

import pytest
from django.db import connection

from recommender.events import events_record
from recommender.models import Event, EventKey, Visitor
from recommender.partitions import partitions_ensure
from recommender.sweep import join_waiting, sweep
from tests.recommender.worlds import item, read, sent, stored
from workers import tasks

pytestmark = pytest.mark.django_db


def record(*data):
    done = events_record(read(*data))
    return done.new, done.duplicates, done.conflicts


def months() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'recommender_event'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def test_stored():
    item("frog")

    assert record(sent("e1"), sent("e2", item="toad", visitor="bert")) == ([0, 1], [], [])
    assert stored() == [("e1", "anna", "frog", True), ("e2", "bert", "toad", False)]


def test_the_same_again_is_a_duplicate():
    record(sent("e1"), sent("e2"))

    assert record(sent("e2"), sent("e3"), sent("e1")) == ([1], [0, 2], [])
    assert [row[0] for row in stored()] == ["e1", "e2", "e3"]


def test_the_same_id_with_another_content_is_a_conflict():
    record(sent("e1"))

    assert record(sent("e1", type="view"), sent("e2")) == ([1], [], [0])
    assert Event.objects.get(key="e1").type == "like"


def test_an_id_is_unique_over_all_months():
    record(sent("e1", occurred_at="2026-09-01T00:00:00Z"))

    assert record(sent("e1", occurred_at="2026-10-01T00:00:00Z")) == ([], [], [0])
    assert Event.objects.count() == 1


def test_ids_within_one_list():
    assert record(sent("e1"), sent("e1"), sent("e1", type="view")) == ([0], [1], [2])
    assert record(sent("e1"), sent("e1"), sent("e1", type="view")) == ([], [0, 1], [2])
    assert Event.objects.count() == EventKey.objects.count() == 1


def test_nothing():
    assert record() == ([], [], [])


def test_each_month_has_a_partition():
    before = set(months())

    record(
        sent("e1", occurred_at="2025-12-31T23:59:59.999999Z"),
        sent("e2", occurred_at="2026-01-01T00:00:00Z"),
        sent("e3", occurred_at="2026-01-01T00:30:00+01:00"),
    )

    assert set(months()) - before <= {"recommender_event_2025_12", "recommender_event_2026_01"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, tableoid::regclass::text FROM recommender_event ORDER BY key")
        assert cursor.fetchall() == [
            ("e1", "recommender_event_2025_12"),
            ("e2", "recommender_event_2026_01"),
            ("e3", "recommender_event_2025_12"),
        ]


def test_a_month_is_made_once():
    assert partitions_ensure([date(2001, 12, 1), date(2002, 1, 1)]) == [
        date(2001, 12, 1),
        date(2002, 1, 1),
    ]
    assert partitions_ensure([date(2001, 12, 1)]) == []
    assert {"recommender_event_2001_12", "recommender_event_2002_01"} <= set(months())


def statements(django_assert_max_num_queries, number: int, start: int) -> int:
    data = [sent(f"e{start + n}", visitor=f"v{start + n}", item=f"i{n}") for n in range(number)]
    with django_assert_max_num_queries(20) as context:
        assert len(events_record(read(*data)).new) == number
    return len(context.captured_queries)


def test_as_many_statements_for_a_thousand_as_for_two(django_assert_max_num_queries):
    record(sent("e0"))  # the month

    few = statements(django_assert_max_num_queries, 2, 1_000)
    many = statements(django_assert_max_num_queries, 1_000, 2_000)

    assert many == few


def test_items_that_come_later_are_joined():
    record(sent("e1"), sent("e2", item="toad"))
    frog = item("frog")

    assert join_waiting() == 1
    assert Event.objects.get(key="e1").item_id == frog.pk
    assert Event.objects.get(key="e2").item_id is None
    assert join_waiting() == 0


def test_between_full_passes_only_new_items_are_looked_at():
    assert join_waiting() == 0  # the full pass
    frog = item("frog")
    record(sent("e1", item="toad"))
    toad = item("toad")

    assert sweep() == 1
    assert Event.objects.get(key="e1").item_id == toad.pk
    assert frog.pk != toad.pk


def test_without_its_item_an_event_waits_again():
    item("frog")
    record(sent("e1"))

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_item")
    assert stored() == [("e1", "anna", "frog", False)]

    frog = item("frog")
    assert join_waiting() == 1
    assert Event.objects.get().item_id == frog.pk


def test_the_sweep_makes_this_month_and_the_next():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'),"
            " to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month', 'YYYY_MM')"
        )
        names = {f"recommender_event_{month}" for month in cursor.fetchone()}

    sweep()

    assert names <= set(months())


@pytest.mark.django_db(transaction=True)
def test_many_at_once_store_each_event_once():
    """Threads send overlapping events of the same new visitors, in opposite orders, to a new month."""
    data = [
        sent(f"e{n}", visitor=f"v{n % 7}", item=f"i{n % 5}", occurred_at="2026-02-01T00:00:00Z")
        for n in range(200)
    ]
    for n in range(5):
        item(f"i{n}")
    events = read(*data)
    found: list[int] = []
    failures: list[BaseException] = []

    def work(part):
        try:
            found.append(len(events_record(part).new))
        except BaseException as err:
            failures.append(err)
        finally:
            connection.close()

    parts = [events[:150], events[50:][::-1], events[::-1], events[::2]]
    threads = [threading.Thread(target=work, args=[part]) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sum(found) == 200
    assert Event.objects.count() == EventKey.objects.count() == 200
    assert Visitor.objects.count() == 7
    assert not Event.objects.filter(item=None).exists()


def test_an_event_is_no_obstacle_to_its_item():
    frog = item("frog")
    record(sent("e1"))

    frog.delete()

    assert stored() == [("e1", "anna", "frog", False)]


def test_the_task_on_beat_joins():
    record(sent("e1"))
    item("frog")

    tasks.sweep()

    assert stored() == [("e1", "anna", "frog", True)]
