"""What is popular: every event counted once, by its type and age."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Item
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.models import ItemPopularity
from recommender.popularity import popularity_count
from tests.recommender.worlds import item

pytestmark = pytest.mark.django_db


def happened(*events: tuple[str, str, str, float]) -> None:
    """(visitor, item, type, days ago) each."""
    now = timezone.now()
    events_record(
        [
            EventReader(now=now).read(
                {"id": f"{visitor}-{name}-{kind}", "visitor": visitor, "item": name, "type": kind}
                | {"occurred_at": (now - timedelta(days=days)).isoformat()}
                | ({"share": 0.5} if kind == "play" else {})
            )
            for visitor, name, kind, days in events
        ]
    )
    popularity_count(force=True)


def counted() -> dict[str, tuple[float, float, int]]:
    """Item: popular, trending, visitors; aged by the moment that the test took at most."""
    names = dict(Item.objects.values_list("pk", "external_id"))
    return {
        names[row.pk]: (
            pytest.approx(row.popular, abs=1e-4),
            pytest.approx(row.trending, abs=1e-3),
            row.visitors,
        )
        for row in ItemPopularity.objects.all()
    }


def test_by_type_and_age():
    item("frog"), item("drum"), item("bell")
    happened(
        ("anna", "frog", "like", 30), ("anna", "frog", "view", 0), ("bo", "frog", "dislike", 0),
        ("bo", "drum", "play", 1), ("bo", "bell", "view", 121),
    )  # fmt: skip
    assert counted() == {
        "frog": (4 * 0.5 + 1, 4 * 0.5**30 + 1, 1),
        "drum": (2 * 0.5 * 0.5 ** (1 / 30), 0.5, 1),
    }


def test_what_was_taken_back_counts_no_more_but_what_followed_does():
    item("frog"), item("drum")
    happened(("anna", "frog", "like", 0.5), ("bo", "frog", "like", 0), ("anna", "drum", "like", 0))
    assert counted()["frog"] == (4 + 4 * 0.5 ** (0.5 / 30), 4 + 4 * 0.5**0.5, 2)

    happened(
        ("anna", "frog", "withdraw", 0.25), ("bo", "frog", "withdraw", 0.25),
        ("anna", "frog", "click", 0), ("bo", "drum", "withdraw", 0),
    )  # fmt: skip
    assert counted() == {"frog": (4 + 1, 4 + 1, 2), "drum": (4, 4, 1)}


def test_who_came_to_dislike_it_does_not_make_it_popular():
    item("frog")
    happened(
        ("anna", "frog", "like", 2), ("anna", "frog", "dislike", 1),
        ("bo", "frog", "dislike", 1), ("bo", "frog", "like", 0),
    )  # fmt: skip
    assert counted() == {"frog": (4, 4, 1)}


def test_an_item_whose_only_like_was_taken_back_is_not_listed():
    item("frog")
    happened(("anna", "frog", "like", 1), ("anna", "frog", "withdraw", 1))
    assert not ItemPopularity.objects.exists()
