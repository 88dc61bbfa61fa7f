"""The deployment's kinds of events, from ``RECOMMENDER["EVENTS"]``."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from recommender.types import EventType, Taste

NAME_PATTERN: Final = r"[a-z][a-z0-9_]{0,31}"
LIKING: Final = 3.0
"""From this weight on, a cart's, an event says that somebody likes the item; a view does not."""
OPTIONS: Final = frozenset({"weight", "half_life_days", "with_share", "takes_back"})


def event_types() -> dict[str, EventType]:
    """By name. Raises ValueError, saying what to repair, for settings that make no sense."""
    given: Mapping[str, Mapping[str, Any]] = settings.RECOMMENDER["EVENTS"]["TYPES"]
    if not given:
        raise ValueError("name at least one type of event")
    return {name: _event_type(name, options) for name, options in given.items()}


def liked(taste: Taste) -> frozenset[int]:
    """Items that the visitor may be said to like: as far back as is remembered item by item."""
    liking = {each.name for each in event_types().values() if each.weight >= LIKING}
    return frozenset(
        done.item_id for done in taste.history if done.type in liking and done.strength > 0
    )


def drawing() -> list[str]:
    """Names of the types that speak for an item."""
    return [each.name for each in event_types().values() if each.weight > 0]


def undoing() -> list[str]:
    """Names of the types after which what a visitor did with an item before counts for nobody: what takes
    it back, and a dislike.
    """
    types = event_types().values()
    return [each.name for each in types if each.takes_back or each.weight <= -LIKING]


def _event_type(name: str, options: Mapping[str, Any]) -> EventType:
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(f"{name!r}: use a to z, 0 to 9 and _, at most 32, a letter first")
    if unknown := sorted(options.keys() - OPTIONS):
        raise ValueError(f"{name}: unknown option {unknown[0]!r}; known: {sorted(OPTIONS)}")
    if missing := {"weight", "half_life_days"} - options.keys():
        raise ValueError(f"{name}: {min(missing)} is missing")
    made = EventType(name, **options)
    if not math.isfinite(made.weight):
        raise ValueError(f"{name}: weight {made.weight} is no finite number")
    if not (math.isfinite(made.half_life_days) and made.half_life_days > 0):
        raise ValueError(f"{name}: half_life_days {made.half_life_days} is not above 0")
    return made
