"""The catalog's names as workers read them, kept in the cache: at 100,000 items reading takes seconds.

A request takes what is there. ``names_read`` belongs to a worker, which the sweep wakes when it is due.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from catalog.models.items import Category
from recommender.llm.understanding import chinese_patterns, english_patterns
from recommender.llm.understanding.types import ROLE_TYPES
from recommender.llm.understanding.vocabulary import Vocabulary, category_names, folded
from retrieval.filters import fields
from retrieval.preprocess.stop_words import STOP_WORDS

REMEMBER_S: Final = 300
"""A new category or brand is known after so long, after an import at once."""
KEY: Final = "llm:names"
READ_AT: Final = "llm:names:read-at"
WANTED: Final = "llm:names:wanted"
READING: Final = "llm:names:reading"
MAX_READING_S: Final = 120
"""After so long another worker may try: this one is gone."""
MAX_NAMES: Final = 5_000
LOW_SHARE: Final = 1 / 3
HIGH_SHARE: Final = 2 / 3
"""Cheap is the lower third of the prices, expensive the upper; of the whole catalog."""


def vocabulary() -> Vocabulary:
    """Of the catalog as a worker last read it.

    Where none did yet, of its categories alone, which are quick to read; a worker is asked for the rest.
    """
    known = cache.get(KEY)
    if known is None:
        names_want()
        return Vocabulary(categories=_categories())
    return Vocabulary(**known)


def names_want() -> None:
    """Have the names read by the next sweep: the catalog changed, or they are not there."""
    cache.set(WANTED, True, None)


def names_due() -> bool:
    """Whether they are wanted, or were read longer ago than REMEMBER_S."""
    found = cache.get_many([READ_AT, WANTED])
    return WANTED in found or time.time() - found.get(READ_AT, 0.0) >= REMEMBER_S


def names_read() -> bool:
    """Read them, unless another worker is at it; whether this one did."""
    if not cache.add(READING, True, MAX_READING_S):
        return False
    try:
        cache.delete(WANTED)  # what is wanted from now on is read next time
        cache.set_many({KEY: _read(), READ_AT: time.time()}, None)
    finally:
        cache.delete(READING)
    return True


def _read() -> dict[str, object]:
    roles = {
        role: name
        for role, name in settings.LLM["FIELDS"].items()
        if (declared := fields().get(name)) is not None
        and declared.type == ROLE_TYPES[role]
        and _has(name)
    }
    prices = _prices(roles["price"]) if "price" in roles else (None, None)
    categories = _categories()
    return {
        "categories": categories,
        "brands": _brands(roles["brand"], categories) if "brand" in roles else {},
        "roles": roles,
        "low": prices[0],
        "high": prices[1],
    }


def _categories() -> dict[str, tuple[str, ...]]:
    return category_names(Category.objects.values_list("path", flat=True)[:MAX_NAMES])


_VISIBLE: Final = "published AND NOT held AND (expires_at IS NULL OR expires_at > now())"


def _has(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM catalog_item WHERE attributes ? %s AND {_VISIBLE})",  # noqa: S608
            [name],
        )
        return bool(cursor.fetchone()[0])


def _prices(name: str) -> tuple[float | None, float | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_disc(ARRAY[%s, %s]) WITHIN GROUP (ORDER BY (attributes -> %s)::float8)"  # noqa: S608
            f" FROM catalog_item WHERE jsonb_typeof(attributes -> %s) = 'number' AND {_VISIBLE}",
            [LOW_SHARE, HIGH_SHARE, name, name],
        )
        found = cursor.fetchone()[0]
    return (found[0], found[1]) if found else (None, None)


def _brands(name: str, categories: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Folded -> as items spell it, of the attribute's values that mean a brand where a question has them.

    One item of a brand "Owl" must not take the word from all owls: a value is an ordinary word where
    questions or categories have it, or where more titles have it than items carry it.
    """
    known = Vocabulary(categories=categories)
    carried: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for value, count in _values(name):
        key = folded(value)
        if _WORD.search(key) and not _is_function(key) and not known.category(key):
            spelled.setdefault(key, value)
            carried[key] = carried.get(key, 0) + count
    titled = _titled(name, list(spelled)) if spelled else {}
    return {key: each for key, each in spelled.items() if carried[key] >= titled.get(key, 0)}


_WORD: Final = re.compile(r"[^\W_]+")
_FUNCTIONS: Final = STOP_WORDS["en"] | STOP_WORDS["zh"]


def _is_function(key: str) -> bool:
    """Whether all of its words are such as only make a question."""
    rest = english_patterns.FILLERS.sub(" ", chinese_patterns.FILLERS.sub(" ", key))
    return all(word in _FUNCTIONS for word in _WORD.findall(rest))


def _values(name: str) -> list[tuple[str, int]]:
    """The values that most visible items have, and how many have each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attributes ->> %s, count(*) FROM catalog_item"  # noqa: S608
            f" WHERE jsonb_typeof(attributes -> %s) = 'string' AND {_VISIBLE}"
            " GROUP BY 1 ORDER BY count(*) DESC LIMIT %s",
            [name, name, MAX_NAMES],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


_PUNCTUATION: Final = "-–—_,.;:!?()[]\"'’/&+，。：；！？、（）"
_TITLED: Final = f"""
WITH brand AS (
    SELECT * FROM unnest(%(keys)s::text[], %(stems)s::text[], %(firsts)s::text[]) AS b (key, stem, first)
), visible AS (
    SELECT id, title, lower(btrim(attributes ->> %(name)s)) AS own FROM catalog_item WHERE {_VISIBLE}
), named AS (
    SELECT id, own, title FROM visible
    UNION ALL
    SELECT visible.id, own, text.title FROM catalog_itemtext text JOIN visible ON visible.id = text.item_id
), plain AS MATERIALIZED (
    SELECT id, own, ' ' || translate(lower(title), %(marks)s, repeat(' ', length(%(marks)s))) || ' ' AS title
    FROM named
)
SELECT brand.key, count(DISTINCT plain.id)
FROM plain
CROSS JOIN LATERAL unnest(
    string_to_array(title, ' ')
    || CASE WHEN title ~ '[\u3400-\u9fff]' THEN string_to_array(title, NULL) END
) AS word
JOIN brand ON brand.first = coalesce(nullif(rtrim(word, 's'), ''), word)
WHERE own IS DISTINCT FROM brand.key
    AND CASE WHEN brand.stem ~ '[\u3400-\u9fff]' THEN strpos(title, brand.stem) > 0
        ELSE strpos(title, ' ' || brand.stem || ' ') > 0 OR strpos(title, ' ' || brand.stem || 's ') > 0 END
GROUP BY 1
"""  # noqa: S608
"""By the first word of a brand, or its first character in Chinese; one and many are the same word."""


def _titled(name: str, keys: Sequence[str]) -> dict[str, int]:
    """How many visible items have a brand for words of a title and are not of that brand."""
    stems = [
        " ".join(key.translate({ord(mark): " " for mark in _PUNCTUATION}).split()) for key in keys
    ]
    stems = [stem.rstrip("s") or stem for stem in stems]
    firsts = [stem[0] if _HAN.match(stem) else stem.split()[0] for stem in stems]
    firsts = [first.rstrip("s") or first for first in firsts]
    given: dict[str, Any] = {"keys": [*keys], "stems": stems, "firsts": firsts, "name": name}
    with connection.cursor() as cursor:
        cursor.execute(_TITLED, given | {"marks": _PUNCTUATION})
        return dict(cursor.fetchall())


_HAN: Final = re.compile("[\u3400-\u9fff]")
