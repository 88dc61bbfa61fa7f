"""The log of this installation: what was shown with which propensities, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from recommender.evaluation.logged import Log, estimate, with_exploration
from recommender.exceptions import NothingLogged
from recommender.metrics import Estimate
from recommender.placements import declared, declared_names
from recommender.reports.attribution import TOUCHED, UNIT, parameters

MOST: Final = 100_000
"""Answers of a placement, the latest: 2 million items, and a click rate of .02 to within .0003."""

# whom nobody knows is somebody else each time
_SHOWN: Final = f"""
SELECT i.id, CASE WHEN i.visitor_id IS NULL AND i.session = '' THEN 'i' || i.id ELSE {UNIT} END,
    i.item_ids, i.propensities
FROM recommender_impression i LEFT JOIN recommender_visitor v ON v.id = i.visitor_id
WHERE i.placement = %(placement)s AND i.shown_at >= %(since)s AND i.shown_at < %(until)s
AND cardinality(i.propensities) > 0  -- a language model's order has none
AND (%(demo)s = '' OR v.id IS NULL OR NOT starts_with(v.external_id, %(demo)s))
ORDER BY i.shown_at DESC, i.id DESC LIMIT {MOST}
"""  # noqa: S608 - constants only
_CLICKED: Final = f"""
SELECT DISTINCT impression_id, item_id FROM ({TOUCHED}) touched
WHERE placement = %(placement)s AND type = ANY(%(clicks)s)
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class PlacementLog:
    """What one placement earned, and would have earned otherwise; clicks an item shown."""

    placement: str
    log: Log
    earned: Estimate
    policies: Mapping[float, Mapping[str, Estimate]]
    """Times the exploration -> by ``ips`` and ``snips``; nothing where nothing was left to chance."""
    unanswered: Mapping[float, str] = field(default_factory=dict)
    """Times the exploration -> why the log cannot tell."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "placement": self.placement,
            "answers": self.log.answers,
            "visitors": len(np.unique(self.log.unit)),
            "shown": len(self.log.answer),
            "clicked": int(self.log.reward.sum()),
            "explored": int(self.log.explored.sum()),
            "earned": asdict(self.earned),
            "policies": [
                {"exploration": times, **{name: asdict(one) for name, one in found.items()}}
                for times, found in self.policies.items()
            ],
            "unanswered": [
                {"exploration": times, "why": why} for times, why in self.unanswered.items()
            ],
        }


def placement_logs(
    placement: str = "", times: Sequence[float] = (0.0,), *, clip: float, seed: int = 0
) -> list[PlacementLog]:
    """Of one placement, or of each that was shown; ``times`` the exploration are the target policies.

    Raises UnknownPlacement, NothingLogged.
    """
    if placement:
        declared(placement)
    found = []
    for name in [placement] if placement else declared_names():
        log = log_read(name)
        if log.answers:
            found.append(_placement_log(name, log, times, clip, seed))
    if not found:
        raise NothingLogged(placement)
    return found


def _placement_log(
    name: str, log: Log, times: Sequence[float], clip: float, seed: int
) -> PlacementLog:
    earned = estimate(log, log.propensity, seed=seed)["ips"]
    policies, unanswered = {}, {}
    for each in times if log.explored.any() else ():
        try:
            policies[each] = estimate(log, with_exploration(log, each), clip=clip, seed=seed)
        except ValueError as err:
            unanswered[each] = str(err)
    return PlacementLog(name, log, earned, policies, unanswered)


def log_read(placement: str, now: datetime | None = None) -> Log:
    """The latest MOST answers of a placement that have propensities, and what was clicked of them; two
    statements.

    An item counts as clicked once, whatever types of RECOMMENDER["IMPRESSIONS"]["CLICKS"] it got.
    Invented visitors (RECOMMENDER["DEMO_VISITORS"]) are left out.
    """
    until = now or timezone.now()
    given = settings.RECOMMENDER["IMPRESSIONS"]
    values = parameters(until - timedelta(days=given["KEEP_DAYS"]), until) | {
        "placement": placement,
        "demo": settings.RECOMMENDER["DEMO_VISITORS"],
        "clicks": list(given["CLICKS"]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN, values)
        rows = cursor.fetchall()
        cursor.execute(_CLICKED, values)
        clicked = set(cursor.fetchall())
    return _log(rows, clicked)


def _log(rows: Sequence[tuple[Any, ...]], clicked: set[tuple[int, int]]) -> Log:
    sizes = [len(item_ids) for _, _, item_ids, _ in rows]
    _, units = np.unique([unit for _, unit, _, _ in rows], return_inverse=True)
    return Log(
        answer=np.repeat(np.arange(len(rows)), sizes),
        unit=np.repeat(units.astype(np.int64), sizes),
        propensity=np.array([each for row in rows for each in row[3]], float),
        reward=np.array([(row[0], item) in clicked for row in rows for item in row[2]], float),
    )
