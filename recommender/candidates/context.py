"""What every source is asked with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
from django.db.models import Q, QuerySet

from catalog.models import Category, Item
from recommender.ranking import recency
from recommender.types import Interest, Placement, Rule, Taste
from retrieval import spaces
from retrieval.types import Modality


@dataclass(frozen=True)
class Context:
    """One request, as far as finding items is concerned."""

    space: spaces.Space
    placement: Placement
    taste: Taste
    segment: QuerySet[Item]
    """What may be shown to everybody: visible, by the filters of placement and request."""
    now: datetime
    left_out: frozenset[int] = frozenset()
    """What the request excludes."""
    done: frozenset[int] = frozenset()
    """What the placement hides from this visitor, who is done with it."""
    rules: Sequence[Rule] = ()
    """What they hide is not looked for."""
    session: tuple[Interest, ...] = ()
    """The items that the request names, the latest first: their vectors, and what each counts."""
    session_ids: Sequence[int] = ()
    """The same, those without a vector included."""
    visitor: str = ""
    modalities: Mapping[Modality, float] = field(default_factory=dict)
    """Weights of the likeness; empty: as the space fuses."""

    @cached_property
    def items(self) -> QuerySet[Item]:
        """What may be shown: the segment without what is left out."""
        return self.segment.exclude(pk__in=self.left_out) if self.left_out else self.segment

    @cached_property
    def unhidden(self) -> QuerySet[Item]:
        """The segment without what rules hide: what to look for on behalf of everybody."""
        hiding = [rule for rule in self.rules if rule.action == "hide"]
        if not hiding:
            return self.segment
        names = [rule for rule in hiding if not rule.item_ids]
        hidden = Q(pk__in=frozenset[int]().union(*(rule.item_ids for rule in hiding)))
        for path in {rule.category for rule in names if rule.category}:
            inside = Category.objects.filter(Q(path=path) | Q(path__startswith=f"{path}/"))
            hidden |= Q(categories__in=inside)
        for tag in {rule.tag for rule in names if rule.tag and not rule.category}:
            hidden |= Q(tags__contains=[tag])
        return self.segment.exclude(pk__in=Item.objects.filter(hidden).values("pk"))

    @cached_property
    def exclude(self) -> frozenset[int]:
        """What of the ``unhidden`` not to look for: it would be hidden again."""
        return self.left_out | self.done

    @cached_property
    def session_strengths(self) -> list[tuple[int, float]]:
        """The request's items, the latest counting most: 1, 1/2, 1/3 …."""
        return [(item_id, 1 / (1 + place)) for place, item_id in enumerate(self.session_ids)]

    @cached_property
    def said(self) -> list[tuple[int, float]]:
        """Items and what each counts, below 0 what speaks against it, the weightiest first.

        Of the visitor's history, the latest more than the rest, and of the session's items, the
        latest of which counts as much as the weightiest of the history.
        """
        latest = list(dict.fromkeys(done.item_id for done in self.taste.history))
        places = {item_id: place for place, item_id in enumerate(latest, 1)}
        recent = dict(zip(places, recency(np.array([*places.values()])).tolist(), strict=True))
        counted: dict[int, float] = {}
        for done in self.taste.history:
            said = done.strength * recent[done.item_id]
            counted[done.item_id] = counted.get(done.item_id, 0.0) + said
        heaviest = max([1.0, *counted.values()])
        for item_id, share in self.session_strengths:
            counted[item_id] = counted.get(item_id, 0.0) + share * heaviest
        return sorted(
            ((item_id, value) for item_id, value in counted.items() if value),
            key=lambda each: (-abs(each[1]), each[0]),
        )
