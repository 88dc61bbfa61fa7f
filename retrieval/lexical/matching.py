"""Full text search over the index: which items have the words, the best first.

An item's score is that of its best language. In falling order: the identifier itself (1), then those
that have all the words: a title equal to the query, titles that begin with it, titles with all the
words, all the words anywhere; then, only where nothing has all the words as they are written, the same with
words that may be meant; then items with some of the words. Within one of these: the words' rarity times where
they stand, less for longer texts.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from catalog.models import Item
from retrieval.lexical.folding import fold
from retrieval.lexical.queries import (
    Reading,
    Term,
    cuts_of,
    joined,
    readings,
    widened,
    widened_unknown,
)
from retrieval.lexical.types import LexicalHit
from retrieval.models import LexicalDocument
from retrieval.preprocess.text import normalise

MAX_IDENTIFIER = 128
EXACT = 1.0
ALL_WORDS, ALL_MEANT = 0.4, 0.2
WHOLE = (ALL_WORDS, 1.0)
MEANT = (ALL_MEANT, ALL_WORDS)
SOME = (0.0, ALL_MEANT)
"""Ranges of the scores of items with all the words, with all that may be meant, with some."""
TITLE_EQUALS, TITLE_BEGINS, TITLE_HAS, ANYWHERE = 3, 2, 1, 0
STEPS: Final = 4
SHORTNESS = "(1 + 0.1 * ln(greatest(d.length, 1)) + 0.1 * ln(greatest(char_length(d.title), 1)))"
"""Ranks are divided by it: a text of 150 words under a title of 150 letters counts half of one that is
a single letter."""
MAX_SOME = 500
"""Texts: of a query's words as many of the rarest bring items that lack others, but at least one.
Ranking 100,000 texts for one more hit at the end of the list would take a second.
"""

FOUND = """
    SELECT d.item_id, max({score}) AS score
    FROM retrieval_lexicaldocument d
    WHERE d.words @@ %(words)s::tsquery AND d.item_id IN ({items})
    GROUP BY d.item_id ORDER BY score DESC, d.item_id LIMIT %(limit)s
"""
STEP = f"""
    CASE WHEN d.title = %(text)s THEN {TITLE_EQUALS}
    WHEN starts_with(d.title, %(text)s || ' ') THEN {TITLE_BEGINS}
    WHEN d.words @@ %(titles)s::tsquery THEN {TITLE_HAS} ELSE {ANYWHERE} END
"""


def matches(
    text: str, limit: int, *, items: QuerySet[Item], language: str | None = None
) -> list[LexicalHit]:
    """The best ``limit`` of ``items`` that have the words, best first, ties by item id.

    ``language`` says what the text is in; unless given, it is read in every language of the catalog.
    It does not narrow the items. Never raises for any text.
    """
    if limit < 1:
        return []
    try:
        search = _Search(text, limit, items)
    except EmptyResultSet:  # Django knows that no item can match
        return []
    search.identifiers()
    cuts = cuts_of(text, language)
    whole = readings(cuts)
    if not whole:
        return search.hits()
    search.all_words(whole, WHOLE)
    if not search.found:
        meant, whole = widened(cuts)
        search.all_words(meant, MEANT)
    elif EXACT not in search.found.values() and (meant := widened_unknown(cuts)):
        # found by the stem of a word that nobody wrote so: butter, of butterly
        search.all_words(meant, WHOLE)
    if EXACT not in search.found.values() and any(len(reading) > 1 for reading in whole):
        search.some_words(whole, SOME)
    return search.hits()


def is_title(text: str) -> bool:
    """Whether a visible item is called so in any language, whatever the case, accents and punctuation.

    One look-up in the index of titles. Never raises for any text.
    """
    folded = fold(text)
    named = LexicalDocument.objects.filter(title=folded, item__in=Item.objects.visible())
    return bool(folded) and named.exists()


class _Search:
    """Collects hits, each query's below those of the one before."""

    def __init__(self, text: str, limit: int, items: QuerySet[Item]) -> None:
        self.text = text
        self.limit = limit
        self.found: dict[int, float] = {}
        self._items, self._parameters = items.order_by().values("id").query.sql_with_params()

    def hits(self) -> list[LexicalHit]:
        """The best of all, best first."""
        best = sorted(self.found.items(), key=lambda row: (-row[1], row[0]))[: self.limit]
        return [LexicalHit(item_id, score) for item_id, score in best]

    def identifiers(self) -> None:
        """Items whose identifier the text is, whatever its case."""
        identifier = normalise(self.text).lower()
        if len(identifier) > MAX_IDENTIFIER or not identifier.isascii():
            return
        rows = self._execute(
            "SELECT id, 1 FROM catalog_item WHERE lower(external_id) = %(text)s"
            " AND id IN ({items}) LIMIT %(limit)s",
            text=identifier,
        )
        self.found |= dict.fromkeys((item_id for item_id, _ in rows), EXACT)

    def all_words(self, found: Sequence[Reading], span: tuple[float, float]) -> None:
        """Items that have every word of a reading."""
        score = f"({STEP} + {_rank(found, _rarities(found)[0])}) / {STEPS}"
        rows = self._execute(
            FOUND,
            score=score,
            words=joined(found),
            titles=joined(found, "A"),
            text=fold(self.text),
        )
        self._collect(rows, span)

    def some_words(self, found: Sequence[Reading], span: tuple[float, float]) -> None:
        """Items that have any of the rarer words, to fill up the limit."""
        if len(self.found) >= self.limit:
            return
        rarities, texts = _rarities(found)
        telling = [term for term in rarities if not term.is_function_word] or list(rarities)
        telling.sort(key=lambda term: -rarities[term])
        reached = accumulate(texts * math.exp(-rarities[term]) for term in telling)
        terms = [
            term
            for place, (term, brought) in enumerate(zip(telling, reached, strict=True))
            if place == 0 or brought <= MAX_SOME
        ]
        rows = self._execute(
            FOUND,
            score=_rank(found, rarities),
            words=" | ".join(term.tsquery() for term in terms),
        )
        self._collect(rows, span)

    def _collect(self, rows: Iterable[tuple[int, float]], span: tuple[float, float]) -> None:
        low, high = span
        for item_id, score in rows:
            self.found.setdefault(item_id, low + (high - low) * score)

    def _execute(self, statement: str, score: str = "", **parameters: Any) -> list[Any]:
        """The items' own parameters are positional: bound first, so that both kinds can be used."""
        with connection.cursor() as cursor:
            bound = psycopg.ClientCursor(connection.connection).mogrify(
                self._items, self._parameters
            )
            cursor.execute(
                statement.format(score=score, items=bound.replace("%", "%%")),
                {"limit": self.limit + len(self.found), **parameters},
            )
            return cursor.fetchall()


