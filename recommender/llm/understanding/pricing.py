"""What a word for a price means in figures: of what it is compared with, or of the catalog's prices. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from recommender.llm.understanding import bounds
from recommender.llm.understanding.types import Interpretation, Reading, Sort
from recommender.llm.understanding.vocabulary import Vocabulary

_UP_TO: Final = frozenset({"low", "modest"})


@dataclass(frozen=True, slots=True)
class Price:
    """What a reading says of the price."""

    found: Reading
    vocabulary: Vocabulary
    reference: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of what it is compared with."""
    previous: Interpretation | None = None
    """Of the question before it, whose budget a level keeps to; None for a question of its own."""

    def bounds(self) -> dict[str, float]:
        """Empty where a level has no meaning: no price is known."""
        if not self.found.amounts:
            return self._level() if self.found.level else {}
        # a figure says what "cheap" is; "not too cheap" bounds the other side
        said = self._alone() if self.found.level else {}
        return bounds.joined(said, self.found.amounts)

    def sort(self) -> Sort | None:
        """Who wants the dear ones of what must not cost much gets the dearest of them first."""
        budget = dict(self.found.amounts) or self._budget()
        if not self.found.level or not budget:
            return None
        if not bounds.is_empty(bounds.within(budget, self._alone())):
            return None
        return Sort("price", "asc" if self.found.level in _UP_TO else "desc")

    def _level(self) -> dict[str, float]:
        said = self._alone()
        for kept in (self._before(), self._budget()):
            if said and kept and not bounds.is_empty(both := bounds.within(kept, said)):
                return both
        return self._budget() or said

    def _alone(self) -> dict[str, float]:
        """What the level means by itself."""
        low, high = self.vocabulary.low, self.vocabulary.high
        price = self.reference.get(self.vocabulary.roles.get("price", ""))
        if isinstance(price, int | float) and not isinstance(price, bool):
            return {"lt" if self.found.level in _UP_TO else "gt": price}
        if low is None or high is None:
            return {}
        return {
            "low": {"lte": low},
            "modest": {"lte": high},
            "high": {"gte": high},
            "notlow": {"gte": low},
            "middle": {"gte": low, "lte": high},
        }[self.found.level]

    def _before(self) -> dict[str, float]:
        """Bounds of the price as they were; not those of another level, which this one
        takes the place of unless it is said beside it."""
        said = {} if self.previous is None else self.previous.filter.get(self._name(), {})
        is_kept = bool(self._budget()) or self.found.also
        return dict(said) if is_kept and bounds.are_bounds(said) else {}

    def _budget(self) -> dict[str, float]:
        return {} if self.previous is None else dict(self.previous.budget)

    def _name(self) -> str:
        return self.vocabulary.roles.get("price", "")
