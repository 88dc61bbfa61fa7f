"""Vectors of items in a space, and from which cosine on two of them are alike there."""

import random
import time
from collections.abc import Iterable
from typing import Final

import numpy as np
from django.db.models import Max, Min
from numpy.typing import NDArray

from catalog.models import Item
from recommender.interests import threshold_of, unit
from retrieval import index

SAMPLED: Final = 500
"""Items: the mean and deviation of their 125,000 cosines differ by .003 from sample to sample."""
LOOKED_AT: Final = 2_000
"""Ids tried for them, because some are gone or have no vector."""
KEPT_S: Final = 600.0

_thresholds: dict[int, tuple[float, float]] = {}


def unit_vectors(
    partition: index.Partition, item_ids: Iterable[int]
) -> dict[int, NDArray[np.float32]]:
    """Fused vectors as unit rows of the items that have one; one statement. Raises SpaceGone."""
    found = index.vectors(partition, sorted(set(item_ids)))
    rows = {
        item_id: unit(columns["fused"].astype(np.float32)) for item_id, columns in found.items()
    }
    return {item_id: row for item_id, row in rows.items() if row.any()}


def threshold(partition: index.Partition) -> float:
    """``threshold_of`` a sample of the space's items; this process remembers it for KEPT_S."""
    known = _thresholds.get(partition.space_id)
    now = time.monotonic()
    if known is None or known[1] < now:
        known = threshold_of(_sample(partition)), now + KEPT_S
        _thresholds[partition.space_id] = known
    return known[0]


def _sample(partition: index.Partition) -> list[NDArray[np.float32]]:
    """The same at every call, as long as the items are: profiles made anew come out as before."""
    ends = Item.objects.aggregate(first=Min("id"), last=Max("id"))
    if ends["first"] is None:
        return []
    ids = range(ends["first"], ends["last"] + 1)
    chosen = random.Random(partition.space_id).sample(ids, min(LOOKED_AT, len(ids)))  # noqa: S311
    found = unit_vectors(partition, chosen)
    return [found[item_id] for item_id in chosen if item_id in found][:SAMPLED]
