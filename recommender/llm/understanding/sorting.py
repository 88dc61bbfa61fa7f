"""An order that a question asks for, among the hits that fit it best."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from catalog.models import Item
from recommender.llm.understanding.types import Interpretation, Sort
from recommender.llm.understanding.vocabulary import Vocabulary
from recommender.models import ItemPopularity

AMONG: Final = 24
"""Without a category nothing but their score says that hits are of the kind that was asked for: the
cheapest of many would be the cheapest of what hardly fits."""

T = TypeVar("T")


def ordered(
    hits: Sequence[T], ids: Sequence[int], meant: Interpretation, names: Vocabulary
) -> list[T]:
    """The hits in the order that ``meant`` asks for, those that lack its value after the others.

    ``hits`` are best first and ``ids`` their items. With a category all of them are put in order, else
    the first AMONG.
    """
    if meant.sort is None:
        return list(hits)
    count = len(hits) if "categories" in meant.filter else AMONG
    values = _values(ids[:count], meant.sort, names)
    known = [at for at in range(min(count, len(hits))) if ids[at] in values]
    known.sort(key=lambda at: values[ids[at]], reverse=meant.sort.order == "desc")
    taken = set(known)
    return [hits[at] for at in (*known, *(at for at in range(len(hits)) if at not in taken))]


def _values(ids: Sequence[int], sort: Sort, names: Vocabulary) -> Mapping[int, Any]:
    if sort.by == "popularity":
        used = ItemPopularity.objects.filter(item_id__in=ids)
        return dict(used.values_list("item_id", "popular"))
    name = names.roles[sort.by]
    kind = str if sort.by == "released" else (int, float)
    rows = Item.objects.filter(pk__in=ids).values_list("pk", f"attributes__{name}")
    return {
        pk: value for pk, value in rows if isinstance(value, kind) and not isinstance(value, bool)
    }
