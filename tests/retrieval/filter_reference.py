"""The filter language a second time: plain Python over plain dicts, with hand-written dates.

Nothing here comes from ``retrieval.filters``; items are dicts in the form of an import file.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

DECLARED = {
    "price": "number",
    "released": "date",
    "brand": "text",
    "in_stock": "boolean",
    # names that would break out of a badly quoted statement
    "0": "number",
    "x' OR 1=1; DROP TABLE catalog_item; -- %s %(a)s \\ \" {}": "text",
    'a"b\\': "date",
}


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


STORED_MOMENTS: dict[Any, datetime | None] = {
    "2026-01-31": utc(2026, 1, 31),
    "2026-01-31T00:00:00Z": utc(2026, 1, 31),
    "2026-01-31T23:30:00-02:00": utc(2026, 2, 1, 1, 30),
    "2026-02-01 01:30": utc(2026, 2, 1, 1, 30),
    "2026-02-01T07:00:00.000001+0530": utc(2026, 2, 1, 1, 30, 0, 1),
    "2026-02-01T01:30:00.0000019999": None,  # more than nanoseconds
    "2026-02-01T01:30:00.000001999": utc(2026, 2, 1, 1, 30, 0, 1),
    "1000-01-01": utc(1000, 1, 1),
    "8999-12-31T23:59:59.999999Z": utc(8999, 12, 31, 23, 59, 59, 999999),
    "2024-02-29": utc(2024, 2, 29),
    "2026-02-29": None,
    "2026-04-31": None,
    "2026-13-01": None,
    "9999-12-31": None,
    "2026-01-31T24:00:00Z": None,
    "2026-01-31T12:00:60Z": None,
    "2026-01-31T12:00:00 Europe/Paris": None,
    "31.01.2026": None,
    "2026-01-31\n": None,
    "٢٠٢٦-01-31": None,
    "today": None,
    "infinity": None,
    "": None,
}
"""What each text means as the value of an attribute that is a date."""

ASKED_MOMENTS: dict[str, tuple[datetime, datetime]] = {
    "2026-01-31": (utc(2026, 1, 31), utc(2026, 2, 1)),
    "2026-02-01": (utc(2026, 2, 1), utc(2026, 2, 2)),
    "2024-02-29": (utc(2024, 2, 29), utc(2024, 3, 1)),
    "1000-01-01": (utc(1000, 1, 1), utc(1000, 1, 2)),
    "8999-12-31": (utc(8999, 12, 31), utc(9000, 1, 1)),
    "2026-01-31T00:00:00Z": (utc(2026, 1, 31), utc(2026, 1, 31, 0, 0, 0, 1)),
    "2026-02-01T03:30+02": (utc(2026, 2, 1, 1, 30), utc(2026, 2, 1, 1, 30, 0, 1)),
    "2026-02-01 01:30:00.000001": (utc(2026, 2, 1, 1, 30, 0, 1), utc(2026, 2, 1, 1, 30, 0, 2)),
}
"""The first moment that each text in a filter means, and the first one after it."""

LONG_TAG = "t" * 100
CATEGORIES = ["a", "a/b", "a/b/c", "a_b", "a%", "ab", "z/a", "Ä\\/ö"]
TAGS = ["red", "Red", "红", LONG_TAG, "a,b", '"q"', "{x}", "null"]
KINDS = ["stamp", "emoji", "O'Hara %s"]
LANGUAGES = ["en", "zh", "zh-Hant", "de"]
NUMBERS = [0, 10, 10.0, 49.99, 50, 50.5, -3, 0.1, 1e30, 10**18, 9007199254740993, -0.0, 1e-300]
TEXTS = [
    "Acme",
    "acme",
    " Acme",
    "",
    "Ac%me",
    "_cme",
    "O'Brien \\ \" {attributes} %s",
    "真",
    "true",
]
PUBLISHED = [utc(2026, 1, 31), utc(2026, 1, 31, 23, 59, 59, 999999), utc(2026, 2, 1, 1, 30)]
_ODD: list[Any] = [None, True, False, "50", "true", 1, 0, 10**25, {}, {"amount": 10}, [], [None]]


def items(count: int, seed: int = 4) -> list[dict[str, Any]]:
    """Varied items; every attribute is missing, odd, of its type, or a list of some of these."""
    draw = random.Random(seed)  # noqa: S311

    def some(pool: list[str], most: int) -> list[str]:
        return sorted(draw.sample(pool, draw.randint(0, most)))

    def attribute(name: str) -> Any:
        pools = {
            "number": NUMBERS,
            "date": list(STORED_MOMENTS),
            "text": TEXTS,
            "boolean": [True, False],
        }
        pool: list[Any] = [*pools[DECLARED[name]] * 3, *_ODD]
        if draw.random() < 0.3:
            some = [draw.choice(pool) for _ in range(draw.randint(1, 3))]
            return [some] if draw.random() < 0.2 else some
        return draw.choice(pool)

    return [
        {
            "external_id": f"item-{number}",
            "kind": draw.choice(KINDS),
            "language": (language := draw.choice(LANGUAGES)),
            "texts": [each for each in some(LANGUAGES, 2) if each != language],
            "tags": some(TAGS, 3),
            "categories": some(CATEGORIES, 2),
            "published_at": draw.choice(PUBLISHED),
            "attributes": {name: attribute(name) for name in DECLARED if draw.random() < 0.7},
        }
        for number in range(count)
    ]


def matches(item: dict[str, Any], tree: dict[str, Any]) -> bool:
    """Whether a valid filter lets the item through."""
    return all(_holds(item, key, value) for key, value in tree.items())


def _holds(item: dict[str, Any], key: str, value: Any) -> bool:
    if key == "and":
        return all(matches(item, each) for each in value)
    if key == "or":
        return any(matches(item, each) for each in value)
    if key == "not":
        return not matches(item, value)
    operators = value if isinstance(value, dict) else {"eq": value}
    found = list(_values(item, key))
    asked = {name: given for name, given in operators.items() if name != "exists"}
    if "exists" in operators and operators["exists"] is not bool(found):
        return False
    return not asked or any(
        all(_satisfies(key, one, name, given) for name, given in asked.items()) for one in found
    )


def _values(item: dict[str, Any], key: str) -> Iterator[Any]:
    """The item's values of a field: those of its type."""
    if key == "language":
        yield from [item["language"], *item["texts"]]
    elif key in ("tags", "categories"):
        yield from item[key]
    elif key not in DECLARED:
        yield item[key]
    elif key in item["attributes"]:
        stored = item["attributes"][key]
        for one in stored if isinstance(stored, list) else [stored]:
            if (typed := _READ[DECLARED[key]](one)) is not None:
                yield typed


def _moment(one: Any) -> datetime | None:
    return STORED_MOMENTS[one] if isinstance(one, str) and one in STORED_MOMENTS else None


_READ: dict[str, Callable[[Any], Any]] = {
    "number": lambda one: Decimal(str(one)) if type(one) in (int, float) else None,
    "text": lambda one: one if isinstance(one, str) else None,
    "boolean": lambda one: one if isinstance(one, bool) else None,
    "date": _moment,
}


def _satisfies(key: str, one: Any, name: str, given: Any) -> bool:
    if name == "in":
        return any(_satisfies(key, one, "eq", each) for each in given)
    if key == "categories":
        return one == given or one.startswith(given + "/")
    if key == "published_at" or DECLARED.get(key) == "date":
        first, after = ASKED_MOMENTS[given]
        return {
            "eq": first <= one < after,
            "lt": one < first,
            "lte": one < after,
            "gt": one >= after,
            "gte": one >= first,
        }[name]
    if DECLARED.get(key) == "number":
        given = Decimal(str(given))
    if name == "eq":
        return bool(one == given)
    return {"lt": one < given, "lte": one <= given, "gt": one > given, "gte": one >= given}[name]
