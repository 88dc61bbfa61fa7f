"""What another policy would have earned, from what was logged of decisions made by chance."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from recommender.metrics import Estimate, counterfactual


@dataclass(frozen=True, slots=True)
class Decision:
    """An item that was shown."""

    visitor: int
    propensity: float
    """The probability with which it was shown there then."""
    target: float
    """That with which the policy in question would have shown it there."""
    reward: float
    """What came of it, 1 for a click."""


def estimate(
    decisions: Iterable[Decision], *, clip: float = 10.0, seed: int = 0
) -> dict[str, Estimate]:
    """By ``ips`` and ``snips``; intervals by drawing visitors. Raises ValueError for an empty log.

    What is shown with certainty (propensity 1) tells only of policies that show it too: the effective
    size says how many decisions speak.
    """
    rows = [(each.reward, each.propensity, each.target, each.visitor) for each in decisions]
    if not rows:
        raise ValueError("the log is empty: nothing can be estimated")
    rewards, logged, target, visitors = np.array(rows, float).T
    given = {"groups": visitors.astype(np.int64), "clip": clip, "seed": seed}
    return {
        "ips": counterfactual(rewards, logged, target, normalised=False, **given),
        "snips": counterfactual(rewards, logged, target, normalised=True, **given),
    }
