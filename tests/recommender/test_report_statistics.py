"""Estimates, differences and the sample ratio, against resampling and against known answers."""

import math

import numpy as np
import pytest
from scipy import stats

from recommender.reports.statistics import (
    Estimate,
    difference,
    mean_estimate,
    ratio_estimate,
    sample_ratio_p,
    share_estimate,
)

Z = 1.959963984540054


def visitors(rng: np.random.Generator, count: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """(clicks, items shown) of visitors who differ in how much they see and how readily they click."""
    shown = rng.integers(1, 40, count)
    eager = rng.beta(2, 2 / rate - 2, count)
    return rng.binomial(shown, eager), shown


def estimate(clicks: np.ndarray, shown: np.ndarray) -> Estimate:
    covariance = np.cov(clicks, shown)
    return ratio_estimate(
        len(shown),
        (clicks.mean(), covariance[0, 0]),
        (shown.mean(), covariance[1, 1]),
        covariance[0, 1],
    )


def test_a_ratio_varies_as_resampled_visitors_do():
    rng = np.random.default_rng(0)
    clicks, shown = visitors(rng, 3_000, 0.1)
    found = estimate(clicks, shown)
    chosen = rng.integers(0, len(shown), (2_000, len(shown)))
    resampled = clicks[chosen].sum(1) / shown[chosen].sum(1)

    assert found.value == pytest.approx(clicks.sum() / shown.sum(), rel=1e-12)
    assert math.sqrt(found.variance) == pytest.approx(resampled.std(), rel=0.05)
    # items as units would promise more than there is: that is what the visitor as unit is for
    naive = math.sqrt(found.value * (1 - found.value) / shown.sum())
    assert math.sqrt(found.variance) > 1.5 * naive


def test_without_a_difference_one_p_value_in_twenty_is_below_a_twentieth():
    rng = np.random.default_rng(1)
    values = [
        difference(estimate(*visitors(rng, 400, 0.1)), estimate(*visitors(rng, 400, 0.1))).p_value
        for _ in range(1_000)
    ]

    assert stats.kstest(values, "uniform").pvalue > 0.01
    below = sum(value < 0.05 for value in values)
    assert stats.binomtest(below, len(values), 0.05).pvalue > 0.01


def test_the_detectable_difference_is_found_four_times_of_five():
    rng = np.random.default_rng(2)
    share, count = 0.1, 2_000
    error = math.sqrt(2 * share * (1 - share) / count)
    control, other = (
        rng.binomial(count, p, 2_000)
        for p in (share - 0.5 * 2.8016 * error, share + 0.5 * 2.8016 * error)
    )
    found = [
        difference(share_estimate(count, int(a)), share_estimate(count, int(b)))
        for a, b in zip(control, other, strict=True)
    ]

    assert np.mean([each.detectable for each in found]) == pytest.approx(2.8016 * error, rel=0.01)
    power = sum(each.p_value < 0.05 for each in found)
    assert stats.binomtest(power, len(found), 0.8).pvalue > 0.01


def test_a_share():
    found = share_estimate(100, 20)

    assert found.value == 0.2
    assert found.variance == pytest.approx(np.var([1] * 20 + [0] * 80, ddof=1) / 100)
    wilson = stats.binomtest(20, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx(tuple(wilson))


def test_nobody_did_it():
    found = share_estimate(100, 0)

    assert (found.value, found.variance, found.low) == (0.0, 0.0, 0.0)
    assert found.high == pytest.approx(stats.binomtest(0, 100).proportion_ci(method="wilson").high)
    assert mean_estimate(100, 0.0, 0.0).high is None  # all alike says nothing of the others


def test_a_difference():
    found = difference(Estimate(0.2, 0.0001), Estimate(0.25, 0.0003))

    assert found.value == pytest.approx(0.05)
    assert (found.low, found.high) == pytest.approx((0.05 - Z * 0.02, 0.05 + Z * 0.02))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.5))
    assert found.lift == pytest.approx(0.25)
    # V(b / a) = V(b) / a² + b² V(a) / a⁴
    spread = math.sqrt(0.0003 / 0.2**2 + 0.25**2 * 0.0001 / 0.2**4)
    assert (found.lift_low, found.lift_high) == pytest.approx(
        (0.25 - Z * spread, 0.25 + Z * spread)
    )


def test_a_difference_from_nothing_has_no_lift():
    found = difference(Estimate(0.0, 0.0), Estimate(0.25, 0.0004))

    assert (found.lift, found.lift_low, found.lift_high) == (None, None, None)
    assert found.low > 0
    assert difference(Estimate(1.0, 0.0), Estimate(1.0, 0.0)).p_value == 1
    assert difference(Estimate(1.0, 0.0), Estimate(2.0, 0.0)).p_value == 0


def test_of_hardly_anybody():
    assert mean_estimate(1, 3.0, None).low is None
    assert share_estimate(1, 1).high is None
    assert math.isnan(share_estimate(0, 0).value)
    assert math.isnan(ratio_estimate(0, (0.0, 0.0), (0.0, 0.0), None).value)
    assert ratio_estimate(1, (1.0, 0.0), (4.0, 0.0), None).value == 0.25


@pytest.mark.parametrize(
    ("counts", "weights", "p_value"),
    [
        ([500, 500], [1, 1], 1.0),
        (
            [821_588, 815_482],
            [1, 1],
            1.82e-6,
        ),  # Kohavi, Tang, Xu (2020), chapter 21, a ratio of 0.993
        ([250, 750], [1, 3], 1.0),
        ([4, 5], [1, 1], None),
        ([10], [1], None),
    ],
)
def test_the_sample_ratio(counts, weights, p_value):
    found = sample_ratio_p(counts, weights)

    assert found == (None if p_value is None else pytest.approx(p_value, rel=0.01))
