"""What was shown and what became of it, as columns. Pure."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ShownTable:
    """Items as they were shown, one a row (n); answers in the order of time (m)."""

    features: NDArray[np.float32]
    """(n, len(ranking.FEATURES))."""
    answer: NDArray[np.int64]
    """(n,), numbers from 0, ascending."""
    item: NDArray[np.int64]
    """(n,)."""
    position: NDArray[np.int64]
    """(n,), from 1, earlier pages of the same list included."""
    strength: NDArray[np.float64]
    """(n,), what was done with it: 0 nothing, below 0 if it speaks against the item."""
    placement: NDArray[np.int64]
    """(m,), a place in ``placements``."""
    unit: NDArray[np.int64]
    """(m,), whom it was shown to."""
    placements: tuple[str, ...]

    @property
    def answers(self) -> int:
        """How many."""
        return len(self.placement)

    @property
    def taken(self) -> NDArray[np.bool_]:
        """(n,), what was done speaks for the item."""
        return self.strength > 0

    @property
    def weight(self) -> NDArray[np.float64]:
        """(n,), how much a row says: log2(1 + strength), as in the item-item models; untouched, 1."""
        touched = np.log2(1 + np.abs(self.strength))
        return np.where(self.strength == 0, 1.0, touched)

    def between(self, start: int, end: int) -> "ShownTable":
        """The answers from number ``start`` up to, not including, ``end``."""
        rows = slice(*np.searchsorted(self.answer, (start, end)))
        columns = ("features", "item", "position", "strength")
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in columns},
            answer=self.answer[rows] - start,
            placement=self.placement[start:end],
            unit=self.unit[start:end],
        )
