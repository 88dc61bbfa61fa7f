"""What items are, as a two-tower model reads it: their vectors in an embedding space, side by side."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval import index
from retrieval.types import MODALITIES

COLUMNS: Final[tuple[index.Column, ...]] = ("fused", *MODALITIES)
BATCH: Final = 2_000
"""Items read at once: four vectors of 256 halfs each are 4 MB."""


def content_of(partition: index.Partition, item_ids: Sequence[int]) -> NDArray[np.float32]:
    """(n, content_dim): the fused vector and each modality's, zeros for what an item lacks.

    Raises SpaceGone.
    """
    sizes = [partition.dim_of(column) for column in COLUMNS]
    ends = np.cumsum([0, *sizes])
    found = np.zeros((len(item_ids), ends[-1]), np.float32)
    for first in range(0, len(item_ids), BATCH):
        ids = [int(item_id) for item_id in item_ids[first : first + BATCH]]
        vectors = index.vectors(partition, ids)
        for row, item_id in enumerate(ids, first):
            given = vectors.get(item_id, {})
            for column, start, end in zip(COLUMNS, ends[:-1], ends[1:], strict=True):
                if column in given:
                    found[row, start:end] = given[column]
    return found
