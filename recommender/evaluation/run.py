"""Fits every scorer on a split, ranks all items for everybody who is asked for, and measures."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender import metrics
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.protocols import Split
from recommender.evaluation.scorers import Scorer

BATCH: Final = 256
FEW: Final = 5
"""A visitor with no longer a history is cold, and so is an item that no more visitors had."""

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Result:
    """One scorer on one split; arrays are over the visitors asked for."""

    label: str
    lists: metrics.Lists
    values: metrics.PerVisitor
    beyond: Mapping[str, float]
    slices: Mapping[str, metrics.PerVisitor]
    fit_s: float


def asked(split: Split) -> NDArray[np.int64]:
    """The visitors for whom something was held out."""
    return np.flatnonzero(np.diff(split.test.indptr) > 0)


def evaluate(
    dataset: Dataset,
    split: Split,
    scorers: Sequence[Scorer],
    *,
    k: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Result]:
    """In the order of the scorers."""
    results = []
    for scorer in scorers:
        if progress:
            progress(f"{scorer.label}: learns", 0, 1)
        started = time.monotonic()
        scorer.fit(dataset, split)
        fit_s = time.monotonic() - started
        lists = lists_of(scorer, split, k, seed, progress)
        results.append(_result(scorer.label, dataset, split, lists, fit_s))
    return results


def lists_of(
    scorer: Scorer, split: Split, k: int, seed: int = 0, progress: Progress | None = None
) -> metrics.Lists:
    """The ``k`` best candidates that are not in the history, for each of ``asked``."""
    rows = asked(split)
    lists = []
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        scores = np.array(scorer.scores(batch), np.float32)
        scores[:, ~split.candidates] = -np.inf
        lists.append(metrics.top(scores, k, split.train[batch], first=first, seed=seed))
        if progress:
            progress(f"{scorer.label}: ranks", min(first + BATCH, len(rows)), len(rows))
    return np.concatenate(lists)


def _result(
    label: str, dataset: Dataset, split: Split, lists: metrics.Lists, fit_s: float
) -> Result:
    rows = asked(split)
    history, relevant = split.train[rows], split.test[rows]
    values = _accuracy(lists, relevant)
    return Result(label, lists, values, _beyond(dataset, split, lists, history),
                  _slices(split, lists, history, relevant, values), fit_s)  # fmt: skip


def _accuracy(lists: metrics.Lists, relevant: csr_matrix) -> metrics.PerVisitor:
    return metrics.accuracy(metrics.hits_of(lists, relevant), np.diff(relevant.indptr))


def _beyond(
    dataset: Dataset, split: Split, lists: metrics.Lists, history: csr_matrix
) -> dict[str, float]:
    """What accuracy does not say; means over visitors."""
    popularity = np.bincount(split.train.indices, minlength=dataset.n_items)
    found = {
        "coverage": metrics.coverage(lists, int(split.candidates.sum())),
        "gini": metrics.gini(lists, int(split.candidates.sum())),
        "novelty": _mean(metrics.novelty(lists, popularity, split.train.shape[0])),
        "popularity_lift": _mean(metrics.popularity_lift(lists, popularity, history)),
    }
    if (vectors := dataset.vectors.get("fused")) is not None:
        found["diversity"] = _mean(metrics.diversity(lists, vectors))
    return found


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _slices(
    split: Split,
    lists: metrics.Lists,
    history: csr_matrix,
    relevant: csr_matrix,
    values: metrics.PerVisitor,
) -> dict[str, metrics.PerVisitor]:
    """Visitors with little or no history, and items that few or none had, as far as there are any."""
    length = np.diff(history.indptr)
    found: dict[str, metrics.PerVisitor] = {
        name: {metric: each[chosen] for metric, each in values.items()}
        for name, chosen in (
            ("new visitors", length == 0),
            (f"visitors with 1 to {FEW} in their history", (length > 0) & (length <= FEW)),
        )
        if chosen.any()
    }
    popularity = np.bincount(split.train.indices, minlength=relevant.shape[1])
    for name, items in (
        ("new items", popularity == 0),
        (f"items of 1 to {FEW} visitors", (popularity > 0) & (popularity <= FEW)),
    ):
        narrowed = csr_matrix(relevant.multiply(items[None].astype(np.float32)))
        narrowed.eliminate_zeros()
        chosen = np.diff(narrowed.indptr) > 0
        if chosen.any():
            found[name] = _accuracy(lists[chosen], narrowed[chosen])
    return found


def report(
    dataset: Dataset, split: Split, results: Sequence[Result], own: Sequence[str], seed: int
) -> dict[str, Any]:
    """Everything as JSON takes it: means, 95 % intervals, paired differences with the best baseline.

    ``own`` are the labels of what is ours: not baselines.
    """
    baselines = [each for each in results if each.label not in own]
    rows = [_row(each, seed) for each in results]
    for row, each in zip(rows, results, strict=True):
        if each.label in own and baselines:
            row["against_best"] = _against(each, baselines, seed)
    return {
        "dataset": dataset.name,
        "about": dataset.about,
        "visitors": dataset.n_visitors,
        "items": dataset.n_items,
        "interactions": len(dataset.items),
        "learned_from": int(split.train.nnz),
        "asked": len(asked(split)),
        "candidates": int(split.candidates.sum()),
        "seed": seed,
        "models": rows,
    }


def _row(result: Result, seed: int) -> dict[str, Any]:
    return {
        "model": result.label,
        "metrics": _means(result.values),
        "intervals": {
            name: _rounded(metrics.interval(values, seed)) for name, values in result.values.items()
        },
        "beyond": {
            name: None if np.isnan(value) else round(value, 4)
            for name, value in result.beyond.items()
        },
        "slices": {
            name: {
                "visitors": len(values["hr"]),
                "metrics": _means(values),
                "intervals": {m: _rounded(metrics.interval(v, seed)) for m, v in values.items()},
            }
            for name, values in result.slices.items()
        },
        "fit_s": round(result.fit_s, 1),
    }


def _against(result: Result, baselines: Sequence[Result], seed: int) -> dict[str, Any]:
    """Of each metric the baseline that has most of it, and how much more this has."""
    found = {}
    for name, values in result.values.items():
        best = max(baselines, key=lambda each: float(each.values[name].mean()))
        gained = values - best.values[name]
        found[name] = {
            "baseline": best.label,
            "difference": round(float(gained.mean()), 4),
            "interval": _rounded(metrics.interval(gained, seed)),
        }
    return found


def _means(values: metrics.PerVisitor) -> dict[str, float]:
    return {name: round(float(each.mean()), 4) for name, each in values.items()}


def _rounded(bounds: tuple[float, float]) -> list[float]:
    return [round(bound, 4) for bound in bounds]
