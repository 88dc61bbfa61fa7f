"""Profiles follow what visitors do, each event once, in the space that answers."""

import random
import threading
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Item
from recommender import profiles
from recommender.event_types import event_types
from recommender.events import events_record
from recommender.interests import take_in
from recommender.interests import taste as taste_from
from recommender.leanings import Leanings
from recommender.models import Event, PendingEvent, Profile, Visitor
from recommender.profiles import likeness, reading, rows, updating, upkeep
from recommender.sweep import join_waiting
from recommender.types import Taste
from recommender.visitors import visitor_forget, visitor_merge
from retrieval import services, spaces
from retrieval.head import Head
from tests.recommender.worlds import NOW, read, sent
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

ANIMAL, INSTRUMENT = "animal pond wet alive swims jumps", "instrument loud wood metal music stage"
WORDS = {
    **{name: f"{name} {ANIMAL}" for name in ("frog", "toad", "newt")},
    **{name: f"{name} {INSTRUMENT}" for name in ("drum", "bell", "gong")},
}
DIMS = {"text": 96, "image": 96, "audio": 96}


def record(*data) -> None:
    events_record(read(*data))


def likes(*items: str, visitor: str = "anna") -> None:
    record(*(sent(f"{visitor}-{name}", item=name, visitor=visitor) for name in items))


@pytest.fixture
def world(settings) -> dict[str, int]:
    """Three animals and three instruments, embedded; their ids."""
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    items = {name: make_item(name, words).pk for name, words in WORDS.items()}
    services.embed_everywhere(list(items.values()))
    return items


def update() -> int:
    """All that waits; how many events."""
    total = 0
    while done := profiles.profiles_update():
        total += done
    return total


def taste(visitor: str = "anna", days: float = 0) -> Taste:
    return profiles.taste_of(visitor, spaces.active_space(), NOW + timedelta(days=days))


def standing(found) -> list[tuple[int, float]]:
    return [(interest.item_id, pytest.approx(interest.weight, rel=1e-5)) for interest in found]


def alike(one: Taste, other: Taste) -> None:
    """The same, but for rounding to half precision."""
    for of, to in (
        (one.interests, other.interests),
        (one.dislikes, other.dislikes),
        ([one.session] if one.session else [], [other.session] if other.session else []),
    ):
        assert standing(of) == [(each.item_id, each.weight) for each in to]
        for first, second in zip(of, to, strict=True):
            assert first.vector @ second.vector == pytest.approx(1, abs=1e-4)
    assert one.history == other.history


# --- taking in -----------------------------------------------------------------------------------


def test_two_kinds_of_things_are_two_interests(world, django_assert_num_queries):
    likes("frog", "toad", "newt", "drum")

    assert profiles.profiles_update() == 4
    space = spaces.active_space()
    with django_assert_num_queries(1):
        found = profiles.taste_of("anna", space, NOW)

    assert standing(found.interests) == [(world["newt"], 12.0), (world["drum"], 4.0)]
    names = ("drum", "newt", "toad", "frog")
    assert [done.item_id for done in found.history] == [world[name] for name in names]
    assert {(done.type, done.strength, done.at) for done in found.history} == {
        ("like", 4.0, NOW.timestamp())
    }
    assert found.dislikes == ()
    assert found.session.weight == pytest.approx(16)
    assert not PendingEvent.objects.exists()
    assert Profile.objects.count() == 1


def test_what_waits_for_a_worker_counts_already(world, django_assert_num_queries):
    likes("frog")
    update()
    space = spaces.active_space()
    for n, name in enumerate(("drum", "toad", "bell"), 2):
        likes(name)
        with django_assert_num_queries(4):  # the vectors of what waits too, in a savepoint
            found = profiles.taste_of("anna", space, NOW)
        assert found.history[0].item_id == world[name]
        assert sum(each.weight for each in found.interests) == pytest.approx(4.0 * n)
    record(sent("e9", type="withdraw", item="drum"))
    before = taste()
    assert {done.item_id for done in before.history} == {world[n] for n in ("frog", "toad", "bell")}
    assert PendingEvent.objects.count() == 4

    assert update() == 4
    alike(taste(), before)


