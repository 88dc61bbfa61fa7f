"""Two lists of the same catalog become one: reciprocal rank fusion. Pure."""

from collections.abc import Mapping, Sequence

RRF_K = 60
"""G. V. Cormack et al., Reciprocal Rank Fusion, 2009: how slowly a rank loses its value."""


def reciprocal_ranks(
    lists: Mapping[str, Sequence[tuple[int, float]]], weights: Mapping[str, float]
) -> dict[int, dict[str, float]]:
    """What each list gives each item: ``weight x strength x (k + 1) / (k + rank)``, ranks from 1.

    ``lists`` maps a name to (item id, strength), best first, strength in [0, 1]; ``weights`` are the
    lists' shares. The score of an item is the sum; with shares that sum to 1 it is at most 1, which is
    what the first of every list gets.
    """
    given: dict[int, dict[str, float]] = {}
    for name, entries in lists.items():
        for rank, (item_id, strength) in enumerate(entries, start=1):
            value = weights[name] * strength * (RRF_K + 1) / (RRF_K + rank)
            given.setdefault(item_id, {})[name] = value
    return given
