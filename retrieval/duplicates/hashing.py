"""Pairs of rows that lie close, without comparing all with all. Pure functions.

Random hyperplanes (Charikar 2002): rows on the same side of all planes of a table share a bucket, and
those of a bucket are compared exactly. The tables' planes go through the rows' mean, because rows of
encoders lie in a narrow cone, which no plane through the origin would part.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32] | NDArray[np.float16]
Pairs = dict[tuple[int, int], float]
"""Two rows, the lower first, and their cosine."""

ALL_WITH_ALL: Final = 4_000
"""Rows of which each is simply compared with each: a second."""
TABLES: Final = 24
BUCKET: Final = 64
"""Rows that share a bucket, were they spread evenly."""
BLOCK: Final = 20_000
LARGEST: Final = 2_000
"""Larger buckets are cut: their rows meet in other tables."""


def near_pairs(rows: Rows, threshold: float, *, seed: int = 0) -> Pairs:
    """Pairs of unit rows, (n, dim), with a cosine of at least ``threshold``; rows may be float16.

    All of them up to ALL_WITH_ALL rows. Of more, a pair is missed with a chance of (1 - p ** b) ** TABLES,
    p the share of planes that do not part it, b the planes of a table: of 100,000 rows at 10 degrees
    from the mean's point of view 2e-11, at 30 degrees .005.
    """
    found: Pairs = {}
    if len(rows) <= ALL_WITH_ALL:
        _compare(rows, np.arange(len(rows)), threshold, found)
        return found
    for bucket in _buckets(rows, seed):
        _compare(rows, bucket, threshold, found)
    return found


def _buckets(rows: Rows, seed: int) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    bits = max(1, round(np.log2(len(rows) / BUCKET)))
    centre = rows.mean(0, dtype=np.float32)
    powers = 1 << np.arange(bits, dtype=np.int64)
    for _ in range(TABLES):
        planes = rng.standard_normal((rows.shape[1], bits)).astype(np.float32)
        border = centre @ planes
        keys = np.concatenate(
            [
                ((rows[at : at + BLOCK].astype(np.float32) @ planes) > border) @ powers
                for at in range(0, len(rows), BLOCK)
            ]
        )
        order = np.argsort(keys, kind="stable")
        borders = np.flatnonzero(np.diff(keys[order])) + 1
        for bucket in np.split(order, borders):
            for start in range(0, len(bucket), LARGEST):
                if len(part := bucket[start : start + LARGEST]) > 1:
                    yield part


def _compare(rows: Rows, bucket: NDArray[np.int64], threshold: float, found: Pairs) -> None:
    others = rows[bucket].astype(np.float32)
    for start in range(0, len(bucket), LARGEST):
        left = bucket[start : start + LARGEST]
        cosines = others[start : start + LARGEST] @ others.T
        for i, j in np.argwhere(cosines >= threshold):
            a, b = int(left[i]), int(bucket[j])
            if a < b:
                found[a, b] = float(cosines[i, j])
