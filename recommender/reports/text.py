"""The report of an experiment as people read it: cells of tables, for the admin and the terminal."""

import math
from typing import Final, TypeAlias

from recommender.reports.experiment import ExperimentReport
from recommender.reports.metrics import Guardrail, Metric

Row: TypeAlias = tuple[str, ...]

MEANS: Final = frozenset({"value"})
"""Metrics that are no shares."""
SURE: Final = 0.05


def size_rows(report: ExperimentReport) -> list[Row]:
    """Variant, share asked for, visitors, answers, items shown."""
    total = sum(arm.weight for arm in report.arms) or 1
    return [
        (
            arm.name,
            f"{arm.weight / total:.1%}",
            f"{arm.visitors:,}",
            f"{arm.answers:,}",
            f"{arm.shown:,}",
        )
        for arm in report.arms
    ]


def metric_rows(report: ExperimentReport, metric: Metric) -> list[Row]:
    """Variant, figure, difference, relative difference (with intervals), p-value, what that says."""
    return [_row(arm.name, metric) for arm in report.arms]


def _row(variant: str, metric: Metric) -> Row:
    percent = metric.name not in MEANS
    found, estimate = metric.differences.get(variant), metric.estimates.get(variant)
    figure = "–"
    if estimate is not None and math.isfinite(estimate.value):
        figure = _with_interval(estimate.value, estimate.low, estimate.high, percent)
    if found is None:
        return variant, figure, "", "", "", metric.lacking.get(variant, "")
    return (
        variant,
        figure,
        _with_interval(found.value, found.low, found.high, percent, "+"),
        _with_interval(found.lift, found.lift_low, found.lift_high, True, "+"),
        "< 0.0001" if found.p_value < 0.0001 else f"{found.p_value:.4f}",
        _says(variant, metric, percent),
    )


def _says(variant: str, metric: Metric, percent: bool) -> str:
    found = metric.differences[variant]
    if found.p_value < SURE:
        said = "higher" if found.value > 0 else "lower"
    else:
        least = _shown(found.detectable, percent)
        said = f"no difference shown; one of {least} would be, four times of five"
    if isinstance(metric, Guardrail):
        return f"{metric.verdicts[variant]}: {said}"
    return said


def _with_interval(
    value: float | None, low: float | None, high: float | None, percent: bool, sign: str = ""
) -> str:
    if value is None:
        return ""
    if low is None or high is None:
        return _shown(value, percent, sign)
    ends = f"{_shown(low, percent, sign)} to {_shown(high, percent, sign)}"
    return f"{_shown(value, percent, sign)} ({ends})"


def _shown(value: float, percent: bool, sign: str = "") -> str:
    return f"{value:{sign}.2%}" if percent else f"{value:{sign},.3f}"
