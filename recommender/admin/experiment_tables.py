"""The tables of an experiment's report."""

import math
from dataclasses import dataclass
from typing import Any, Final

from django.utils.safestring import SafeString

from catalog.admin import html
from recommender.reports import ExperimentReport
from recommender.reports.metrics import Guardrail, Metric

MEANS: Final = frozenset({"value"})
"""Metrics that are no shares."""
VERDICTS: Final = {"violated": "danger", "held": "success", "open": ""}
SURE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Rows:
    """One metric as the page shows it."""

    name: str
    about: str
    rows: list[tuple[str, str, str, str, str, SafeString | str]]
    """Variant, figure with interval, difference, relative difference, p-value, what that says."""


def size_rows(report: ExperimentReport) -> list[tuple[str, ...]]:
    """Variant, share asked for, visitors, answers, items."""
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


def metric_rows(report: ExperimentReport, metric: Metric) -> Rows:
    """A row a variant."""
    percent = metric.name not in MEANS
    return Rows(
        metric.name,
        metric.about,
        [_row(arm.name, metric, percent=percent) for arm in report.arms],
    )


def _row(variant: str, metric: Metric, *, percent: bool) -> Any:
    estimate = metric.estimates.get(variant)
    figure = "–"
    if estimate is not None and math.isfinite(estimate.value):
        figure = shown(estimate.value, percent=percent)
        if estimate.low is not None and estimate.high is not None:
            figure += f" ({between(estimate.low, estimate.high, percent=percent)})"
    found = metric.differences.get(variant)
    if found is None:
        return variant, figure, "", "", "", metric.lacking.get(variant, "")
    change = f"{shown(found.value, percent=percent, sign=True)} ({between(found.low, found.high, percent=percent, sign=True)})"
    lift = ""
    if found.lift is not None and found.lift_low is not None and found.lift_high is not None:
        lift = f"{found.lift:+.1%} ({between(found.lift_low, found.lift_high, sign=True)})"
    return variant, figure, change, lift, f"{found.p_value:.4f}", _says(variant, metric, percent)


def _says(variant: str, metric: Metric, percent: bool) -> SafeString | str:
    if isinstance(metric, Guardrail):
        verdict = metric.verdicts[variant]
        return html.badge(verdict, VERDICTS[verdict])
    found = metric.differences[variant]
    if found.p_value < SURE:
        return "higher" if found.value > 0 else "lower"
    least = shown(found.detectable, percent=percent)
    return f"no difference shown; one of {least} would be, four times of five"


def shown(value: float, *, percent: bool = True, sign: bool = False) -> str:
    """A figure as people read it."""
    if percent:
        return f"{value:+.2%}" if sign else f"{value:.2%}"
    return f"{value:+,.3f}" if sign else f"{value:,.3f}"


def between(low: float, high: float, *, percent: bool = True, sign: bool = False) -> str:
    """An interval."""
    return f"{shown(low, percent=percent, sign=sign)} to {shown(high, percent=percent, sign=sign)}"
