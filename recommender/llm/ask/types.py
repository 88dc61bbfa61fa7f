"""What the stages of an answer hand to one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from recommender.llm.calls import Deadline

Sort = tuple[str, Literal["asc", "desc"]]
"""Name of a numeric attribute, and which end comes first."""

LASTS_S: Final = 6.0
"""That a question may wait for language models, all of them together."""
MAX_WANTED: Final = 10
"""Parts of one conversation's query, as in a search; the oldest but the first go."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One part of what a conversation looks for: exactly one of ``text``, ``item``, ``vector``."""

    weight: float = 1.0
    """Negative: less like this."""
    text: str = ""
    item: str = ""
    """external_id."""
    modality: Literal["image", "audio"] | None = None
    """Of an attachment."""
    vector: str = ""
    """Of an attachment: base64 of float16 (dim,), a unit row of the space ``State.space_id``."""


@dataclass(frozen=True, slots=True)
class State:
    """The composed query of a conversation: what the next turn starts from."""

    wanted: tuple[Wanted, ...] = ()
    filter: Mapping[str, Any] | None = None
    budget: Mapping[str, float] | None = None
    """Bounds of the price that were said in figures; "cheaper" and "dearer" move between them."""
    sort: Sort | None = None
    categories: tuple[str, ...] = ()
    """Paths that the question names: preferred and not required, for an item may be in another."""
    language: str = "en"
    """Of the last question: what the answer is in."""
    shown: tuple[str, ...] = ()
    """external_ids that the last answer cited, in order: "the second" is one of them."""
    without: tuple[str, ...] = ()
    """What is denied, in words: items that say so themselves are left out (``leaving_out``)."""
    seen: tuple[str, ...] = ()
    """What earlier answers to the same query cited: "more" goes on after them."""
    space_id: int = 0


@dataclass(frozen=True, slots=True)
class Turned:
    """What a turn makes of a conversation."""

    state: State
    notes: tuple[str, ...] = ()
    """Codes of what could not be done as asked, each a phrase: "no_prices", "odd_price", "no_such"."""
    ignored: tuple[str, ...] = ()
    """What was understood and cannot be asked of this catalog: "price"."""
    degraded: bool = False
    """A language model should have read the question and did not."""
    offered: bool = False
    """The same is asked of another thing: "what about cats?"."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An item that may be cited."""

    item_id: int
    score: float
    """Higher is better; comparable within one answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the catalog has for a question."""

    findings: Sequence[Finding]
    """Worth citing, best first; those of a refused question too."""
    evidence: float
    """How much speaks for the catalog having it; see ``relevance``."""
    relevant: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of an item, letter by letter."""

    field: str
    """"title", "tags", "description", "categories" or "attributes.NAME"."""
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """An item of an answer; ``mark`` is its number in the text: [1]."""

    mark: int
    item_id: int
    external_id: str
    title: str
    score: float
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it is worded: everything that needs the database."""

    question: str
    state: State
    cited: tuple[Cited, ...]
    """Empty where the question is refused."""
    sentences: tuple[str, ...]
    """The extractive answer."""
    evidence: float
    refused: bool
    notes: tuple[str, ...] = ()
    """Sentences that come before the answer: what could not be done as asked."""
    ignored: tuple[str, ...] = ()
    """What was understood and cannot be asked of this catalog: "price"."""
    degraded: bool = False
    """A language model should have read the question and did not."""
    deadline: Deadline = field(default_factory=lambda: Deadline.after(LASTS_S))
    """When the request that asks has waited enough for language models."""
    facts: Mapping[int, "ItemFacts"] = field(default_factory=dict)
    """By item: what a language model may say about it."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """An item's own words in the language of the answer, and all of them to check claims by."""

    title: str
    description: str
    tags: tuple[str, ...]
    categories: tuple[str, ...]
    attributes: Mapping[str, Any]
    everything: str
    """All words in all languages."""
