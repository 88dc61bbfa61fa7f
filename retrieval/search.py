"""A composed query becomes scored hits: step 7 of the one flow.

``dense``: candidates come from the index by the combined query vector and, for pictures and sounds,
by their own modality; then every candidate is scored exactly against every part (``scoring``).
``lexical``: the words of the query's texts are looked up (``lexical``); who matches a text of negative
weight loses by it. ``hybrid``: both, by the rank in each (``hybrid``); contributions are then shares of
that score. Where no item has the words, or the query has none, the answer is the dense one. With
modality weights, whatever the mode, an item without any of those modalities is not found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from retrieval import index, lexical, scoring, spaces
from retrieval.diversity import diversified
from retrieval.exceptions import NotEmbedded
from retrieval.fusion import unit
from retrieval.hybrid import reciprocal_ranks
from retrieval.scoring import Contributions, ModalityWeights, Part, Scorer, Similarity, Strategy
from retrieval.types import MODALITIES, Modality

CANDIDATES = 200
"""Of all but a plain dense search, whatever the limit: else a rank would depend on how many are asked
for. A page has at most half as many."""
BEHIND = 1 - 1e-5
"""Of the best score: below 1 also where it is told with six digits."""
Mode = Literal["dense", "lexical", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: ``score`` is higher the better; in [-1, 1] unless ``normalised``.

    ``brought`` is what the dense and the lexical list gave of a hybrid score, and of a lexical one each
    part by its number.
    """

    item_id: int
    score: float
    brought: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; see the module for ``mode``, ``scoring`` for the rest."""

    parts: tuple[Part, ...]
    mode: Mode = "dense"
    similarity: Similarity | None = None
    modalities: ModalityWeights = field(default_factory=dict)
    strategy: Strategy = "sum"
    diversity: float = 0.0
    min_score: float | None = None
    lexical_share: float | None = None
    """Of a hybrid score, 0 to 1; None: as RETRIEVAL has it."""
    language: str | None = None
    """Of the words; None: any of the catalog's."""

    @property
    def plain(self) -> bool:
        """That the index's own score is the query's: one text or item against what items are."""
        return (
            len(self.parts) == 1
            and self.parts[0].weight > 0
            and scoring.own_modality(self.parts[0]) is None
            and not self.modalities
            and self.similarity is None
        )

    @property
    def by_index(self) -> bool:
        """That the order is the index's own: looking deeper only adds to its end."""
        return self.plain and self.mode == "dense" and not self.diversity

    def scorer(self, space: spaces.Space) -> Scorer:
        """The formula of the dense score."""
        return Scorer(space, self.parts, self.similarity, self.modalities, self.strategy)

    @property
    def texts(self) -> list[tuple[int, Part]]:
        """The parts with words and their numbers."""
        return [(number, part) for number, part in enumerate(self.parts) if part.words]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first; ``mode`` is what they were found by, ``whole`` that there are no others."""

    hits: list[Hit]
    mode: Mode
    whole: bool


def search(
    space: spaces.Space,
    parts: Sequence[Part],
    limit: int,
    *,
    items: QuerySet[Item] | None = None,
    similarity: Similarity | None = None,
    modalities: ModalityWeights | None = None,
) -> list[Hit]:
    """The best ``limit`` of ``items`` (all visible ones unless given), best first, by dense search.

    Ties are broken by item id, so equal calls give equal answers. Raises SpaceGone if the space was
    retired meanwhile.
    """
    query = Query(tuple(parts), similarity=similarity, modalities=modalities or {})
    return ranking(space, query, depth_for(query, limit), items=items).hits[:limit]


def similar(
    space: spaces.Space,
    item_id: int,
    limit: int,
    *,
    modalities: ModalityWeights | None = None,
) -> list[Hit]:
    """The visible items most like an item, itself left out. Raises NotEmbedded, SpaceGone."""
    part = item_part(space, item_id)
    others = Item.objects.visible().exclude(pk=item_id)
    return search(space, [part], limit, items=others, modalities=modalities)


def item_part(
    space: spaces.Space, item_id: int, weight: float = 1.0, name: str = "The item"
) -> Part:
    """An item as a part of a query. Raises NotEmbedded, SpaceGone."""
    found = index.vectors(space.partition, [item_id]).get(item_id)
    if found is None:
        raise NotEmbedded(
            f"{name} has no embedding in the active space yet; a worker is on it, or see its "
            "status in the admin."
        )
    vectors = {column: vector.astype(np.float32) for column, vector in found.items()}
    own: dict[Modality, NDArray[np.float32]] = {m: vectors[m] for m in MODALITIES if m in vectors}
    return Part(vectors["fused"], None, weight, own)


def average_part(parts: Sequence[Part]) -> Part:
    """Several items as one part: the mean of those wanted, moved away from the mean of the others.

    The query vector of Qdrant's ``average_vector``: ``mean(+) + (mean(+) - mean(-))``, by weights.
    """

    def moved(vectors: Sequence[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32] | None:
        wanted = [(weight, vector) for weight, vector in vectors if weight > 0]
        unwanted = [(-weight, vector) for weight, vector in vectors if weight < 0]
        if not wanted:
            return None
        centre = _mean(wanted)
        return unit((2 * centre - _mean(unwanted) if unwanted else centre)[None])[0]

    fused = moved([(part.weight, part.vector) for part in parts])
    if fused is None:
        raise ValueError("No part is wanted.")
    own = {
        m: vector
        for m in MODALITIES
        if (vector := moved([(p.weight, p.own[m]) for p in parts if m in p.own])) is not None
    }
    return Part(fused, None, 1.0, own)


def _mean(rows: Sequence[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32]:
    weights, vectors = zip(*rows, strict=True)
    return np.asarray(np.average(np.stack(vectors), axis=0, weights=weights), np.float32)


def depth_for(query: Query, limit: int) -> int:
    """How many candidates to look at for so many hits, and to know whether there are more."""
    if query.by_index:
        return limit + 1
    return max(CANDIDATES, 2 * limit)


def ranking(
    space: spaces.Space,
    query: Query,
    depth: int,
    *,
    items: QuerySet[Item] | None = None,
    fallback: bool = True,
) -> Ranking:
    """All of the best ``depth`` candidates or a few more, best first. Raises SpaceGone.

    Without ``fallback`` the query's mode stays where nothing has the words.
    """
    items = Item.objects.visible() if items is None else items
    found = _by_mode(space, query, depth, items, fallback=fallback)
    hits = sorted(found.hits, key=lambda hit: (-hit.score, hit.item_id))
    whole = found.whole
    if query.min_score is not None:
        fitting = [hit for hit in hits if hit.score >= query.min_score]
        # whoever is not among the candidates of the index fits less than the last of them
        whole, hits = whole or (query.by_index and len(fitting) < len(hits)), fitting
    if query.diversity:
        hits = _diversified(space, hits, query.diversity)
    return replace(found, hits=hits, whole=whole)


def _by_mode(
    space: spaces.Space, query: Query, depth: int, items: QuerySet[Item], *, fallback: bool
) -> Ranking:
    words = {} if query.mode == "dense" else _by_words(space, query, depth, items)
    dense = query.mode == "dense" or (fallback and not words)
    if query.mode == "lexical" and not dense:
        hits = [
            Hit(item_id, sum(row), {str(part): value for part, value in enumerate(row)})
            for item_id, row in words.items()
        ]
        return Ranking(hits, "lexical", whole=len(words) < depth)
    if dense and query.plain:
        nearest = index.nearest(
            space.partition, scoring.fused_query(space, query.parts[0]), depth, items=items
        )
        return Ranking([Hit(*row) for row in nearest], "dense", len(nearest) < depth)
    near = _candidates(space, query, depth, items)
    found = query.scorer(space).scores({*near, *words})
    if dense:
        return Ranking([Hit(*row) for row in found.items()], "dense", len(near) < depth)
    return Ranking(_hybrid(query, words, found), "hybrid", len(near) < depth)


def _by_words(
    space: spaces.Space, query: Query, depth: int, items: QuerySet[Item]
) -> dict[int, list[float]]:
    """``_lexical`` among the items that have one of the modalities that count. Raises SpaceGone."""
    counting = [name for name in MODALITIES if query.modalities.get(name)]
    if not counting:
        return _lexical(query, depth, items)
    with index.partition_there(space.partition):
        return _lexical(query, depth, index.having(space.partition, items, counting))


def _hybrid(
    query: Query, words: Mapping[int, Sequence[float]], dense: Mapping[int, float]
) -> list[Hit]:
    matched = {item_id: max(0.0, sum(each)) for item_id, each in words.items()}
    lists = {
        "dense": [(item_id, 1.0) for item_id, _ in _best_first(dense)],
        # who has all the words, or what they are if mistyped, counts by the rank alone; who has some,
        # by how well they match too. With one error in a tag R@10 is .92, else .65 (benchmarks.lexical)
        "lexical": [
            (item_id, min(1.0, score / lexical.ALL_MEANT))
            for item_id, score in _best_first(matched)
        ],
    }
    share = query.lexical_share
    share = settings.RETRIEVAL["LEXICAL_SHARE"] if share is None else share
    shares = {"dense": 1 - share, "lexical": share}
    given = reciprocal_ranks(lists, shares)
    # who asks for an identifier means that item: nothing else is as good
    if meant := _identified(query, words):
        given = {
            item_id: {name: value * BEHIND for name, value in brought.items()}
            for item_id, brought in given.items()
        }
        given |= {item_id: {"lexical": 1.0} for item_id in meant}
    return [Hit(item_id, sum(brought.values()), brought) for item_id, brought in given.items()]


def _identified(query: Query, words: Mapping[int, Sequence[float]]) -> list[int]:
    """Items whose identifier is a part that is wanted."""
    whole = {number: lexical.EXACT * weight for number, weight in _shares(query).items()}
    return [
        item_id
        for item_id, brought in words.items()
        if any(brought[number] >= share > 0 for number, share in whole.items())
    ]


def _best_first(scores: Mapping[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda row: (-row[1], row[0]))


def _lexical(query: Query, depth: int, items: QuerySet[Item]) -> dict[int, list[float]]:
    """What each part brings to the lexical score of the items that have a wanted text's words."""
    shares = _shares(query)
    found: dict[int, list[float]] = {}
    for wanted in (True, False):
        for number, part in query.texts:
            if (part.weight > 0) != wanted:
                continue
            among = items if wanted else items.filter(pk__in=list(found))
            for hit in lexical.matches(part.words, depth, items=among, language=query.language):
                row = found.setdefault(hit.item_id, [0.0] * len(query.parts))
                row[number] = shares[number] * hit.score
    return found


