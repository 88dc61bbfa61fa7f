"""Composite rows of a page: "because you liked X", "new in Y", "trending"; no item in two of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final

from django.db import connection

from recommender import limits
from recommender.event_types import liked
from recommender.listing import Page, begun, kept
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
NEW_IN_TRIED: Final = 3
"""Categories, until one has something that the visitor does not know."""

CATEGORIES: Final = """
SELECT link.item_id, c.path FROM catalog_item_categories link
JOIN catalog_category c ON c.id = link.category_id WHERE link.item_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A titled list."""

    code: str
    """for_you, because, because_seen, new_in, trending or new."""
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
    """At most ``most``, in the order of BUILDERS; each of up to ``asked.limit`` items. No later page of one
    has what another shows. What a row lacked that is left out for it, ``limits.limited`` yields.
    """
    shown = set(asked.exclude)
    made = list(islice(_filled(asked, _taste(asked.visitor, now), shown), most))
    return [replace(row, page=kept(row.page, shown)) for row in made]


def _taste(visitor: str, now: datetime) -> Taste:
    if not visitor:
        return Taste()
    space = limits.insisted(spaces.active_space)
    return limits.attempt("visitor", partial(taste_of, visitor, space, now)) or Taste()


def _filled(asked: Asked, taste: Taste, shown: set[int]) -> Iterator[Row]:
    """Those with enough items that are not ``shown``, which those of each are added to."""
    least = min(LEAST, asked.limit or LEAST)
    for build in BUILDERS:
        for row in build(asked, taste):
            # drawn for this row alone
            seed = f"{row.asked.seed} {row.code} {row.item_id or row.category or ''}"
            exclude = (*row.asked.exclude, *shown)
            page = begun(replace(row.asked, exclude=exclude, seed=seed))
            if len(page.entries) < least:
                limits.skip(page.listing.reports)
                continue
            shown.update(entry.item_id for entry in page.entries)
            yield Row(row.code, page, row.item_id, row.category)
            if row.code in ONCE:
                break


def for_you(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """What the placement recommends, to whoever it knows something of."""
    if taste.history:
        yield _Row("for_you", asked)


def because(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """Like the item that stands for an interest."""
    likes = liked(taste)
    for interest in taste.interests[:BECAUSE]:
        only = replace(asked, items=(interest.item_id,), sources={"session": 1.0})
        code = "because" if interest.item_id in likes else "because_seen"
        yield _Row(code, only, item_id=interest.item_id)


def new_in(asked: Asked, taste: Taste) -> Iterator[_Row]:
    """The latest of the category that most of what the visitor likes is in, the narrowest such first."""
    used = [done.item_id for done in taste.history if done.strength > 0][:LOOKED_AT]
    categories = limits.attempt("categories", partial(_categories, used)) or []
    for category in categories[:NEW_IN_TRIED]:
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


ONCE: Final = ("new_in",)
"""Of these rows one is enough: the first that has enough items."""


def _categories(item_ids: Sequence[int]) -> list[str]:
    """Those of the items and those above, the ones with most of the items first."""
    if not item_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(CATEGORIES, [list(item_ids)])
        found = {(item_id, above) for item_id, path in cursor.fetchall() for above in _up(path)}
    counted = Counter(path for _, path in found)
    return sorted(counted, key=lambda path: (-counted[path], -path.count("/"), path))


def _up(path: str) -> Iterator[str]:
    """The path, and of each category above."""
    names = path.split("/")
    return ("/".join(names[:depth]) for depth in range(len(names), 0, -1))
