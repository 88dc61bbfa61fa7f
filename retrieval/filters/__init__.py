"""The filter language: JSON becomes a condition on items, part of the same SQL statement as a search.

``docs/howto/filter.md`` says what it means. Nothing is known to a filter but the built-in fields and
the attributes declared in ``RETRIEVAL["FILTERS"]``.
"""

from django.db.models import Q, QuerySet

from catalog.models import Item
from retrieval.filters.fields import Field, fields
from retrieval.filters.reading import Reader

__all__ = ["Field", "conditions", "fields", "filter_items"]


def conditions(given: object, path: str = "filter") -> Q:
    """What must hold of an item; it is true or false of every item, so that it can be negated.

    ``given`` may be any JSON value. Raises InvalidQuery with a message for every bad path in it;
    ``path`` is what the paths begin with.
    """
    return Reader(fields()).read(given, path)


def filter_items(items: QuerySet[Item], given: object, path: str = "filter") -> QuerySet[Item]:
    """The items that a filter lets through; all of them for ``{}``. Raises InvalidQuery."""
    return items.filter(conditions(given, path))
