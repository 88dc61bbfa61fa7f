"""What a visitor is drawn to, kept as a few vectors and brought up to date event by event. Pure.

Online clustering: an event joins the nearest interest if that is near enough, else opens one; of too
many, those two merge whose union costs least (Ward 1963). Each interest is the mean of its events'
vectors, weighted by what they count, so whatever was added can be taken out again. What is disliked
is kept apart in the same way. An update costs the same after a hundred events as after a million.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.leanings import (
    DAY_S,
    NOTHING,
    RAW,
    UNPLACED,
    WITHDRAWN,
    Deed,
    Groups,
    Kind,
    Leanings,
    Record,
)
from recommender.types import Done, EventType, Interest, Taste

INTERESTS: Final = 8
"""At most, and as many dislikes."""
HISTORY: Final = 200
"""Latest things done that are remembered by item, one for each item and type."""
DISLIKES_REMEMBERED: Final = 100
"""More of them that speak against their item: what is disliked stays hidden longer than what was seen."""
SESSION_HALF_LIFE_S: Final = 3_600.0
SESSION_LEAST: Final = 0.02
"""Below it a session is over: 5.6 hours after a lone view, 7.6 after a like."""
WEIGHT_TO_OPPOSE: Final = 0.5
"""By the default weights a like (4), a cart (3) or a whole play (2) speak up against a dislike (-4), a view
(1) does not; and a dislike against a purchase (5)."""


def take_in(leanings: Leanings, deeds: Iterable[Deed], threshold: float) -> None:
    """Bring the leanings up to date, in the order in which the things were done.

    ``threshold`` is the cosine from which on an event joins an interest (see ``threshold_of``). What
    comes late counts what it would have counted in time. The same again changes nothing.
    """
    for deed in sorted(deeds, key=lambda deed: deed.at):
        _take_in(leanings, deed, threshold)


def _take_in(leanings: Leanings, deed: Deed, threshold: float) -> None:
    """What an item counts follows from all that was done with it, in whatever order it arrives."""
    kind = _kind(leanings, deed.type)
    _decay(leanings, deed.at)
    strength = deed.type.strength(age_days=0.0, share=deed.share)
    new = np.array([(deed.item_id, deed.at, strength, kind, UNPLACED)], Record)
    own = leanings.history["item"] == deed.item_id
    mine = leanings.history.view(RAW)[own]
    records = np.concatenate([mine, new.view(RAW)]).view(Record) if len(mine) else new
    kept, counting = _standing(records, leanings.half_lives_s, leanings.taking_back)
    for place in range(len(records)):
        if records["group"][place] >= 0 and place not in counting and deed.vector is not None:
            _withdraw(leanings, records, place, deed.vector)
    for place in kept:
        if place not in counting:
            records["group"][place] = WITHDRAWN
        elif records["group"][place] < 0:
            records["group"][place] = UNPLACED
            if deed.vector is not None:
                _count(leanings, records, place, deed.vector, threshold)
    _remember(leanings, records[kept] if len(records) > 1 else records)


def _kind(leanings: Leanings, of: EventType) -> int:
    kind = Kind(of.name, of.half_life_days, of.takes_back)
    if kind in leanings.kinds:
        return leanings.kinds.index(kind)
    leanings.kinds.append(kind)
    for groups in (leanings.liked, leanings.disliked):
        groups.masses = np.hstack([groups.masses, np.zeros((len(groups), 1))])
    return len(leanings.kinds) - 1


def _decay(leanings: Leanings, moment: float) -> None:
    """Bring what everything counts to that moment, if it is later. Exact for each kind."""
    passed = moment - leanings.at
    if passed <= 0:
        return
    factors = 0.5 ** (passed / leanings.half_lives_s)
    for groups in (leanings.liked, leanings.disliked):
        groups.masses *= factors
    leanings.session.weight *= 0.5 ** (passed / SESSION_HALF_LIFE_S)
    leanings.at = moment


def _standing(
    records: NDArray[np.void],
    half_lives_s: NDArray[np.float64],
    taking_back: NDArray[np.bool_],
) -> tuple[list[int], set[int]]:
    """Which of an item's records are kept, and which of those count.

    A repetition renews: of each kind the one stays that counts most now, which time does not change. A
    later opinion takes back the opposite ones before it if it has WEIGHT_TO_OPPOSE of theirs: a like does
    after a dislike, a dislike after a purchase; else it does not count: no view of what is disliked.
    What takes back leaves nothing of all that was before.
    """
    if len(records) == 1:
        return [0], {0} if records["strength"][0] else set()
    best: dict[int, int] = {}
    takes_back = taking_back[records["kind"]]
    since = records["at"][takes_back].max(initial=-np.inf)
    before = (records["at"] <= since) & ~takes_back
    placeless = records["group"] == UNPLACED
    strengths = np.abs(records["strength"].astype(float))
    # of one kind, so in the same order at any moment
    now = np.log2(np.maximum(strengths, 1e-300)) + records["at"] / half_lives_s[records["kind"]]
    for place, kind in enumerate(records["kind"].tolist()):
        if before[place]:
            continue
        known = best.get(kind)
        again = known is not None and now[place] == now[known]
        if known is None or now[place] > now[known] or (again and placeless[known]):
            best[kind] = place
    kept = sorted(best.values(), key=lambda at: (records["at"][at], records["strength"][at]))
    counting: list[int] = []
    for place in kept:
        against = records["strength"][place] < 0
        opposite = [at for at in counting if (records["strength"][at] < 0) != against]
        weighty = WEIGHT_TO_OPPOSE * max((strengths[at] for at in opposite), default=0.0)
        if strengths[place] > 0 and strengths[place] >= weighty:
            counting = [at for at in counting if at not in opposite] + [place]
    return kept, set(counting)


def _amounts(leanings: Leanings, record: np.void) -> tuple[float, float]:
    """What a record counts as of the leanings' ``at``, in its group and in the session."""
    age_s = leanings.at - float(record["at"])
    half_life_s = leanings.kinds[record["kind"]].half_life_days * DAY_S
    strength = abs(float(record["strength"]))
    return strength * 0.5 ** (age_s / half_life_s), strength * 0.5 ** (age_s / SESSION_HALF_LIFE_S)


