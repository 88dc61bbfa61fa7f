"""The state of a visitor's leanings: groups of like events, the session, what was done. Pure."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.types import EventType

DAY_S: Final = 86_400.0
NOTHING: Final = 1e-6
"""A share of what an interest counted that is left over from rounding, not from events."""

WITHDRAWN: Final = -1
UNPLACED: Final = -2

Record = np.dtype(
    [("item", "<i8"), ("at", "<f8"), ("strength", "<f4"), ("kind", "u1"), ("group", "i1")]
)
"""A thing done: ``strength`` as of ``at``; ``group`` is the interest (or dislike) that it counts in,
WITHDRAWN if something later took it back, UNPLACED while its item has no vector."""


RAW: Final = np.dtype((np.void, Record.itemsize))
"""A record as mere bytes: numpy copies 300 of those in 1 µs, and field by field in 30."""


class Kind(NamedTuple):
    """A type of event as it was when one was taken in: what it counts decays by that ever after."""

    name: str
    half_life_days: float
    takes_back: bool = False


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

    @property
    def taking_back(self) -> NDArray[np.bool_]:
        """(kinds,)."""
        return np.array([kind.takes_back for kind in self.kinds], bool)
