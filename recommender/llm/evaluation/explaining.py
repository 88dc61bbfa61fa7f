"""How often a model's reason for an item says only what the catalog says.

Pairs of items of the same category, as a recommendation has them: one that is shown, one that was liked.
"""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from catalog.models import Item
from catalog.summaries import item_summaries
from recommender.exceptions import LlmUnavailable
from recommender.llm import explanations
from recommender.llm.explanations import Asked

CODE: Final = "similar_to_liked"


@dataclass(frozen=True, slots=True)
class Explained:
    """Sentences asked for, those that the items bear out, those that were no answer at all."""

    asked: int
    grounded: int
    failed: int
    examples: tuple[tuple[str, str, str], ...]
    """Some: title of the item, of the one behind it, and the sentence."""


def measured(count: int, language: str, seed: int = 0) -> Explained:
    """Of so many pairs of this catalog's visible items, drawn by ``seed``."""
    pairs = _pairs(count, seed)
    facts = item_summaries(sorted({item for pair in pairs for item in pair}), [language])
    grounded = failed = 0
    examples: list[tuple[str, str, str]] = []
    for shown, liked in pairs:
        try:
            text = explanations.sentence(Asked(shown, CODE, liked, language), facts)
        except LlmUnavailable:
            failed += 1
            continue
        grounded += bool(text)
        if text:
            examples.append((facts[shown]["title"], facts[liked]["title"], text))
    return Explained(len(pairs), grounded, failed, tuple(examples[:5]))


def _pairs(count: int, seed: int) -> list[tuple[int, int]]:
    """Neighbours in the order of categories, shuffled: mostly of one category."""
    rows = Item.objects.visible().exclude(categories=None).order_by("categories__path", "pk")
    ids = list(dict.fromkeys(rows.values_list("pk", flat=True)))
    pairs = list(pairwise(ids))
    random.Random(seed).shuffle(pairs)  # noqa: S311 - a sample
    return pairs[:count]
