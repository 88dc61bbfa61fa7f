"""What figures of a sample say of everybody. Pure.

Intervals hold with 95 % and take the visitor as the unit, since one visitor's views and clicks belong
together. Of a ratio of two sums (clicks of items shown) they follow from the delta method: A. Deng,
U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018, section 3. A sample
ratio mismatch is told by a chi-square test: A. Fabijan et al., "Diagnosing Sample Ratio Mismatch in
Online Controlled Experiments", KDD 2019.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95
POWER: Final = 0.8
Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
# a difference of so many standard errors is found with POWER
Z_DETECTABLE: Final = Z + NormalDist().inv_cdf(POWER)
# Fabijan et al.: low, since the test is made of every experiment, and each time somebody looks
MISMATCH_P: Final = 0.001
# a chi-square test needs as many expected of each kind
MIN_EXPECTED: Final = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; without one of fewer than two visitors, or if they are all alike."""

    value: float
    variance: float
    """Of the figure itself, not of the visitors."""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A variant's figure less the control's."""

    value: float
    low: float
    high: float
    lift: float | None
    """Relative to the control's figure; None if that is 0."""
    lift_low: float | None
    lift_high: float | None
    p_value: float
    """How likely so large a difference is if there is none; two-sided."""
    detectable: float
    """A true difference of this size would be found four times of five."""


def mean_estimate(count: int, mean: float, variance: float | None) -> Estimate:
    """Of the mean of ``count`` visitors' figures with this sample variance."""
    if count < 2 or variance is None:
        return Estimate(mean, math.nan)
    return _normal(mean, variance / count)


def share_estimate(count: int, did: int) -> Estimate:
    """Of the part of the visitors who did something, with Wilson's interval: right also near 0 and 1."""
    if count == 0:
        return Estimate(math.nan, math.nan)
    share = did / count
    if count < 2:
        return Estimate(share, math.nan)
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    spread = math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
    low, high = max(middle - Z * spread, 0.0), min(middle + Z * spread, 1.0)
    return Estimate(share, share * (1 - share) / (count - 1), low, high)


def ratio_estimate(
    count: int,
    top: tuple[float, float],
    bottom: tuple[float, float],
    covariance: float | None,
) -> Estimate:
    """Of sum / sum over visitors, each given by its (mean, sample variance) and their covariance."""
    (top_mean, top_variance), (mean, variance) = top, bottom
    if not mean:
        return Estimate(math.nan, math.nan)
    ratio = top_mean / mean
    if count < 2 or covariance is None:
        return Estimate(ratio, math.nan)
    spread = top_variance - 2 * ratio * covariance + ratio**2 * variance
    return _normal(ratio, max(spread, 0.0) / (count * mean**2))


def _normal(value: float, variance: float) -> Estimate:
    if not variance:
        return Estimate(value, 0.0)
    half = Z * math.sqrt(variance)
    return Estimate(value, variance, value - half, value + half)


def difference(control: Estimate, other: Estimate) -> Difference:
    """Of two independent samples' figures; both must have intervals."""
    value = other.value - control.value
    error = math.sqrt(control.variance + other.variance)
    p_value = math.erfc(abs(value) / error / math.sqrt(2)) if error else float(value == 0)
    lift = low = high = None
    if control.value:
        ratio = other.value / control.value
        lift = ratio - 1
        spread = math.sqrt(other.variance + ratio**2 * control.variance) / abs(control.value)
        low, high = lift - Z * spread, lift + Z * spread
    return Difference(
        value=value,
        low=value - Z * error,
        high=value + Z * error,
        lift=lift,
        lift_low=low,
        lift_high=high,
        p_value=p_value,
        detectable=Z_DETECTABLE * error,
    )


def sample_ratio_p(counts: Sequence[int], weights: Sequence[float]) -> float | None:
    """How likely a split of visitors so far from the weights is, if nothing is wrong.

    None for too few: MIN_EXPECTED of each are needed.
    """
    from scipy.stats import chisquare

    total, parts = sum(counts), sum(weights)
    expected = [total * weight / parts for weight in weights]
    if len(counts) < 2 or min(expected) < MIN_EXPECTED:
        return None
    return float(chisquare(list(counts), expected).pvalue)
