"""The report of an experiment: each variant's figures, how they differ, and whether to believe it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from recommender import models
from recommender.models import Change
from recommender.reports import statistics
from recommender.reports.experiment_sql import Facts, facts_of
from recommender.reports.metrics import Guardrail, Metric, guardrails_of, metrics_of

State = models.Experiment.State


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant's size."""

    name: str
    weight: float
    visitors: int
    """Who saw this variant only."""
    answers: int
    shown: int
    """Items."""


@dataclass(slots=True)
class ExperimentReport:
    """What is known so far."""

    name: str
    placement: str
    state: str
    started_at: datetime | None
    stopped_at: datetime | None
    arms: list[Arm]
    """The control first."""
    switched: int
    """Visitors who saw more than one variant, and are left out."""
    mismatch_p: float | None
    """Of the split against the weights; None if there are too few visitors to tell."""
    metrics: list[Metric]
    guardrails: list[Guardrail]
    notes: list[str]

    @property
    def mismatch(self) -> bool:
        """Whether visitors are split so differently from the weights that something is broken."""
        return self.mismatch_p is not None and self.mismatch_p < statistics.MISMATCH_P

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "placement": self.placement,
            "state": self.state,
            "started_at": self.started_at and self.started_at.isoformat(),
            "stopped_at": self.stopped_at and self.stopped_at.isoformat(),
            "control": self.arms[0].name if self.arms else None,
            "variants": [
                {
                    "name": arm.name,
                    "weight": arm.weight,
                    "visitors": arm.visitors,
                    "answers": arm.answers,
                    "shown": arm.shown,
                }
                for arm in self.arms
            ],
            "switched": self.switched,
            "sample_ratio": {"p_value": self.mismatch_p, "mismatch": self.mismatch},
            "metrics": [metric.as_dict() for metric in self.metrics],
            "guardrails": [each.as_dict() for each in self.guardrails],
            "notes": self.notes,
        }


def experiment_report(row: models.Experiment, now: datetime | None = None) -> ExperimentReport:
    """Of a running or stopped experiment, as of ``now``; of a draft there is nothing to report."""
    now = now or timezone.now()
    variants = list(row.variants.all())
    found: dict[str, Facts] = {}
    switched = 0
    if row.started_at is not None:
        found, switched = facts_of(row.pk, row.started_at, row.stopped_at or now)
    facts = [found.get(variant.name, Facts(variant.name)) for variant in variants]
    arms = [
        Arm(variant.name, variant.weight, each.visitors, each.answers, int(each.shown))
        for variant, each in zip(variants, facts, strict=True)
    ]
    report = ExperimentReport(
        name=row.name,
        placement=row.placement,
        state=row.state,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        arms=arms,
        switched=switched,
        mismatch_p=statistics.sample_ratio_p(
            [arm.visitors for arm in arms], [arm.weight for arm in arms]
        ),
        metrics=metrics_of(facts),
        guardrails=guardrails_of(facts),
        notes=[],
    )
    report.notes = _notes(report, now)
    return report


def _notes(report: ExperimentReport, now: datetime) -> list[str]:
    if report.started_at is None:
        return ["The experiment has not started."]
    return [*_on_visitors(report), *_on_time(report, report.started_at, now)]


def _on_visitors(report: ExperimentReport) -> Iterator[str]:
    if report.mismatch:
        yield (
            "Sample ratio mismatch: visitors are not split as the weights say, which chance would do "
            f"once in {1 / max(report.mismatch_p or 0, 1e-12):,.0f} times. Look for what loses the "
            "visitors of one variant (errors, time-outs, caches, bots) before you believe any figure."
        )
    if report.switched:
        total = sum(arm.visitors for arm in report.arms) + report.switched
        yield (
            f"{report.switched} of {total} visitors saw more than one variant, as who logs in on a "
            "second device may; they are left out."
        )


def _on_time(report: ExperimentReport, started_at: datetime, now: datetime) -> Iterator[str]:
    given = settings.RECOMMENDER["IMPRESSIONS"]
    if report.state == State.RUNNING:
        yield (
            "It is running: decide on the day that was planned. Who looks every day and stops at the "
            "first p-value below 0.05 finds differences that are not there."
        )
    elif now < (report.stopped_at or now) + timedelta(hours=given["TOUCH_HOURS"]):
        yield "Events that are owed to its last answers may still come."
    if (compared := len(report.arms) - 1) > 1:
        yield (
            f"{compared} variants are compared with the control: ask for p-values below "
            f"{0.05 / compared:.3g} instead of 0.05."
        )
    kept_since = now - timedelta(days=given["KEEP_DAYS"])
    if started_at < kept_since:
        yield f"What was shown before {kept_since:%Y-%m-%d} is deleted and not counted."
    changed = Change.objects.filter(
        subject=Change.Subject.PLACEMENT,
        name=report.placement,
        at__gt=started_at,
        at__lt=report.stopped_at or now,
    ).count()
    if changed:
        yield (
            f"The placement was changed in the admin while it ran ({changed} x): the figures mix what "
            "was before and after."
        )
