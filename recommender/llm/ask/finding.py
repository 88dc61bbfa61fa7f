"""The items that a conversation's query finds, and whether they are what it asks for."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Final

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from recommender.llm.ask import relevance
from recommender.llm.ask.evidence import evidence_for
from recommender.llm.ask.having import having, inside_of
from recommender.llm.ask.questions import (
    alternatives,
    content,
    meant,
    senses,
    telling,
)
from recommender.llm.ask.types import Finding, Found, State, Wanted
from recommender.llm.understanding import vocabulary
from recommender.llm.understanding.languages import named
from recommender.popularity import most_used
from retrieval import index, queries, scoring, search, spaces
from retrieval.exceptions import InvalidQuery
from retrieval.fusion import unit
from retrieval.lexical import picture_names
from retrieval.scoring import Part

DEPTH: Final = 100
"""Candidates by the whole question, and as many by its words."""
DEPTH_OF_A_WORD: Final = 50
"""Of a verb's word, what has the word for who does it: an eagle that says "fly" comes before a robin."""
MOST: Final = 6
"""Items that an answer cites; of the benchmark's questions that are answered .98 have a right item among them."""


def find(space: spaces.Space, state: State, items: QuerySet[Item], most: int = MOST) -> Found:
    """At most ``most`` of ``items``.

    What a conversation is about comes first in its query; where that is words, they decide whether there
    is enough evidence. Nearest to an item or an attachment there is always something.
    Raises InvalidQuery for an item that is gone, NotEmbedded, SpaceGone.
    """
    about = next((part for part in state.wanted if part.weight > 0), None)
    if about is None:
        return _browsed(items, most)
    any_of = alternatives(about.text, state.language) if about.text else []
    if len(any_of) > 1:
        any_of = [text for text in any_of if text not in state.without] or any_of
        asked = (_with_text(state, about, text) for text in any_of)
        return _either([_found(space, each, items, most) for each in asked], most)
    return _found(space, state, items, most)


def _with_text(state: State, about: Wanted, text: str) -> State:
    wanted = (replace(part, text=text) if part is about else part for part in state.wanted)
    return replace(state, wanted=tuple(wanted), categories=named_paths(text, state.language))


def named_paths(text: str, language: str) -> tuple[str, ...]:
    """Paths of the first category that one of its words names."""
    names = vocabulary()
    found = (names.category(word, language) for word in telling(text, language))
    return next(filter(None, found), ())


def _either(founds: Sequence[Found], most: int) -> Found:
    """The best of each that the catalog has, then the second of each; where it has none, what was nearest."""
    having = [each for each in founds if each.relevant] or founds
    in_turn = chain.from_iterable(zip_longest(*(each.findings for each in having)))
    findings = {each.item_id: each for each in filter(None, in_turn)}
    return Found(
        list(findings.values())[:most],
        max(each.evidence for each in founds),
        relevant=any(each.relevant for each in founds),
    )


def _found(space: spaces.Space, state: State, items: QuerySet[Item], most: int) -> Found:
    """As ``find``, for one thing that is looked for."""
    parts = _parts(space, state)
    about = next(part for part in state.wanted if part.weight > 0)
    words = _words(state) if about.text else []
    ids, has_words = _candidates(space, parts, words, state, items)
    whole = scoring.Scorer(space, parts).scores(ids) if ids else {}
    ids = [item_id for item_id in ids if item_id in whole]
    if not ids:
        return Found((), 0.0, relevant=False)
    cosines = np.array([whole[item_id] for item_id in ids], np.float32)
    by_words = np.array([has_words.get(item_id, 0.0) for item_id in ids], np.float32)
    scored = relevance.scores(cosines, _by_word(space, words, state.language, ids), by_words)
    scored = scored + relevance.PREFERRED * _preferred(state.categories, ids)
    order = sorted(range(len(ids)), key=lambda at: (-scored[at], ids[at]))
    kept = relevance.cut([float(scored[at]) for at in order], most)
    part = parts[state.wanted.index(about)]
    evidence = evidence_for(space, state, part, about.text, ids, items) if about.text else 1.0
    return Found(
        [Finding(ids[at], float(scored[at])) for at in order[:kept]],
        evidence,
        relevant=evidence >= relevance.LEAST_EVIDENCE,
    )