def test_of_many_events_that_wait_the_latest_count(world, monkeypatch):
    likes("frog")
    update()
    monkeypatch.setattr(reading, "READ_ON_THE_SPOT", 2)
    likes("drum", "toad", "bell")
    found = taste()
    assert {done.item_id for done in found.history} == {world[n] for n in ("frog", "toad", "bell")}


def test_an_event_that_waits_for_its_items_vector_does_not_count_twice(world):
    likes("frog")
    make_item("kazoo", "kazoo")
    record(sent("e5", item="kazoo"))
    update()
    assert PendingEvent.objects.filter(parked_at=None).count() == 0
    assert [done.strength for done in taste().history] == [4.0, 4.0]


def test_the_vector_is_the_items_own(world):
    likes("drum")
    update()

    vector = likeness.unit_vectors(spaces.active_space().partition, [world["drum"]])[world["drum"]]
    assert taste().interests[0].vector == pytest.approx(vector, abs=1e-3)


def test_decayed_to_the_moment_asked_for(world):
    likes("frog")
    update()

    assert standing(taste(days=180).interests) == [(world["frog"], 2.0)]
    assert taste(days=180).session is None
    assert taste(days=180).history[0].strength == pytest.approx(2.0)


def test_dislikes_are_kept_apart(world):
    likes("frog")
    record(sent("e1", item="toad", type="dislike"), sent("e2", item="bell", type="dislike"))
    update()

    assert standing(taste().interests) == [(world["frog"], 4.0)]
    assert {each.item_id for each in taste().dislikes} == {world["toad"], world["bell"]}


def test_event_by_event_as_all_at_once(world):
    data = [
        sent(f"{n}", item=item, type=kind, occurred_at=f"2026-11-{n % 20 + 1:02}T00:00:00Z")
        for n, (item, kind) in enumerate(
            (item, kind) for item in WORDS for kind in ("view", "like", "purchase", "dislike")
        )
    ]
    for each in data[::-2] + data[::2]:
        record(each)
        assert profiles.profiles_update() == 1
    record(*({**each, "id": f"b{each['id']}", "visitor": "bert"} for each in data))
    assert profiles.profiles_update() == len(data)

    alike(taste("anna"), taste("bert"))


def test_nobody_knows_them(world, django_assert_num_queries):
    space = spaces.active_space()
    with django_assert_num_queries(1):
        assert profiles.taste_of("nobody", space, NOW) == Taste()
    assert not Visitor.objects.exists()


def test_who_did_nothing_with_an_item_that_is_there(world):
    record(sent("e1", item="unicorn"))

    assert update() == 0
    assert taste() == Taste()


def test_before_there_is_a_space():
    make_item("frog", "frog")
    likes("frog")

    assert profiles.profiles_update() == 0
    assert profiles.profiles_upkeep() == 0
    assert PendingEvent.objects.count() == 1


def test_a_type_that_the_settings_name_no_more(world, settings):
    likes("frog")
    record(sent("e1", item="drum", type="custom"))
    types = {k: v for k, v in event_settings(settings).items() if k != "custom"}
    settings.RECOMMENDER = {"EVENTS": {**settings.RECOMMENDER["EVENTS"], "TYPES": types}}

    update()

    assert standing(taste().interests) == [(world["frog"], 4.0)]
    assert not PendingEvent.objects.exists()


def event_settings(settings) -> dict:
    return settings.RECOMMENDER["EVENTS"]["TYPES"]


def test_a_type_that_the_settings_name_no_more_still_decays(world, settings):
    record(sent("e1", item="drum", type="view"))
    update()
    settings.RECOMMENDER = {"EVENTS": {"TYPES": {"like": event_settings(settings)["like"]}}}

    assert standing(taste(days=30).interests) == [(world["drum"], 0.5)]


def test_whoever_is_stopped_in_the_middle_has_done_nothing(world):
    likes("frog", "drum")

    with transaction.atomic():
        assert profiles.profiles_update() == 2
        transaction.set_rollback(True)

    assert PendingEvent.objects.count() == 2
    assert not Profile.objects.exists()


