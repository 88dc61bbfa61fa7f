"""How a request to a placement is answered: options, rules, variant, ranker, what was shown; and of
whom and in which space it is asked. One statement.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import connection

from recommender import experiments, limits, rankers, rules
from recommender.placements import declared, overridden
from recommender.profiles import columns, taste_read
from recommender.types import Assignment, Placement, Rule, Taste
from retrieval import spaces
from retrieval.prepared import prepared

# read at each request: a change in the admin is in force with the next one, in every process
COLUMNS: Final = (
    "(SELECT overrides::text FROM recommender_placement WHERE name = %(placement)s),"  # noqa: S608
    f" {rules.CURRENT}::text, {experiments.RUNNING}::text,"
    " person.name, (SELECT jsonb_object_agg(item_id, at)::text FROM ("
    " SELECT item_id, extract(epoch FROM max(shown_at)) AS at FROM ("
    " SELECT item_ids, shown_at FROM recommender_impression WHERE visitor_id = person.id"
    " AND shown_at > %(lately)s AND shown_at <= %(now)s ORDER BY shown_at DESC LIMIT %(answers)s"
    " ) answers, unnest(item_ids) item_id GROUP BY item_id) items),"
    " ranker.id, ranker.parameters"
)
WIDTH: Final = 7
ASKED: Final = (
    "(SELECT 1) one LEFT JOIN ("  # noqa: S608
    " SELECT coalesce(root.id, v.id) AS id, coalesce(root.external_id, v.external_id) AS name"
    " FROM recommender_visitor v LEFT JOIN recommender_visitor root ON root.id = v.merged_into_id"
    f" WHERE v.external_id = %(visitor)s) person ON true {rankers.ACTIVE}"
)
"""What COLUMNS are of; one row."""
OPENING: Final = (
    f"SELECT {COLUMNS}, {', '.join(f'space.{name}' for name in spaces.COLUMNS)}, person.id,"  # noqa: S608
    f" {columns('person.id')} FROM {ASKED} LEFT JOIN retrieval_embeddingspace space ON"
    f" space.state = '{spaces.ACTIVE_STATE}' LEFT JOIN recommender_profile p"
    " ON p.space_id = space.id AND p.visitor_id = person.id"
)
DECIDED: Final = (
    "SELECT (SELECT overrides::text FROM recommender_placement WHERE name = %(placement)s),"  # noqa: S608
    f" {rules.CURRENT}::text"
)
"""What nobody may be answered without: what the admin decided."""
# what a visitor may still remember; a placement's rotation keeps it from coming again at once
LATELY: Final = timedelta(hours=24)
ANSWERS: Final = 10


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
    shown: Mapping[int, float]
    """Item → when the visitor last saw it, in seconds since 1970: of their last ANSWERS answers, LATELY."""


@dataclass(frozen=True, slots=True)
class Opening:
    """All that is known before items are looked for."""

    setup: Setup
    space: spaces.Space
    """The active one."""
    taste: Taste


def opening(name: str, now: datetime, *, visitor: str = "", session: str = "") -> Opening:
    """``setup_for``, ``spaces.active_space`` and ``taste_of`` at once; more statements only for a visitor
    without a profile in the space, or with events that wait.

    Where that takes too long, ``limits.attempt`` reports "visitor", and it is the opening of somebody nobody
    knows, in no experiment. Raises UnknownPlacement, NoActiveSpace, SpaceGone.
    """
    placement = declared(name)
    values = _values(name, now, visitor)
    found = limits.attempt("visitor", partial(_whole, placement, values, session))
    return found or limits.insisted(partial(_decided, placement, values))


def _whole(placement: Placement, values: Mapping[str, Any], session: str) -> Opening:
    with prepared() as cursor:
        cursor.execute(OPENING, values)
        row = cursor.fetchone()
    setup = _read(placement, row[:WIDTH], values["visitor"], session)
    behind = WIDTH + len(spaces.COLUMNS)
    space = spaces.read(row[WIDTH:behind])
    person, *profile = row[behind:]
    now = values["now"]
    taste = Taste() if person is None else taste_read(person, profile, space.partition, now)
    return Opening(setup, space, taste)


def _decided(placement: Placement, values: Mapping[str, Any]) -> Opening:
    with connection.cursor() as cursor:
        cursor.execute(DECIDED, values)
        overrides, current = cursor.fetchone()
    placement = overridden(placement, json.loads(overrides or "{}"), "the admin")
    setup = Setup(placement, rules.rules_read(current), None, rankers.Serving(), {})
    return Opening(setup, spaces.active_space(), Taste())


def setup_for(name: str, now: datetime, *, visitor: str = "", session: str = "") -> Setup:
    """Raises UnknownPlacement. A visitor who was merged into another gets the other's variant."""
    placement = declared(name)
    with prepared() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM {ASKED}", _values(name, now, visitor))  # noqa: S608
        return _read(placement, cursor.fetchone(), visitor, session)


def _values(name: str, now: datetime, visitor: str) -> dict[str, Any]:
    return {
        "placement": name,
        "now": now,
        "visitor": visitor,
        "lately": now - LATELY,
        "answers": ANSWERS,
    }


def _read(placement: Placement, row: Sequence[Any], visitor: str, session: str) -> Setup:
    overrides, current, running, person, shown, *ranker = row
    placement = overridden(placement, json.loads(overrides or "{}"), "the admin")
    experiment = experiments.experiment_read(running)
    unit = experiments.unit_of(person or visitor, session)
    placement, assignment = experiments.assigned(placement, experiment, unit)
    lately = {int(item): float(at) for item, at in json.loads(shown or "{}").items()}
    served = rankers.serving(*ranker)
    return Setup(placement, rules.rules_read(current), assignment, served, lately)
