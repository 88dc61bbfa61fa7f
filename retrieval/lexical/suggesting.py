"""What the first letters of a query may become: titles, categories and tags of visible items."""

from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from typing import Any, Final, NamedTuple

from django.db import connection
from django.utils import timezone

from retrieval.lexical import vocabulary
from retrieval.lexical.documents import CATEGORY_MARK, TAG_MARK, quoted
from retrieval.lexical.folding import UNSPACED, fold
from retrieval.lexical.lexemes import han_pairs, is_picture, picture_codes
from retrieval.lexical.queries import cuts_of, joined, readings
from retrieval.lexical.types import Kind, Suggestion
from retrieval.preprocess.text import normalise

SCANNED = 500
"""Visible titles that a prefix of at least two letters may bring before the shortest are taken."""
SPARE = 4
"""Equal texts become one suggestion: so many times more are fetched."""
MAX_MEANT = 5
"""Words tried in place of one that is mistyped."""
HANDICAPS: Final[Mapping[Kind, int]] = {"title": 0, "category": 0, "tag": 4}
"""Letters by which a text counts longer: what is sold comes before how it is described."""

VISIBLE = "i.published AND NOT i.held AND (i.expires_at IS NULL OR i.expires_at > %(now)s)"
TITLES = f"""
    SELECT 'title', heading, title, external_id FROM (
        SELECT d.heading, d.title, i.external_id, i.id
        FROM retrieval_lexicaldocument d JOIN catalog_item i ON i.id = d.item_id
        WHERE {{condition}} AND (%(language)s = '' OR d.language = %(language)s) AND {VISIBLE}
        {{scan}}
    ) found
    ORDER BY char_length(title), title, id LIMIT %(limit)s
"""  # noqa: S608 - constants only
# an entry may have outlived its items: is there a visible one?
ENTRIES = f"""
    SELECT e.kind, e.text, e.folded, NULL FROM (
        SELECT kind, text, language, folded,
            ('''' || CASE kind WHEN 'tag' THEN '{TAG_MARK}' ELSE '{CATEGORY_MARK}' END
                || replace(replace(text, '\\', '\\\\'), '''', '''''') || '''')::tsquery AS mark
        FROM retrieval_lexicalentry
        WHERE {{condition}} AND kind IN ('tag', 'category')
            AND (%(language)s = '' OR language IN ('', %(language)s))
        ORDER BY char_length(folded), folded LIMIT %(entries)s
    ) e
    WHERE EXISTS (
        SELECT FROM retrieval_lexicaldocument d JOIN catalog_item i ON i.id = d.item_id
        WHERE d.words @@ e.mark AND e.language IN ('', d.language) AND {VISIBLE}
    )
"""  # noqa: S608 - constants only


class _Found(NamedTuple):
    kind: Kind
    text: str
    folded: str
    external_id: str | None


def suggest(prefix: str, limit: int, *, language: str | None = None) -> list[Suggestion]:
    """At most ``limit`` different texts that begin with the prefix, then those in which a later word
    does; the shortest first. Titles and tags in all languages, or in ``language`` alone.

    Case and accents do not matter. Where nothing begins so, a word of it is taken as mistyped: each
    word that it may mean has a share, the one with the most texts first. An emoji brings the titles
    of the item whose identifier it is, else of those with its name.
    Texts of hidden items are never shown. Never raises for any text.
    """
    folded = fold(prefix)
    if not folded or limit < 1:
        return []
    language = normalise(language or "")
    found = _suggestions(prefix, folded, limit, language)
    if not found and is_picture(folded) and " " not in folded:
        found = _pictured(folded, limit, language)
    elif not found:
        for alike in _meant(folded):
            if found := _shared([_suggestions(one, one, limit, language) for one in alike], limit):
                break
    return [Suggestion(each.text, each.kind, each.external_id) for each in found]