def test_as_many_statements_for_many_visitors_as_for_few(world, django_assert_max_num_queries):
    def statements(visitors: int) -> int:
        for n in range(visitors):
            likes("frog", visitor=f"v{n}")
        update()
        again = [sent(f"{visitors}-{n}", visitor=f"v{n}", item="drum") for n in range(visitors)]
        record(*again)
        with django_assert_max_num_queries(15) as context:
            assert profiles.profiles_update() == visitors
        return len(context.captured_queries)

    assert statements(40) == statements(2)


def test_a_limit(world):
    likes("frog")
    update()
    likes("toad", "newt", "drum", "bell")

    assert [profiles.profiles_update(3) for _ in range(3)] == [3, 1, 0]
    assert len(taste().history) == 5


def test_new_visitors_with_many_events_share_several_calls(world, monkeypatch):
    monkeypatch.setattr(updating, "VISITORS_READ", 2)
    monkeypatch.setattr(updating, "EVENTS_READ", 5)
    for n in range(5):
        likes("frog", "toad", visitor=f"v{n}")

    assert [profiles.profiles_update() for _ in range(3)] == [8, 2, 0]
    assert all(len(taste(f"v{n}").history) == 2 for n in range(5))


# --- items that come later -----------------------------------------------------------------------


def test_an_item_without_a_vector_keeps_only_itself_waiting(world):
    unicorn = make_item("unicorn", "unicorn with one horn")
    likes("unicorn", "frog")
    likes("unicorn", visitor="bert")

    assert profiles.profiles_update() == 3
    assert profiles.profiles_update() == 0
    assert standing(taste().interests) == [(world["frog"], 4.0)]
    assert [done.item_id for done in taste().history] == [world["frog"], unicorn.pk]
    assert PendingEvent.objects.filter(parked_at__isnull=False).count() == 2
    assert profiles.parked_release() == 0

    services.embed_everywhere([unicorn.pk])
    assert profiles.parked_release([world["frog"]]) == 0
    assert profiles.parked_release([unicorn.pk]) == 2
    assert profiles.profiles_update() == 2

    assert {each.item_id for each in taste().interests} == {world["frog"], unicorn.pk}
    assert standing(taste("bert").interests) == [(unicorn.pk, 4.0)]
    assert not PendingEvent.objects.exists()
    assert len(taste().history) == 2


def test_an_item_that_never_has_a_vector_is_not_waited_for(world):
    make_item("unicorn", "unicorn with one horn")
    likes("unicorn")
    update()
    profiles.profiles_upkeep()
    assert PendingEvent.objects.count() == 1

    PendingEvent.objects.update(parked_at=timezone.now() - upkeep.PARKED_AT_MOST)
    profiles.profiles_upkeep()

    assert not PendingEvent.objects.exists()
    assert len(taste().history) == 1


def test_the_sweep_brings_events_whose_item_came_late(world):
    likes("frog", "unicorn")
    update()
    unicorn = make_item("unicorn", "unicorn with one horn")
    services.embed_everywhere([unicorn.pk])

    assert join_waiting() == 1
    assert update() == 1
    assert {each.item_id for each in taste().interests} == {world["frog"], unicorn.pk}


def test_an_item_that_is_deleted_takes_what_waits_along(world):
    likes("frog", "drum")

    Item.objects.get(pk=world["frog"]).delete()

    assert update() == 1
    assert standing(taste().interests) == [(world["drum"], 4.0)]


# --- other spaces --------------------------------------------------------------------------------


@pytest.fixture
def second(world) -> int:
    """Another space with all items, of another dimension."""
    row = spaces.space_create(
        "second", Head.untrained(DIMS, 24, seed=7), profile="fake", trained=False
    )
    services.embed_everywhere(list(world.values()))
    return row.pk


