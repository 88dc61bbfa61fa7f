"""A language model's order of the first few items: for visitors nobody knows, and for questions.

It is given numbers in a shuffled order, never identifiers, and gives numbers back; no item moves by more
than MOST_SHIFT ranks, whatever it says. Late, down or malformed, the order is the one that was there, and
says so. Listwise, after W. Sun et al., Is ChatGPT Good at Search? (RankGPT), 2023; shuffled because
models favour what comes first (R. Tang et al., Found in the Middle, 2023).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from catalog.selectors import ItemWords, item_words
from catalog.summaries import in_language
from recommender.exceptions import LlmUnavailable
from recommender.llm import calls, prompts
from recommender.llm.providers.types import Message
from recommender.types import Placed, Taste

PURPOSE: Final = "rerank"
DEPTH: Final = 10
"""Items put in order: about a screen, and a prompt of some 700 tokens."""
MOST_SHIFT: Final = 3
"""Ranks that an item can rise or fall: what a hostile title can gain at most."""
COLD_EVENTS: Final = 5
"""Of a visitor with fewer things done the taste is not known yet; from there on the ranker knows better."""
TIMEOUT_S: Final = 2.0
"""Somebody waits for the page."""
MAX_TOKENS: Final = 80
MAX_ITEM_CHARS: Final = 160
TASK: Final = (
    "Put the numbered items into the best order for what is wished, the best first. "
    'Answer with JSON only: {"order": [numbers]}, each number of the items once.'
)
NEWCOMER: Final = "Someone new, of whom nothing is known: what most people like, and variety."
LOOKED_AT: Final = "Someone new, who looks at: "

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Order:
    """Places (0 is the base order's first) in their new order."""

    places: tuple[int, ...]
    degraded: bool = False
    """A model was asked and gave no usable order: the places are as they were."""
    asked: bool = True


def cold(taste: Taste) -> bool:
    """Whether too little is known of the visitor for the ranker to tell."""
    return len(taste.history) < COLD_EVENTS


def order(texts: Sequence[str], wish: str, seed: str, timeout_s: float = TIMEOUT_S) -> Order:
    """The order of items that are known by ``texts``, best first so far; one call, at most ``timeout_s``.

    ``wish`` is what somebody said or looks at. ``seed`` decides how the items are shuffled. Raises nothing.
    """
    base = tuple(range(len(texts)))
    if len(texts) < 2 or not calls.enabled(PURPOSE):
        return Order(base, asked=False)
    shuffled = list(base)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    try:
        said = calls.complete(
            PURPOSE,
            _messages([texts[place] for place in shuffled], wish),
            schema=schema(len(texts)),
            max_tokens=MAX_TOKENS,
            timeout_s=timeout_s,
        ).data["order"]
    except LlmUnavailable as err:
        return Order(base, degraded=err.code != "off", asked=err.code != "off")
    return Order(bounded([shuffled[number - 1] for number in said], len(texts)))


def schema(count: int) -> dict[str, Any]:
    """Of an answer about so many items: their numbers, none twice, none foreign."""
    return {
        "type": "object",
        "properties": {
            "order": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": count},
                "uniqueItems": True,
                "minItems": 1,
                "maxItems": count,
            }
        },
        "required": ["order"],
        "additionalProperties": False,
    }


def bounded(wanted: Sequence[int], count: int, most: int = MOST_SHIFT) -> tuple[int, ...]:
    """The order nearest to ``wanted``, best first, in which no place moves by more than ``most``.

    Places that it leaves out follow as they were. At each position stands the place that could not come
    later any more, if there is one, else the most wanted of those that may be there.
    """
    left = [*wanted, *(place for place in range(count) if place not in set(wanted))]
    found = []
    for position in range(count):
        due = position - most
        chosen = due if due in left else next(p for p in left if p <= position + most)
        left.remove(chosen)
        found.append(chosen)
    return tuple(found)


def placed_reordered(
    placed: Sequence[Placed], looked_at: Sequence[int], language: str, seed: str
) -> tuple[list[Placed], bool]:
    """The first DEPTH of a cold visitor's items in a model's order, and whether it was to and could not.

    ``looked_at`` are the session's items. What people or chance put somewhere stays there. How likely the
    model's order is cannot be said, and so neither what any of these was shown with. One statement.
    """
    if not calls.enabled(PURPOSE):
        return list(placed), False
    free = [at for at, each in enumerate(placed[:DEPTH]) if not (each.pinned or each.explored)]
    ids = [placed[at].candidate.item_id for at in free]
    words = {row.item_id: row for row in item_words([*ids, *looked_at[:COLD_EVENTS]])}
    known = [at for at in free if placed[at].candidate.item_id in words]
    titles = [title(words[n], language) for n in looked_at[:COLD_EVENTS] if n in words]
    wish = LOOKED_AT + "; ".join(titles) if titles else NEWCOMER
    texts = [described(words[placed[at].candidate.item_id], language) for at in known]
    found = order(texts, wish, seed)
    mixed = list(placed)
    for at, place in zip(known, found.places, strict=True):
        mixed[at] = placed[known[place]]
    if found.asked and not found.degraded:
        mixed[:DEPTH] = [replace(each, propensity=None) for each in mixed[:DEPTH]]
    return mixed, found.degraded


def reordered(
    items: Sequence[T],
    item_id: Callable[[T], int],
    wish: str,
    language: str,
    timeout_s: float = TIMEOUT_S,
) -> tuple[list[T], bool]:
    """The first DEPTH of what a question found in a model's order, and whether it was to and could not.

    One statement. Equal calls shuffle equally.
    """
    if not calls.enabled(PURPOSE):
        return list(items), False
    words = {row.item_id: row for row in item_words([item_id(each) for each in items[:DEPTH]])}
    known = [at for at, each in enumerate(items[:DEPTH]) if item_id(each) in words]
    found = order(
        [described(words[item_id(items[at])], language) for at in known], wish, wish, timeout_s
    )
    mixed = list(items)
    for at, place in zip(known, found.places, strict=True):
        mixed[at] = items[known[place]]
    return mixed, found.degraded


def described(words: ItemWords, language: str) -> str:
    """An item in a line: its title, category and tags."""
    own = words.texts[0]
    text = in_language({each.language: each for each in words.texts}, [language], own)
    category = words.categories[0] if words.categories else ""
    return ". ".join(filter(None, (text.title, category, ", ".join(text.tags or own.tags))))


def title(words: ItemWords, language: str) -> str:
    """In the language, else the item's own."""
    texts = {each.language: each.title for each in words.texts}
    return in_language(texts, [language], words.texts[0].title)


def _messages(texts: Sequence[str], wish: str) -> list[Message]:
    lines = [
        f"{number}. {prompts.quoted('item', text, MAX_ITEM_CHARS)}"
        for number, text in enumerate(texts, start=1)
    ]
    wished = prompts.quoted("wish", wish, prompts.MAX_USER_CHARS)
    return [prompts.system(TASK), Message("user", "\n".join([*lines, f"Wish: {wished}"]))]
