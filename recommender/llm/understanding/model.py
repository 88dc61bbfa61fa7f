"""Reading a question by a language model: JSON by a schema, taken only where the question bears it out.

The model says what it read in a few flat fields. Each is checked: words must be the question's own,
numbers must stand in it, categories and brands must be the catalog's. One that is not makes the whole
answer worthless, and the rules answer instead.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from recommender.exceptions import LlmUnavailable
from recommender.llm import calls, prompts
from recommender.llm.providers.types import Message
from recommender.llm.understanding import numbers
from recommender.llm.understanding.types import Interpretation, Reading, Sort
from recommender.llm.understanding.vocabulary import Vocabulary, folded

PURPOSE: Final = "understand"
TIMEOUT_S: Final = 2.0
"""At most. Somebody waits for results, which the rules could already look for."""
MAX_TOKENS: Final = 200
LISTED: Final = 40
"""Categories and brands that the prompt names; others are understood where the catalog has them."""
LEVELS: Final = {
    "cheap": "low",
    "not expensive": "modest",
    "not cheap": "notlow",
    "expensive": "high",
}
SORTS: Final = {
    "cheapest first": Sort("price", "asc"),
    "most expensive first": Sort("price", "desc"),
    "newest first": Sort("released", "desc"),
    "oldest first": Sort("released", "asc"),
    "most popular first": Sort("popularity", "desc"),
}
MAX_AVOID: Final = 12
"""Things; of a longer list the rules' reading counts, which has them all."""
_TEXT: Final = {"type": "string", "maxLength": 120}
_NUMBER: Final = {"type": ["number", "null"]}
_YEAR: Final = {"type": ["integer", "null"]}
_FIELDS: Final[dict[str, Any]] = {
    "want": _TEXT,
    "avoid": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": MAX_AVOID},
    "category": {"type": ["string", "null"], "maxLength": 60},
    "not_category": {"type": ["string", "null"], "maxLength": 60},
    "brands": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 3},
    "not_brands": {
        "type": "array",
        "items": {"type": "string", "maxLength": 40},
        "maxItems": 3,
    },
    "price_min": _NUMBER,
    "price_max": _NUMBER,
    "price_level": {"enum": [None, *LEVELS]},
    "year_min": _YEAR,
    "year_max": _YEAR,
    "in_stock": {"type": "boolean"},
    "sort": {"enum": [None, *SORTS]},
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": _FIELDS,
    "required": list(_FIELDS),
    "additionalProperties": False,
}
TASK: Final = """Read a shopper's question and answer with JSON only, in the question's own words and language.
want: what is looked for, without what the other fields say. avoid: what it should not be or have, one thing each.
category: the kind of thing, one of the categories. Prices and years only if the question has the number.
price_level: cheap, not expensive, not cheap or expensive, if it says so in words. in_stock: only if it asks for that.
sort: only if it asks for an order.
Example: "red boots, not leather, under 50, cheapest first" gives {"want": "red boots", "avoid": ["leather"], "category": "boots", "not_category": null, "brands": [], "not_brands": [], "price_min": null, "price_max": 50, "price_level": null, "year_min": null, "year_max": null, "in_stock": false, "sort": "cheapest first"}"""


class Unfounded(ValueError):
    """The question does not bear out what a model read in it."""


def read(
    text: str,
    by_rules: Reading,
    vocabulary: Vocabulary,
    previous: Interpretation | None,
    timeout_s: float = TIMEOUT_S,
) -> Reading:
    """What a model reads in a question. Raises LlmUnavailable, ``malformed`` where it made things up.

    References to what was shown, and whether the question follows another, stay as the rules read them.
    """
    said = calls.complete(
        PURPOSE,
        _messages(text, vocabulary, previous),
        schema=SCHEMA,
        max_tokens=MAX_TOKENS,
        timeout_s=timeout_s,
    ).data
    try:
        return checked(said, text, by_rules, vocabulary)
    except Unfounded as err:
        calls.rejected(PURPOSE)
        raise LlmUnavailable("malformed", str(err)) from err


