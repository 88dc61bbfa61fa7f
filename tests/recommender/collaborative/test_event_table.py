"""Stored events against what ``EventType.strength`` says of each."""

from datetime import timedelta

import numpy as np
import pytest

from recommender.collaborative.event_table import events_read, interactions_of_events
from recommender.event_types import event_types
from recommender.events import events_record
from recommender.models import Event, Visitor
from recommender.visitors import visitor_merge
from tests.recommender.worlds import NOW, item, read, sent

pytestmark = pytest.mark.django_db


def happened(*events: tuple[str, str, str, float], **fields) -> None:
    """(visitor, item, type, days before NOW) each."""
    rows = [
        sent(
            f"{visitor}-{name}-{kind}-{days}",
            visitor=visitor,
            item=name,
            type=kind,
            occurred_at=(NOW - timedelta(days=days)).isoformat(),
            **fields,
        )
        for visitor, name, kind, days in events
    ]
    events_record(read(*rows))


def cells(interactions) -> dict[tuple[str, str], float]:
    """(visitor, item) by name: value."""
    people = dict(Visitor.objects.values_list("id", "external_id"))
    names = dict(Event.objects.exclude(item=None).values_list("item_id", "item_external_id"))
    x = interactions.visitors.tocoo()
    return {
        (people[interactions.visitor_ids[row]], names[interactions.item_ids[column]]): value
        for row, column, value in zip(x.row, x.col, x.data, strict=True)
    }


def test_each_event_counts_what_its_type_says():
    item("frog"), item("drum")
    happened(
        ("anna", "frog", "like", 0), ("anna", "frog", "view", 30), ("anna", "drum", "view", 60)
    )
    happened(("bo", "drum", "play", 60), share=0.5)
    table = events_read()
    types = event_types()
    expected = {
        ("like", 0): 4.0,
        ("view", 30): 0.5,
        ("view", 60): 0.25,
        ("play", 60): types["play"].strength(age_days=60, share=0.5),
    }
    found = table.strengths(NOW.timestamp())
    ages = (NOW.timestamp() - table.at) / 86_400
    names = [table.types[kind].name for kind in table.type]
    assert {(n, round(a)): s for n, a, s in zip(names, ages, found, strict=True)} == pytest.approx(
        expected
    )


def test_a_visitors_events_with_an_item_are_added_up_and_damped():
    item("frog"), item("drum")
    happened(
        ("anna", "frog", "like", 0), ("anna", "frog", "view", 30), ("anna", "drum", "view", 30)
    )
    found = cells(interactions_of_events(NOW.timestamp()))
    assert found == pytest.approx(
        {("anna", "frog"): np.log2(1 + 4.5), ("anna", "drum"): np.log2(1.5)}
    )


def test_what_speaks_against_an_item_or_hardly_for_it_is_left_out():
    item("frog"), item("drum"), item("bell")
    happened(
        ("anna", "frog", "view", 0),
        ("anna", "frog", "dislike", 0),
        ("anna", "drum", "view", 200),
        ("anna", "bell", "click", 0),
    )
    assert cells(interactions_of_events(NOW.timestamp())) == {("anna", "bell"): 1}


def test_what_was_taken_back_counts_no_more_but_what_followed_does():
    """By whoever took it back, of that item, whatever the type; events come in no order."""
    item("frog"), item("drum")
    happened(
        ("anna", "frog", "withdraw", 3), ("anna", "frog", "like", 5), ("anna", "frog", "view", 3),
        ("anna", "frog", "click", 0), ("anna", "drum", "like", 0),
        ("bo", "frog", "like", 0), ("bo", "frog", "withdraw", 4),
        ("cy", "frog", "purchase", 5), ("cy", "frog", "withdraw", 1),
        ("dee", "frog", "dislike", 5), ("dee", "frog", "withdraw", 1), ("dee", "frog", "view", 0),
    )  # fmt: skip
    table = events_read()
    left = {(table.types[table.type[row]].name, (NOW.timestamp() - table.at[row]) / 86_400)
            for row in np.flatnonzero(~table.standing())}  # fmt: skip
    assert left == {("like", 5), ("view", 3), ("purchase", 5), ("dislike", 5)}
    assert cells(table.interactions(NOW.timestamp())) == pytest.approx({
        ("anna", "frog"): 1, ("anna", "drum"): np.log2(5),
        ("bo", "frog"): np.log2(5), ("dee", "frog"): 1,
    })  # fmt: skip