def test_after_a_switch(world, second, django_assert_num_queries):
    """Known on the spot, then made anew by the sweep as the worker would have made it."""
    first = spaces.active_id()
    likes("frog", "toad", "newt", "drum")
    likes("bell", visitor="bert")
    update()
    before = taste()

    spaces.space_activate(second)
    space = spaces.active_space()
    likeness.threshold(space.partition)
    with django_assert_num_queries(5):  # two of them the savepoint of the test's transaction
        spot = profiles.taste_of("anna", space, NOW)
    assert spot.interests[0].vector.shape == (24,)
    assert standing(spot.interests) == [(each.item_id, each.weight) for each in before.interests]

    assert profiles.profiles_upkeep() == 2
    assert set(Profile.objects.values_list("space", flat=True)) == {second}
    with django_assert_num_queries(1):
        alike(profiles.taste_of("anna", space, NOW), spot)
    assert profiles.profiles_upkeep() == 0

    spaces.space_rollback()
    alike(taste(), before)
    assert profiles.profiles_upkeep() == 2
    assert set(Profile.objects.values_list("space", flat=True)) == {first}
    alike(taste(), before)


def test_what_happens_after_a_switch_is_added_to_what_was(world, second):
    likes("frog", "drum")
    update()
    spaces.space_activate(second)
    record(sent("e9", item="bell"))

    assert update() == 1
    assert {done.item_id for done in taste().history} == {
        world[n] for n in ("frog", "drum", "bell")
    }
    assert sum(each.weight for each in taste().interests) == pytest.approx(12)
    assert Profile.objects.get().space_id == second


def test_what_waits_at_a_switch_is_not_counted_twice(world, second):
    likes("frog")
    update()
    likes("drum")
    spaces.space_activate(second)

    assert profiles.profiles_renew() == 1
    assert update() == 0
    assert sum(each.weight for each in taste().interests) == pytest.approx(8)


def test_a_space_without_an_item_waits_for_it(world, settings):
    row = spaces.space_create(
        "second", Head.untrained(DIMS, 24, seed=7), profile="fake", trained=False
    )
    services.embed_items(row.pk, [world["drum"]])
    likes("frog", "drum")
    update()
    spaces.space_activate(row.pk, force=True)
    assert profiles.profiles_upkeep() == 1
    assert standing(taste().interests) == [(world["drum"], 4.0)]

    services.embed_everywhere(list(world.values()))
    profiles.parked_release()

    assert update() == 1
    assert sum(each.weight for each in taste().interests) == pytest.approx(8)


def test_a_retired_space_takes_its_profiles_along(world, second):
    likes("frog")
    update()
    first = spaces.active_id()
    spaces.space_activate(second)
    spaces.space_retire(first)
    Profile.objects.update(updated_at=NOW)

    profiles.profiles_upkeep()

    assert not Profile.objects.filter(space=first).exists()


# --- one person ----------------------------------------------------------------------------------


def test_merged_visitors_have_one_profile(world):
    likes("frog", "drum", visitor="cookie")
    likes("toad")
    update()
    likes("bell", visitor="cookie")  # waits
    visitor_merge("cookie", "anna")

    before = taste("anna")
    assert update() >= 1
    likes("frog", "drum", "toad", "bell", visitor="bert")
    update()

    alike(taste("anna"), taste("bert"))
    alike(taste("cookie"), taste("anna"))
    alike(before, taste("anna"))
    assert set(Profile.objects.values_list("visitor__external_id", flat=True)) == {"anna", "bert"}

    record(sent("after", visitor="cookie", item="gong"))
    update()
    assert len(taste("anna").history) == 5


def test_a_merge_of_visitors_without_events(world):
    visitor_merge("cookie", "anna")

    assert update() == 0
    assert taste("cookie") == Taste()


def test_forgotten_with_what_waits(world):
    likes("frog")
    update()
    likes("drum")
    likes("bell", visitor="bert")

    visitor_forget("anna")

    assert not Profile.objects.exists()
    assert list(PendingEvent.objects.values_list("visitor__external_id", flat=True)) == ["bert"]
    assert taste() == Taste()


