"""Interests, dislikes and the session, against a full recomputation and by known answers."""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest

from recommender import interests
from recommender.interests import take_in, taste, threshold_of
from recommender.leanings import DAY_S, Deed, Leanings
from recommender.types import EventType, Taste

DIM = 16
T0 = 1.8e9
THRESHOLD = 0.5

VIEW = EventType("view", 1.0, 30)
LIKE = EventType("like", 4.0, 180)
DISLIKE = EventType("dislike", -4.0, 365)
PLAY = EventType("play", 2.0, 60, with_share=True)
WITHDRAW = EventType("withdraw", 0.0, 30, takes_back=True)


def vector(topic: int, item: int = 0, *, noise: float = 0.15) -> np.ndarray:
    """A unit row near the topic's axis; another for each item."""
    row = noise * np.random.default_rng(item).standard_normal(DIM) / np.sqrt(DIM)
    row[topic] += 1.0
    return (row / np.linalg.norm(row)).astype(np.float32)


def did(item: int, kind: EventType = LIKE, *, days: float = 0, share=None, topic=None) -> Deed:
    """Items 0 to 9 are of topic 0, 10 to 19 of topic 1, and so on."""
    topic = item // 10 if topic is None else topic
    return Deed(item + 1, kind, share, T0 + days * DAY_S, vector(topic, item))


def leanings(*batches: Iterable[Deed]) -> Leanings:
    made = Leanings.empty(DIM)
    for batch in batches:
        take_in(made, batch, THRESHOLD)
    return made


def taste_from(*deeds: Deed, days: float = 0) -> Taste:
    return taste(leanings(deeds), T0 + days * DAY_S)


def weights(found) -> dict[int, float]:
    """Of each interest by the item that stands for it."""
    return {interest.item_id - 1: interest.weight for interest in found}


# --- the reference: everything from the start, from all events -----------------------------------


def reference_counting(deeds: list[Deed]) -> list[Deed]:
    """What counts of what was done with one item."""
    best: dict[str, Deed] = {}
    for deed in deeds:
        known = best.get(deed.type.name)
        if known is None or reference_count(deed, T0 + 400 * DAY_S) > reference_count(
            known, T0 + 400 * DAY_S
        ):
            best[deed.type.name] = deed
    counting: list[Deed] = []
    for deed in sorted(best.values(), key=lambda deed: (deed.at, weight(deed))):
        same = [each for each in counting if weight(each) * weight(deed) > 0]
        opposite = [abs(weight(each)) for each in counting if weight(each) * weight(deed) < 0]
        if not opposite:
            counting.append(deed)
        elif abs(weight(deed)) >= max(opposite) / 2:
            counting = [*same, deed]
    return counting


def weight(deed: Deed) -> float:
    return deed.type.strength(age_days=0, share=deed.share)


def reference_count(deed: Deed, now: float, half_life_s: float | None = None) -> float:
    half_life_s = half_life_s or deed.type.half_life_days * DAY_S
    return abs(weight(deed)) * 0.5 ** ((now - deed.at) / half_life_s)


