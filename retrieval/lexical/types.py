"""What the lexical index answers."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["title", "category", "tag"]


@dataclass(frozen=True, slots=True)
class LexicalHit:
    """One item found by its words: ``score`` is higher the better, in (0, 1]."""

    item_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a prefix may become; ``external_id`` is a title's item (the first of equal titles)."""

    text: str
    kind: Kind
    external_id: str | None
