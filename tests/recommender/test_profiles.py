"""Profiles follow what visitors do, each event once, in the space that answers."""

from datetime import timedelta

import pytest

from recommender import profiles
from recommender.events import events_record
from recommender.models import PendingEvent, Profile
from recommender.types import Taste
from retrieval import services, spaces
from tests.recommender.worlds import NOW, read, sent
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

WORDS = {
    "frog": "green frog pond animal",
    "toad": "brown toad pond animal frog",
    "newt": "small newt pond animal frog",
    "drum": "loud drum wood instrument",
    "bell": "loud bell metal instrument drum",
    "gong": "loud gong metal instrument drum",
}


def record(*data) -> None:
    events_record(read(*data))


@pytest.fixture
def world(settings) -> dict[str, int]:
    """Three animals and three instruments, embedded; their ids."""
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    items = {name: make_item(name, words).pk for name, words in WORDS.items()}
    services.embed_everywhere(list(items.values()))
    return items


def taste(visitor: str = "anna", days: float = 0) -> Taste:
    return profiles.taste_of(visitor, spaces.active_space(), NOW + timedelta(days=days))


def standing(found) -> list[int]:
    return [interest.item_id for interest in found]


def test_two_kinds_of_things_are_two_interests(world, django_assert_num_queries):
    record(*(sent(n, item=n) for n in ("frog", "toad", "newt", "drum")))

    assert profiles.profiles_update() == 4
    space = spaces.active_space()
    with django_assert_num_queries(1):
        found = profiles.taste_of("anna", space, NOW)

    assert standing(found.interests) == [world["newt"], world["drum"]]
    assert [interest.weight for interest in found.interests] == pytest.approx([12, 4])
    assert [done.item_id for done in found.history] == [
        world[n] for n in ("drum", "newt", "toad", "frog")
    ]
    assert found.dislikes == ()
    assert found.session.weight == pytest.approx(16, rel=1e-3)
    assert not PendingEvent.objects.exists()
    assert Profile.objects.count() == 1
