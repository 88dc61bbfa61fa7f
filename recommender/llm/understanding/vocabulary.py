"""The names that a catalog gives things: categories and brands, and what its prices are like."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from catalog.models.items import Category
from recommender.llm.understanding import chinese_patterns, english_patterns, languages
from recommender.llm.understanding.languages.chinese import BRANDS
from recommender.llm.understanding.languages.english import IRREGULAR
from recommender.llm.understanding.types import ROLE_TYPES
from retrieval.filters import fields
from retrieval.preprocess.stop_words import STOP_WORDS

REMEMBER_S: Final = 300
"""A new category or brand is known after so long."""
KEY: Final = "llm:vocabulary"
MAX_NAMES: Final = 5_000
LOW_SHARE: Final = 1 / 3
HIGH_SHARE: Final = 2 / 3
"""Cheap is the lower third of the prices, expensive the upper; of the whole catalog."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``categories``: word, folded and singular, -> paths; ``brands``: folded -> as items spell it.

    ``roles``: what words can ask for -> the declared attribute, of those that items have.
    ``low`` and ``high``: prices.
    """

    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    brands: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None

    def category(self, words: str, language: str = "") -> tuple[str, ...]:
        """Paths of the categories that these words name, ``()`` if none.

        ``language``: that they are in, beside English and Chinese.
        """
        return next(filter(None, map(self._paths, _names(words, language))), ())

    def _paths(self, name: str) -> tuple[str, ...]:
        return self.categories.get(name, ())

    def kind(self, words: str, language: str = "") -> tuple[str, ...]:
        """Paths of the categories whose whole name this is, for words that deny it.

        ``()`` for a quality: who wants nothing of plastic means no category of plastic flowers.
        """
        if languages.quality(folded(words), language) is not None:
            return ()
        names = _names(words, language)
        found = self.category(words, language)
        last = (path.rpartition("/")[2] for path in found)
        return found if any(singular(folded(each)) in names for each in last) else ()

    def kinds(self) -> list[str]:
        """Names of the topmost categories, for a question that only says what is not wanted."""
        paths = (path for found in self.categories.values() for path in found)
        return sorted({top for path in paths if folded(top := path.partition("/")[0])})

    def brand(self, words: str) -> str | None:
        """As items spell it; None for what is no brand."""
        name = folded(words)
        return self.brands.get(name) or self.brands.get(BRANDS.get(name, ""))


def _names(words: str, language: str) -> tuple[str, ...]:
    """What a catalog may call a kind of thing, folded and singular: as it is said, then in English."""
    name = folded(words)
    spelled = languages.TABLED[language].forms(name) if language in languages.TABLED else ()
    said = dict.fromkeys((singular(name), *spelled))
    return (*said, *(other for each in said for other in languages.named(each, language)))


def category_names(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Word -> the topmost paths that have it for a name, or for one of the names that ``&`` joins."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        last = path.rpartition("/")[2]
        names = {last, *re.split(r"\s*[&,+]\s*|\s+and\s+", last)}
        for name in {singular(folded(name)) for name in names}:
            known = found.setdefault(name, [])
            if name and not any(path.startswith(f"{above}/") for above in known):
                known.append(path)
    return {name: tuple(paths) for name, paths in found.items() if name}


def folded(text: str) -> str:
    """Lower case, compatible forms, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def singular(text: str) -> str:
    """Of the last word, by English rules of spelling; the same for both sides of a comparison."""
    head, blank, word = text.rpartition(" ")
    return head + blank + (IRREGULAR.get(word) or _singular(word))


def _singular(word: str) -> str:
    for ending, replacement in (
        ("ies", "y"), ("ves", "f"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"),
        ("zzes", "zz"), ("oes", "o"), ("ss", "ss"), ("us", "us"), ("is", "is"),
        ("s", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + replacement
    return word


def vocabulary() -> Vocabulary:
    """Of the catalog as it was within REMEMBER_S."""
    known = cache.get(KEY)
    if known is None:
        known = _read()
        cache.set(KEY, known, REMEMBER_S)
    return Vocabulary(**known)


def _read() -> dict[str, object]:
    roles = {
        role: name
        for role, name in settings.LLM["FIELDS"].items()
        if (declared := fields().get(name)) is not None
        and declared.type == ROLE_TYPES[role]
        and _has(name)
    }
    prices = _prices(roles["price"]) if "price" in roles else (None, None)
    categories = category_names(Category.objects.values_list("path", flat=True)[:MAX_NAMES])
    return {
        "categories": categories,
        "brands": _brands(roles["brand"], categories) if "brand" in roles else {},
        "roles": roles,
        "low": prices[0],
        "high": prices[1],
    }


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
