"""The figures of an experiment: what may become better, and what must not become worse."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from recommender.event_types import event_types
from recommender.reports import statistics
from recommender.reports.experiment_sql import Facts
from recommender.reports.statistics import Difference, Estimate

# Fewer and the normal approximation behind intervals and p-values does not hold: rules of thumb, the
# second the usual n·p and n·(1-p) >= 10, the third more since values are skewed.
MIN_VISITORS: Final = 100
MIN_DID: Final = 10
MIN_PAYING: Final = 30


@dataclass(slots=True)
class Metric:
    """One figure of every variant, and how each differs from the control's."""

    name: str
    about: str
    estimates: dict[str, Estimate] = field(default_factory=dict)
    """By variant, those with visitors only."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """By variant but the control, where there is enough to say so."""
    lacking: dict[str, str] = field(default_factory=dict)
    """By variant but the control: why there is not enough."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "about": self.about,
            "variants": {
                name: {"value": _finite(each.value), "low": each.low, "high": each.high}
                for name, each in self.estimates.items()
            },
            "differences": {
                name: {
                    "value": each.value,
                    "low": each.low,
                    "high": each.high,
                    "lift": each.lift,
                    "lift_low": each.lift_low,
                    "lift_high": each.lift_high,
                    "p_value": each.p_value,
                    "detectable": each.detectable,
                }
                for name, each in self.differences.items()
            },
            "lacking": self.lacking,
        }


@dataclass(slots=True)
class Guardrail(Metric):
    """Something that must not become more frequent."""

    tolerated: float = 0.0
    """Relative rise."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """By variant but the control: ``violated`` if it rose for sure, ``held`` if it did not rise by
    more than is tolerated, else ``open``.
    """

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**Metric.as_dict(self), "tolerated": self.tolerated, "verdicts": self.verdicts}


def metrics_of(facts: Sequence[Facts]) -> list[Metric]:
    """What an experiment may improve; ``facts`` of the control first."""
    clicks, conversions = (
        ", ".join(settings.RECOMMENDER["IMPRESSIONS"][name]) for name in ("CLICKS", "CONVERSIONS")
    )
    metrics = [
        _measured(
            Metric("ctr", f"items shown that had a {clicks}, of all items shown"),
            facts,
            lambda f: statistics.ratio_estimate(
                f.visitors,
                (f.clicked / max(f.visitors, 1), f.clicked_variance or 0.0),
                (f.shown / max(f.visitors, 1), f.shown_variance or 0.0),
                f.covariance,
            ),
            lambda f: _few(f.clicked, MIN_DID, "clicked items"),
        ),
        _measured(
            Metric("conversion", f"visitors with a {conversions} owed to this placement"),
            facts,
            lambda f: statistics.share_estimate(f.visitors, f.converted),
            lambda f: _few_did(f, f.converted, "converted"),
        ),
        _measured(
            Metric("value", f"value of each {conversions} owed to it, per visitor"),
            facts,
            lambda f: statistics.mean_estimate(
                f.visitors, f.value / max(f.visitors, 1), f.value_variance
            ),
            lambda f: _few(f.paying, MIN_PAYING, "visitors with a value"),
        ),
    ]
    happened = {name for each in facts for name in each.acted or {}}
    return metrics + [_share_of_type(name, facts) for name in event_types() if name in happened]


def _share_of_type(name: str, facts: Sequence[Facts]) -> Metric:
    def did(f: Facts) -> int:
        return (f.acted or {}).get(name, 0)

    return _measured(
        Metric(f"visitors:{name}", f"visitors with a {name} owed to this placement"),
        facts,
        lambda f: statistics.share_estimate(f.visitors, did(f)),
        lambda f: _few_did(f, did(f), f"with a {name}"),
    )


def guardrails_of(facts: Sequence[Facts]) -> list[Guardrail]:
    """What it must not make more frequent; ``facts`` of the control first."""
    tolerated: Mapping[str, float] = settings.RECOMMENDER["IMPRESSIONS"]["GUARDRAILS"]
    return [_guardrail(name, rise, facts) for name, rise in tolerated.items()]


def _guardrail(name: str, rise: float, facts: Sequence[Facts]) -> Guardrail:
    def did(f: Facts) -> int:
        return (f.done or {}).get(name, 0)

    made = Guardrail(name, f"visitors with a {name}, wherever, since they took part")
    made.tolerated = rise
    _measured(made, facts, lambda f: statistics.share_estimate(f.visitors, did(f)), lambda _: "")
    for each in facts[1:]:
        # of both: a control where nobody did it shows the harm best
        why = _few(did(facts[0]) + did(each), MIN_DID, f"visitors with a {name} in both")
        if why and each.variant in made.differences:
            del made.differences[each.variant]
            made.lacking[each.variant] = f"not enough data: {why}"
    for variant, found in made.differences.items():
        most = rise * made.estimates[facts[0].variant].value
        made.verdicts[variant] = (
            "violated" if found.low > 0 else "held" if found.high <= most else "open"
        )
    made.verdicts |= dict.fromkeys(made.lacking, "open")
    return made


def _measured(
    metric: Metric,
    facts: Sequence[Facts],
    estimate: Callable[[Facts], Estimate],
    lacking: Callable[[Facts], str],
) -> Metric:
    """Fill in the metric; ``lacking`` says what a variant has too few of, if anything."""
    for each in facts:
        if each.visitors:
            metric.estimates[each.variant] = estimate(each)
    if not facts:
        return metric
    control, *others = facts
    for each in others:
        few = [
            f"{f.variant}: {why}"
            for f in (control, each)
            if (why := _few(f.visitors, MIN_VISITORS, "visitors") or lacking(f))
        ]
        if few:
            metric.lacking[each.variant] = "not enough data: " + "; ".join(few)
        else:
            metric.differences[each.variant] = statistics.difference(
                metric.estimates[control.variant], metric.estimates[each.variant]
            )
    return metric


def _few(count: float, least: int, noun: str) -> str:
    return f"{count:g} {noun}, {least} needed" if count < least else ""


def _few_did(facts: Facts, did: int, noun: str) -> str:
    return _few(did, MIN_DID, f"visitors {noun}") or _few(
        facts.visitors - did, MIN_DID, f"visitors not {noun}"
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
