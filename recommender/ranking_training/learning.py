"""From what was shown to a ranker and what it is worth. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from recommender import ranking
from recommender.exceptions import NothingToLearn
from recommender.ranking import LogisticRanker
from recommender.ranking_training.clicks import EDGES, L2S, ClickModel, chosen, fit
from recommender.ranking_training.measuring import NDCG, Gains, auc, difference, gains
from recommender.ranking_training.table import ShownTable

LEAST_ANSWERS: Final = 1_000
LEAST_TAKEN: Final = 200
"""In a world whose relevance is known (tests/recommender/ranker_worlds.py), 1,000 answers of ten with 340
items taken up make NDCG@10 .99 of unseen lists, where the formula makes .56.
"""
HELD_OUT: Final = 0.2
"""Of the answers, the latest: rankers are measured by what happened after they learned."""
TUNED: Final = 0.2
"""Of the answers before, the latest: they say how strongly to pull towards the formula."""
LEAST_MEASURED: Final = 20
"""Items taken up, in what is held out; fewer say nothing."""
UNMOVED: Final = 1e9
"""A pull so strong that only the scale of the formula is learned."""

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a ranker learns; ValueError for what makes no sense."""

    l2: float | None = None
    """Pull towards the weighted formula; None: what does best on later answers."""
    pairs: bool | None = None
    """Whether products of two features count too; None: if they help on later answers."""
    debiased: bool = True
    """Whether what stands lower is taken to be looked at less."""

    def __post_init__(self) -> None:
        """Refuse what cannot be learned with."""
        l2 = self.l2
        if l2 is not None and not (isinstance(l2, int | float) and 0 < l2 < math.inf):
            raise ValueError(f"l2: {l2!r} is no number above 0")
        for name, given, allowed in (
            ("pairs", self.pairs, (True, False, None)),
            ("debiased", self.debiased, (True, False)),
        ):
            if not any(given is each for each in allowed):
                raise ValueError(f"{name}: {given!r} is neither true nor false")


@dataclass(frozen=True, slots=True)
class LearnedRanker:
    """A ranker of all answers, and what one of the earlier ones was worth on the later."""

    ranker: LogisticRanker
    metrics: Mapping[str, Any]


def check_enough(answers: int, taken: int) -> None:
    """Raises NothingToLearn, saying how much there is and how much is missing."""
    if answers >= LEAST_ANSWERS and taken >= LEAST_TAKEN:
        return
    missing = [
        f"{least - there:,} more {what}"
        for there, least, what in (
            (answers, LEAST_ANSWERS, "answers"),
            (taken, LEAST_TAKEN, "items taken up"),
        )
        if there < least
    ]
    raise NothingToLearn(
        f"There are {answers:,} answers with features, and {taken:,} of the items in them were taken "
        f"up; a ranker needs {' and '.join(missing)}: until then the weighted formula ranks.",
        repair="Recommendations log their answers; send the events that follow with their "
        "`request_id`.",
    )


def learn_ranker(
    table: ShownTable,
    options: Options,
    *,
    seed: int = 0,
    active: ranking.Ranker | None = None,
    progress: Progress = lambda entry: None,
) -> LearnedRanker:
    """Raises NothingToLearn. ``active`` is measured as well; ``seed`` is that of the intervals."""
    check_enough(table.answers, int(table.taken.sum()))
    later = int(table.answers * (1 - HELD_OUT))
    before, held = table.between(0, later), table.between(later, table.answers)
    shown = {"items": table.answers, "of": table.answers}
    progress({"stage": "choose", **shown})
    l2, pairs = _chosen(before, options)
    progress({"stage": "measure", **shown})
    model = fit(before, l2, pairs=pairs, debiased=options.debiased)
    # however it learned, it is judged without the bias
    judge = model if options.debiased else fit(before, l2, pairs=pairs)
    metrics = _measured(model, judge, before, held, active=active, seed=seed)
    progress({"stage": "learn", **shown})
    final = fit(table, l2, pairs=pairs, debiased=options.debiased)
    said = {"chosen": {"l2": l2, "pairs": float(pairs)}, **_curves(final, table)}
    return LearnedRanker(final.ranker, metrics | said)


def _chosen(before: ShownTable, options: Options) -> tuple[float, bool]:
    if options.l2 is not None and options.pairs is not None:
        return options.l2, options.pairs
    cut = int(before.answers * (1 - TUNED))
    return chosen(
        before.between(0, cut),
        before.between(cut, before.answers),
        l2s=L2S if options.l2 is None else (options.l2,),
        pairs=options.pairs,
        debiased=options.debiased,
    )


def _measured(
    model: ClickModel,
    judge: ClickModel,
    before: ShownTable,
    held: ShownTable,
    *,
    active: ranking.Ranker | None,
    seed: int,
) -> dict[str, Any]:
    """Of the model, the formula and the active ranker, on the same answers; ``judge`` says how likely what
    was taken up was looked at.
    """
    taken = int(held.taken.sum())
    if taken < LEAST_MEASURED:
        return {"held out": f"only {taken} items were taken up: not measured"}
    examined = judge.examined(held)
    rankers: dict[str, ranking.Ranker] = {"model": model.ranker, "formula": ranking.FORMULA}
    if active:
        rankers["active"] = active
    metrics: dict[str, Any] = {"answers measured": held.answers, "taken up": taken}
    found: dict[str, Gains] = {}
    for name, ranker in rankers.items():
        scores = ranker.scores(held.features).astype(np.float64)
        found[name] = gains(scores, held, examined)
        metrics[name] = {NDCG: found[name].ndcg, "auc": auc(scores, held, examined)}
    metrics["model"]["log loss"] = model.log_loss(held)
    metrics["formula"]["log loss"] = fit(before, UNMOVED).log_loss(held)
    for name in found.keys() - {"model"}:
        apart = difference(found["model"], found[name], held.unit, seed)
        metrics[f"more than {name}"] = apart
    return metrics


def _curves(model: ClickModel, table: ShownTable) -> dict[str, dict[str, float]]:
    """By placement, how much more rarely each position is looked at than the most looked at."""
    curves = {}
    for name, row, place in zip(
        table.placements, model.examination, range(len(table.placements)), strict=True
    ):
        shown = table.position[table.placement[table.answer] == place]
        edges = [n for n, edge in enumerate(EDGES) if edge <= shown.max(initial=0)]
        best = max((row[n] for n in edges), default=1.0)
        curves[f"looked at, {name}"] = {str(EDGES[n]): float(row[n] / best) for n in edges}
    return curves
