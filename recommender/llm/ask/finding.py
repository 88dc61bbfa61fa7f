"""The items that a conversation's query finds, and whether they are what it asks for."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from django.db.models import F, OuterRef, QuerySet, Subquery
from numpy.typing import NDArray

from catalog.models import Item
from recommender.llm.ask import relevance
from recommender.llm.ask.questions import content, heads, is_sum, telling
from recommender.llm.ask.types import Finding, Found, State, Wanted
from recommender.models import ItemPopularity
from retrieval import filters, index, lexical, queries, scoring, search, spaces
from retrieval.exceptions import InvalidQuery
from retrieval.fusion import unit
from retrieval.scoring import Part

DEPTH: Final = 100
"""Candidates by the whole question, and as many by its words."""
DEPTH_OF_A_WORD: Final = 50
MOST: Final = 6
"""Items that an answer cites; of the benchmark's questions every one has a right item among them."""


def find(space: spaces.Space, state: State, items: QuerySet[Item], most: int = MOST) -> Found:
    """At most ``most`` of ``items``.

    What a conversation is about comes first in its query; where that is words, they decide whether there
    is enough evidence. Nearest to an item or an attachment there is always something.
    Raises InvalidQuery for an item that is gone, NotEmbedded, SpaceGone.
    """
    parts = _parts(space, state)
    about = next((part for part in state.wanted if part.weight > 0), None)
    if about is None:
        return _browsed(items, most)
    words = _words(state) if about.text else []
    ids, has_words = _candidates(space, parts, words, state.language, items)
    whole = scoring.Scorer(space, parts).scores(ids) if ids else {}
    ids = [item_id for item_id in ids if item_id in whole]
    if not ids:
        return Found((), 0.0, relevant=False)
    cosines = np.array([whole[item_id] for item_id in ids], np.float32)
    by_words = np.array([has_words.get(item_id, 0.0) for item_id in ids], np.float32)
    scored = relevance.scores(cosines, _by_word(space, words, ids), by_words)
    scored = scored + relevance.PREFERRED * _preferred(state.categories, ids)
    order = sorted(range(len(ids)), key=lambda at: (-scored[at], ids[at]))
    kept = relevance.cut([float(scored[at]) for at in order], most)
    part = parts[state.wanted.index(about)]
    evidence = _evidence(space, state, part, about.text, ids, items) if about.text else 1.0
    evidence += relevance.NAMED if state.categories else 0.0
    return Found(
        [Finding(ids[at], float(scored[at])) for at in order[:kept]],
        evidence,
        relevant=evidence >= relevance.LEAST_EVIDENCE,
    )


def _browsed(items: QuerySet[Item], most: int) -> Found:
    """What is used most, else what came first: for a question that names nothing wanted."""
    used = ItemPopularity.objects.filter(item_id=OuterRef("pk")).values("popular")
    order = F("popular").desc(nulls_last=True)
    ids = items.annotate(popular=Subquery(used)).order_by(order, "pk").values_list("pk", flat=True)
    return Found([Finding(item_id, 0.0) for item_id in ids[:most]], 1.0, relevant=True)


def _preferred(paths: Sequence[str], ids: Sequence[int]) -> NDArray[np.float32]:
    """(n,): 1 for an item in one of the categories or below it."""
    if not paths:
        return np.zeros(len(ids), np.float32)
    among = filters.filter_items(Item.objects.filter(pk__in=ids), {"categories": {"in": [*paths]}})
    inside = set(among.values_list("pk", flat=True))
    return np.array([item_id in inside for item_id in ids], np.float32)


def _evidence(
    space: spaces.Space,
    state: State,
    about: Part,
    text: str,
    ids: Sequence[int],
    items: QuerySet[Item],
) -> float:
    """Of what the question is about alone: "in blue" makes no frog of what is none."""
    if is_sum(text):
        return 0.0
    words = telling_words([text], state.language)
    cosines = scoring.Scorer(space, [replace(about, weight=1.0)]).scores(ids)
    hits = lexical.matches(" ".join(heads(words, state.language)), relevance.BEST, items=items)
    return relevance.evidence(
        np.array(list(cosines.values()), np.float32),
        np.array([min(hit.score / lexical.ALL_WORDS, 1.0) for hit in hits], np.float32),
        [_occurs(word) for word in words],
    )