def _count(
    leanings: Leanings,
    records: NDArray[np.void],
    place: int,
    vector: NDArray[np.float32],
    threshold: float,
) -> None:
    record = records[place]
    against = bool(record["strength"] < 0)
    groups = leanings.disliked if against else leanings.liked
    amount, in_session = _amounts(leanings, record)
    cosines = groups.cosines(vector)
    nearest = int(cosines.argmax()) if len(groups) else -1
    if nearest < 0 or cosines[nearest] < threshold:
        nearest = groups.open(vector)
    groups.add(nearest, vector, int(record["kind"]), amount)
    record["group"] = nearest
    if not against:
        leanings.session.add(vector, in_session)
    if len(groups) > INTERESTS:
        kept, gone = groups.merge_cheapest()
        for own in (leanings.history, records):
            _move(own, against, gone, kept)


def _withdraw(
    leanings: Leanings, records: NDArray[np.void], place: int, vector: NDArray[np.float32]
) -> None:
    record = records[place]
    against = bool(record["strength"] < 0)
    groups = leanings.disliked if against else leanings.liked
    amount, in_session = _amounts(leanings, record)
    group = int(record["group"])
    before = groups.masses[group].sum()
    groups.add(group, vector, int(record["kind"]), -amount)
    record["group"] = WITHDRAWN
    if not against:
        leanings.session.add(vector, -in_session)
    if groups.masses[group].sum() <= NOTHING * before:
        groups.remove(group)
        for own in (leanings.history, records):
            _move(own, against, group, WITHDRAWN)


def _move(records: NDArray[np.void], against: bool, gone: int, to: int) -> None:
    """After a group has gone: what counted in it counts in another, and those behind moved up."""
    mine = (records["strength"] < 0) == against
    group = records["group"]
    to -= to > gone
    moved = np.where(group == gone, to, np.where(group > gone, group - 1, group))
    records["group"] = np.where(mine & (group >= 0), moved, group)


def _remember(leanings: Leanings, records: NDArray[np.void]) -> None:
    """Put the item's records in place of those it had; the oldest leave a full history."""
    others = leanings.history.view(RAW)[leanings.history["item"] != records["item"][0]]
    history = np.concatenate([others, records.view(RAW)]).view(Record)
    if len(others) and records["at"].min() < history["at"][len(others) - 1]:
        history = history.view(RAW)[np.argsort(history["at"], kind="stable")].view(Record)
    against = history["strength"] < 0
    dislikes = np.count_nonzero(against)
    surplus = len(history) - dislikes - HISTORY, dislikes - DISLIKES_REMEMBERED
    if max(surplus) > 0:
        leaving = np.zeros(len(history), bool)
        for mine, number in zip((~against, against), surplus, strict=True):
            leaving[np.flatnonzero(mine)[: max(int(number), 0)]] = True
        for record in history[leaving]:
            if record["group"] >= 0:
                groups = leanings.disliked if record["strength"] < 0 else leanings.liked
                groups.items[record["group"]] = record["item"]
        history = history.view(RAW)[~leaving].view(Record)
    leanings.history = history


