"""Which ranker answers: the active version, else the weighted formula."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recommender.models import RecommenderModel
from recommender.ranking import FORMULA, LogisticRanker, Ranker

log = logging.getLogger(__name__)

Kind = RecommenderModel.Kind
State = RecommenderModel.State

ACTIVE: Final = (
    "LEFT JOIN recommender_recommendermodel ranker"
    f" ON ranker.kind = '{Kind.RANKER.value}' AND ranker.state = '{State.ACTIVE.value}'"
)
"""A join of any one row: of the active version, ``ranker.id`` and ``ranker.parameters``."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A ranker, and whose it is."""

    ranker: Ranker = FORMULA
    version_id: int = 0
    """0: the formula."""
    name: str = "formula"


def serving(version_id: int | None, parameters: bytes | memoryview | None) -> Serving:
    """What ACTIVE found; the formula where it found nothing, or nothing that can rank."""
    ranker = ranker_read(version_id, bytes(parameters)) if version_id and parameters else None
    return Serving(ranker, version_id or 0, "") if ranker else Serving()


@lru_cache(maxsize=64)
def ranker_read(version_id: int, parameters: bytes) -> LogisticRanker | None:
    """Parsed once; a version that cannot rank is warned of once, and is None."""
    try:
        return LogisticRanker.from_json(parameters.decode())
    except ValueError as err:
        log.warning("the ranker of model %d is ignored: %s", version_id, err)
        return None


def rankers_of(version_ids: Collection[int]) -> Mapping[int, Serving]:
    """By id, those that are still known, the formula among them; a statement if there are others."""
    found = {0: Serving()}
    learned = set(version_ids) - {0}
    rows = RecommenderModel.objects.filter(pk__in=learned) if learned else ()
    for row in rows:
        if row.parameters and (ranker := ranker_read(row.pk, bytes(row.parameters))):
            found[row.pk] = Serving(ranker, row.pk, row.name)
    return found