def _browsed(items: QuerySet[Item], most: int) -> Found:
    """What is used most, else what came first: for a question that names nothing wanted."""
    ids = most_used(items, most)
    return Found([Finding(item_id, 0.0) for item_id in ids], 1.0, relevant=True)


def _preferred(paths: Sequence[str], ids: Sequence[int]) -> NDArray[np.float32]:
    """(n,): 1 for an item in one of the categories or below it."""
    if not paths:
        return np.zeros(len(ids), np.float32)
    among = inside_of(Item.objects.filter(pk__in=ids), paths)
    inside = set(among.values_list("pk", flat=True))
    return np.array([item_id in inside for item_id in ids], np.float32)


def _words(state: State) -> list[tuple[str, ...]]:
    """The telling words of what is wanted, each with its senses."""
    texts = [part.text for part in state.wanted if part.text and part.weight > 0]
    found = (each for text in texts for each in senses(text, state.language, state.without))
    return list({each[0]: each for each in found}.values())


def telling_words(texts: Sequence[str], language: str) -> list[str]:
    """Of all texts, each once."""
    return list(dict.fromkeys(word for text in texts for word in telling(text, language)))


def packed(vector: NDArray[np.float32]) -> str:
    """A unit row as a state carries it."""
    return base64.b64encode(np.asarray(vector, np.float16).tobytes()).decode()


def _parts(space: spaces.Space, state: State) -> list[Part]:
    ids = _item_ids(state.wanted)
    return [_part(space, part, ids, state) for part in state.wanted]


def _part(space: spaces.Space, wanted: Wanted, ids: dict[str, int], state: State) -> Part:
    if wanted.item:
        name = f"The item {wanted.item!r}"
        return search.item_part(space, ids[wanted.item], wanted.weight, name)
    if wanted.vector:
        row = np.frombuffer(base64.b64decode(wanted.vector), np.float16).astype(np.float32)
        return Part(unit(row[None])[0], wanted.modality, wanted.weight)
    denied = state.without if wanted.weight > 0 else ()
    text = meant(wanted.text, state.language, denied)
    said = content(wanted.text, state.language)
    vector = queries.text_vector(space, text)
    if text != said:
        vector = unit((vector + queries.text_vector(space, said))[None])[0]
    return Part(vector, "text", wanted.weight, words=text)


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
    words: Sequence[tuple[str, ...]],
    state: State,
    items: QuerySet[Item],
) -> tuple[list[int], dict[int, float]]:
    """Ids by the whole query, the same in the categories named, by each word and by all words; how much of the
    words each has, 0 to 1.
    """
    query = search.Query(tuple(parts))
    near = [hit.item_id for hit in search.ranking(space, query, DEPTH, items=items).hits]
    if len(words) > 1:
        for sense in dict.fromkeys(each for word in words for each in _asked(word, state.language)):
            near += _nearest(space, Part(queries.text_vector(space, sense), "text"), items)
    if state.categories:
        inside = search.ranking(space, query, DEPTH, items=inside_of(items, state.categories))
        near += [hit.item_id for hit in inside.hits]
    has = having(words, state, items, DEPTH)
    return list(dict.fromkeys([*near, *has])), has


def _asked(word: tuple[str, ...], language: str) -> tuple[str, ...]:
    """As an encoder is asked for a word: who does it stands for a verb, and its English name helps."""
    if others := word[1:] or tuple(picture_names(word[0])):
        return others
    return (*word, *named(word[0], language)[:1])


def _nearest(space: spaces.Space, part: Part, items: QuerySet[Item]) -> list[int]:
    vector = scoring.fused_query(space, part)
    return [row[0] for row in index.nearest(space.partition, vector, DEPTH_OF_A_WORD, items=items)]


def _by_word(
    space: spaces.Space, words: Sequence[tuple[str, ...]], language: str, ids: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    """Word -> the items' cosines with it, the best of its senses, (n,); nothing for a single word."""
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
    return {
        word[0]: np.max([rows @ _row(space, sense) for sense in _asked(word, language)], axis=0)
        for word in words
    }


def _row(space: spaces.Space, word: str) -> NDArray[np.float32]:
    """A word's unit row, (dim,)."""
    asked = scoring.fused_query(space, Part(queries.text_vector(space, word), "text"))
    return unit(asked[None])[0]
