"""What every source is asked with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import QuerySet

from catalog.models import Item
from recommender.types import Interest, Placement, Taste
from retrieval import spaces
from retrieval.types import Modality


@dataclass(frozen=True)
class Context:
    """One request, as far as finding items is concerned."""

    space: spaces.Space
    placement: Placement
    taste: Taste
    items: QuerySet[Item]
    """What may be shown: visible, by the filters of placement and request, not excluded."""
    now: datetime
    session: tuple[Interest, ...] = ()
    """The items that the request names, the latest first: their vectors, and what each counts."""
    session_ids: Sequence[int] = ()
    """The same, those without a vector included."""
    modalities: Mapping[Modality, float] = field(default_factory=dict)
    """Weights of the likeness; empty: as the space fuses."""

    @cached_property
    def session_strengths(self) -> list[tuple[int, float]]:
        """The request's items, the latest counting most: 1, 1/2, 1/3 …."""
        return [(item_id, 1 / (1 + place)) for place, item_id in enumerate(self.session_ids)]

    @cached_property
    def liked(self) -> list[tuple[int, float]]:
        """What speaks for the visitor's taste: items and what each counts, the session's included."""
        counted: dict[int, float] = {}
        for done in self.taste.history:
            if done.strength > 0:
                counted[done.item_id] = counted.get(done.item_id, 0.0) + done.strength
        heaviest = max(counted.values(), default=1.0)
        for item_id, share in self.session_strengths:
            counted[item_id] = counted.get(item_id, 0.0) + share * heaviest
        return list(counted.items())
