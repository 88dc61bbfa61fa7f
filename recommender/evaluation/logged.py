"""What another policy would have earned, from what was logged of decisions made by chance. Pure.

A list is filled from the top, each position by the best that is left or, with the exploration's
probability, by anything that is left. The log has the probability of each decision given those above it,
so that of another amount of exploration follows from it. An item's weight is the product over it and
those above: exact if what stands below an item does not change what becomes of it (J. McInerney et al.,
Counterfactual Evaluation of Slate Recommendations with Sequential Reward Interactions, KDD 2020).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.metrics import Estimate, counterfactual
from recommender.types import MAX_EXPLORATION

CLIP: Final = 10.0
"""No item counts more than ten."""
TINY: Final = float(np.finfo(np.float64).tiny)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Log:
    """Answers of one placement, an item a row (n,), those of an answer together and by position."""

    answer: NDArray[np.int64]
    """Numbers from 0, ascending."""
    unit: NDArray[np.int64]
    """Whom it was shown to."""
    propensity: Floats
    """The probability of showing it there, given what stands above."""
    reward: Floats
    """What came of it, 1 for a click."""

    @property
    def answers(self) -> int:
        """How many."""
        return int(self.answer[-1]) + 1 if len(self.answer) else 0

    @property
    def explored(self) -> NDArray[np.bool_]:
        """(n,): what was drawn by chance and was not the best that was left.

        With exploration e among m items the best has 1 - e + e/m, above 1/2 for e up to MAX_EXPLORATION;
        each other has e/m.
        """
        return self.propensity <= MAX_EXPLORATION

    def products(self, factors: Floats) -> Floats:
        """(n,): of each row's factor and those above it in its answer."""
        place = np.arange(len(self.answer)) - np.searchsorted(self.answer, self.answer)
        whole = np.ones((self.answers, int(place.max(initial=0)) + 1))
        whole[self.answer, place] = factors
        return np.asarray(np.multiply.accumulate(whole, axis=1)[self.answer, place])


def with_exploration(log: Log, times: float) -> Floats:
    """(n,): the probability of showing each there with ``times`` the exploration, given those above.

    The number of items left cancels out: what was drawn by chance becomes ``times`` as likely, and the
    best keeps the rest. Raises ValueError where that is more than everything.
    """
    target = np.where(log.explored, times * log.propensity, 1 - times * (1 - log.propensity))
    if times < 0 or not ((target >= 0) & (target <= 1)).all():
        raise ValueError(f"{times:g} times the exploration is more than can be")
    return target


def estimate(log: Log, target: Floats, *, clip: float = CLIP, seed: int = 0) -> dict[str, Estimate]:
    """The reward an item shown that a policy would have earned, by ``ips`` and ``snips``.

    ``target`` (n,) are its probabilities, given what stands above. Intervals by drawing units. What is
    shown with certainty (propensity 1) tells only of policies that show it too: the effective size says
    how many items speak. Raises ValueError for an empty log.
    """
    logged = np.maximum(log.products(log.propensity), TINY)
    wanted = np.minimum(log.products(target), 1.0)
    return {
        name: counterfactual(
            log.reward, logged, wanted, groups=log.unit, clip=clip, normalised=normalised, seed=seed
        )
        for name, normalised in (("ips", False), ("snips", True))
    }
