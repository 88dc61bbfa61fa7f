"""How well policies said by examples find what they are against: the demo's categories stand for policies.

``python -m benchmarks.moderation``, with a demo that has a trained space. Of each category with 15 to 60 items
four are drawn as examples (their pictures), with the category's name; what else is in it shall be found. Mean
average precision over the categories and SEEDS drawings, and precision and recall at thresholds.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEEDS = 3
EXAMPLES = 4
SIZES = (15, 60)
THRESHOLDS = (4.0, 5.0, 6.0, 7.0)


@dataclass(frozen=True, slots=True)
class Task:
    """One category: its examples by position, and which items are in it."""

    name: str
    chosen: Sequence[int]
    others: Sequence[int]
    inside: NDArray[np.bool_]


def average_precision(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Of a ranking by score."""
    ordered = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1))[ordered].mean())


def main() -> None:
    """Prints a line a way."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from retrieval import index, spaces
    from retrieval.types import MODALITIES

    space = spaces.active_space()
    ids = index.embedded_ids(space.partition)
    rows = index.vectors(space.partition, ids, MODALITIES)
    own = [{m: rows[i][m].astype(np.float32) for m in MODALITIES if m in rows[i]} for i in ids]
    tasks = [task for seed in range(SEEDS) for task in _tasks(ids, seed)]
    print(  # noqa: T201
        f"{len(tasks) // SEEDS} categories, {SEEDS} drawings, {len(ids)} items, space {space.name}"
    )
    for name, calibrated, counter in (
        ("raw cosines", False, False),
        ("calibrated", True, False),
        ("calibrated, with counterexamples", True, True),
    ):
        print(name, _measured(space, own, tasks, calibrated=calibrated, counter=counter))  # noqa: T201


def _tasks(ids: Sequence[int], seed: int) -> list[Task]:
    from catalog.models import Category, Item

    place = {item_id: n for n, item_id in enumerate(ids)}
    members: dict[str, list[int]] = {}
    for path in Category.objects.values_list("path", flat=True):
        found = Item.objects.filter(categories__path__startswith=path).values_list("pk", flat=True)
        inside = sorted({place[pk] for pk in found if pk in place})
        if SIZES[0] <= len(inside) <= SIZES[1]:
            members[path] = inside
    tasks = []
    for path, inside in members.items():
        rng = np.random.default_rng([seed, len(path)])
        root = path.split("/")[0]
        kin = {n for p, own in members.items() if p.split("/")[0] == root for n in own}
        other = sorted(kin - set(inside))
        is_inside = np.zeros(len(ids), bool)
        is_inside[inside] = True
        tasks.append(
            Task(
                path.split("/")[-1],
                [int(n) for n in rng.choice(inside, EXAMPLES, replace=False)],
                [int(n) for n in rng.choice(other, EXAMPLES, replace=False)]
                if len(other) > 9
                else [],
                is_inside,
            )
        )
    return tasks


def _measured(
    space: Any,
    own: Sequence[dict[Any, NDArray[np.float32]]],
    tasks: Sequence[Task],
    *,
    calibrated: bool,
    counter: bool,
) -> str:
    from retrieval import queries
    from retrieval.moderation import scoring
    from retrieval.moderation.scoring import Probe
    from retrieval.types import MODALITIES

    sample = {m: np.stack([each[m] for each in own if m in each]) for m in MODALITIES}
    precisions: list[float] = []
    counts = np.zeros((len(THRESHOLDS), 3))
    for task in tasks:
        text = queries.text_vector(space, task.name)
        probes = [Probe(0, True, "text", against, text) for against in MODALITIES]
        probes += [
            Probe(1 + n, True, "image", against, own[n]["image"])
            for n in task.chosen
            if "image" in own[n]
            for against in MODALITIES
        ]
        if counter:
            probes += [Probe(1 + n, False, m, m, own[n][m]) for n in task.others for m in own[n]]
        usually = scoring.usual(probes, sample if calibrated else {})
        scores = scoring.scores(probes, scoring.deviations(probes, usually, own))
        keep = np.isfinite(scores)
        keep[[*task.chosen, *task.others]] = False
        precisions.append(average_precision(scores[keep], task.inside[keep]))
        for row, threshold in enumerate(THRESHOLDS):
            found = scores[keep] >= threshold
            right = int((found & task.inside[keep]).sum())
            counts[row] += (right, found.sum(), task.inside[keep].sum())
    at = ", ".join(
        f"{t:g}: {r / max(f, 1):.2f} / {r / a:.2f}"
        for t, (r, f, a) in zip(THRESHOLDS, counts, strict=True)
    )
    return f"mean AP {np.mean(precisions):.3f}; precision / recall at {at}"


if __name__ == "__main__":
    main()
