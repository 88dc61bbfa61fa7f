"""Which fusion finds unseen items best, and what each modality contributes: the tables of
docs/evaluation.md on whatever catalog is loaded and embedded.

    manage.py import_demo && manage.py embed --here && python -m benchmarks.fusion

Four fifths of the items train the head; the titles of the others, in one language, look for the
fused vectors of those others, whose words are taken from the remaining languages only.
"""

import argparse
import os
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if TYPE_CHECKING:
    from retrieval.head import Head
    from retrieval.training.data import TextRows, TrainingSet

FIGURES = ("r@1", "r@10", "mrr")
Key = tuple[str, str, str]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--languages", nargs="+", default=["en", "zh"])
    arguments = parser.parse_args()

    import django

    django.setup()
    from django.conf import settings

    from retrieval import space_training
    from retrieval.evaluation import holdout_split
    from retrieval.fusion import FUSION_METHODS
    from retrieval.training import TrainingConfig, train_head
    from retrieval.training.fusing import EQUAL

    ranks: dict[Key, list[np.ndarray]] = defaultdict(list)
    learned: dict[str, list[str]] = defaultdict(list)
    for seed in arguments.seeds:
        collected = space_training.collect(settings.RETRIEVAL["PROFILE"], seed)
        data = collected.data
        kept, held = holdout_split(len(data.labels), seed)
        config = TrainingConfig(dim=settings.RETRIEVAL["DIM"], seed=seed, contrastive=None)
        subset = data.subset(kept)
        configs = {"equal weights": replace(config, fusion_weights=EQUAL)}
        configs |= {method: replace(config, fusion=method) for method in FUSION_METHODS}
        for name, own in configs.items():
            head = train_head(subset, own).head
            shares = head.fusion.shares
            total = sum(shares.values())
            learned[name].append(", ".join(f"{m} {s / total:.2f}" for m, s in shares.items()))
            for language in arguments.languages:
                found = subsets_ranked(head, data, collected.queries, held, language)
                for modalities, own_ranks in found.items():
                    ranks[name, modalities, language].append(own_ranks)
    _print(ranks, learned)


def subsets_ranked(
    head: "Head", data: "TrainingSet", queries: "TextRows", held: np.ndarray, language: str
) -> dict[str, np.ndarray]:
    """Best rank of each held-out title by the modalities of what it looks for.

    A subset is asked for the items that have all of it; the candidates are all held-out items that
    have any of it.
    """
    from retrieval.evaluation import best_ranks
    from retrieval.fusion import pool
    from retrieval.types import MODALITIES

    count = len(data.labels)
    vectors, present = {}, {}
    for name in MODALITIES:
        rows = data.modality(name)
        chosen = np.isin(rows.items, held)
        if name == "text":
            chosen &= data.text.languages != language
        projected = head.project(name, rows.vectors[chosen])
        vectors[name] = pool(projected, rows.items[chosen], count)[held]
        present[name] = np.isin(held, rows.items[chosen])
    asked = (queries.languages == language) & np.isin(queries.items, held)
    words = head.fused_query(head.project("text", queries.vectors[asked], role="query"))
    owners = np.searchsorted(held, queries.items[asked])
    result = {}
    for size in (1, 2, 3):
        for names in combinations(MODALITIES, size):
            own = {name: present[name] & (name in names) for name in MODALITIES}
            some = np.any([own[name] for name in names], axis=0)
            every = np.all([own[name] for name in names], axis=0)
            fused, _ = head.fuse(vectors, own)
            asks = every[owners]
            relevant = data.labels[held[owners[asks]]][:, None] == data.labels[held[some]][None]
            result[" + ".join(names)] = best_ranks(words[asks] @ fused[some].T, relevant)
    return result


def _print(ranks: dict[Key, list[np.ndarray]], learned: dict[str, list[str]]) -> None:
    from retrieval.evaluation import confidence_intervals, retrieval_metrics

    print("| fusion | found by | language | queries | R@1 | R@10 | MRR |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    for (name, modalities, language), found in ranks.items():
        joined = np.concatenate(found)
        if not len(joined):
            continue
        figures, bounds = retrieval_metrics(joined), confidence_intervals(joined)
        cells = [
            f"{figures[key]:.3f} [{bounds[key][0]:.3f}, {bounds[key][1]:.3f}]" for key in FIGURES
        ]
        row = " | ".join([name, modalities, language, str(len(joined)), *cells])
        print(f"| {row} |")  # noqa: T201
    for name, shares in learned.items():
        print(f"{name}: {'; '.join(shares)}")  # noqa: T201


if __name__ == "__main__":
    main()
