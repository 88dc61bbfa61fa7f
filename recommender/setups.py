"""How one request to a placement is answered: its options, its rules, its variant, its ranker; one
statement.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from recommender import experiments, rankers, rules
from recommender.placements import declared, overridden
from recommender.types import Assignment, Placement, Rule

# read at each request: a change in the admin is in force with the next one, in every process
STATEMENT: Final = (
    "SELECT (SELECT overrides::text FROM recommender_placement WHERE name = %(placement)s),"  # noqa: S608
    f" {rules.CURRENT}::text, {experiments.RUNNING}::text,"
    " (SELECT coalesce(root.external_id, v.external_id) FROM recommender_visitor v"
    " LEFT JOIN recommender_visitor root ON root.id = v.merged_into_id"
    " WHERE v.external_id = %(visitor)s),"
    f" ranker.id, ranker.parameters FROM (SELECT 1) one {rankers.ACTIVE}"
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the pipeline needs to know before it looks for items."""

    placement: Placement
    """With what the admin overrides and, over that, the visitor's variant."""
    rules: tuple[Rule, ...]
    """Those of the placement before those of all, the newest first."""
    assignment: Assignment | None
    """The experiment that the visitor takes part in, for the impression."""
    ranker: rankers.Serving


def setup_for(name: str, now: datetime, *, visitor: str = "", session: str = "") -> Setup:
    """Raises UnknownPlacement. A visitor who was merged into another gets the other's variant."""
    placement = declared(name)
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"placement": name, "now": now, "visitor": visitor})
        overrides, current, running, person, *ranker = cursor.fetchone()
    placement = overridden(placement, json.loads(overrides or "{}"), "the admin")
    experiment = experiments.experiment_read(running)
    unit = experiments.unit_of(person or visitor, session)
    placement, assignment = experiments.assigned(placement, experiment, unit)
    return Setup(placement, rules.rules_read(current), assignment, rankers.serving(*ranker))
