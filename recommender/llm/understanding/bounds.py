"""Bounds of a number or a date as the filter language writes them, ``{"gte": 20, "lt": 50}``. Pure."""

from collections.abc import Mapping
from typing import Any, Final

_LOWER: Final = ("gte", "gt")
_UPPER: Final = ("lte", "lt")
"""The one that leaves out more stands last: where two are equal it counts."""


def are_bounds(said: Any) -> bool:
    """Whether a condition of a filter is nothing but bounds."""
    return isinstance(said, Mapping) and bool(said) and set(said) <= {*_LOWER, *_UPPER}


def joined(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What holds after ``now`` was said as well: a side that is said again is as it is said now.

    The other side stays as it was, unless nothing could be between the two.
    """
    kept = dict(before)
    for side in (_LOWER, _UPPER):
        if any(name in now for name in side):
            kept = {name: value for name, value in kept.items() if name not in side}
    both = {**kept, **now}
    return dict(now) if is_empty(both) else both


def within(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Both: of each side the narrower. May be ``is_empty``."""
    found: dict[str, Any] = {}
    for side, narrowest in ((_LOWER, max), (_UPPER, min)):
        ends = [(said[name], name) for name in side for said in (outer, inner) if name in said]
        if ends:
            value = narrowest(end for end, _ in ends)
            found[[name for end, name in ends if end == value][-1]] = value
    return found


def is_empty(bounds: Mapping[str, Any]) -> bool:
    """Whether nothing can be between them."""
    low = next((bounds[name] for name in _LOWER if name in bounds), None)
    high = next((bounds[name] for name in _UPPER if name in bounds), None)
    if low is None or high is None:
        return False
    return bool(low > high or (low == high and ("gt" in bounds or "lt" in bounds)))