def test_a_like_counts_until_it_is_taken_back():
    """Models are measured on what was known at a moment."""
    item("frog")
    happened(("anna", "frog", "like", 2), ("anna", "frog", "withdraw", 1))
    table = events_read()
    before = table.where(table.at < (NOW - timedelta(days=1)).timestamp())
    assert cells(before.interactions()) == pytest.approx({("anna", "frog"): np.log2(5)})
    assert not cells(table.interactions())


def test_the_latest_event_is_now_unless_said():
    item("frog"), item("drum")
    happened(("anna", "frog", "view", 100), ("anna", "drum", "view", 130))
    found = cells(interactions_of_events())
    assert found == pytest.approx({("anna", "frog"): 1, ("anna", "drum"): np.log2(1.5)})


def test_unknown_items_forgotten_types_and_invented_visitors_do_not_count(settings):
    item("frog")
    happened(
        ("anna", "frog", "view", 0),
        ("anna", "ghost", "view", 0),
        ("anna", "frog", "custom", 1),
        ("demo:eve", "frog", "view", 0),
        ("demonstrator", "frog", "view", 0),
    )
    types = settings.RECOMMENDER["EVENTS"]["TYPES"]
    named = {name: options for name, options in types.items() if name != "custom"}
    settings.RECOMMENDER = {
        **settings.RECOMMENDER,
        "EVENTS": {**settings.RECOMMENDER["EVENTS"], "TYPES": named},
    }
    found = cells(interactions_of_events(NOW.timestamp()))
    assert found == {("anna", "frog"): 1, ("demonstrator", "frog"): 1}
    assert len(events_read(demo=True)) == 3


def test_merged_visitors_are_one():
    item("frog"), item("drum")
    happened(("anna", "frog", "view", 0), ("cookie", "drum", "view", 0))
    visitor_merge("cookie", "anna")
    assert set(cells(interactions_of_events(NOW.timestamp()))) == {
        ("anna", "frog"),
        ("anna", "drum"),
    }


def test_few_events_can_be_asked_to_be_left_out():
    item("frog"), item("drum"), item("bell")
    happened(
        ("anna", "frog", "view", 0), ("anna", "drum", "view", 0),
        ("bo", "frog", "view", 0), ("bo", "bell", "view", 0),
        ("cy", "frog", "view", 0), ("cy", "drum", "view", 0), ("dee", "bell", "view", 0),
    )  # fmt: skip
    found = interactions_of_events(NOW.timestamp(), least_items=2, least_visitors=2)
    assert set(cells(found)) == {
        ("anna", "frog"), ("anna", "drum"), ("bo", "frog"), ("bo", "bell"),
        ("cy", "frog"), ("cy", "drum"),
    }  # fmt: skip


def test_items_nobody_touched_get_a_column_when_named():
    frog, drum = item("frog"), item("drum")
    happened(("anna", "frog", "view", 0))
    found = events_read().interactions(item_ids=[drum.pk])
    assert found.item_ids.tolist() == [frog.pk, drum.pk]
    assert found.visitors.toarray().tolist() == [[1, 0]]


def test_no_events_are_an_empty_table():
    found = events_read()
    assert len(found) == 0
    assert found.interactions().visitors.shape == (0, 0)


def test_only_the_latest_can_be_asked_for():
    item("frog"), item("drum")
    happened(("anna", "frog", "view", 5), ("anna", "drum", "view", 1))
    assert len(events_read(since=NOW - timedelta(days=2))) == 1