def taste(leanings: Leanings, now: float) -> Taste:
    """As of ``now`` in seconds since 1970; what is dated later counts as if it were of now."""
    passed = max(now - leanings.at, 0.0)
    history = leanings.history
    ages = np.maximum(leanings.at + passed - history["at"], 0.0)
    halves = leanings.half_lives_s[history["kind"]] if len(history) else np.zeros(0)
    strengths = history["strength"] * 0.5 ** (ages / halves)
    counts = np.where(history["group"] == WITHDRAWN, 0.0, strengths)
    factors = 0.5 ** (passed / leanings.half_lives_s)
    done = zip(
        *(history["item"].tolist(), history["kind"].tolist(), counts.tolist()),
        history["at"].tolist(),
        strict=True,
    )
    return Taste(
        interests=_interests(leanings.liked, factors, history, counts * (counts > 0)),
        session=_session(leanings, passed, ages),
        dislikes=_interests(leanings.disliked, factors, history, -counts * (counts < 0)),
        history=tuple(
            Done(item, leanings.kinds[kind].name, strength, at)
            for item, kind, strength, at in done
            if not leanings.kinds[kind].takes_back
        )[::-1],
    )


def _interests(
    groups: Groups,
    factors: NDArray[np.float64],
    history: NDArray[np.void],
    counts: NDArray[np.float64],
) -> tuple[Interest, ...]:
    """The heaviest first. The item that counts most stands for each, the latest of equals."""
    found = []
    weights = groups.masses @ factors if len(groups) else np.zeros(0)
    for place in np.argsort(-weights, kind="stable").tolist():
        members = np.flatnonzero((history["group"] == place) & (counts > 0))[::-1]
        item = groups.items[place]
        if len(members):
            item = history["item"][members[counts[members].argmax()]]
        if weights[place] > 0 and item:
            found.append(Interest(unit(groups.means[place]), float(weights[place]), int(item)))
    return tuple(found)


def _session(leanings: Leanings, passed: float, ages: NDArray[np.float64]) -> Interest | None:
    weight = leanings.session.weight * 0.5 ** (passed / SESSION_HALF_LIFE_S)
    history = leanings.history
    counting = (history["group"] >= 0) & (history["strength"] > 0)
    if weight < SESSION_LEAST or not counting.any():
        return None
    counts = np.where(counting, history["strength"], 0.0) * 0.5 ** (ages / SESSION_HALF_LIFE_S)
    latest = len(counts) - 1 - int(counts[::-1].argmax())
    return Interest(unit(leanings.session.mean), weight, int(history["item"][latest]))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1; zeros stay zeros."""
    row = vector.astype(np.float32)
    length = float(np.linalg.norm(row))
    scaled: NDArray[np.float32] = row / np.float32(length) if length > 0 else row
    return scaled


# Where likeness begins, in standard deviations above the mean cosine of two items of the space. Of 150
# visitors with 2 to 5 of the demo's categories, six items each, one more of each was among the 50
# nearest by: one mean vector .416 (trained space) and .132 (untrained), 1 sd .425 and .210, 1.75 sd
# .421 and .276 with 5.5 and 7.1 interests, 3 sd .406 and .270; by every single item .367 and .283.
JOINS_SD: Final = 1.75
# and at most so far from there to the nearest neighbour's: in a catalog of few topics half of all pairs
# are alike, and no cosine lies that many deviations above the mean
JOINS_NEAREST: Final = 0.6
FEW: Final = 3
"""Items, below which a space says nothing about its cosines."""
JOINS_AMONG_FEW: Final = 0.5


def threshold_of(vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> float:
    """The cosine from which on two items of a space are alike, from a sample (n, dim) of unit rows.

    Relative, because spaces differ: two items of the demo have a cosine of .00 ± .10 in the trained
    space and of .84 ± .04 in the untrained one, whose encoders put everything into one narrow cone.
    """
    rows = np.asarray(vectors, np.float32)
    if len(rows) < FEW:
        return JOINS_AMONG_FEW
    cosines = rows @ rows.T
    pairs = cosines[np.triu_indices(len(rows), 1)]
    np.fill_diagonal(cosines, -1.0)
    mean = float(pairs.mean())
    nearest = float(np.median(cosines.max(axis=1)))
    return min(mean + JOINS_SD * float(pairs.std()), mean + JOINS_NEAREST * (nearest - mean))