def _shares(query: Query) -> dict[int, float]:
    """Of the lexical score, by the number of a part with words: its weight, signed; their sizes sum to 1."""
    total = sum(abs(part.weight) for _, part in query.texts)
    return {number: part.weight / total for number, part in query.texts}


def _candidates(space: spaces.Space, query: Query, depth: int, items: QuerySet[Item]) -> list[int]:
    """Ids of what may be among the best, by the index."""
    partition, parts = space.partition, query.parts
    if query.strategy == "best":
        alone = [replace(query, parts=(p,), strategy="sum") for p in parts if p.weight > 0]
        found = [_candidates(space, each, depth, items) for each in alone]
        return list(dict.fromkeys(item_id for ids in found for item_id in ids))
    if query.modalities:
        vectors: dict[index.Column, NDArray[np.float32]] = {
            "fused": scoring.combined(space, parts),
            **scoring.combined_modalities(space, parts),
        }
        return index.candidates(partition, vectors, query.modalities, depth, items=items)
    near = dict(index.nearest(partition, scoring.combined(space, parts), depth, items=items))
    for part in parts:
        if (own := scoring.own_modality(part)) and part.weight > 0:
            near |= dict(index.nearest(partition, part.vector, depth, items=items, column=own))
    return list(near)


def _diversified(space: spaces.Space, hits: list[Hit], diversity: float) -> list[Hit]:
    vectors = index.vectors(space.partition, [hit.item_id for hit in hits])
    hits = [hit for hit in hits if hit.item_id in vectors]
    if not hits:
        return hits
    rows = unit(np.stack([vectors[hit.item_id]["fused"].astype(np.float32) for hit in hits]))
    return [hits[at] for at in diversified([hit.score for hit in hits], rows, diversity)]


