"""What each weight of ``recommender.ranking.WEIGHTS`` is worth, on validation data only.

    python -m benchmarks.ranking_weights ml-100k --folds 3
    python -m benchmarks.ranking_weights debian --protocol cold-items --sample 700

Fits on what the protocol leaves to learn from, split once more (with --folds again and again: each
visitor's last but one, but two, ...), and prints HR@10 and nDCG@10 with the weights as they are, by each
feature alone, and with one weight changed at a time: the mean of the folds, and each of them.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import django
import numpy as np
from rich.console import Console

GRID = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Times the weight as it is."""


@dataclass(frozen=True)
class Fold:
    """What a fitted Triad says of the visitors asked, and what they went on to."""

    features: Mapping[str, Any]
    """Of each feature (b, n_items)."""
    relevant: Any
    seen: Any
    candidates: Any


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=["ml-100k", "debian"])
    parser.add_argument("--protocol")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=2_000, help="visitors asked, at most")
    parser.add_argument("--folds", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    measure(given)


def measure(given: argparse.Namespace) -> None:
    """Prints a line for each change."""
    from recommender import metrics, ranking

    folds = fitted(given)

    def show(name: str, weights: Mapping[str, float]) -> None:
        found = []
        for fold in folds:
            scores = np.zeros(fold.relevant.shape, np.float32)
            for feature, values in fold.features.items():
                scores += weights.get(feature, 0.0) * values
            scores[:, ~fold.candidates] = -np.inf
            hits = metrics.hits_of(metrics.top(scores, 10, fold.seen), fold.relevant)
            accuracy = metrics.accuracy(hits, np.diff(fold.relevant.indptr))
            found.append((accuracy["hr"].mean(), accuracy["ndcg"].mean()))
        each = "  ".join(f"{hr:.4f} {ndcg:.4f}" for hr, ndcg in found)
        hr, ndcg = np.mean(found, axis=0)
        print(f"{name:24} {hr:.4f} {ndcg:.4f}   {each}", flush=True)  # noqa: T201

    show("as it is", ranking.WEIGHTS)
    for feature in folds[0].features:
        show(f"{feature} alone", {feature: 1.0})
    for feature in folds[0].features:
        for times in GRID:
            changed = times * ranking.WEIGHTS[feature]
            if times != 1:
                show(f"{feature} {changed:.3g}", {**ranking.WEIGHTS, feature: changed})


def fitted(given: argparse.Namespace) -> list[Fold]:
    """A model of each fold."""
    from django.conf import settings

    from recommender.evaluation import datasets, protocols, run
    from recommender.evaluation.content import with_vectors
    from recommender.evaluation.pipeline import Triad

    fetch = datasets.ml_100k if given.dataset == "ml-100k" else datasets.debian
    protocol = given.protocol or ("leave-last" if given.dataset == "ml-100k" else "random")
    dataset = with_vectors(fetch(settings.DEMO_CACHE, Console()), settings.DEMO_CACHE)
    folds = []
    for fold in range(1, given.folds + 1):
        split = protocols.validation_split(dataset, protocol, given.seed, fold)
        triad = Triad()
        triad.fit(dataset, split)
        rows = np.random.default_rng(given.seed).permutation(run.asked(split))[: given.sample]
        folds.append(
            Fold(triad.features(rows), split.test[rows], split.train[rows], split.candidates)
        )
    return folds


if __name__ == "__main__":
    main()
