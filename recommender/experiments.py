"""Experiments: which variant a visitor gets, and their life from draft to stopped.

At most one runs per placement; experiments of different placements have different salts and so split
independently of each other.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from recommender import models
from recommender.changes import Action, Subject, change_record
from recommender.exceptions import ExperimentConflict, InvalidOption, UnknownExperiment
from recommender.placements import declared, options_check, overridden, placement_override
from recommender.types import Assignment, Experiment, Placement, Variant

State = models.Experiment.State

RUNNING: Final = """(
    SELECT jsonb_build_array(e.id, e.name, e.salt, e.share, (
        SELECT jsonb_agg(jsonb_build_array(v.name, v.weight, v.overrides) ORDER BY v.id)
        FROM recommender_variant v WHERE v.experiment_id = e.id))
    FROM recommender_experiment e WHERE e.placement = %(placement)s AND e.state = 'running'
)"""
"""A subquery: the experiment that runs in a placement, as JSON that ``experiment_read`` takes."""
BITS: Final = 53
"""Of the hash that are used: as many as a float keeps, so that a part is below 1."""


def experiment_read(text: str | None) -> Experiment | None:
    """The experiment of RUNNING."""
    if text is None:
        return None
    pk, name, salt, share, variants = json.loads(text)
    return Experiment(pk, name, salt, share, tuple(Variant(*each) for each in variants or ()))


def unit_of(visitor: str, session: str) -> str:
    """Who is split: the person, else the session; empty if neither is known."""
    return f"visitor {visitor}" if visitor else f"session {session}" if session else ""


def variant_of(experiment: Experiment, unit: str) -> Variant | None:
    """The same for the same unit as long as the experiment runs; None for those who take no part."""
    if not unit or not experiment.variants:
        return None
    part = part_of(experiment.salt, unit) / experiment.share
    if part >= 1:
        return None
    left = part * sum(variant.weight for variant in experiment.variants)
    for variant in experiment.variants:
        left -= variant.weight
        if left < 0:
            return variant
    return experiment.variants[-1]


def part_of(salt: str, unit: str) -> float:
    """A number in [0, 1), uniform over units, independent between salts."""
    digest = hashlib.blake2b(f"{salt}\n{unit}".encode(), digest_size=8).digest()
    return float((int.from_bytes(digest) >> (64 - BITS)) / 2**BITS)


def assigned(
    placement: Placement, experiment: Experiment | None, unit: str
) -> tuple[Placement, Assignment | None]:
    """The placement as the unit's variant has it, and which that is."""
    variant = variant_of(experiment, unit) if experiment else None
    if experiment is None or variant is None:
        return placement, None
    by = f"the variant {variant.name} of {experiment.name}"
    return overridden(placement, variant.overrides, by), Assignment(
        experiment.id, experiment.name, variant.name
    )


def experiment_named(name: str) -> models.Experiment:
    """Raises UnknownExperiment, naming those there are."""
    row = models.Experiment.objects.filter(name=name).first()
    if row is None:
        names = models.Experiment.objects.order_by("name").values_list("name", flat=True)
        raise UnknownExperiment(name, names)
    return row


@transaction.atomic
def experiment_start(experiment_id: int, by: str) -> models.Experiment:
    """From now on it splits its placement's visitors. Raises ExperimentConflict."""
    row = models.Experiment.objects.select_for_update().get(pk=experiment_id)
    if row.state != State.DRAFT:
        raise ExperimentConflict(
            f"{row.name} is {row.state}: an experiment starts once. Make a new one."
        )
    before = row.facts()
    if problem := draft_problem(row.placement, row.variants.all()):
        raise ExperimentConflict(f"{row.name}: {problem}")
    other = models.Experiment.objects.filter(placement=row.placement, state=State.RUNNING).first()
    if other is not None:
        raise _occupied(row.placement, other.name)
    row.state, row.started_at = State.RUNNING, timezone.now()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as err:  # another was started since we looked
        raise _occupied(row.placement, "another experiment") from err
    change_record(Subject.EXPERIMENT, Action.STARTED, row, by, before=before)
    return row


@transaction.atomic
def experiment_stop(experiment_id: int, by: str, keep: str = "") -> models.Experiment:
    """All visitors get the placement again, with the overrides of the variant ``keep`` if it is named.

    Raises ExperimentConflict unless it runs and has such a variant.
    """
    row = models.Experiment.objects.select_for_update().get(pk=experiment_id)
    if row.state != State.RUNNING:
        raise ExperimentConflict(f"{row.name} is {row.state}: there is nothing to stop.")
    variant = row.variants.filter(name=keep).first()
    if keep and variant is None:
        raise ExperimentConflict(f"{row.name} has no variant {keep!r}.")
    before = row.facts()
    row.state, row.stopped_at = State.STOPPED, timezone.now()
    row.save()
    after = {**row.facts(), "kept": keep}
    change_record(Subject.EXPERIMENT, Action.STOPPED, row, by, before=before, after=after)
    if variant is not None and variant.overrides:
        now = models.Placement.objects.filter(name=row.placement).first()
        overrides = {**(now.overrides if now else {}), **variant.overrides}
        try:
            placement_override(row.placement, overrides, by)
        except InvalidOption as err:
            raise ExperimentConflict(f"{keep} cannot be kept: {err}") from err
    return row


def draft_problem(placement: str, variants: Iterable[models.Variant]) -> str:
    """Why it cannot start; empty if it can. Raises UnknownPlacement."""
    base = declared(placement)
    found = []
    for variant in variants:
        try:
            options_check(variant.overrides)
        except InvalidOption as err:
            return f"{variant.name}: {err}."
        found.append(overridden(base, variant.overrides, variant.name))
    if len(found) < 2:
        return "an experiment compares at least two variants."
    if any(found.index(each) != at for at, each in enumerate(found)):
        return "two variants are the same; give one of them another override."
    return ""


def _occupied(placement: str, name: str) -> ExperimentConflict:
    return ExperimentConflict(
        f"{name} runs in {placement} already, and one experiment at a time does: stop it first."
    )
