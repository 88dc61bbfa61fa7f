"""The items that a conversation's query finds, and whether they are what it asks for."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Final

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog.models import Item
from recommender.llm.ask import relevance
from recommender.llm.ask.questions import content, heads, is_sum, meant, senses, telling
from recommender.llm.ask.types import Finding, Found, State, Wanted
from recommender.llm.understanding import vocabulary
from recommender.llm.understanding.languages import is_own, named
from recommender.llm.understanding.vocabulary import singular
from recommender.popularity import most_used
from retrieval import filters, index, lexical, queries, scoring, search, spaces
from retrieval.exceptions import InvalidQuery
from retrieval.fusion import unit
from retrieval.lexical import picture_names
from retrieval.scoring import Part

DEPTH: Final = 100
"""Candidates by the whole question, and as many by its words."""
DEPTH_OF_A_WORD: Final = 50
WORDED: Final = 30
"""Items by the words that evidence looks at: the nearest in meaning may not be the first."""
MAX_SPELLED: Final = 4
"""Ways to spell a question of verbs with who does it."""
DOER_SHARE: Final = 0.8
"""Of a verb's word, what has the word for who does it: an eagle that says "fly" comes before a robin."""
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
    evidence = _evidence(space, state, part, about.text, ids, items) if about.text else 1.0
    evidence += relevance.NAMED if state.categories else 0.0
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
    language = state.language
    if is_sum(text) or is_own(text, language):
        return 0.0
    scorer = scoring.Scorer(space, [replace(about, weight=1.0)])
    told = senses(text, language)
    has = _having(told, state, items, WORDED)
    near = scorer.scores(list(dict.fromkeys([*ids, *has])))
    things = heads([word for word, *_ in told], language)
    is_listed = all(_is_thing(word, language) for word in things)
    shares = [(share, near.get(item_id, 0.0)) for item_id, share in has.items()]
    return relevance.evidence(
        np.array([near[item_id] for item_id in ids if item_id in near], np.float32),
        np.array([share for share, _ in shares], np.float32),
        # whatever an encoder makes of words for things that shops have
        np.array([1.0 if is_listed else cosine for _, cosine in shares], np.float32),
    )


def _is_thing(word: str, language: str) -> bool:
    """Whether a word is known to mean a kind of thing: by the catalog or the tables; an emoji always does."""
    return bool(
        named(singular(word), language)
        or picture_names(word)
        or vocabulary().category(word, language)
    )


def _words(state: State) -> list[tuple[str, ...]]:
    """The telling words of what is wanted, each with its senses."""
    texts = [part.text for part in state.wanted if part.text and part.weight > 0]
    return list({each[0]: each for text in texts for each in senses(text, state.language)}.values())


def _having(
    words: Sequence[tuple[str, ...]], state: State, items: QuerySet[Item], most: int
) -> dict[int, float]:
    """How much of the words items have, 0 to 1, what only is a quality aside.

    What is in a category that the question names needs no word for it: an eagle among birds.
    """
    language = state.language
    things = set(heads([word for word, *_ in words], language))
    told = [each for each in words if each[0] in things]
    found = _saying(told, items, most)
    names = vocabulary() if state.categories else None
    rest = [each for each in told if names is None or not names.category(each[0], language)]
    if 0 < len(rest) < len(told):
        among = {"categories": {"in": [*state.categories]}}
        inside = _saying(rest, filters.filter_items(items, among), most)
        found |= {item_id: max(share, found.get(item_id, 0.0)) for item_id, share in inside.items()}
    return found


def _saying(words: Sequence[tuple[str, ...]], items: QuerySet[Item], most: int) -> dict[int, float]:
    """How much of the words items have, 0 to 1, each in one of its senses."""
    found: dict[int, float] = {}
    said = tuple(word for word, *_ in words)
    for spelled in islice(product(*words), MAX_SPELLED) if words else ():
        for hit in lexical.matches(" ".join(spelled), most, items=items):
            share = min(hit.score / lexical.ALL_WORDS, 1.0)
            share *= DOER_SHARE ** (spelled != said)
            found[hit.item_id] = max(share, found.get(hit.item_id, 0.0))
    return found


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
    text, said = meant(wanted.text, language), content(wanted.text, language)
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
    """Ids by the whole query, by each word and by all words; how much of the words each has, 0 to 1."""
    query = search.Query(tuple(parts))
    near = [hit.item_id for hit in search.ranking(space, query, DEPTH, items=items).hits]
    if len(words) > 1:
        for sense in dict.fromkeys(each for word in words for each in _asked(word, state.language)):
            near += _nearest(space, Part(queries.text_vector(space, sense), "text"), items)
    has = _having(words, state, items, DEPTH)
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
