"""How strongly an item resembles what a policy is against. Pure functions.

Raw cosines cannot be compared: words and words of one space are alike by .1 on average, words and
pictures by .02 and never by more than .5. So each example's cosines are measured against its own
likeness to the catalog at large, in deviations from the median (the test normalisation of speaker
verification, Auckenthaler et al. 2000): ``z = (cos - median) / deviation``.

An item's score is ``P + AGREEMENT * A - SLOPE * max(0, N - P)``: P the largest z of any positive example
in any modality of the item, A what its other modalities add (their own largest z where above 0), N the
largest z of any negative example. `python -m benchmarks.moderation` measures it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.types import MODALITIES, Modality, Vectors

AGREEMENT: Final = 0.3
"""Words and picture that speak of the same weigh more than either: mean AP of 43 categories of the demo as
policies (their name and four of their pictures as examples) .473 with it, .455 without.
"""
SLOPE: Final = 2.0
"""What is nearer to a counterexample falls below any threshold soon. Four counterexamples from kindred
categories take precision at 4 deviations from .24 to .26, recall from .73 to .71; half of N taken off,
whichever is nearer, gives .34 and .51.
"""
MAD_TO_SIGMA: Final = 1.4826
PRIOR_CENTRE: Final = 0.05
PRIOR_SPREAD: Final = 0.12
PRIOR_ITEMS: Final = 20
"""What is usual before there is a catalog to ask, and how many items outweigh it. Of the demo's text
and picture vectors the medians are 0 to .1, the deviations .06 to .13.
"""
MIN_SPREAD: Final = 0.03
"""Where most of a catalog is the same thing."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One vector of one example, (dim,), unit norm, and the modality of items that it is held against."""

    example_id: int
    positive: bool
    shown: Modality
    """What the example is."""
    against: Modality
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Usual:
    """Median and deviation of each probe's cosines with the catalog, (probes,)."""

    centre: NDArray[np.float32]
    spread: NDArray[np.float32]


def usual(probes: Sequence[Probe], catalog: Mapping[Modality, Vectors]) -> Usual:
    """What each probe's cosines are like over a sample of the catalog's vectors, (n, dim) each."""
    centre = np.full(len(probes), PRIOR_CENTRE, np.float32)
    spread = np.full(len(probes), PRIOR_SPREAD, np.float32)
    for place, probe in enumerate(probes):
        rows = catalog.get(probe.against)
        if rows is None or not len(rows):
            continue
        cosines = rows @ probe.vector
        median = float(np.median(cosines))
        deviation = MAD_TO_SIGMA * float(np.median(np.abs(cosines - median)))
        share = len(rows) / (len(rows) + PRIOR_ITEMS)
        centre[place] = share * median + (1 - share) * PRIOR_CENTRE
        spread[place] = share * deviation + (1 - share) * PRIOR_SPREAD
    return Usual(centre, np.maximum(spread, MIN_SPREAD))


def deviations(
    probes: Sequence[Probe], usually: Usual, items: Sequence[Mapping[Modality, NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """Of each item and probe, (items, probes): z, or -inf where the item lacks the modality."""
    found = np.full((len(items), len(probes)), -np.inf, np.float32)
    for modality in MODALITIES:
        rows = [place for place, item in enumerate(items) if modality in item]
        columns = [place for place, probe in enumerate(probes) if probe.against == modality]
        if not rows or not columns:
            continue
        left = np.stack([items[place][modality] for place in rows])
        right = np.stack([probes[place].vector for place in columns])
        z = (left @ right.T - usually.centre[columns]) / usually.spread[columns]
        found[np.ix_(rows, columns)] = z
    return found


def scores(probes: Sequence[Probe], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each item, from ``deviations``: (items,), higher is more against the policy."""
    positive = np.array([probe.positive for probe in probes], bool)
    if not positive.any():
        return np.full(len(z), -np.inf, np.float32)
    by_modality = np.full((len(z), len(MODALITIES)), -np.inf, np.float32)
    for column, modality in enumerate(MODALITIES):
        own = [p for p, each in enumerate(probes) if each.positive and each.against == modality]
        if own:
            by_modality[:, column] = z[:, own].max(1)
    best = by_modality.max(1)
    comparable = np.isfinite(best)
    agreeing = np.maximum(by_modality, 0).sum(1) - np.maximum(best, 0)
    found = np.where(comparable, best + AGREEMENT * agreeing, -np.inf)
    if not positive.all():
        worst = z[:, ~positive].max(1)
        nearer = np.where(comparable & np.isfinite(worst), worst - np.where(comparable, best, 0), 0)
        found -= SLOPE * np.maximum(nearer, 0)
    return np.asarray(found, np.float32)


def strengths(
    probes: Sequence[Probe], row: NDArray[np.float32], most: int
) -> list[tuple[Probe, float]]:
    """What an item resembles, strongest first: each example once for each modality of the item."""
    found: dict[tuple[int, Modality], tuple[Probe, float]] = {}
    for place in np.argsort(-row, kind="stable"):
        if not np.isfinite(row[place]):
            break
        probe = probes[int(place)]
        found.setdefault((probe.example_id, probe.against), (probe, float(row[place])))
    return list(found.values())[:most]
