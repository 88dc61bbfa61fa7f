"""How well retrieval finds what it should; higher is better everywhere.

- ``metrics``: pure functions of scores and ranks
- ``holdout``: trains on four fifths of the items and asks for the rest (what nobody has seen)
- ``catalog``: every direction on the vectors stored in a space
- ``pair``: two spaces on the same items
- ``protocol``: somebody's own questions and answers, asked of the real search
"""

from retrieval.evaluation.holdout import HoldoutResult, evaluate_holdout, holdout_split
from retrieval.evaluation.metrics import (
    BOOTSTRAPS,
    CUTOFFS,
    best_ranks,
    confidence_intervals,
    retrieval_metrics,
)

__all__ = [
    "BOOTSTRAPS",
    "CUTOFFS",
    "HoldoutResult",
    "best_ranks",
    "confidence_intervals",
    "evaluate_holdout",
    "holdout_split",
    "retrieval_metrics",
]
