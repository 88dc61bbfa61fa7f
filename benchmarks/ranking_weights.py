"""What each weight of ``recommender.ranking.WEIGHTS`` is worth, on validation data only.

    python -m benchmarks.ranking_weights ml-100k
    python -m benchmarks.ranking_weights debian --protocol cold-items --sample 700

Fits once on what the protocol leaves to learn from, split once more, and prints HR@10 and nDCG@10 with
the weights as they are and with one of them changed at a time.
"""

import argparse
import os
from collections.abc import Mapping

import django
import numpy as np
from rich.console import Console

GRID = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Times the weight as it is."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=["ml-100k", "debian"])
    parser.add_argument("--protocol")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=2_000, help="visitors asked, at most")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    measure(given)


def measure(given: argparse.Namespace) -> None:
    """Prints a line for each change."""
    from django.conf import settings

    from recommender import metrics, ranking
    from recommender.evaluation import datasets, protocols, run
    from recommender.evaluation.content import with_vectors
    from recommender.evaluation.pipeline import Triad

    fetch = datasets.ml_100k if given.dataset == "ml-100k" else datasets.debian
    protocol = given.protocol or ("leave-last" if given.dataset == "ml-100k" else "random")
    dataset = with_vectors(fetch(settings.DEMO_CACHE, Console()), settings.DEMO_CACHE)
    split = protocols.validation_split(dataset, protocol, given.seed)
    triad = Triad()
    triad.fit(dataset, split)
    rows = np.random.default_rng(given.seed).permutation(run.asked(split))[: given.sample]
    features = triad.features(rows)
    relevant = split.test[rows]

    def show(name: str, weights: Mapping[str, float]) -> None:
        scores = np.zeros(relevant.shape, np.float32)
        for feature, values in features.items():
            scores += weights[feature] * values
        scores[:, ~split.candidates] = -np.inf
        hits = metrics.hits_of(metrics.top(scores, 10, split.train[rows]), relevant)
        found = metrics.accuracy(hits, np.diff(relevant.indptr))
        print(f"{name:24} {found['hr'].mean():.4f} {found['ndcg'].mean():.4f}", flush=True)  # noqa: T201

    show("as it is", ranking.WEIGHTS)
    for feature in features:
        for times in GRID:
            changed = times * ranking.WEIGHTS[feature]
            if times != 1:
                show(f"{feature} {changed:.3g}", {**ranking.WEIGHTS, feature: changed})


if __name__ == "__main__":
    main()
