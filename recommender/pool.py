"""The candidates of one request: what the sources found, filtered, with all that ranking reads."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import OperationalError
from numpy.typing import NDArray

from recommender import limits, ranking
from recommender.candidates import Context, Gathered, gather
from recommender.candidates.everybody import FRESH_S
from recommender.profiles import likeness
from recommender.types import Candidate, Found, Interest
from retrieval import index
from retrieval.fusion import unit
from retrieval.prepared import prepared
from retrieval.scoring import Part, Scorer

FACTS: Final = """
SELECT i.id, i.kind, i.tags, {attributes}, ARRAY(
        SELECT c.path FROM catalog_item_categories link
        JOIN catalog_category c ON c.id = link.category_id WHERE link.item_id = i.id),
    coalesce(p.popular, 0)::float8, coalesce(p.trending, 0)::float8,
    exp(-greatest(extract(epoch FROM now() - i.published_at), 0) / {fresh_s})::float8, {sent}
FROM catalog_item i JOIN ({items}) matching ON matching.id = i.id
LEFT JOIN {popularity} p ON p.item_id = i.id
LEFT JOIN {embeddings} e ON e.item_id = i.id
WHERE i.id = ANY(%s)
"""
POPULARITY: Final = "recommender_itempopularity"
NO_POPULARITY: Final = (
    "(SELECT NULL::bigint AS item_id, NULL::float8 AS popular, NULL::float8 AS trending)"
)
NO_EMBEDDINGS: Final = "(SELECT NULL::bigint AS item_id, NULL::halfvec AS fused)"

ATTRIBUTES: Final = "attributes."


class _Facts(NamedTuple):
    """A row of FACTS."""

    item_id: int
    kind: str
    tags: list[str]
    attributes: Any
    categories: list[str]
    popular: float
    trending: float
    new: float
    vector: bytes | None


def gathered_surely(context: Context, wanted: int, *, enough: int) -> Gathered:
    """``gather``; once more where nothing was found because the items themselves had to be waited for.

    Raises SpaceGone, OperationalError where they do not come.
    """
    gathered = gather(context, wanted, enough=enough)
    if gathered.item_ids or not any(report.error for report in gathered.reports):
        return gathered
    items_reached = partial(_read, context, (), NO_POPULARITY, NO_EMBEDDINGS)
    try:
        limits.apart(items_reached)
    except OperationalError:
        limits.patient(items_reached)
        return gather(context, wanted, enough=enough)
    return gathered


def pool(
    context: Context,
    gathered: Gathered,
    besides: Iterable[int],
    ranker: ranking.Ranker = ranking.FORMULA,
) -> list[Candidate]:
    """Ranked, best first; ``besides`` are items that no source has to find. One statement.

    Raises SpaceGone.
    """
    partition = context.space.partition
    ids = list(dict.fromkeys([*gathered.item_ids, *besides]))
    facts = _facts(context, ids)
    if not facts:
        return []
    vectors = unit(index.received([row.vector for row in facts], partition.fused_dim))
    found = _by_item(gathered)
    features, alike = _features(context, gathered, facts, vectors)
    scores = ranker.scores(features).tolist()
    behind = {name: items.tolist() for name, items in alike.items()}
    candidates = [
        Candidate(
            item_id=row.item_id,
            found=found.get(row.item_id, {}),
            features=tuple(told),
            score=scores[place],
            vector=vectors[place],
            values=_values(row, context.placement.caps),
            alike={name: items[place] for name, items in behind.items()},
        )
        for place, (row, told) in enumerate(zip(facts, features.tolist(), strict=True))
    ]
    return sorted(candidates, key=lambda each: (-each.score, each.item_id))


def _facts(context: Context, ids: Sequence[int]) -> list[_Facts]:
    """Without what takes too long, which ``limits.attempt`` reports: "popularity", then "vectors".

    Raises SpaceGone.
    """
    if not ids:
        return []
    embeddings = context.space.partition.name
    found = limits.attempt("popularity", partial(_read, context, ids, POPULARITY, embeddings))
    if found is None:
        without = partial(_read, context, ids, NO_POPULARITY, embeddings)
        found = limits.attempt("vectors", without)
    if found is None:
        found = limits.insisted(partial(_read, context, ids, NO_POPULARITY, NO_EMBEDDINGS))
    return found


def _read(context: Context, ids: Sequence[int], popularity: str, embeddings: str) -> list[_Facts]:
    statement = FACTS.format(
        fresh_s=FRESH_S,
        attributes="i.attributes" if _capped(context.placement.caps) else "NULL::jsonb",
        items=index.ids_text(context.items),
        sent=index.sent("fused"),
        popularity=popularity,
        embeddings=embeddings,
    )
    with index.partition_there(context.space.partition), prepared(binary=True) as cursor:
        cursor.execute(statement, [list(ids)])
        return [_Facts(*row) for row in cursor.fetchall()]


def _capped(caps: Mapping[str, int]) -> bool:
    """Whether attributes are; most placements need not read 110 JSON objects."""
    return any(name.startswith(ATTRIBUTES) for name in caps)


def _by_item(gathered: Gathered) -> dict[int, dict[str, Found]]:
    found: dict[int, dict[str, Found]] = {}
    for name, each in gathered.found.items():
        for proposal in each:
            found.setdefault(proposal.item_id, {})[name] = proposal
    return found


def _features(
    context: Context, gathered: Gathered, facts: Sequence[_Facts], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.int64]]]:
    """(n, len(FEATURES)), and for two of them whom each likeness is to, (n,).

    Only what the placement's sources say counts, and what is disliked.
    """
    asked = set(context.placement.sources)
    ids = [row.item_id for row in facts]
    taste, interests = _nearest(context, ids, vectors, context.taste.interests)
    lately = context.session or _known(context.taste.session)
    session, items = _nearest(context, ids, vectors, lately)
    if not context.session and context.taste.interests:
        items = interests  # the last hours are one vector, between several things
    columns: dict[str, NDArray[np.float32]] = {
        "taste": taste,
        "session": session,
        "trending": np.array([row.trending for row in facts], np.float32),
        "popular": np.array([row.popular for row in facts], np.float32),
        "new": np.array([row.new for row in facts], np.float32),
    }
    places = {row.item_id: place for place, row in enumerate(facts)}
    for name in ("collaborative", "factors", "covisited"):
        columns[name] = np.zeros(len(facts), np.float32)
        for proposal in gathered.found.get(name, ()):
            if proposal.item_id in places:
                columns[name][places[proposal.item_id]] = proposal.score
    features = np.zeros((len(facts), len(ranking.FEATURES)), np.float32)
    for place, name in enumerate(ranking.FEATURES):
        if name in asked:
            features[:, place] = ranking.relative(columns[name])
    disliked = ranking.FEATURES.index("disliked")
    if context.taste.dislikes:
        threshold = partial(likeness.threshold, context.space.partition)
        if (alike := limits.attempt("dislikes", threshold)) is not None:
            features[:, disliked] = _as_disliked(context, vectors, alike)
    # one model that went wrong must not take the answer along, nor reach what is learned from later
    np.nan_to_num(features, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    found = {"taste": interests, "session": items}
    return features, {name: ids for name, ids in found.items() if ids.any()}


def _as_disliked(
    context: Context, vectors: NDArray[np.float32], alike: float
) -> NDArray[np.float32]:
    """(n,): 1 for what is just like something disliked, 0 for what is not alike, with a cosine of ``alike``.

    Not relative to the nearest candidate: whoever dislikes a hammer may like drums, however near a hammer
    they are among animals.
    """
    cosines = np.stack([each.vector for each in context.taste.dislikes]) @ vectors.T
    above: NDArray[np.float32] = (cosines.max(axis=0) - alike) / max(1.0 - alike, 1e-6)
    return np.clip(above, 0.0, 1.0)


def _known(interest: Interest | None) -> tuple[Interest, ...]:
    return () if interest is None else (interest,)


def _nearest(
    context: Context,
    ids: Sequence[int],
    vectors: NDArray[np.float32],
    interests: Sequence[Interest],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(n,): for the interest that suits it best, the cosine relative to the best for that one; and the
    items that stand for the nearest interests, 0 without any.

    Each interest's best gets the same, so that the heaviest does not fill the list alone.
    """
    if not interests:
        return np.zeros(len(vectors), np.float32), np.zeros(len(vectors), np.int64)
    cosines = (
        _by_modalities(context, ids, interests)
        if context.modalities
        else np.stack([each.vector for each in interests]) @ vectors.T
    )
    items = np.array([each.item_id for each in interests], np.int64)
    return ranking.relative(cosines).max(axis=0), items[cosines.argmax(axis=0)]


def _by_modalities(
    context: Context, ids: Sequence[int], interests: Sequence[Interest]
) -> NDArray[np.float32]:
    """(interests, n): likeness by the weights that were asked for, 0 for what has none of the modalities.

    One statement.
    """
    parts = [Part(interest.vector, None) for interest in interests]
    scorer = Scorer(context.space, parts, modalities=context.modalities)
    found = limits.attempt("modalities", partial(scorer.each_part, ids)) or {}
    nothing = (0.0,) * len(parts)
    rows = np.array([found.get(item_id, nothing) for item_id in ids], np.float32).T
    return np.maximum(rows, 0.0)


def _values(row: _Facts, caps: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    values = {
        "kind": (row.kind,),
        "categories": tuple(row.categories),
        "tags": tuple(row.tags),
    }
    for name in caps:
        key = name.removeprefix(ATTRIBUTES)
        if key != name:
            given = row.attributes.get(key)
            listed = given if isinstance(given, list) else [given]
            values[name] = tuple(str(each) for each in listed if each is not None)
    return values
