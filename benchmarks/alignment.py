"""How well words find pictures they have never been seen with: the held-out protocol of
docs/evaluation.md on whatever catalog is loaded and embedded.

    manage.py import_demo && manage.py embed --here && python -m benchmarks.alignment
"""

import argparse
import os

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

FIGURES = ("r@1", "r@5", "r@10", "mrr")


def main() -> None:
    """Print one row a seed and language, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--languages", nargs="+", default=["en", "zh"])
    parser.add_argument("--augment", type=int, default=0, help="copies of each picture and sound")
    parser.add_argument("--augment-weight", type=float, help="of a copy, an original being 1")
    arguments = parser.parse_args()

    import django

    django.setup()
    from django.conf import settings

    from retrieval import space_training
    from retrieval.evaluation import confidence_intervals, evaluate_holdout, retrieval_metrics
    from retrieval.training import TrainingConfig

    weight = arguments.augment_weight or TrainingConfig().augment_weight
    ranks: dict[str, list[np.ndarray]] = {language: [] for language in arguments.languages}
    print("| seed | language | queries | R@1 | R@5 | R@10 | MRR |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    for seed in arguments.seeds:
        collected = space_training.collect(
            settings.RETRIEVAL["PROFILE"], seed, augment=arguments.augment
        )
        config = TrainingConfig(
            dim=settings.RETRIEVAL["DIM"],
            seed=seed,
            augment=arguments.augment,
            augment_weight=weight,
        )
        result = evaluate_holdout(
            collected.data, collected.queries, seed, config, languages=arguments.languages
        )
        for language, found in result.ranks.items():
            ranks[language].append(found)
            _row(str(seed), language, len(found), retrieval_metrics(found))
    for language, found in ranks.items():
        means = [retrieval_metrics(one) for one in found]
        mean = {name: float(np.mean([one[name] for one in means])) for name in FIGURES}
        _row("mean", language, sum(map(len, found)), mean)
        bounds = confidence_intervals(np.concatenate(found))
        shown = ", ".join(
            f"{name} [{bounds[name][0]:.3f}, {bounds[name][1]:.3f}]" for name in FIGURES
        )
        print(f"\n95 % intervals over all {language} queries: {shown}\n")  # noqa: T201


def _row(seed: str, language: str, queries: int, found: dict[str, float]) -> None:
    figures = " | ".join(f"{found[name]:.3f}" for name in FIGURES)
    print(f"| {seed} | {language} | {queries} | {figures} |")  # noqa: T201


if __name__ == "__main__":
    main()
