"""What an event may say, and how a wrong one is refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.event_input import EventReader, read_json
from recommender.exceptions import InvalidEvent
from recommender.types import EventType
from tests.recommender.worlds import NOW, read, sent


def refused(data, **options) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        EventReader(now=NOW, **options).read(data)
    return caught.value.errors


def test_all_fields():
    (event,) = read(
        sent(
            "e1",
            type="play",
            share=0.25,
            value=3,
            occurred_at="2026-11-01T01:30:00+02:00",
            session="s-1",
            request_id="r-1",
        )
    )

    assert (event.key, event.visitor, event.item, event.type) == ("e1", "anna", "frog", "play")
    assert (event.share, event.value, event.session, event.request_id) == (0.25, 3.0, "s-1", "r-1")
    assert event.occurred_at == datetime(2026, 10, 31, 23, 30, tzinfo=UTC)


def test_without_a_time_it_happened_now():
    (event,) = read(sent())

    assert event.occurred_at == NOW


SINCE = "2026-11-01T00:00:00Z"


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (sent(value=1), sent("e2", value=1.0), True),
        (sent(value=0.0), sent(value=-0.0), True),
        (sent(session=None), sent(), True),
        (sent(occurred_at=SINCE), sent(occurred_at="2026-11-01T02:00:00+02:00"), True),
        (sent(occurred_at=SINCE), sent(), False),
        (sent(session="a"), sent(request_id="a"), False),
        (sent(), sent(item="toad"), False),
    ],
)
def test_a_digest_is_of_what_was_meant(first, second, alike):
    one, two = read(first, second)

    assert (one.digest == two.digest) is alike


def test_without_an_id_the_content_is_the_id():
    one, again, other = read(
        sent(None, occurred_at=SINCE),
        sent(None, occurred_at="2026-11-01T00:00:00+00:00"),
        sent(None, occurred_at=SINCE, type="view"),
    )

    assert one.key == again.key == f"content:{one.digest.hex}"
    assert other.key != one.key


def test_neither_id_nor_time():
    assert list(refused(sent(None))) == ["id"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"visitor": None}, "visitor"),
        ({"visitor": ""}, "visitor"),
        ({"visitor": "."}, "visitor"),
        ({"visitor": ".."}, "visitor"),
        ({"visitor": "a b"}, "visitor"),
        ({"visitor": "a\n"}, "visitor"),
        ({"visitor": "a" * 129}, "visitor"),
        ({"visitor": 7}, "visitor"),
        ({"visitor": True}, "visitor"),
        ({"item": "青蛙"}, "item"),
        ({"item": ["frog"]}, "item"),
        ({"id": "a" * 129}, "id"),
        ({"id": "a\0b"}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"type": None}, "type"),
        ({"type": "gaze"}, "type"),
        ({"type": {}}, "type"),
        ({"value": True}, "value"),
        ({"value": "3"}, "value"),
        ({"value": float("nan")}, "value"),
        ({"value": float("inf")}, "value"),
        ({"value": 10**300}, "value"),
        ({"value": 10**400}, "value"),
        ({"share": 0.5}, "share"),
        ({"type": "play"}, "share"),
        ({"type": "play", "share": 1.1}, "share"),
        ({"type": "play", "share": -0.1}, "share"),
        ({"type": "play", "share": False}, "share"),
        ({"occurred_at": "2026-11-01T00:00:00"}, "occurred_at"),
        ({"occurred_at": "2026-11-01"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": 1_793_000_000}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"occurred_at": "2024-11-22T11:59:59Z"}, "occurred_at"),
        ({"occurred_at": "2026-11-23T12:05:01Z"}, "occurred_at"),
        ({"session": ""}, "session"),
        ({"request_id": "x" * 129}, "request_id"),
        ({"colour": "green"}, "colour"),
        ({"\ud800\0": 1}, "\\ud800\\x00"),
    ],
)
def test_refused(fields, wrong):
    errors = refused(sent() | fields)

    assert list(errors) == [wrong]
    json.dumps(errors).encode()  # reaches the client


@pytest.mark.parametrize("moment", ["2024-11-23T12:00:00Z", "2026-11-23T12:05:00Z"])
def test_the_bounds_themselves_are_taken(moment):
    assert read(sent(occurred_at=moment))[0].key == "e1"


def test_an_import_may_reach_further_back():
    old = sent(occurred_at="1997-09-20T00:00:00Z")

    assert EventReader(now=NOW, max_age_days=12_000).read(old).occurred_at.year == 1997
    assert list(refused(old)) == ["occurred_at"]


def test_every_wrong_field_is_named():
    assert set(refused({"type": "x", "value": [], "z": 1})) == {
        *("z", "visitor", "item", "type", "value"),
    }


@pytest.mark.parametrize("data", [None, 1, "x", [], [sent()]])
def test_no_object(data):
    assert refused(data) == {"event": "Must be an object."}


def test_a_key_twice():
    data = read_json('{"id": "e1", "visitor": "a", "visitor": "b"}')

    assert refused(data) == {"visitor": "Is there twice in one object."}


def test_types_are_the_deployments():
    types = {"gaze": EventType("gaze", 1.0, 1.0)}

    assert EventReader(now=NOW, types=types).read(sent(type="gaze")).type == "gaze"
    assert refused(sent(type="like"), types=types) == {"type": "Use one of gaze."}


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
plausible = {
    "id": st.text(max_size=4),
    "visitor": st.sampled_from(["anna", "..", "b\ud800"]),
    "item": st.sampled_from(["frog", "f g"]),
    "type": st.sampled_from(["like", "play", "no"]),
    "value": st.floats() | st.integers(),
    "share": st.floats(0, 1),
    "occurred_at": st.datetimes().map(datetime.isoformat)
    | st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
}


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    data=st.fixed_dictionaries(
        {}, optional={name: any_json | often for name, often in plausible.items()}
    )
)
def test_whatever_comes_is_read_or_refused(data):
    try:
        event = EventReader(now=NOW).read(data)
    except InvalidEvent as err:
        wrong = err.errors
    else:
        meant = (data["visitor"], data["item"], data["type"])
        assert (event.visitor, event.item, event.type) == meant
        return
    assert wrong
    json.dumps(wrong).encode()  # reaches the client


@pytest.mark.parametrize(
    ("age_days", "share", "expected"),
    [(0, None, 2.0), (10, None, 1.0), (20, 0.5, 0.25), (-1, 1.0, 2.0)],
)
def test_strength(age_days, share, expected):
    play = EventType("play", weight=2.0, half_life_days=10, with_share=True)

    assert play.strength(age_days=age_days, share=share) == expected


def test_a_share_counts_only_where_it_means_something():
    like = EventType("like", weight=4.0, half_life_days=10)

    assert like.strength(age_days=0, share=0.5) == 4.0
