"""Learning to rank from biased clicks: what stands high is looked at more. Pure; numpy and scipy.

The position-based click model: whoever is shown an item at position k looks at it with chance
examination(k), and then takes it up with chance relevance(features); both chances are learned at once.
X. Wang et al., Position Bias Estimation for Unbiased Learning to Rank in Personal Search, 2018, fit the
same by EM; here the likelihood is maximized directly, which ends in the same place sooner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recommender import ranking
from recommender.ranking import LogisticRanker, sigmoid
from recommender.ranking_training.table import ShownTable

EDGES: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17, 25, 49)
"""Positions at which another chance to be looked at begins: far down few events tell them apart."""
L2S: Final = (1000.0, 100.0, 10.0, 1.0, 0.1)
"""Pull towards the weighted formula; from the strongest on, for as long as held-back lists gain."""
PAIRS_GAIN: Final = 0.002
"""Part of the held-back log loss that products of features must save to be kept: 36 weights more."""
POSITION_L2: Final = 0.1
PLACEMENT_L2: Final = 1.0
"""Of the log-odds of being looked at: positions are told apart easily; placements hardly, for how
likely anything is to be taken up there would do as well as a reason; and a placement's own curve of
positions is that of all unless many events say otherwise.
"""
CURVE_L2: Final = 5.0
SCALE_L2: Final = 1e-4
ITERATIONS: Final = 300
ENOUGH: Final = 1e-5
"""Slope of the loss a row, below which it is the end."""
TINY: Final = float(np.finfo(np.float64).tiny)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClickModel:
    """Both halves of a fitted model."""

    ranker: LogisticRanker
    examination: Floats
    """(placements, len(EDGES)), in (0, 1]: only their ratios mean something."""
    l2: float
    parameters: Floats
    """Where a fit with another ``l2`` may start."""

    def examined(self, table: ShownTable) -> Floats:
        """(n,), the chance that each was looked at."""
        return np.asarray(self.examination[table.placement[table.answer], _bucket(table)])

    def chances(self, table: ShownTable) -> Floats:
        """(n,), of being taken up where it was shown."""
        return self.examined(table) * sigmoid(self.ranker.log_odds(table.features))

    def log_loss(self, table: ShownTable) -> float:
        """Of what was taken up and what was not, in nats a row, by their weights."""
        chances = self.chances(table)
        said = np.where(table.taken, chances, 1 - chances)
        return float(np.average(-np.log(np.maximum(said, TINY)), weights=table.weight))


def chosen(
    learn: ShownTable,
    held: ShownTable,
    *,
    l2s: Sequence[float] = L2S,
    pairs: bool | None = None,
    debiased: bool = True,
) -> tuple[float, bool]:
    """The pull and whether products of features are used that do best on ``held``.

    ``pairs`` None: if they save PAIRS_GAIN.
    """
    found: dict[bool, tuple[float, float]] = {}
    for use in (False, True) if pairs is None else (pairs,):
        losses = dict(_path(learn, held, l2s, use, debiased))
        best = min(losses, key=lambda l2: (losses[l2], -l2))
        found[use] = (losses[best], best)
    if pairs is None:
        pairs = found[True][0] < (1 - PAIRS_GAIN) * found[False][0]
    return found[pairs][1], pairs


def _path(
    learn: ShownTable, held: ShownTable, l2s: Sequence[float], pairs: bool, debiased: bool
) -> Iterator[tuple[float, float]]:
    """Ever weaker pulls and the loss on ``held``, until it rises; each fit begins where the last ended."""
    best, start = np.inf, None
    for l2 in l2s:
        model = fit(learn, l2, pairs=pairs, debiased=debiased, start=start)
        loss, start = model.log_loss(held), model.parameters
        yield l2, loss
        if loss > best:
            return
        best = loss


def fit(
    table: ShownTable,
    l2: float,
    *,
    pairs: bool = False,
    debiased: bool = True,
    start: Floats | None = None,
) -> ClickModel:
    """The most likely model, its weights pulled towards a multiple of the weighted formula's.

    An event counts by its strength; what somebody spoke against was looked at, whatever its position.
    Without ``debiased`` everything counts as looked at. Raises ValueError if the features are not
    finite.
    """
    if not np.isfinite(table.features).all():
        raise ValueError("a feature is not a finite number")
    problem = _Problem(table, pairs, debiased)
    penalty = problem.penalty(l2)

    def objective(at: Floats) -> tuple[float, Floats]:
        value, slope = problem.loss(at)
        return value + float((penalty * at * at).sum()) / 2, slope + penalty * at

    first = problem.start() if start is None else start
    # some dozen parameters: BFGS takes 40 steps where L-BFGS takes 100
    options = {"maxiter": ITERATIONS, "gtol": ENOUGH * len(table.answer)}
    found = minimize(objective, first, jac=True, method="BFGS", options=options)
    return problem.model(found.x, l2)


class _Problem:
    """The negative log-likelihood of a table, and what its parameters mean.

    In their order: the multiple of the formula; what each feature weighs beside it; what each pair
    weighs; the bias; log-odds of being looked at by placement, by position, and by both.
    """

    def __init__(self, table: ShownTable, pairs: bool, debiased: bool) -> None:
        x = table.features.astype(np.float64)
        formula = np.array([ranking.WEIGHTS.get(name, 0.0) for name in ranking.FEATURES])
        self.pairs = ranking.PAIRS if pairs else ()
        places = ranking.FEATURES.index
        products = [x[:, [places(one)]] * x[:, [places(other)]] for one, other in self.pairs]
        self.formula = formula
        self.design = np.concatenate(
            [x @ formula[:, None], x, *products, np.ones((len(x), 1))], axis=1
        )
        self.debiased = debiased
        self.shape = (len(table.placements), len(EDGES))
        self.cell = table.placement[table.answer] * len(EDGES) + _bucket(table)
        self.weight, self.taken, self.against = table.weight, table.taken, table.strength < 0

    def start(self) -> Floats:
        """The formula itself."""
        first = np.zeros(self.design.shape[1] + sum(self.shape) + self.shape[0] * self.shape[1])
        first[0] = 1.0
        return first

    def penalty(self, l2: float) -> Floats:
        """(parameters,)."""
        placements, positions = self.shape
        parts = [
            (1, SCALE_L2),
            (len(ranking.FEATURES) + len(self.pairs), l2),
            (1, 0.0),
            (placements, PLACEMENT_L2),
            (positions, POSITION_L2),
            (placements * positions, CURVE_L2),
        ]
        return np.concatenate([np.full(count, value) for count, value in parts])

    def loss(self, at: Floats) -> tuple[float, Floats]:
        """Its value and slope.

        What was taken up was looked at and relevant; of what was not, one of both or neither is unknown;
        what was spoken against was looked at and not relevant.
        """
        width = self.design.shape[1]
        # einsum and not @: BLAS' threads wait for one another where cores are busy (31 ms, this 2)
        z = np.einsum("ij,j->i", self.design, at[:width])
        looked_at = self._examination(at).ravel()
        examined = looked_at[self.cell]
        surprise = np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0)  # -log of relevance
        relevant = np.exp(-surprise)
        unseen = np.maximum(1 - examined * relevant, TINY)
        left = examined * relevant / unseen
        loss = np.where(self.taken, surprise, np.where(self.against, z + surprise, -np.log(unseen)))
        of_z = np.where(
            self.taken, relevant - 1, np.where(self.against, relevant, left * (1 - relevant))
        )
        of_t = np.where(self.taken, -1.0, np.where(self.against, 0.0, left))
        cells = len(looked_at)
        taken = np.bincount(self.cell, self.weight * self.taken, cells)
        by_cell = np.bincount(self.cell, self.weight * of_t, cells) * (1 - looked_at)
        value = (self.weight * loss).sum() - (taken * np.log(np.maximum(looked_at, TINY))).sum()
        slope = [np.einsum("ij,i->j", self.design, self.weight * of_z), *self._spread(by_cell)]
        return float(value), np.concatenate(slope)

    def _examination(self, at: Floats) -> Floats:
        """(placements, positions)."""
        return sigmoid(self._looked_at(at)) if self.debiased else np.ones(self.shape)

    def _looked_at(self, at: Floats) -> Floats:
        """(placements, positions), log-odds."""
        placements, positions = self.shape
        rest = at[self.design.shape[1] :]
        own = rest[placements + positions :].reshape(self.shape)
        return rest[:placements, None] + rest[placements : placements + positions] + own

    def _spread(self, by_cell: Floats) -> tuple[Floats, Floats, Floats]:
        table = by_cell.reshape(self.shape)
        return table.sum(axis=1), table.sum(axis=0), by_cell

    def model(self, at: Floats, l2: float) -> ClickModel:
        """What the parameters say."""
        count = len(ranking.FEATURES)
        weights = at[1 : 1 + count] + at[0] * self.formula
        pairs = at[1 + count : 1 + count + len(self.pairs)].tolist()
        ranker = LogisticRanker(
            dict(zip(ranking.FEATURES, weights.tolist(), strict=True)),
            float(at[self.design.shape[1] - 1]),
            dict(zip(self.pairs, pairs, strict=True)),
        )
        return ClickModel(ranker, self._examination(at), l2, at)


def _bucket(table: ShownTable) -> NDArray[np.intp]:
    return np.searchsorted(np.array(EDGES), table.position, side="right") - 1
