"""The vector index: the only user of pgvector's operators. Distances stay in here; scores (higher is
better, at most 1 for rows within the unit ball) leave.

- ``partitions``: the part of the table that holds one space, and its HNSW indexes
- ``nearest``: nearest neighbours among the items that match; ``plans`` chooses how
- ``rows``: vectors go in and out, and are scored exactly
- ``factors``: vectors learned elsewhere, found in the same way
- ``tuning``: what the approximate search misses, and the setting that misses little
"""

from retrieval.index.factors import (
    FactorRow,
    Factors,
    contexts,
    factors_create,
    factors_drop,
    factors_partition,
    factors_store,
)
from retrieval.index.nearest import candidates, nearest, nearest_each, scans_index
from retrieval.index.partitions import (
    Column,
    Metric,
    Partition,
    Size,
    check_indexable,
    modality_indexes_drop,
    modality_indexes_make,
    partition_create,
    partition_drop,
    partition_size,
    partition_there,
)
from retrieval.index.plans import Plan, ids_text, plan
from retrieval.index.rows import (
    EmbeddedItem,
    Key,
    Scored,
    cosines,
    embedded_ids,
    fused_vector,
    having,
    received,
    scores,
    sent,
    store,
    vectors,
)

__all__ = [
    "Column",
    "EmbeddedItem",
    "FactorRow",
    "Factors",
    "Key",
    "Metric",
    "Partition",
    "Plan",
    "Scored",
    "Size",
    "candidates",
    "check_indexable",
    "contexts",
    "cosines",
    "embedded_ids",
    "factors_create",
    "factors_drop",
    "factors_partition",
    "factors_store",
    "fused_vector",
    "having",
    "ids_text",
    "modality_indexes_drop",
    "modality_indexes_make",
    "nearest",
    "nearest_each",
    "partition_create",
    "partition_drop",
    "partition_size",
    "partition_there",
    "plan",
    "received",
    "scans_index",
    "scores",
    "sent",
    "store",
    "vectors",
]