# --- many at once --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_workers_take_each_event_in_once(world):
    """Threads send events, and as many take them in; two people are merged and one is forgotten meanwhile."""
    rng = random.Random(3)  # noqa: S311 - no secret
    items, people = list(WORDS), [f"v{n}" for n in range(8)]
    data = [
        sent(
            f"e{n}",
            visitor=rng.choice(people),
            item=rng.choice(items),
            type=rng.choice(("view", "like", "cart", "dislike", "purchase")),
            occurred_at=f"2026-11-{rng.randint(1, 20):02}T{rng.randint(0, 23):02}:00:00Z",
        )
        for n in range(400)
    ]
    failures: list[BaseException] = []
    sending = threading.Event()

    def run(work, *arguments):
        def safely():
            try:
                work(*arguments)
            except BaseException as err:
                failures.append(err)
            finally:
                connection.close()

        return threading.Thread(target=safely)

    def send(part):
        for start in range(0, len(part), 10):
            record(*part[start : start + 10])

    def work():
        while not sending.is_set():
            profiles.profiles_update(7)
        while profiles.profiles_update(7):
            pass

    def change():
        visitor_merge("v0", "v1")
        visitor_forget("v2")

    senders = [run(send, data[:200]), run(send, data[200:]), run(change)]
    workers = [run(work) for _ in range(3)]
    for thread in (*senders, *workers):
        thread.start()
    for thread in senders:
        thread.join()
    sending.set()
    for thread in workers:
        thread.join()

    assert failures == []
    update()
    assert not PendingEvent.objects.exists()
    expected = recomputed()
    stored = rows.read(spaces.active_id(), 64, list(expected))
    assert stored.keys() == expected.keys()
    for visitor_id, leanings in expected.items():
        now = NOW.timestamp()
        alike_in_weight(taste_from(stored[visitor_id], now), taste_from(leanings, now))


def recomputed() -> dict[int, Leanings]:
    """By visitor, from all events at once."""
    told = defaultdict(list)
    for row in Event.objects.all():
        each = (row.pk, row.visitor_id, row.item_id, row.type, row.share)
        told[row.visitor_id].append(reading.Told(*each, row.occurred_at.timestamp()))
    partition = spaces.active_space().partition
    found = {}
    for visitor_id, own in told.items():
        found[visitor_id] = Leanings.empty(64)
        deeds = [deed for _, deed in reading.deeds(partition, own)]
        take_in(found[visitor_id], deeds, likeness.threshold(partition))
    return found


def alike_in_weight(one: Taste, other: Taste) -> None:
    assert len(one.interests) == len(other.interests)
    for of, to in ((one.interests, other.interests), (one.dislikes, other.dislikes)):
        assert sum(each.weight for each in of) == pytest.approx(
            sum(each.weight for each in to), rel=1e-4, abs=1e-4
        )
    done = [
        sorted(
            (each.item_id, each.type, each.at, round(each.strength, 3)) for each in known.history
        )
        for known in (one, other)
    ]
    assert done[0] == done[1]


# --- as bytes ------------------------------------------------------------------------------------


def test_what_is_stored_is_what_was(world):
    rng = np.random.default_rng(4)
    types = event_types()
    leanings = Leanings.empty(64)
    vectors = rng.standard_normal((40, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for n in range(60):
        kind = types[["view", "like", "dislike"][n % 3]]
        deed = reading.Deed(n % 40 + 1, kind, None, 1e9 + n * 3e4, vectors[n % 40])
        take_in(leanings, [deed], 0.3)

    again = rows.unpacked(rows.packed(leanings), 64)

    assert again.kinds == leanings.kinds
    assert again.at == leanings.at
    assert (again.history == leanings.history).all()
    for one, other in ((again.liked, leanings.liked), (again.disliked, leanings.disliked)):
        assert one.means == pytest.approx(other.means, abs=3e-4)
        assert one.masses == pytest.approx(other.masses, rel=1e-6)
        assert one.items.tolist() == other.items.tolist()
    assert again.session.weight == leanings.session.weight
    assert again.session.mean == pytest.approx(leanings.session.mean, abs=3e-4)
    empty = rows.unpacked(rows.packed(Leanings.empty(64)), 64)
    assert taste_from(empty, 0.0) == Taste()
