"""The holdout protocol: a head is trained on four fifths of the items and asked for the rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.metrics import best_ranks, retrieval_metrics
from retrieval.head import Head
from retrieval.training import TrainingConfig, train_head
from retrieval.training.data import TextRows, TrainingSet
from retrieval.types import Modality, Vectors

HOLDOUT = 0.2


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
