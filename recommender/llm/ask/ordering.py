"""Answers in the order of a number or a date: the cheapest, the newest."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models import F, Func, QuerySet, TextField
from django.db.models.fields.json import KeyTransform

from catalog.models import Item
from recommender.llm.ask.questions import telling
from recommender.llm.ask.types import State
from recommender.llm.understanding import vocabulary
from retrieval import filters, lexical
from retrieval.filters.fields import fields

MOST_OF_KIND: Final = 5_000
"""Items of a kind that have the question's other words."""
_COUNT: Final = re.compile(
    r"one|two|three|four|five|six|seven|eight|nine|ten|few|[一二两三四五六七八九十几]+[个只件张部台款种项]?"
)
"""How many are wanted is no word of an item."""
_STORED: Final = {"number": "number", "date": "string"}


def first_of_kind(state: State, items: QuerySet[Item], most: int) -> list[int]:
    """Ids of the first ``most`` in the state's order, of all ``items`` of the kind that the question names
    and which have its other words. Without those that lack a value; none where no kind is named, or no item of it
    has those words: then the nearest by meaning are what there is to order.
    """
    if state.sort is None or not state.categories:
        return []
    name, order = state.sort
    stored = _STORED.get(fields()[name].type)
    inside = _saying_the_rest(state, filters.filter_items(items, _in(state.categories)))
    value = KeyTransform(name, "attributes")
    kind = Func(value, function="jsonb_typeof", output_field=TextField())
    found = inside.annotate(_value=value, _kind=kind).filter(_kind=stored)
    by = F("_value").asc() if order == "asc" else F("_value").desc()
    return list(found.order_by(by, "pk").values_list("pk", flat=True)[:most])


def ordered(
    ids: Sequence[int], attributes: Mapping[int, Mapping[str, Any]], name: str, order: str
) -> list[int]:
    """By the attribute, those without a value at the end."""
    is_date = fields()[name].type == "date"
    found: dict[int, Any] = {n: attributes.get(n, {}).get(name) for n in ids}
    having = [
        item_id
        for item_id, value in found.items()
        if (isinstance(value, str) if is_date else number(value) is not None)
    ]
    first = sorted(having, key=lambda item_id: found[item_id], reverse=order == "desc")
    return [*first, *(item_id for item_id in ids if item_id not in having)]


def number(value: Any) -> float | None:
    """As a number, if it is one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _in(paths: Sequence[str]) -> dict[str, Any]:
    return {"categories": {"in": [*paths]}}


def _saying_the_rest(state: State, inside: QuerySet[Item]) -> QuerySet[Item]:
    names = vocabulary()
    texts = [part.text for part in state.wanted if part.text and part.weight > 0]
    rest = [
        word
        for text in texts
        for word in telling(text, state.language)
        if not (names.category(word, state.language) or _COUNT.fullmatch(word))
    ]
    if not rest:
        return inside
    hits = lexical.matches(" ".join(rest), MOST_OF_KIND, items=inside)
    return inside.filter(pk__in=[hit.item_id for hit in hits if hit.score >= lexical.ALL_WORDS])