def _words(state: State) -> list[str]:
    texts = [part.text for part in state.wanted if part.text and part.weight > 0]
    return telling_words(texts, state.language)


def telling_words(texts: Sequence[str], language: str) -> list[str]:
    """Of all texts, each once."""
    return list(dict.fromkeys(word for text in texts for word in telling(text, language)))


def packed(vector: NDArray[np.float32]) -> str:
    """A unit row as a state carries it."""
    return base64.b64encode(np.asarray(vector, np.float16).tobytes()).decode()


def _parts(space: spaces.Space, state: State) -> list[Part]:
    ids = _item_ids(state.wanted)
    return [_part(space, part, ids, state.language) for part in state.wanted]


def _part(space: spaces.Space, wanted: Wanted, ids: dict[str, int], language: str) -> Part:
    if wanted.item:
        name = f"The item {wanted.item!r}"
        return search.item_part(space, ids[wanted.item], wanted.weight, name)
    if wanted.vector:
        row = np.frombuffer(base64.b64decode(wanted.vector), np.float16).astype(np.float32)
        return Part(unit(row[None])[0], wanted.modality, wanted.weight)
    text = content(wanted.text, language)
    return Part(queries.text_vector(space, text), "text", wanted.weight, words=text)


def _item_ids(wanted: Sequence[Wanted]) -> dict[str, int]:
    """By name. Raises InvalidQuery for one that is not visible any more."""
    names = [part.item for part in wanted if part.item]
    if not names:
        return {}
    found = Item.objects.visible().filter(external_id__in=names)
    ids = dict(found.values_list("external_id", "pk"))
    if missing := [name for name in names if name not in ids]:
        raise InvalidQuery({"history": f"The item {missing[0]!r} is gone: ask again without it."})
    return ids


def _candidates(
    space: spaces.Space,
    parts: Sequence[Part],
    words: Sequence[str],
    language: str,
    items: QuerySet[Item],
) -> tuple[list[int], dict[int, float]]:
    """Ids by the whole query, by each word and by all words; how much of the words each has, 0 to 1."""
    query = search.Query(tuple(parts))
    near = [hit.item_id for hit in search.ranking(space, query, DEPTH, items=items).hits]
    if len(words) > 1:
        for word in words:
            vector = queries.text_vector(space, word)
            near += _nearest(space, Part(vector, "text"), items)
    hits = lexical.matches(" ".join(heads(words, language)), DEPTH, items=items) if words else []
    has = {hit.item_id: min(hit.score / lexical.ALL_WORDS, 1.0) for hit in hits}
    return list(dict.fromkeys([*near, *has])), has


def _nearest(space: spaces.Space, part: Part, items: QuerySet[Item]) -> list[int]:
    vector = scoring.fused_query(space, part)
    return [row[0] for row in index.nearest(space.partition, vector, DEPTH_OF_A_WORD, items=items)]


def _by_word(
    space: spaces.Space, words: Sequence[str], ids: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """Word -> the items' cosines with it, (n,); nothing for a single word."""
    if len(words) < 2:
        return {}
    vectors = index.vectors(space.partition, ids, ("fused",))
    width = space.partition.fused_dim
    rows = unit(
        np.stack(
            [
                vectors[item_id]["fused"].astype(np.float32)
                if item_id in vectors
                else np.zeros(width, np.float32)
                for item_id in ids
            ]
        )
    )
    asked = {
        word: scoring.fused_query(space, Part(queries.text_vector(space, word), "text"))
        for word in words
    }
    return {word: rows @ unit(vector[None])[0] for word, vector in asked.items()}


def _occurs(word: str) -> bool:
    hits = lexical.matches(word, 1, items=Item.objects.visible())
    return any(hit.score >= lexical.ALL_WORDS for hit in hits)
