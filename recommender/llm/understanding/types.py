"""What a question in words asks of the catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

SortBy: TypeAlias = Literal["price", "released", "popularity"]
Order: TypeAlias = Literal["asc", "desc"]
Source: TypeAlias = Literal["rules", "llm"]
Compared: TypeAlias = Literal["cheaper", "dearer", ""]

WANTED: Final = 1.0
UNWANTED: Final = -0.5
"""Half as much as what is wanted: at -1 results drift to what is merely unlike."""
MARK: Final = "¦"
"""Stands in a text where something was understood and taken out."""
ROLE_TYPES: Final = {"price": "number", "released": "date", "brand": "text", "in_stock": "boolean"}
"""What words can ask for, and the type that the declared attribute must have."""
THIS: Final = 0
"""Of ``Like.which``: the item or picture that the question came with."""
LAST: Final = -1
"""Of ``Like.which``: the last of what was shown."""


@dataclass(frozen=True, slots=True)
class Words:
    """A part of the query: words, and how much they count; less than 0: less of that."""

    text: str
    weight: float = WANTED


@dataclass(frozen=True, slots=True)
class Like:
    """A part of the query: something that was shown. ``which``: THIS, LAST, or 1 for the first."""

    which: int
    weight: float = WANTED


@dataclass(frozen=True, slots=True)
class Sort:
    """What decides the order among the hits that fit."""

    by: SortBy
    order: Order


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A question as a composed query.

    ``filter`` is in the filter language and was checked against the declared fields. ``without`` names every
    thing that is denied, in words, also where a filter leaves a category of that name out: what says so
    itself is to be left out (``leaving_out``). ``ignored`` names what was understood and cannot be asked of
    this catalog. ``follows`` says that it refines the question before it, whose parts and filter are then
    in it; ``added`` are those parts that are new. ``degraded``: a model should have read it and did not.
    ``budget``: bounds of the price that were said in figures, which no level of a later turn widens.
    ``compared``: that it asks for what costs less or more than what was shown; the filter then has what the
    word means alone.
    """

    parts: tuple[Words, ...] = ()
    like: tuple[Like, ...] = ()
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: Sort | None = None
    language: str = "und"
    source: Source = "rules"
    degraded: bool = False
    ignored: tuple[str, ...] = ()
    follows: bool = False
    without: tuple[str, ...] = ()
    added: tuple[Words, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    compared: Compared = ""

    @property
    def wanted(self) -> str:
        """The words of what is wanted; may be empty."""
        return " ".join(part.text for part in self.parts if part.weight > 0)

    @property
    def unwanted(self) -> list[str]:
        """What is asked to be left out, as far as no filter does it."""
        return [part.text for part in self.parts if part.weight < 0]

    @property
    def subject(self) -> str:
        """What the filter says it is about, in words, for a query that has none: a category or brand."""
        for name, value in self.filter.items():
            if name == "not" or not isinstance(value, str | dict):
                continue
            first = value["in"][0] if isinstance(value, dict) and "in" in value else value
            if isinstance(first, str):
                return first.rpartition("/")[2]
        return ""

    def as_json(self) -> dict[str, Any]:
        """JSON values; ``from_json`` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Interpretation":
        """What ``as_json`` gave. Raises KeyError or TypeError for anything else."""
        return cls(
            **{
                **said,
                "parts": tuple(Words(**each) for each in said["parts"]),
                "like": tuple(Like(**each) for each in said["like"]),
                "sort": Sort(**said["sort"]) if said["sort"] else None,
                "added": tuple(Words(**each) for each in said["added"]),
                "ignored": tuple(said["ignored"]),
                "without": tuple(said["without"]),
            }
        )


@dataclass(slots=True)
class Reading:
    """What was found in a text so far, before it is checked against a catalog.

    ``amounts``: bounds of the price by operator. ``level`` stands for one that only the catalog's prices
    tell. ``dates``: bounds of the release, ``YYYY-MM-DD``. What begins with ``not_`` is what must not be.
    """

    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    """The words of denied categories."""
    like: list[Like] = field(default_factory=list)
    amounts: dict[str, float] = field(default_factory=dict)
    level: Literal["low", "modest", "high", "notlow", "middle", ""] = ""
    compared: Compared = ""
    """Whether the level was said as a comparison."""
    dates: dict[str, str] = field(default_factory=dict)
    also: bool = False
    """Whether the level is said beside that of the question before it: not expensive *either*."""
    ignored: list[str] = field(default_factory=list)
    """As of ``Interpretation``: what was understood and no filter says."""
    not_amounts: dict[str, float] = field(default_factory=dict)
    not_dates: dict[str, str] = field(default_factory=dict)
    brands: list[str] = field(default_factory=list)
    not_brands: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    not_categories: list[str] = field(default_factory=list)
    in_stock: bool = False
    sort: Sort | None = None
    follows: bool = False
    """Whether it only makes sense after another question."""
    anew: bool = False
    """Whether it says that it leaves the question before it (``instead`` of another thing)."""

    def text(self) -> str:
        """What is wanted, as one text."""
        return " ".join(filter(None, map(str.strip, self.wanted)))


def one_or_in(values: Sequence[str]) -> Any:
    """Values as a filter takes them: one as itself, several as ``in``."""
    return values[0] if len(values) == 1 else {"in": list(values)}
