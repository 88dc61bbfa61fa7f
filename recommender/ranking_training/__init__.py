"""A ranker learns from what was shown and what became of it.

- ``reading.shown_read() -> ShownTable``, ``shown_count()``: impressions and the events that they led to
- ``learn_ranker(table, options) -> LearnedRanker``: a ``ranking.LogisticRanker``, and its metrics beside
  the weighted formula's
"""

from recommender.ranking_training.learning import (
    LEAST_ANSWERS,
    LEAST_TAKEN,
    LearnedRanker,
    Options,
    check_enough,
    learn_ranker,
)
from recommender.ranking_training.table import ShownTable

__all__ = [
    "LEAST_ANSWERS",
    "LEAST_TAKEN",
    "LearnedRanker",
    "Options",
    "ShownTable",
    "check_enough",
    "learn_ranker",
]