def _suggestions(given: str, folded: str, limit: int, language: str) -> list[_Found]:
    search = _Search(given, folded, limit, language)
    if len(folded) == 1:
        search.titles(
            "left(d.title, 1) = %(text)s", "ORDER BY char_length(d.title) LIMIT %(scan)s", folded
        )
    else:
        search.titles("d.title LIKE %(text)s", "LIMIT %(scan)s", f"{folded}%")
    search.entries("folded LIKE %(text)s", f"{folded}%")
    search.take()
    if len(search.found) < limit:
        _later_words(search, folded)
        search.take()
    return list(search.found.values())[:limit]


def _pictured(picture: str, limit: int, language: str) -> list[_Found]:
    search = _Search(picture, picture, limit, language)
    codes = " & ".join(map(quoted, picture_codes(picture)))
    for words in filter(None, (codes, joined(readings(cuts_of(picture))))):
        search.titles("d.words @@ %(text)s::tsquery", "LIMIT %(scan)s", words)
        search.take()
        if search.found:
            break
    return list(search.found.values())[:limit]


def _shared(found: list[list[_Found]], limit: int) -> list[_Found]:
    """By turns, of the longest list first."""
    turns = zip_longest(*sorted(found, key=len, reverse=True))
    different: dict[str, _Found] = {}
    for each in filter(None, chain.from_iterable(turns)):
        different.setdefault(each.folded, each)
    return list(different.values())[:limit]


def _later_words(search: "_Search", folded: str) -> None:
    """Trigrams find a word's beginning, and any three letters. Fewer Chinese characters are lexemes."""
    if not UNSPACED.search(folded):
        search.titles("d.title LIKE %(text)s", "LIMIT %(scan)s", f"% {folded}%")
        search.entries("folded LIKE %(text)s", f"% {folded}%")
        return
    pairs = han_pairs(folded) or ([folded] if len(folded) < 3 and " " not in folded else [])
    narrowed = ""
    if pairs:
        mark = ":*" if len(folded) < 3 else ""
        words = " & ".join(quoted(pair) + mark for pair in pairs).replace("'", "''")
        narrowed = f" AND d.words @@ '{words}'::tsquery"
    search.titles(f"d.title LIKE %(text)s{narrowed}", "LIMIT %(scan)s", f"%{folded}%")
    if len(folded) > 2:
        search.entries("folded LIKE %(text)s", f"%{folded}%")


class _Search:
    """Different texts by their folded form, in the order in which they are to be shown."""

    def __init__(self, given: str, folded: str, limit: int, language: str) -> None:
        self.found: dict[str, _Found] = {}
        self._given = given.strip().casefold()
        self._folded = folded
        self._new: list[_Found] = []
        self._parameters = {
            "now": timezone.now(),
            "limit": limit * SPARE,
            "entries": limit + SPARE,
            "language": language,
            "scan": SCANNED,
        }

    def titles(self, condition: str, scan: str, text: str) -> None:
        """Visible titles under a condition on documents ``d``."""
        self._add(TITLES.format(condition=condition, scan=scan), text)

    def entries(self, condition: str, text: str) -> None:
        """Tags and categories of visible items under a condition."""
        self._add(ENTRIES.format(condition=condition), text)

    def take(self) -> None:
        """Put what came since the last call behind what is there: shortest first, of equal ones what
        is written as the prefix is.
        """
        for each in sorted(self._new, key=self._order):
            self.found.setdefault(each.folded, each)
        self._new = []

    def _order(self, one: _Found) -> tuple[int, str, bool, str]:
        handicap = 0 if one.folded == self._folded else HANDICAPS[one.kind]
        as_given = self._given in one.text.casefold()
        return len(one.folded) + handicap, one.folded, not as_given, one.kind

    def _add(self, statement: str, text: str) -> None:
        parameters: dict[str, Any] = {**self._parameters, "text": text}
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            self._new += [_Found(*row) for row in cursor.fetchall()]


def _meant(folded: str) -> Iterator[list[str]]:
    """The prefix with one word replaced by each that it may mean, the last word first: that one need
    not be complete.
    """
    given = folded.split()
    for at in reversed(range(len(given))):
        near = vocabulary.near([given[at]], unfinished=at == len(given) - 1)
        meant = near[given[at]].words[:MAX_MEANT] if near else ()
        yield [" ".join([*given[:at], each, *given[at + 1 :]]) for each in meant]