def explained(
    space: spaces.Space, query: Query, mode: Mode, hits: Sequence[Hit], items: QuerySet[Item]
) -> dict[int, Contributions]:
    """What each part and each modality brought to the scores of these hits. Raises SpaceGone.

    Words are the modality text. Of a hybrid score the dense share is split by what was brought in
    favour of the item.
    """
    if mode == "lexical":
        return {hit.item_id: _by_parts(hit, len(query.parts)) for hit in hits}
    ids = [hit.item_id for hit in hits]
    dense = query.scorer(space).explained(ids)
    if mode == "dense":
        return dense
    words = _lexical(query, len(ids), items.filter(pk__in=ids))
    return {
        hit.item_id: _shared_out(
            hit, words.get(hit.item_id), dense.get(hit.item_id), len(query.parts)
        )
        for hit in hits
    }


def _by_parts(hit: Hit, count: int) -> Contributions:
    parts = tuple(hit.brought.get(str(part), 0.0) for part in range(count))
    return Contributions(parts, dict.fromkeys(MODALITIES, 0.0) | {"text": sum(parts)})


def _shared_out(
    hit: Hit, words: Sequence[float] | None, dense: Contributions | None, count: int
) -> Contributions:
    by_words = hit.brought.get("lexical", 0.0)
    by_vectors = hit.score - by_words
    parts = [by_words * share for share in _in_favour(words or [0.0] * count)]
    modalities = dict.fromkeys(MODALITIES, 0.0) | {"text": sum(parts)}
    if dense is not None:
        for number, share in enumerate(_in_favour(dense.parts)):
            parts[number] += by_vectors * share
        shares = _in_favour([dense.modalities[m] for m in MODALITIES])
        for name, share in zip(MODALITIES, shares, strict=True):
            modalities[name] += by_vectors * share
    return Contributions(tuple(parts), modalities)


def _in_favour(values: Sequence[float]) -> list[float]:
    """Shares of what is above 0; equal ones if nothing is."""
    total = sum(max(0.0, value) for value in values)
    return [max(0.0, v) / total if total else 1 / len(values) for v in values]
