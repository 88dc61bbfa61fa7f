"""A real worker brings a profile up to date within a second of the event."""

from django.db.models import F

from recommender import profiles
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.models import Event, Profile
from recommender.types import Taste
from retrieval import spaces
from retrieval.exceptions import NoActiveSpace
from tests.recommender.worlds import sent
from tests.retrieval.conftest import make_item
from tests.workers.conftest import Processes, until


def taste() -> Taste:
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        return Taste()
    return profiles.taste_of("anna", space, EventReader().now)


def taken_in(number: int) -> bool:
    stored = Profile.objects.filter(visitor__external_id="anna").exists()
    return stored and len(taste().history) == number


def test_profiles_follow_events(processes: Processes):
    """The first before there is a vector, and even a space; the others within a second."""
    items = [make_item(f"i{n}", f"thing number {n}") for n in range(6)]
    events_record([EventReader().read(sent("e0", item="i0"))])
    processes.worker(concurrency=1)
    processes.start("beat", SWEEP_INTERVAL_S="1")
    until(lambda: len(taste().interests) == 1, "the item is embedded, then the event taken in")
    until(lambda: claimable() == len(items), "all items are embedded")

    delays = []
    for n in range(1, 6):
        events_record([EventReader().read(sent(f"e{n}", item=f"i{n}"))])
        until(lambda n=n: taken_in(n + 1), f"event {n} is in the profile", deadline_s=20)
        (row,) = Profile.objects.filter(visitor__events__key=f"e{n}").annotate(
            received_at=F("visitor__events__received_at")
        )
        delays.append((row.updated_at - row.received_at).total_seconds())

    assert {done.item_id for done in taste().history} == {each.pk for each in items}
    assert Event.objects.count() == 6
    assert sorted(delays)[2] < 1.0, delays


def claimable() -> int:
    from retrieval.models import Embedding

    return Embedding.objects.filter(fused__isnull=False).count()
