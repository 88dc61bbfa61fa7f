"""Composite rows of a page: "because you liked X", "new in Y", "trending"; no item in two of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import connection

from recommender.listing import Page, first
from recommender.pipeline import Asked
from recommender.profiles import taste_of
from recommender.types import Taste
from retrieval import spaces

BECAUSE: Final = 2
"""Rows of the visitor's heaviest interests."""
LEAST: Final = 3
"""Items, below which a row is left out."""
LOOKED_AT: Final = 30
"""Latest liked items whose categories are counted."""

CATEGORIES: Final = """
SELECT link.item_id, c.path FROM catalog_item_categories link
JOIN catalog_category c ON c.id = link.category_id WHERE link.item_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A titled list."""

    code: str
    """because, for_you, new_in, trending or new."""
    page: Page
    item_id: int | None = None
    """The X of "because you liked X"."""
    category: str = ""
    """The Y of "new in Y"."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to be filled."""

    code: str
    asked: Asked
    item_id: int | None = None
    category: str = ""


def rows(asked: Asked, most: int, now: datetime) -> list[Row]:
    """At most ``most``, in the order of BUILDERS; each of up to ``asked.limit`` items."""
    taste = taste_of(asked.visitor, spaces.active_space(), now) if asked.visitor else Taste()
    made: list[Row] = []
    shown: set[int] = set(asked.exclude)
    for build in BUILDERS:
        for row in build(asked, taste):
            if len(made) == most:
                return made
            page = first(replace(row.asked, exclude=(*row.asked.exclude, *shown)))
            if len(page.entries) >= LEAST:
                made.append(Row(row.code, page, row.item_id, row.category))
                shown |= {entry.item_id for entry in page.entries}
    return made


def for_you(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """What the placement recommends."""
    yield _Row("for_you", asked)


def because(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """Like the item that stands for an interest."""
    for interest in taste.interests[:BECAUSE]:
        only = replace(asked, items=(interest.item_id,), sources={"session": 1.0})
        yield _Row("because", only, item_id=interest.item_id)


def new_in(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """The latest of the category that most of what the visitor likes is in."""
    liked = [done.item_id for done in taste.history if done.strength > 0][:LOOKED_AT]
    if liked and (category := _category(liked)):
        there = {"categories": category}
        both = {"and": [asked.filter, there]} if asked.filter else there
        yield _Row("new_in", replace(asked, filter=both, sources={"new": 1.0}), category=category)


def trending(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """What everybody uses these days."""
    yield _Row("trending", replace(asked, sources={"trending": 1.0}))


def new(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """The latest of all."""
    yield _Row("new", replace(asked, sources={"new": 1.0}))


BUILDERS: Final[Sequence[Callable[[Asked, Taste], Iterator[_Row]]]] = (
    for_you,
    because,
    new_in,
    trending,
    new,
)


def _category(item_ids: Sequence[int]) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(CATEGORIES, [list(item_ids)])
        counted = Counter(path for _, path in cursor.fetchall())
    return min(counted, key=lambda path: (-counted[path], path), default=None)
