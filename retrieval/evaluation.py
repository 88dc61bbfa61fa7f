"""How well retrieval finds what it should: metrics (higher is better) and the holdout protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Head
from retrieval.training import TrainingConfig, train_head
from retrieval.training_set import TextRows, TrainingSet
from retrieval.types import Modality, Vectors

CUTOFFS = (1, 5, 10)
HOLDOUT = 0.2
BOOTSTRAPS = 1_000


def best_ranks(scores: NDArray[np.floating], relevant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rank of the best relevant candidate of each query, 1 being first: both (queries, candidates).

    A tie counts against the query, so that constant vectors do not look perfect. Raises
    ``ValueError`` for a query without anything relevant.
    """
    if not relevant.any(1).all():
        raise ValueError("Every query needs a relevant candidate.")
    best = np.where(relevant, scores, -np.inf).max(1, keepdims=True)
    return 1 + ((scores >= best) & ~relevant).sum(1)


def retrieval_metrics(ranks: NDArray[np.integer]) -> dict[str, float]:
    """``r@1``, ``r@5``, ``r@10`` (share of queries whose best rank is within) and ``mrr``."""
    recalls = {f"r@{cutoff}": float((ranks <= cutoff).mean()) for cutoff in CUTOFFS}
    return {**recalls, "mrr": float((1 / ranks).mean())}


def confidence_intervals(
    ranks: NDArray[np.integer], seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap over queries: the bounds of each of ``retrieval_metrics``."""
    rng = np.random.default_rng(seed)
    draws = [
        retrieval_metrics(ranks[rng.integers(0, len(ranks), len(ranks))]) for _ in range(BOOTSTRAPS)
    ]
    tails = ((1 - level) / 2, (1 + level) / 2)
    bounds = {}
    for name in draws[0]:
        low, high = np.quantile([draw[name] for draw in draws], tails)
        bounds[name] = (float(low), float(high))
    return bounds


def holdout_split(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items to train on and items held out (a fifth), as sorted indices."""
    order = np.random.default_rng(seed).permutation(count)
    held = round(count * HOLDOUT)
    return np.sort(order[held:]), np.sort(order[:held])


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """One split: the best rank of each query, by language, and the head it was measured on."""

    head: Head
    ranks: Mapping[str, NDArray[np.int64]]

    def metrics(self) -> dict[str, dict[str, float]]:
        """``retrieval_metrics`` of each language."""
        return {language: retrieval_metrics(ranks) for language, ranks in self.ranks.items()}


def evaluate_holdout(
    data: TrainingSet,
    queries: TextRows,
    seed: int,
    config: TrainingConfig | None = None,
    *,
    target: Modality = "image",
    languages: Sequence[str] = ("en", "zh"),
    train: Callable[[TrainingSet, TrainingConfig], Head] | None = None,
) -> HoldoutResult:
    """Trains on four fifths of the items; the titles of the rest look for their own pictures.

    ``queries`` are the items' titles in each language. The candidates are the ``target`` rows of
    the held-out items; one whose item has an equal label is relevant too. Items without a
    target row are not asked for.
    """
    config = config or TrainingConfig()
    kept, held = holdout_split(len(data.labels), seed)
    subset = data.subset(kept)
    head = train(subset, config) if train else train_head(subset, config).head
    rows = data.modality(target)
    candidates = np.isin(rows.items, held)
    vectors = head.project(target, rows.vectors[candidates])
    candidate_labels = data.labels[rows.items[candidates]]
    ranks = {}
    for language in languages:
        asked = np.isin(queries.items, rows.items[candidates]) & (queries.languages == language)
        asked_vectors = head.project("text", queries.vectors[asked], role="query")
        asked_labels = data.labels[queries.items[asked]]
        ranks[language] = _ranks_of(asked_vectors, asked_labels, vectors, candidate_labels)
    return HoldoutResult(head, ranks)


def _ranks_of(
    queries: Vectors,
    query_labels: NDArray[np.integer],
    candidates: Vectors,
    candidate_labels: NDArray[np.integer],
) -> NDArray[np.int64]:
    return best_ranks(queries @ candidates.T, query_labels[:, None] == candidate_labels[None])