def _rank(found: Sequence[Reading], rarities: dict[Term, float]) -> str:
    """SQL of the best reading's rank, in (0, 1): the words' mean, weighed by their rarity.

    ts_rank of one word is at most about 1: its places by their weights, the second counting a
    quarter, the third a ninth. Postgres' own constants: title 1, tags .4, categories .2, rest .1.
    """
    ranks = []
    for reading in found:
        total = sum(rarities[term] for term in reading)
        parts = (f"{rarities[term] / total:.6f} * {_term_rank(term)}" for term in reading)
        ranks.append(f"({' + '.join(parts)})")
    return f"greatest({', '.join(ranks)}) / {SHORTNESS}"


def _term_rank(term: Term) -> str:
    """SQL of the best alternative's rank: ts_rank of several at once would be their mean."""
    each = (
        f"{trust} * ts_rank(d.words, {_literal(Term((lexemes,)).tsquery())})"
        for lexemes, trust in zip(term.alternatives, term.trusts, strict=True)
    )
    return f"least(greatest({', '.join(each)}), 0.99)"


def _literal(tsquery: str) -> str:
    """SQL of a tsquery, safe inside a statement with parameters."""
    text = tsquery.replace("'", "''").replace("%", "%%").replace("\\", "\\\\")
    return f"E'{text}'::tsquery"


def _rarities(found: Iterable[Reading]) -> tuple[dict[Term, float], float]:
    """Of each term the logarithm of the texts' number over how many have it, and that number, as the
    planner estimates them: its statistics know the most frequent lexemes, and asking costs no scan.
    """
    terms = list(dict.fromkeys(term for reading in found for term in reading))
    if len(terms) == 1:
        return {terms[0]: 1.0}, 0.0
    parts = " UNION ALL ".join(
        "SELECT 1 FROM retrieval_lexicaldocument WHERE words @@ %s::tsquery" for _ in terms
    )
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {parts}", [term.tsquery() for term in terms])
        [plan] = cursor.fetchone()[0]
        cursor.execute(
            "SELECT greatest(reltuples, 1) FROM pg_class"
            " WHERE oid = 'retrieval_lexicaldocument'::regclass"
        )
        (texts,) = cursor.fetchone()
    rows = [part["Plan Rows"] for part in _appended(plan["Plan"])]
    rarities = {
        term: max(math.log(max(texts, count) / max(count, 1)), 0.1)
        for term, count in zip(terms, rows, strict=True)
    }
    return rarities, float(texts)


def _appended(plan: dict[str, Any]) -> list[dict[str, Any]]:
    while plan["Node Type"] != "Append":
        [plan] = plan["Plans"]
    return list(plan["Plans"])
