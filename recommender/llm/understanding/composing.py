"""A reading becomes an interpretation: checked against what the catalog declares and holds."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from recommender.llm.understanding.pricing import Price
from recommender.llm.understanding.types import (
    UNWANTED,
    WANTED,
    Interpretation,
    Reading,
    Sort,
    Source,
    Words,
    one_or_in,
)
from recommender.llm.understanding.vocabulary import Vocabulary
from retrieval.exceptions import InvalidQuery
from retrieval.filters import conditions

MAX_UNWANTED: Final = 5
"""Parts of the query that count against: it takes ten, one of them is what is wanted. What is denied beyond
is left out by its words all the same (``Interpretation.without``)."""
MAX_WITHOUT: Final = 30
"""Each costs a search of its own; what is denied beyond is named in ``ignored``."""
MAX_CHARS: Final = 500
"""Of one part."""


def composed(
    found: Reading,
    vocabulary: Vocabulary,
    *,
    language: str,
    source: Source = "rules",
    reference: Mapping[str, Any] | None = None,
    previous: Interpretation | None = None,
) -> Interpretation:
    """``reference`` are the attributes of the item that ``like this`` means, if that is known; ``previous``:
    of the question that this one follows, whose budget a level keeps to."""
    price = Price(found, vocabulary, reference or {}, previous)
    filter_, ignored = _filter(found, vocabulary, price.bounds())
    ignored = [*dict.fromkeys([*found.ignored, *ignored])]
    sort: Sort | None = found.sort or price.sort()
    if sort is not None and sort.by != "popularity" and sort.by not in vocabulary.roles:
        ignored.append(f"sort by {sort.by}")
        sort = None
    wanted = found.text()[:MAX_CHARS]
    unwanted = list(dict.fromkeys(text[:MAX_CHARS] for text in found.unwanted))
    without = list(dict.fromkeys([*unwanted, *found.denied]))
    ignored += [f"without {text}" for text in without[MAX_WITHOUT:]]
    return Interpretation(
        parts=(
            *([Words(wanted, WANTED)] if wanted else []),
            *(Words(text, UNWANTED) for text in unwanted[:MAX_UNWANTED]),
        ),
        like=tuple(dict.fromkeys(found.like)),
        filter=filter_,
        sort=sort,
        language=language,
        source=source,
        ignored=tuple(ignored),
        follows=found.follows,
        without=tuple(without[:MAX_WITHOUT]),
        budget=dict(found.amounts) if vocabulary.roles.get("price") in filter_ else {},
        compared=found.compared,
    )


def _filter(
    found: Reading, vocabulary: Vocabulary, price: Mapping[str, float]
) -> tuple[dict[str, Any], list[str]]:
    """The filter, and the names of what it cannot ask for here."""
    filter_: dict[str, Any] = {}
    ignored: list[str] = []

    def ask(role: str, condition: Any) -> None:
        name = vocabulary.roles.get(role)
        if name is not None and condition:
            filter_[name] = condition
        else:
            ignored.append(role)

    if found.categories:
        filter_["categories"] = one_or_in(found.categories)
    if found.amounts or found.level:
        ask("price", price)
    if found.dates:
        ask("released", found.dates)
    if found.brands:
        ask("brand", one_or_in(found.brands))
    if found.in_stock:
        ask("in_stock", True)
    denied = _denied(found, vocabulary, ignored)
    if denied:
        filter_["not"] = denied[0] if len(denied) == 1 else {"or": denied}
    return _valid(filter_, ignored)


def _denied(found: Reading, vocabulary: Vocabulary, ignored: list[str]) -> list[dict[str, Any]]:
    """Conditions that must not hold; what the catalog cannot be asked goes to ``ignored``."""
    denied: list[dict[str, Any]] = []
    if found.not_categories:
        denied.append({"categories": one_or_in(list(dict.fromkeys(found.not_categories)))})
    bounds = (("price", found.not_amounts), ("released", found.not_dates))
    values = (("brand", list(dict.fromkeys(found.not_brands))),)
    for role, condition in (*bounds, *((role, one_or_in(each)) for role, each in values if each)):
        if condition and role in vocabulary.roles:
            denied.append({vocabulary.roles[role]: condition})
        elif condition and role not in ignored:
            ignored.append(role)
    return denied


def _valid(filter_: dict[str, Any], ignored: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Without the conditions that the filter language refuses (a number too large, say)."""
    check: Callable[[object], object] = conditions
    for name in list(filter_):
        try:
            check({name: filter_[name]})
        except InvalidQuery:
            del filter_[name]
            ignored.append(name)
    return filter_, ignored
