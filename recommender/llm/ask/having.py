"""Which items have a question's words, and which are of the kind that it names."""

from collections.abc import Sequence
from itertools import islice, product
from typing import Final

from django.db.models import QuerySet

from catalog.models import Item
from recommender.llm.ask.questions import heads
from recommender.llm.ask.types import State
from recommender.llm.understanding import vocabulary
from retrieval import filters, lexical

MAX_SPELLED: Final = 4
"""Ways to spell a question of verbs with who does it."""
DOER_SHARE: Final = 0.8


def inside_of(items: QuerySet[Item], paths: Sequence[str]) -> QuerySet[Item]:
    """Those in one of the categories or below it."""
    return filters.filter_items(items, {"categories": {"in": [*paths]}})


def having(
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
        inside = _saying(rest, inside_of(items, state.categories), most)
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
