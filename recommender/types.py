"""What the stages of the recommender hand to one another. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event and what it says about taste."""

    name: str
    weight: float
    """What one of them counts; negative where it speaks against the item."""
    half_life_days: float
    """After so many days it counts half."""
    with_share: bool = False
    """Whether its events say how much of the item was taken in, from 0 to 1."""

    def strength(self, *, age_days: float, share: float | None = None) -> float:
        """What an event of that age counts now: weight x share / 2 ** (age / half-life)."""
        taken = share if self.with_share and share is not None else 1.0
        return float(self.weight * taken * 0.5 ** (max(age_days, 0.0) / self.half_life_days))


@dataclass(frozen=True, slots=True)
class Interest:
    """Something a visitor is drawn to, or away from."""

    vector: NDArray[np.float32]
    """(fused_dim,), unit row of the active space."""
    weight: float
    """What the events behind it count now; above 0, also of what is disliked."""
    item_id: int
    """The item that stands for it."""


@dataclass(frozen=True, slots=True)
class Done:
    """One thing a visitor did with an item that is in the catalog."""

    item_id: int
    type: str
    strength: float
    """What it counts now; negative where it speaks against the item."""
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What is known of a visitor in the active space; all empty for one nobody knows."""

    interests: tuple[Interest, ...] = ()
    """Long-term, the heaviest first."""
    session: Interest | None = None
    """Of the last hours."""
    dislikes: tuple[Interest, ...] = ()
    history: tuple[Done, ...] = ()
    """Latest first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An item as one source proposes it."""

    item_id: int
    score: float
    """Higher is better; comparable within the source only."""
    because: int | None = None
    """The item that led to it."""
    propensity: float = 1.0
    """The probability with which the source proposes it; below 1 where chance has a part."""
