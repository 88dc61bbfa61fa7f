"""What a visitor is drawn to, kept as a few vectors and brought up to date event by event. Pure.

Online clustering: an event joins the nearest interest if that is near enough, else opens one; full
profile merges the two whose union costs least (Ward 1963). Each interest is the mean of its events'
vectors, weighted by what they count, so whatever was added can be taken out again. What is disliked
is kept apart in the same way. An update costs the same after a hundred events as after a million.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.types import Done, EventType, Interest, Taste

DAY_S: Final = 86_400.0
INTERESTS: Final = 8
"""At most, and as many dislikes."""
HISTORY: Final = 200
"""Latest things done that are remembered by item, one for each item and type."""
DISLIKES_REMEMBERED: Final = 100
"""More of them that speak against their item: what is disliked stays hidden longer than what was seen."""
SESSION_HALF_LIFE_S: Final = 3_600.0
SESSION_LEAST: Final = 0.02
"""Below it a session is over: 5.6 hours after a lone view, 7.6 after a like."""
NOTHING: Final = 1e-6
"""A share of what an interest counted that is left over from rounding, not from events."""

WITHDRAWN: Final = -1
UNPLACED: Final = -2

Record = np.dtype(
    [("item", "<i8"), ("at", "<f8"), ("strength", "<f4"), ("kind", "u1"), ("group", "i1")]
)
"""A thing done: ``strength`` as of ``at``; ``group`` is the interest (or dislike) that it counts in,
WITHDRAWN if a later opinion took it back, UNPLACED while its item has no vector."""


class Kind(NamedTuple):
    """A type of event as it was when one was taken in: what it counts decays by that ever after."""

    name: str
    half_life_days: float


@dataclass(frozen=True, slots=True)
class Deed:
    """An event, as it is taken in."""

    item_id: int
    type: EventType
    share: float | None
    at: float
    """Seconds since 1970."""
    vector: NDArray[np.float32] | None
    """(dim,), unit row; None while the item has none."""


@dataclass(slots=True)
class Groups:
    """Interests or dislikes, one a row."""

    means: NDArray[np.float32]
    """(n, dim): of the events' vectors, weighted by what they count; as long as they agree, at most 1."""
    masses: NDArray[np.float64]
    """(n, kinds): what the events of each kind count, as of the leanings' ``at``."""
    items: NDArray[np.int64]
    """(n,): stands for the group among what has left the history; 0 for none."""

    @classmethod
    def empty(cls, dim: int) -> "Groups":
        """None yet."""
        return cls(np.zeros((0, dim), np.float32), np.zeros((0, 0)), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.items)

    def cosines(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,): of each group's direction with a unit row."""
        lengths = np.maximum(np.linalg.norm(self.means, axis=1), NOTHING)
        found: NDArray[np.float32] = self.means @ vector / lengths
        return found

    def open(self, vector: NDArray[np.float32]) -> int:
        """A new group of that direction that counts nothing yet; its place."""
        self.means = np.vstack([self.means, vector[None]])
        self.masses = np.vstack([self.masses, np.zeros((1, self.masses.shape[1]))])
        self.items = np.append(self.items, 0)
        return len(self) - 1

    def add(self, place: int, vector: NDArray[np.float32], kind: int, amount: float) -> None:
        """Let an event count; ``amount`` below 0 takes one out. O(dim)."""
        before = self.masses[place].sum()
        after = before + amount
        if after > NOTHING * before:
            moved = self.means[place] * (before / after) + vector * (amount / after)
            self.means[place] = moved / max(1.0, float(np.linalg.norm(moved)))
        self.masses[place, kind] = max(self.masses[place, kind] + amount, 0.0)

    def remove(self, place: int) -> None:
        """Without that one; those behind it move up."""
        for name in ("means", "masses", "items"):
            setattr(self, name, np.delete(getattr(self, name), place, axis=0))

    def merge_cheapest(self) -> tuple[int, int]:
        """Unite the two whose union spreads their events least (Ward): near ones, and light ones.

        (kept, gone), the places of both before.
        """
        weights = self.masses.sum(axis=1)
        squares = np.square(self.means).sum(axis=1)
        distances = squares[:, None] + squares[None] - 2 * self.means @ self.means.T
        shared = weights[:, None] * weights[None] / np.maximum(weights[:, None] + weights, 1e-300)
        costs = shared * np.maximum(distances, 0.0)
        np.fill_diagonal(costs, np.inf)
        first, second = np.unravel_index(np.argmin(costs), costs.shape)
        kept, gone = sorted((int(first), int(second)), key=lambda place: -weights[place])
        total = max(weights[kept] + weights[gone], 1e-300)
        self.means[kept] = self.means[kept] * (weights[kept] / total) + self.means[gone] * (
            weights[gone] / total
        )
        self.masses[kept] += self.masses[gone]
        self.items[kept] = self.items[kept] or self.items[gone]
        self.remove(gone)
        return kept, gone