def checked(
    said: Mapping[str, Any], text: str, by_rules: Reading, vocabulary: Vocabulary
) -> Reading:
    """The reading that an answer stands for. Raises Unfounded."""
    for words in (said["want"], *said["avoid"]):
        _from_question(words, text)
    avoid = [words.strip() for words in said["avoid"] if words.strip()]
    found = replace(
        by_rules,
        wanted=[said["want"].strip()] if said["want"].strip() else [],
        unwanted=avoid if len(by_rules.unwanted) <= MAX_AVOID else by_rules.unwanted,
        categories=_categories(said["category"], vocabulary),
        not_categories=_categories(said["not_category"], vocabulary),
        brands=_brands(said["brands"], vocabulary),
        not_brands=_brands(said["not_brands"], vocabulary),
        amounts=_amounts(said, by_rules, _numbers(text)),
        level=LEVELS.get(said["price_level"] or "", ""),  # type: ignore[arg-type]
        dates=_dates(said, by_rules, text),
        in_stock=said["in_stock"],
        sort=SORTS.get(said["sort"] or ""),
    )
    if not (found.wanted or found.unwanted or found.categories or found.brands) and by_rules.wanted:
        raise Unfounded("it says nothing of what is looked for")
    return found


def _from_question(words: str, text: str) -> None:
    """Every word, and every Chinese character, stands in the question."""
    there = folded(text)
    parts = re.findall("[\u4e00-\u9fff]|[^\\W\u4e00-\u9fff]+", folded(words))
    if foreign := [part for part in parts if part not in there]:
        raise Unfounded(f"the question does not say {foreign[0]!r}")


def _categories(name: str | None, vocabulary: Vocabulary) -> list[str]:
    """A name that no category has says nothing: the words stay."""
    if not name:
        return []
    return list(vocabulary.category(name) or vocabulary.category(name.rpartition("/")[2]))


def _brands(names: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    return [brand for name in names if (brand := vocabulary.brand(name)) is not None]


def _numbers(text: str) -> set[float]:
    """That stand in the question, in digits or words."""
    found: set[float] = set()
    for pattern in (numbers.ENGLISH, numbers.CHINESE, numbers.DIGITS):
        found |= {numbers.value_of(match[0]) for match in re.finditer(pattern, folded(text))}
    return found


def _amounts(said: Mapping[str, Any], by_rules: Reading, there: set[float]) -> dict[str, float]:
    """Bounds of the price; where the rules read the same numbers, theirs, which know < from <=."""
    bounds = {"gte": said["price_min"], "lte": said["price_max"]}
    given = {name: value for name, value in bounds.items() if value is not None}
    if given and sorted(given.values()) == sorted(by_rules.amounts.values()):
        return dict(by_rules.amounts)
    shares = (0.8, 0.9, 1.1, 1.2) if len(given) > 1 else ()  # "around 100" has two bounds
    near = {round(value * share, 2) for value in there for share in shares}
    for value in given.values():
        if value not in there and round(value, 2) not in near:
            raise Unfounded(f"the question has no number {value}")
    return given


def _dates(said: Mapping[str, Any], by_rules: Reading, text: str) -> dict[str, str]:
    first, last = said["year_min"], said["year_max"]
    for year in (first, last):
        if year is not None and str(year) not in text:
            raise Unfounded(f"the question has no year {year}")
    if by_rules.dates and (first, last) != (None, None):
        return dict(by_rules.dates)
    start = {} if first is None else {"gte": numbers.year_bounds("in", first)["gte"]}
    return start | ({} if last is None else {"lte": numbers.year_bounds("in", last)["lte"]})


def _messages(text: str, vocabulary: Vocabulary, previous: Interpretation | None) -> list[Message]:
    paths = list(dict.fromkeys(path for found in vocabulary.categories.values() for path in found))
    lines = [
        f"Categories: {prompts.quoted('names', ', '.join(paths[:LISTED]))}",
        f"Brands: {prompts.quoted('names', ', '.join(list(vocabulary.brands.values())[:LISTED]))}",
    ]
    if previous is not None and previous.wanted:
        lines.append(f"Asked before: {prompts.quoted('question', previous.wanted)}")
    lines.append(f"Question: {prompts.quoted('question', text, prompts.MAX_USER_CHARS)}")
    return [prompts.system(TASK), Message("user", "\n".join(lines))]
