"""How good a policy is, on items of which somebody said what is right.

Labelled are the items whose case was decided, by the latest decision, and the examples themselves, each
scored as if it were not one. Of what the policy misses only examples and items that were upheld for
another threshold are known: recall is that among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from retrieval import spaces
from retrieval.models import Case, Policy
from retrieval.moderation import scoring
from retrieval.moderation.examples import Held, held_against
from retrieval.moderation.screening import item_scores
from retrieval.types import Modality

STEPS: Final = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Thresholds measured beside the policy's own."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Something of which is known whether the policy should find it; ``score`` is -inf where nothing can
    be compared.
    """

    bad: bool
    score: float


def qualities_measure(policy_id: int | None = None) -> None:
    """Measure and store the quality of all policies, or of one. Commits. Raises NoActiveSpace,
    EncoderUnavailable, SpaceGone.
    """
    space = spaces.active_space()
    policies = Policy.objects.prefetch_related("examples")
    if policy_id is not None:
        policies = policies.filter(pk=policy_id)
    for held in held_against(space, list(policies)):
        decided = decided_items(space, held)
        examples = left_out(held)
        Policy.objects.filter(pk=held.policy.pk).update(
            quality={
                "at": timezone.now().isoformat(),
                "space": space.name,
                "decided": len(decided),
                "examples": len(examples),
                "rows": [
                    measured([*decided, *examples], held.policy.threshold + step) for step in STEPS
                ],
            }
        )


def measured(labelled: Sequence[Labelled], threshold: float) -> dict[str, Any]:
    """Precision and recall at a threshold; None where nothing was found or is to be found."""
    found = [each for each in labelled if each.score >= threshold]
    right = sum(each.bad for each in found)
    bad = sum(each.bad for each in labelled)
    return {
        "threshold": threshold,
        "found": len(found),
        "right": right,
        "missed": bad - right,
        "precision": right / len(found) if found else None,
        "recall": right / bad if bad else None,
    }


def decided_items(space: spaces.Space, held: Held) -> list[Labelled]:
    """Items whose case was decided, with the score that they have now. Raises SpaceGone."""
    rows = Case.objects.filter(policy=held.policy).exclude(state=Case.State.OPEN)
    latest = dict(rows.order_by("pk").values_list("item_id", "state"))
    own = {example.item_id for example in held.policy.examples.all()}
    ids = [item_id for item_id in latest if item_id not in own]
    scored = {item_id: score for item_id, score, _ in item_scores(space, held, ids)}
    return [Labelled(latest[i] == Case.State.UPHELD, scored[i]) for i in ids if i in scored]


def left_out(held: Held) -> list[Labelled]:
    """Every example as if it were an item, scored by the others."""
    found = []
    for example_id in dict.fromkeys(probe.example_id for probe in held.probes):
        rest = [p for p, probe in enumerate(held.probes) if probe.example_id != example_id]
        probes = [held.probes[place] for place in rest]
        if not any(probe.positive for probe in probes):
            continue
        own = [probe for probe in held.probes if probe.example_id == example_id]
        item: dict[Modality, NDArray[np.float32]] = {probe.shown: probe.vector for probe in own}
        usually = scoring.Usual(held.usually.centre[rest], held.usually.spread[rest])
        z = scoring.deviations(probes, usually, [item])
        found.append(Labelled(own[0].positive, float(scoring.scores(probes, z)[0])))
    return found
