"""The deployment's types of events are checked at start-up."""

import pytest

from recommender.checks import event_types_make_sense
from recommender.event_types import event_types
from recommender.types import EventType


def use(settings, types) -> None:
    events = settings.RECOMMENDER["EVENTS"] | {"TYPES": types}
    settings.RECOMMENDER = settings.RECOMMENDER | {"EVENTS": events}


def test_the_types_that_are_there(settings):
    assert list(event_types()) == [
        *("view", "click", "like", "dislike", "cart", "purchase", "play", "custom", "withdraw"),
    ]
    assert [name for name, kind in event_types().items() if kind.with_share] == ["play"]
    assert [name for name, kind in event_types().items() if kind.weight < 0] == ["dislike"]
    assert event_types_make_sense(None) == []


def test_types_of_ones_own(settings):
    use(settings, {"wishlist": {"weight": 3.0, "half_life_days": 90}})

    assert event_types() == {"wishlist": EventType("wishlist", 3.0, 90)}


@pytest.mark.parametrize(
    ("types", "why"),
    [
        ({}, "name at least one"),
        ({"Like": {"weight": 1.0, "half_life_days": 1}}, "'Like': use a to z"),
        ({"x" * 33: {"weight": 1.0, "half_life_days": 1}}, "use a to z"),
        ({"like": {"weight": 1.0}}, "like: half_life_days is missing"),
        ({"like": {"weight": 1.0, "half_life_days": 0}}, "half_life_days 0 is not above 0"),
        ({"like": {"weight": float("nan"), "half_life_days": 1}}, "is no finite number"),
        ({"like": {"weight": "1", "half_life_days": 1}}, "must be real number"),
        ({"like": {"weight": 1.0, "half_life_days": 1, "decay": 2}}, "unknown option 'decay'"),
        ({"like": None}, "has no attribute"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(settings, types, why):
    use(settings, types)

    (error,) = event_types_make_sense(None)

    assert error.id == "recommender.E001"
    assert why in error.msg