def reference(deeds: list[Deed], now: float, half_life_s: float | None = None):
    """(liked, disliked): topic to (weight, direction)."""
    by_item: dict[int, list[Deed]] = defaultdict(list)
    for deed in deeds:
        by_item[deed.item_id].append(deed)
    found = ({}, {})
    for deed in itertools.chain(*map(reference_counting, by_item.values())):
        if not weight(deed):
            continue
        topics = found[weight(deed) < 0]
        mass, total = topics.get((deed.item_id - 1) // 10, (0.0, np.zeros(DIM)))
        count = reference_count(deed, now, half_life_s)
        topics[(deed.item_id - 1) // 10] = mass + count, total + count * deed.vector
    return found


def random_deeds(seed: int, number: int = 400) -> list[Deed]:
    rng = random.Random(seed)  # noqa: S311 - no secret
    kinds = (VIEW, VIEW, VIEW, LIKE, LIKE, DISLIKE, PLAY)
    found = []
    for _ in range(number):
        kind = rng.choice(kinds)
        share = rng.random() if kind is PLAY else None
        found.append(did(rng.randrange(30), kind, days=rng.uniform(0, 300), share=share))
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batches", [1, 40, 400])
def test_as_a_full_recomputation_in_any_order(seed: int, batches: int):
    deeds = random_deeds(seed)
    shuffled = random.Random(seed + 99).sample(deeds, len(deeds))  # noqa: S311 - no secret
    made = leanings(*(shuffled[n::batches] for n in range(batches)))
    now = T0 + 310 * DAY_S

    found = taste(made, now)

    liked, disliked = reference(deeds, now)
    for groups, expected in ((found.interests, liked), (found.dislikes, disliked)):
        assert {(each.item_id - 1) // 10 for each in groups} == expected.keys()
        for each in groups:
            mass, total = expected[(each.item_id - 1) // 10]
            assert each.weight == pytest.approx(mass, rel=1e-6)
            # half-lives are mixed, so that directions follow only nearly
            assert each.vector @ (total / np.linalg.norm(total)) > 0.999
    assert list(found.interests) == sorted(found.interests, key=lambda each: -each.weight)


@pytest.mark.parametrize("seed", range(3))
def test_the_session_as_a_full_recomputation(seed: int):
    deeds = [
        Deed(deed.item_id, deed.type, deed.share, T0 + (deed.at - T0) / 1_000, deed.vector)
        for deed in random_deeds(seed)
    ]  # within 7 hours
    now = max(deed.at for deed in deeds)

    session = taste(leanings(deeds[::-1]), now).session

    liked = reference(deeds, now, interests.SESSION_HALF_LIFE_S)[0]
    total = sum(direction for _, direction in liked.values())
    assert session.weight == pytest.approx(sum(mass for mass, _ in liked.values()), rel=1e-4)
    assert session.vector == pytest.approx(total / np.linalg.norm(total), abs=1e-4)


# --- known answers -------------------------------------------------------------------------------


def test_two_kinds_of_things_are_two_interests():
    found = taste_from(did(0), did(11), did(1), did(2))

    assert weights(found.interests) == pytest.approx({2: 12.0, 11: 4.0})
    mean = np.mean([vector(0, n) for n in range(3)], axis=0)
    assert found.interests[0].vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.interests[1].vector == pytest.approx(vector(1, 11), abs=1e-6)


def test_what_counts_most_stands_for_an_interest():
    assert weights(taste_from(did(0), did(1, VIEW, days=1)).interests).keys() == {0}


def test_each_kind_decays_by_its_own_half_life():
    deeds = did(0), did(11, VIEW)

    assert weights(taste_from(*deeds).interests) == pytest.approx({0: 4.0, 11: 1.0})
    assert weights(taste_from(*deeds, days=30).interests)[11] == pytest.approx(0.5)
    assert weights(taste_from(*deeds, days=180).interests) == pytest.approx({0: 2.0, 11: 2**-6})


def test_within_an_interest_each_kind_decays_by_itself():
    found = taste_from(did(0), did(1, VIEW), did(1, VIEW, days=60), days=60)

    assert found.interests[0].weight == pytest.approx(4 * 2 ** (-1 / 3) + 1)


def test_decay_between_events_is_exact():
    """A day at a time over a year, or at once."""
    steps = leanings([did(0)], *([did(11, VIEW, days=day)] for day in range(1, 361)))
    assert weights(taste(steps, T0 + 360 * DAY_S).interests)[0] == pytest.approx(1.0, rel=1e-9)


def test_what_comes_late_counts_as_if_in_time():
    in_time, late = leanings([did(0), did(11, days=50)]), leanings([did(11, days=50)], [did(0)])

    expected = {0: 4 * 2 ** (-50 / 180), 11: 4.0}
    for each in (in_time, late):
        assert weights(taste(each, T0 + 50 * DAY_S).interests) == pytest.approx(expected)


def test_a_moment_ahead_counts_as_now():
    assert weights(taste_from(did(0, days=0.003)).interests) == pytest.approx({0: 4.0})


def test_a_dislike_is_never_an_interest():
    found = taste_from(did(0), did(1), did(2, DISLIKE), did(11, DISLIKE))

    assert weights(found.interests) == pytest.approx({1: 8.0})
    assert weights(found.dislikes) == pytest.approx({11: 4.0, 2: 4.0})
    mean = (vector(0, 0) + vector(0, 1)) / 2
    assert found.interests[0].vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_a_like_takes_back_a_dislike(order):
    deeds = [[did(0, DISLIKE)], [did(0, LIKE, days=1)]][::order]

    found = taste(leanings(*deeds), T0 + DAY_S)

    assert (weights(found.interests), found.dislikes) == (pytest.approx({0: 4.0}), ())
    assert found.session.weight == pytest.approx(4.0)
    assert [(done.type, done.strength) for done in found.history] == [("like", 4.0), ("dislike", 0)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_dislike_takes_back_all_that_was_said_for_it(order):
    deeds = [[did(0), did(0, VIEW), did(1)], [did(0, DISLIKE, days=0.01)]][::order]

    found = taste(leanings(*deeds), T0 + 0.01 * DAY_S)

    assert weights(found.interests) == pytest.approx({1: 4.0}, rel=1e-3)
    assert found.interests[0].vector == pytest.approx(vector(0, 1), abs=1e-5)
    assert found.session.vector == pytest.approx(vector(0, 1), abs=1e-5)
    assert weights(found.dislikes) == pytest.approx({0: 4.0})
    strengths = {(done.item_id - 1, done.type): round(done.strength, 2) for done in found.history}
    assert strengths == {(0, "dislike"): -4, (0, "like"): 0, (0, "view"): 0, (1, "like"): 4}


def test_looking_at_what_is_disliked_changes_nothing():
    found = taste_from(did(0, DISLIKE), did(0, VIEW, days=1), days=1)

    assert (found.interests, found.session) == ((), None)
    assert weights(found.dislikes) == pytest.approx({0: 4 * 2 ** (-1 / 365)})


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (("purchase", 5.0), ("dislike", -4.0), "dislike"),
        (("like", 4.0), ("skip", -1.0), "like"),
        (("view", 1.0), ("skip", -1.0), "skip"),
        (("dislike", -4.0), ("cart", 3.0), "cart"),
        (("dislike", -4.0), ("view", 1.0), "dislike"),
    ],
)
def test_an_opinion_takes_back_its_opposite_if_it_has_weight(before, after, left):
    deeds = [did(0, EventType(*each, 90), days=n) for n, each in enumerate((before, after))]

    found = taste_from(*deeds, days=1)

    assert [done.type for done in found.history if done.strength] == [left]
    assert len(found.interests) + len(found.dislikes) == 1


def test_a_repetition_renews_and_does_not_add():
    found = taste_from(did(0, VIEW), *(did(0, VIEW, days=day) for day in range(1, 31)), days=30)

    assert weights(found.interests) == pytest.approx({0: 1.0})
    assert [(done.item_id, done.at) for done in found.history] == [(1, T0 + 30 * DAY_S)]


def test_of_two_plays_the_one_counts_that_counts_more():
    deeds = did(0, PLAY, share=1.0), did(0, PLAY, share=0.1, days=60)

    assert weights(taste_from(*deeds, days=60).interests) == pytest.approx({0: 1.0})


def test_the_same_again_changes_nothing():
    deeds = random_deeds(7)
    once, twice = leanings(deeds), leanings(deeds, deeds[::-1])

    assert (
        taste(twice, T0).interests[0].vector.tolist()
        == taste(once, T0).interests[0].vector.tolist()
    )
    assert (twice.liked.masses == once.liked.masses).all()
    assert (twice.history == once.history).all()


def test_what_says_nothing_is_only_remembered():
    found = taste_from(did(0, PLAY, share=0.0))

    assert (found.interests, found.session) == ((), None)
    assert [(done.item_id, done.type, done.strength) for done in found.history] == [(1, "play", 0)]


def test_without_a_vector_it_is_remembered_until_it_has_one():
    placeless = Deed(1, LIKE, None, T0, None)
    made = leanings([placeless, did(11)])

    before = taste(made, T0)
    assert weights(before.interests) == pytest.approx({11: 4.0})
    assert {done.item_id: done.strength for done in before.history} == {1: 4.0, 12: 4.0}

    for _ in range(2):
        take_in(made, [did(0)], THRESHOLD)
        assert weights(taste(made, T0).interests) == pytest.approx({0: 4.0, 11: 4.0})
        assert len(made.history) == 2


def test_a_full_profile_unites_the_nearest():
    """Nine topics, of which the last two are a little alike."""
    near = (vector(8, noise=0) + 0.5 * vector(7, noise=0)) / np.sqrt(1.25)
    made = leanings(Deed(n + 1, LIKE, None, T0, vector(n, noise=0)) for n in range(8))
    take_in(made, [Deed(9, LIKE, None, T0, near.astype(np.float32))], THRESHOLD)

    found = taste(made, T0)

    assert len(found.interests) == interests.INTERESTS == 8
    assert weights(found.interests)[8] == pytest.approx(8.0)
    assert sum(weights(found.interests).values()) == pytest.approx(36.0)
    both = near + vector(7, noise=0)
    assert found.interests[0].vector == pytest.approx(both / np.linalg.norm(both), abs=1e-6)


def test_a_full_profile_unites_the_lightest():
    """Ten topics at right angles: the two that were only looked at become one, and then nothing heavier."""
    kinds = [*[VIEW] * 2, *[LIKE] * 7]
    made = leanings(Deed(n + 1, kind, None, T0, vector(n, noise=0)) for n, kind in enumerate(kinds))

    found = weights(taste(made, T0).interests)

    assert sorted(found.values()) == pytest.approx([2.0, *[4.0] * 7])


def test_what_is_united_can_be_taken_back():
    deeds = [Deed(n + 1, LIKE, None, T0, vector(n, noise=0)) for n in range(12)]
    made = leanings(deeds)

    take_in(
        made, [Deed(d.item_id, DISLIKE, None, T0 + 60, d.vector) for d in deeds[:11]], THRESHOLD
    )

    found = taste(made, T0)
    assert weights(found.interests) == pytest.approx({11: 4.0}, rel=1e-5)
    assert found.interests[0].vector == pytest.approx(vector(11, noise=0), abs=1e-4)
    assert sum(weights(found.dislikes).values()) == pytest.approx(44.0)


def test_history_is_bounded_and_dislikes_stay_longer():
    made = leanings([did(0, DISLIKE), did(1)])
    many = [Deed(1_000 + n, VIEW, None, T0 + n + 1, vector(3)) for n in range(1_000)]
    take_in(made, many, THRESHOLD)

    found = taste(made, T0 + 1_000)

    assert len(found.history) == interests.HISTORY + 1
    assert [done.item_id for done in found.history[:3]] == [1_999, 1_998, 1_997]
    assert found.history[-1].item_id == 1
    assert weights(found.dislikes).keys() == {0}
    assert weights(found.interests).keys() == {1_998, 1}  # whose like has left the history
    assert found.interests[0].weight == pytest.approx(1_000, rel=1e-3)


def test_a_session_lasts_some_hours():
    view = did(0, VIEW)
    assert taste_from(view, days=1 / 24).session.weight == pytest.approx(0.5)
    assert taste_from(view, days=5.6 / 24).session.item_id == 1
    assert taste_from(view, days=5.7 / 24).session is None


def test_a_session_is_about_the_latest():
    session = taste_from(did(0, days=-1), did(11), did(12, VIEW, days=0.1), days=0.1).session

    assert session.weight == pytest.approx(1 + 4 * 2**-2.4, rel=1e-5)
    assert session.item_id == 13
    assert session.vector @ vector(1) > 0.98


def test_of_one_nobody_knows():
    assert taste(Leanings.empty(DIM), T0) == Taste()


def test_what_a_profile_holds_does_not_grow():
    made = leanings(random_deeds(1, 2_000))
    many = [Deed(n, VIEW, None, T0 + n, vector(n % DIM, n)) for n in range(3_000)]
    take_in(made, many, THRESHOLD)

    assert len(made.history) <= interests.HISTORY + interests.DISLIKES_REMEMBERED
    assert len(made.liked) <= interests.INTERESTS
    assert made.liked.masses.shape == (len(made.liked), 4)


# --- where likeness begins -----------------------------------------------------------------------


def cloud(cone: float, topics: int = 20, per_topic: int = 15) -> np.ndarray:
    """Topics of items; a ``cone`` above 0 presses all of them together, as some encoders do."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((topics, 64))
    rows = np.repeat(centres, per_topic, axis=0) + 0.7 * rng.standard_normal(
        (topics * per_topic, 64)
    )
    rows[:, 0] += cone
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("cone", [0.0, 5.0, 30.0])
def test_likeness_begins_between_topics_and_neighbours(cone):
    rows = cloud(cone)
    found = threshold_of(rows)

    cosines = rows @ rows.T
    same = np.kron(np.eye(20), np.ones((15, 15))).astype(bool)
    assert (cosines[same] >= found).mean() > 0.95
    assert (cosines[~same] >= found).mean() < 0.05


def test_likeness_in_a_catalog_of_two_topics():
    rows = np.stack([vector(topic, item) for item in range(5) for topic in (0, 1)])

    assert vector(0) @ vector(1) < threshold_of(rows) < vector(0, 1) @ vector(0, 2)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_likeness_among_hardly_any(number):
    assert threshold_of(cloud(0.0)[:number]) == interests.JOINS_AMONG_FEW


# --- taking back ----------------------------------------------------------------------------------


def test_what_is_taken_back_leaves_nothing():
    kept = did(10)
    for opinion in (LIKE, DISLIKE):
        found = taste_from(
            did(0, VIEW), did(0, opinion, days=1), kept, did(0, WITHDRAW, days=2), days=2
        )
        expected = taste_from(kept, days=2)
        assert weights(found.interests) == pytest.approx(weights(expected.interests), rel=1e-5)
        assert found.dislikes == ()
        assert found.history == expected.history


def test_what_is_done_after_taking_back_counts_and_what_comes_late_from_before_does_not():
    again = did(0, PLAY, days=3, share=0.1)
    late = [did(0, PLAY, days=1, share=1.0), did(0, DISLIKE, days=1.5)]
    made = leanings([did(0, LIKE)], [did(0, WITHDRAW, days=2)], [again], late)
    found = taste(made, T0 + 3 * DAY_S)
    assert weights(found.interests) == pytest.approx({0: 0.2}, rel=1e-5)
    assert found.dislikes == ()
    assert [(done.type, done.at) for done in found.history] == [("play", again.at)]