@dataclass(slots=True)
class Session:
    """What was drawn to in the last hours: a mean as in Groups, and what it counts."""

    mean: NDArray[np.float32]
    weight: float = 0.0

    def add(self, vector: NDArray[np.float32], amount: float) -> None:
        """Let an event count, or with an amount below 0 take one out."""
        after = self.weight + amount
        if after <= NOTHING * abs(amount):
            self.mean, self.weight = np.zeros_like(self.mean), 0.0
            return
        self.mean = self.mean * (self.weight / after) + vector * (amount / after)
        self.weight = after


@dataclass(slots=True)
class Leanings:
    """All that is kept of a visitor in one space."""

    liked: Groups
    disliked: Groups
    session: Session
    at: float = 0.0
    """The moment as of which everything counts, in seconds since 1970: that of the latest event."""
    kinds: list[Kind] = field(default_factory=list)
    """Columns of the masses."""
    history: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, Record))
    """Ascending by ``at``."""

    @classmethod
    def empty(cls, dim: int) -> "Leanings":
        """Of one nobody knows."""
        session = Session(np.zeros(dim, np.float32))
        return cls(Groups.empty(dim), Groups.empty(dim), session)

    @property
    def half_lives_s(self) -> NDArray[np.float64]:
        """(kinds,)."""
        return np.array([kind.half_life_days * DAY_S for kind in self.kinds], np.float64)


def take_in(leanings: Leanings, deeds: Iterable[Deed], threshold: float) -> None:
    """Bring the leanings up to date, in the order in which the things were done.

    ``threshold`` is the cosine from which on an event joins an interest (see ``threshold_of``). What
    comes late counts what it would have counted in time. The same again changes nothing.
    """
    for deed in sorted(deeds, key=lambda deed: deed.at):
        _take_in(leanings, deed, threshold)


def _take_in(leanings: Leanings, deed: Deed, threshold: float) -> None:
    """What an item counts follows from all that was done with it: of each kind the strongest, and of
    opinions for and against it the last.
    """
    kind = _kind(leanings, deed.type)
    _decay(leanings, deed.at)
    strength = deed.type.strength(age_days=0.0, share=deed.share)
    new = np.array([(deed.item_id, deed.at, strength, kind, UNPLACED)], Record)
    own = np.flatnonzero(leanings.history["item"] == deed.item_id)
    records = np.concatenate([leanings.history[own], new])
    kept, counting = _standing(records, leanings.half_lives_s)
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
    _remember(leanings, own, records[kept])


def _kind(leanings: Leanings, of: EventType) -> int:
    kind = Kind(of.name, of.half_life_days)
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
    records: NDArray[np.void], half_lives_s: NDArray[np.float64]
) -> tuple[list[int], set[int]]:
    """Which of an item's records are kept, and which of those count.

    A repetition renews: of each kind the one stays that counts most now, which time does not change. Whoever
    speaks against an item takes back all they said for it before; what is said for it afterwards counts
    if it says at least as much, as a like does after a dislike, and a view does not.
    """
    best: dict[int, int] = {}
    placeless = records["group"] == UNPLACED
    strengths = np.abs(records["strength"].astype(float))
    # of one kind, so in the same order at any moment
    now = np.log2(np.maximum(strengths, 1e-300)) + records["at"] / half_lives_s[records["kind"]]
    for place, kind in enumerate(records["kind"].tolist()):
        known = best.get(kind)
        again = known is not None and now[place] == now[known]
        if known is None or now[place] > now[known] or (again and placeless[known]):
            best[kind] = place
    kept = sorted(best.values(), key=lambda at: (records["at"][at], records["strength"][at]))
    counting: list[int] = []
    for place in kept:
        strength = records["strength"][place]
        against = [at for at in counting if records["strength"][at] < 0]
        if strength < 0:
            counting = [*against, place]
        elif strength > 0 and all(strength >= -records["strength"][at] for at in against):
            counting = [at for at in counting if at not in against] + [place]
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


def _remember(leanings: Leanings, own: NDArray[np.intp], records: NDArray[np.void]) -> None:
    """Put the item's records in place of those it had; the oldest leave a full history."""
    history = np.concatenate([np.delete(leanings.history, own), records])
    history = history[np.argsort(history["at"], kind="stable")]
    against = history["strength"] < 0
    leaving = np.zeros(len(history), bool)
    for mine, most in ((~against, HISTORY), (against, DISLIKES_REMEMBERED)):
        places = np.flatnonzero(mine)
        leaving[places[: max(len(places) - most, 0)]] = True
    for record in history[leaving]:
        if record["group"] >= 0:
            groups = leanings.disliked if record["strength"] < 0 else leanings.liked
            groups.items[record["group"]] = record["item"]
    leanings.history = history[~leaving]


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
            Done(item, leanings.kinds[kind].name, strength, at) for item, kind, strength, at in done
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
