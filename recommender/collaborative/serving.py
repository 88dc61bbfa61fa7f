"""What the active models propose. One statement each; torch is not needed here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from recommender.collaborative.stored import TOWERS, towers_of
from recommender.collaborative.two_tower import visitor_vectors
from recommender.models import RecommenderModel
from recommender.types import Found
from retrieval import index
from retrieval.exceptions import SpaceGone
from retrieval.prepared import prepared

Kind = RecommenderModel.Kind
State = RecommenderModel.State

ACTIVE: Final = "SELECT id FROM recommender_recommendermodel WHERE kind = '{}' AND state = '{}'"
# what is filtered and told apart is little: sums first, items looked up from the best on, until there are
# enough, then the greatest part of each
RELATED: Final = (
    "WITH given AS MATERIALIZED (SELECT * FROM unnest("  # noqa: S608 - our names
    "%s::bigint[], %s::real[])"
    " AS g(item_id, strength)),"
    " said AS MATERIALIZED (SELECT n.id, g.item_id, g.strength * n.score AS score"
    " FROM given g JOIN recommender_itemneighbours r ON r.item_id = g.item_id"
    f" AND r.model_id = ({ACTIVE.format(Kind.ITEM_ITEM.value, State.ACTIVE.value)})"
    " CROSS JOIN LATERAL unnest(r.neighbours, r.scores) AS n(id, score)),"
    " summed AS (SELECT id, sum(score) AS score FROM said"
    " WHERE NOT id = ANY(%s::bigint[]) GROUP BY id HAVING sum(score) > 0"
    " ORDER BY 2 DESC, 1 OFFSET 0),"
    " best AS MATERIALIZED (SELECT s.id, s.score FROM summed s NARROWED"
    " ORDER BY 2 DESC, 1 LIMIT %s)"
    " SELECT DISTINCT ON (b.score, b.id) b.id, b.score, said.item_id"
    " FROM best b JOIN said ON said.id = b.id"
    " ORDER BY b.score DESC, b.id, said.score DESC, said.item_id"
)


@dataclass(frozen=True, slots=True)
class TowerVisitor:
    """A visitor as a version of the two-tower model sees them."""

    version_id: int
    vector: NDArray[np.float32]
    """(factors + 1,)."""
    contexts: Mapping[int, NDArray[np.float32]]
    """(factors,), of each item behind it."""


def related(
    history: Sequence[tuple[int, float]],
    limit: int,
    *,
    exclude: Collection[int] = (),
    items: QuerySet[Item] | None = None,
) -> list[Found]:
    """What goes with these items, by the active item-item model; best first, scores above 0.

    ``history`` is (item id, strength), a strength below 0 speaking against; a score is Σ strength ×
    similarity, and ``because`` the item that adds most. Of the history itself whatever fits is found too:
    ``exclude`` it if need be. ``items`` narrows to its rows; without it deleted items may be among the
    found, and hidden ones. Empty where there is no active model or it does not know the items.
    """
    if not history or limit <= 0:
        return []
    known, strengths = zip(*history, strict=True)
    values: list[Any] = [list(known), list(strengths), list(exclude), limit]
    narrowed = ""
    if items is not None:
        matching = f"SELECT FROM ({index.ids_text(items)}) i WHERE i.id = s.id LIMIT 1"
        narrowed = f"CROSS JOIN LATERAL ({matching}) m"
    statement = RELATED.replace("NARROWED", narrowed)
    with prepared() as cursor:
        cursor.execute(statement, values)
        return [Found(item_id, float(score), because) for item_id, score, because in cursor]


def tower_vector(history: Sequence[tuple[int, float]]) -> TowerVisitor | None:
    """The visitor of this history, (item id, strength), as the active two-tower model sees them.

    None where there is no active model, or it knows none of the items.
    """
    if not history:
        return None
    active = ACTIVE.format(Kind.TWO_TOWER.value, State.ACTIVE.value)
    found = index.contexts(TOWERS, active, [item_id for item_id, _ in history])
    if found is None:
        return None
    version_id, contexts = found
    known = [(item_id, strength) for item_id, strength in history if item_id in contexts]
    strengths = np.array([strength for _, strength in known], np.float32)
    rows = np.stack([contexts[item_id] for item_id, _ in known])
    vector = visitor_vectors((strengths @ rows)[None], (strengths @ strengths).reshape(1, 1))[0]
    return TowerVisitor(version_id, vector, contexts)


def nearest_by_tower(
    history: Sequence[tuple[int, float]],
    limit: int,
    *,
    items: QuerySet[Item],
    exclude: Collection[int] = (),
) -> list[Found]:
    """What the active two-tower model proposes among ``items``, best first; scores are inner products.

    Always ``min(limit, matching)`` of those with a vector, which new items have before anybody has
    touched them. Two statements, the visitor's vector and the search. Empty where there is no model, or it
    knows nothing of the history.
    """
    for _ in range(2):  # a version that was retired between the two statements has a successor
        visitor = tower_vector(history)
        if visitor is None or limit <= 0:
            return []
        partition = towers_of(visitor.version_id, len(visitor.vector) - 1)
        try:
            near = index.nearest(
                partition,
                visitor.vector,
                limit,
                items=items,
                exclude=exclude,
                column="vector",
                probed=False,
            )
        except SpaceGone:
            continue
        return [Found(i, score) for i, score in near]
    return []
