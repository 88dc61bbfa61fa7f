"""What occurs in the catalog: words, tags, categories, languages; and what a mistyped word may mean."""

import math
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from django.db import connection, transaction

from retrieval.lexical.folding import UNSPACED, fold, plain

MIN_CORRECTED = 4
MIN_UNSPACED = 3
"""The same in scripts without spaces between words, whose letters say more."""
TWO_ERRORS_FROM = 8
"""Letters: shorter words may have one error, and those below MIN_CORRECTED or MIN_UNSPACED none."""
VARIANTS_UP_TO = 9
"""Letters. Two words one error apart have a variant in common; trigrams of so short words often have
nothing in common (forg, frog), those of longer words do."""
SIMILARITY = 0.25
"""Trigrams that words of eight letters with two errors share at least, in three of four cases."""
WORD_SIMILARITY = 0.3
"""The same of a beginning within a word."""
MAX_WORD = 40
MAX_NEAR = 5
FOLDED = 300

Kind = Literal["word", "tag", "category", "language"]


class Entry(NamedTuple):
    """One thing that occurs."""

    kind: Kind
    text: str
    language: str = ""


def entries_add(entries: Iterable[Entry]) -> None:
    """Those that are not there yet, or folded in an older way. Two queries at most."""
    wanted = {_plain(each) for each in entries if each.kind != "word" or is_correctable(each.text)}
    if not wanted:
        return
    columns = [list(column) for column in zip(*wanted, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, text, language FROM retrieval_lexicalentry e"
            " JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
            " AS w(kind, text, language, folded) USING (kind, text, language)"
            " WHERE e.folded = w.folded",
            [*columns, [_folded(Entry(*row)) for row in zip(*columns, strict=True)]],
        )
        # sorted: two writers of the same words wait for each other the same way
        missing = sorted(wanted - {Entry(*row) for row in cursor.fetchall()})
        if missing:
            _insert(missing)


def _plain(entry: Entry) -> Entry:
    return Entry("word", plain(entry.text)) if entry.kind == "word" else entry


def _folded(entry: Entry) -> str:
    return entry.text if entry.kind == "word" else fold(entry.text)[:FOLDED]


def _insert(entries: Sequence[Entry]) -> None:
    folded = [_folded(each) for each in entries]
    # arrays of arrays must be rectangular: in the text form, each letter-only word quoted
    listed = [
        "{" + ",".join(f'"{short}"' for short in sorted(variants(each.text))) + "}"
        if each.kind == "word"
        else "{}"
        for each in entries
    ]
    columns = [list(column) for column in zip(*entries, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retrieval_lexicalentry (kind, text, language, folded, variants)"
            " SELECT kind, text, language, folded, variants::varchar[]"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
            " AS n(kind, text, language, folded, variants)"
            " ON CONFLICT (kind, text, language) DO UPDATE SET folded = excluded.folded",
            [*columns, folded, listed],
        )


def languages() -> list[str]:
    """Tags of the languages that the catalog's words are in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM retrieval_lexicalentry WHERE kind = 'language' ORDER BY text"
        )
        return [row[0] for row in cursor.fetchall()]


def occurring(words: Collection[str]) -> set[str]:
    """Those of the words that the catalog has, or that nobody could tell from a mistyped one. One query."""
    given = {word: plain(word) for word in words if is_correctable(plain(word))}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM retrieval_lexicalentry WHERE kind = 'word' AND text = ANY(%s)",
            [sorted(set(given.values()))],
        )
        there = {row[0] for row in cursor.fetchall()}
    return {word for word in words if word not in given or given[word] in there}


def is_correctable(word: str) -> bool:
    """Whether errors in it can be told from another word: letters with their marks, and enough."""
    is_word = word.isalpha() or all(unicodedata.category(char)[0] in "LM" for char in word)
    return errors_allowed(word) > 0 and len(word) <= MAX_WORD and is_word


def errors_allowed(word: str) -> int:
    """In a word of its length."""
    fewest = MIN_UNSPACED if UNSPACED.search(word) else MIN_CORRECTED
    return 0 if len(word) < fewest else 1 if len(word) < TWO_ERRORS_FROM else 2


def variants(word: str) -> set[str]:
    """A short word and what is left of it without one letter; nothing of a long one."""
    if len(word) > VARIANTS_UP_TO:
        return set()
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


class Near(NamedTuple):
    """What a word may mean."""

    is_known: bool
    """It occurs itself."""
    words: list[str]
    """Those with the fewest errors, the likeliest first: neighbours swapped, the same first letter."""


def near(words: Collection[str], *, unfinished: bool = False) -> dict[str, Near]:
    """Of the words that may be mistyped, the catalog's words that they may mean. One query.

    ``unfinished``: also words that begin with what is meant.
    """
    given = {word: plain(word) for word in words}
    asked = sorted({word for word in given.values() if is_correctable(word)})
    if not asked:
        return {}
    parts, parameters = zip(*(_near_query(word, unfinished) for word in asked), strict=True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL pg_trgm.similarity_threshold = {SIMILARITY}")
        cursor.execute(f"SET LOCAL pg_trgm.word_similarity_threshold = {WORD_SIMILARITY}")
        cursor.execute(
            " UNION ALL ".join(parts), [each for listed in parameters for each in listed]
        )
        candidates: dict[str, list[str]] = {word: [] for word in asked}
        for word, candidate in cursor.fetchall():
            candidates[word].append(candidate)
    found = {word: _nearest(word, candidates[word], unfinished) for word in asked}
    return {word: found[bare] for word, bare in given.items() if bare in found}


def _near_query(word: str, unfinished: bool) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    parameters: list[Any] = []
    if len(word) <= VARIANTS_UP_TO + 1:
        conditions.append("variants && %s::varchar[]")
        parameters.append(sorted(variants(word) | {word}))
    if unfinished or errors_allowed(word) > 1:
        conditions.append("%s <%% folded" if unfinished else "folded %% %s")
        parameters.append(word)
    longest = MAX_WORD if unfinished else len(word) + errors_allowed(word)
    statement = (
        f"SELECT %s, folded FROM retrieval_lexicalentry WHERE ({' OR '.join(conditions)})"  # noqa: S608 - constants only
        " AND kind = 'word' AND char_length(folded) BETWEEN %s AND %s"
    )
    return (
        statement,
        [word, *parameters, len(word) - errors_allowed(word), longest],
    )


def _nearest(word: str, candidates: Sequence[str], unfinished: bool) -> Near:
    counted = [
        (_begun(word, each) if unfinished else errors(word, each), each) for each in candidates
    ]
    least = min((count for count, each in counted if each != word), default=math.inf)
    likely = [
        each for count, each in counted if each != word and count == least <= errors_allowed(word)
    ]
    letters = sorted(word)
    likely.sort(
        key=lambda each: (sorted(each[: len(word)]) != letters, each[0] != word[0], len(each), each)
    )
    return Near(word in candidates, likely[:MAX_NEAR])


def _begun(word: str, other: str) -> int:
    """Errors in ``word`` as a beginning of ``other``, or as the whole."""
    lengths = {len(other), *range(len(word) - 1, min(len(word) + 1, len(other)) + 1)}
    return min(errors(word, other[:length]) for length in lengths)


def errors(one: str, other: str) -> int:
    """Optimal string alignment distance: letters added, left out, replaced; neighbours swapped."""
    before: list[int] = []
    previous = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        current = [row]
        for column, b in enumerate(other, 1):
            cost = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b))
            if row > 1 and column > 1 and a == other[column - 2] and one[row - 2] == b:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
