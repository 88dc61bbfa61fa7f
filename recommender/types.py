"""What the stages of the recommender hand to one another. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

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
    takes_back: bool = False
    """Whether one undoes all that the visitor did with the item before."""

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


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be shown, with what ranking and reranking need to know of it."""

    item_id: int
    found: Mapping[str, Found]
    """Source -> what it says; empty for one that a rule brought."""
    features: tuple[float, ...]
    """One for each of ranking.FEATURES."""
    score: float
    """Higher is better; comparable within one answer."""
    vector: NDArray[np.float32]
    """(fused_dim,), unit row; zeros while the item has none."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """"kind", "categories" (paths), "tags" and "attributes.NAME" -> the item's."""
    alike: Mapping[str, int] = field(default_factory=dict)
    """"taste" and "session" -> the item of the visitor or of the session that it is most like."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate that got a position."""

    candidate: Candidate
    score: float
    """After the rules and the rotation."""
    rules: tuple[int, ...] = ()
    """Ids of the rules that had a part in it."""
    pinned: bool = False
    explored: bool = False
    propensity: float | None = 1.0
    """The probability with which it is shown at its position; None where a language model put it there."""


MAX_EXPLORATION: Final = 0.5
"""Of a placement. Up to it what was drawn by chance is told from the rest by its propensity alone."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A place where recommendations are shown, and how they are made for it."""

    name: str
    sources: Mapping[str, float]
    """Source -> its part of the candidates, above 0; parts are relative to their sum."""
    filter: Mapping[str, Any] | None = None
    """What every item must satisfy, in the filter language (docs/howto/filter.md)."""
    diversity: float = 0.3
    """From 0, the best scores, to 1, the least alike."""
    caps: Mapping[str, int] = field(default_factory=dict)
    """"categories", "tags", "kind" or "attributes.NAME" -> most items of one value on a page."""
    hide: frozenset[str] = frozenset()
    """Types of events after which a visitor is not shown the item again."""
    rotation: float = 0.0
    """Which part of its score an item loses that was just shown, from 0 to 1."""
    exploration: float = 0.0
    """Which part of the positions goes to items drawn by chance, from 0 to MAX_EXPLORATION."""
    limit: int = 20
    """How many items an answer has if nobody says."""
    fallback: tuple[str, ...] = ("popular", "new")
    """Sources that fill the page, in this order, where the others find too little."""


Action = Literal["pin", "boost", "bury", "hide"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What somebody decided about some items, whatever their scores.

    It is about the items that one of ``item_ids``, ``category`` and ``tag`` names; the others are
    empty.
    """

    id: int
    action: Action
    item_ids: frozenset[int] = frozenset()
    category: str = ""
    """Path of a category, those below included."""
    tag: str = ""
    position: int | None = None
    """Of a pin, from 1."""
    factor: float = 1.0
    """What the score is multiplied by: above 1 of a boost, below 1 (above 0) of a bury."""

    def concerns(self, item_id: int, categories: Iterable[str], tags: Iterable[str]) -> bool:
        """Whether it is about an item in categories with these paths and with these tags."""
        if self.item_ids:
            return item_id in self.item_ids
        if self.category:
            below = f"{self.category}/"
            return any(path == self.category or path.startswith(below) for path in categories)
        return bool(self.tag) and self.tag in tags


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to fill a placement, in an experiment."""

    name: str
    weight: float
    """Its part of the visitors, relative to the others'; above 0."""
    overrides: Mapping[str, Any]
    """Options of the placement that differ; none of a control."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A running comparison of variants of a placement."""

    id: int
    name: str
    salt: str
    share: float
    """Which part of the visitors takes part, above 0, up to 1."""
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The variant that a visitor gets in an experiment."""

    experiment_id: int
    experiment: str
    variant: str
