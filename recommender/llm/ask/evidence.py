"""How much speaks for the catalog having what a question asks for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from django.db.models import QuerySet

from catalog.models import Item
from recommender.llm.ask import relevance
from recommender.llm.ask.having import having, inside_of
from recommender.llm.ask.questions import (
    asked_for,
    compound_head,
    heads,
    is_sum,
    is_thing,
    meant,
    senses,
)
from recommender.llm.ask.types import State
from recommender.llm.understanding import vocabulary
from recommender.llm.understanding.languages import is_now, is_own
from retrieval import queries, scoring, spaces
from retrieval.scoring import Part

WORDED: Final = 30
"""Items by the words that evidence looks at: the nearest in meaning may not be the first."""


def evidence_for(
    space: spaces.Space,
    state: State,
    about: Part,
    text: str,
    ids: Sequence[int],
    items: QuerySet[Item],
) -> float:
    """Of what the question is about alone: "in blue" makes no frog of what is none, and no dog is insurance."""
    language = state.language
    if is_sum(text) or is_own(text, language) or is_now(text, language):
        return 0.0
    head = compound_head(text, language, lambda word: _is_thing(word, language))
    is_named = not head and _is_of(asked_for(text, language), state)
    if is_named and inside_of(items, state.categories).exists():
        return relevance.CERTAIN
    preferred = relevance.NAMED if state.categories else 0.0
    whole = _told(space, state, about, text, ids, items) + preferred
    if not head:
        return whole
    alone = Part(queries.text_vector(space, meant(head, language)), "text", words=head)
    return min(whole, _told(space, state, alone, head, ids, items))


def _told(
    space: spaces.Space,
    state: State,
    about: Part,
    text: str,
    ids: Sequence[int],
    items: QuerySet[Item],
) -> float:
    """``relevance.evidence`` of words."""
    language = state.language
    scorer = scoring.Scorer(space, [replace(about, weight=1.0)])
    told = senses(text, language, state.without)
    has = having(told, state, items, WORDED)
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


def _is_of(word: str, state: State) -> bool:
    """Whether the word is the name of the categories that the question names."""
    paths = vocabulary().category(word, state.language) if word else ()
    return bool(paths) and set(paths) <= set(state.categories)


def _is_thing(word: str, language: str) -> bool:
    """As ``is_thing``, by the catalog as well."""
    return is_thing(word, language) or bool(vocabulary().category(word, language))
