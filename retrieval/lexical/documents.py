"""The items' words become rows of the lexical index; which are due follows from the items' rows."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction

from catalog import selectors
from catalog.selectors import DocumentText, ItemWords
from retrieval.lexical import vocabulary
from retrieval.lexical.folding import fold
from retrieval.lexical.lexemes import Lexemes, han_pieces, has_han
from retrieval.lexical.vocabulary import Entry
from retrieval.preprocess.segmentation import words
from retrieval.preprocess.text import normalise

RECIPE = 2
"""Raise it with every change to what a text's lexemes are: then every row is due."""
BATCH = 256
"""Items written together: few queries an item, and short transactions."""
MAX_POSITION = 16_383
MAX_POSITIONS = 255
"""Postgres' own limits on a tsvector."""
LIGHTER: Final = {"A": "B", "B": "C", "C": "D", "D": "D"}
"""Weight of a pair of Chinese characters that is no word of the text: below the field's own words."""

TAG_MARK, CATEGORY_MARK = "#", "/"
"""Before a whole tag or category name, as a lexeme of its own; no word begins with one."""

MISSING = """
    SELECT i.id FROM catalog_item i
    LEFT JOIN retrieval_lexicaldocument d ON d.item_id = i.id AND d.language = i.language
    WHERE d.item_id IS NULL
"""
OUTDATED = f"""
    SELECT i.id FROM catalog_item i JOIN retrieval_lexicaldocument d ON d.item_id = i.id
    WHERE (d.content_version < i.content_version OR d.recipe <> {RECIPE})
"""  # noqa: S608 - constants only
WRITE = """
    INSERT INTO retrieval_lexicaldocument AS d
        (item_id, language, heading, title, words, length, content_version, content_hash, recipe)
    SELECT i.id, n.language, n.heading, n.title, n.words::tsvector, n.length, n.version, n.hash, %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bigint[],
        %s::text[]) AS n(item_id, language, heading, title, words, length, version, hash)
    JOIN catalog_item i ON i.id = n.item_id AND i.content_version = n.version
    ORDER BY i.id, n.language
    FOR KEY SHARE OF i
    ON CONFLICT (item_id, language) DO UPDATE SET
        heading = excluded.heading, title = excluded.title, words = excluded.words,
        length = excluded.length, content_version = excluded.content_version,
        content_hash = excluded.content_hash, recipe = excluded.recipe
    WHERE d.content_version <= excluded.content_version
"""
# rows whose words did not change; their table's fillfactor keeps the indexes out of it
CONFIRM = """
    UPDATE retrieval_lexicaldocument d SET content_version = greatest(d.content_version, n.version)
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[])
        AS n(item_id, language, version, hash)
    WHERE d.item_id = n.item_id AND d.language = n.language AND d.content_hash = n.hash
        AND d.recipe = %s
    RETURNING d.item_id, d.language
"""
# what another worker wrote since for a newer version stays
FORGET = """
    DELETE FROM retrieval_lexicaldocument d
    USING unnest(%s::bigint[], %s::bigint[]) AS n(item_id, version)
    WHERE d.item_id = n.item_id AND d.content_version < n.version
"""


def due(*, limit: int, after: int = 0, since: datetime | None = None) -> list[int]:
    """Ids of items above ``after`` whose words are not in the index as they are now, in order.

    ``since`` looks only at items whose content changed later, which is an index scan.
    """
    changed = " AND i.content_changed_at >= %(since)s" if since else ""
    return _ids(f" AND i.id > %(after)s{changed}", {"since": since, "after": after, "limit": limit})


def due_among(item_ids: Sequence[int]) -> list[int]:
    """Those of the items that are due, in order."""
    items = {"items": list(item_ids), "limit": len(item_ids)}
    return _ids(" AND i.id = ANY(%(items)s)", items)


def _ids(condition: str, parameters: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{MISSING}{condition} UNION {OUTDATED}{condition} ORDER BY id LIMIT %(limit)s",
            parameters,
        )
        return [row[0] for row in cursor.fetchall()]


def index_due(item_ids: Sequence[int]) -> int:
    """Bring the words of those of the items that are due into the index; how many there were.

    Idempotent; several workers may do it at once. No encoder is needed.
    """
    items = due_among(item_ids)
    index_items(items)
    return len(items)


def index_items(item_ids: Iterable[int]) -> None:
    """Write the items' words, whether they are due or not. Each batch is a transaction."""
    ids = iter(item_ids)
    while batch := list(islice(ids, BATCH)):
        _write(selectors.item_words(batch))


@dataclass(slots=True)
class _Row:
    item: ItemWords
    text: DocumentText
    content_hash: str
    fields: list[tuple[str, list[str]]]
    """Weight and words of each field, in the order of the text."""
    pieces: list[tuple[str, list[str]]]
    """Weight and what Chinese characters add."""

    @property
    def length(self) -> int:
        return sum(len(found) for _, found in self.fields)


def _write(items: Sequence[ItemWords]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        hashes = {(i, text): _content_hash(i, text) for i in items for text in i.texts}
        cursor.execute(
            CONFIRM,
            [
                [item.item_id for item, _ in hashes],
                [text.language for _, text in hashes],
                [item.content_version for item, _ in hashes],
                list(hashes.values()),
                RECIPE,
            ],
        )
        same = set(cursor.fetchall())
        rows = [
            _row(item, text, content_hash)
            for (item, text), content_hash in hashes.items()
            if (item.item_id, text.language) not in same
        ]
        if rows:
            _write_rows(cursor, rows)
        cursor.execute(
            FORGET, [[item.item_id for item in items], [item.content_version for item in items]]
        )


def _content_hash(item: ItemWords, text: DocumentText) -> str:
    """Of all that a row is made from."""
    made_from = (
        *(item.external_id, item.categories, text.language, text.title, text.description),
        text.tags,
    )
    return hashlib.sha256(repr(made_from).encode(errors="surrogatepass")).hexdigest()[:32]


def _write_rows(cursor: Any, rows: Sequence[_Row]) -> None:
    lexemes = Lexemes(
        {(word, row.text.language) for row in rows for _, found in row.fields for word in found}
    )
    vocabulary.entries_add(_entries(rows))
    columns = zip(
        *(
            (
                row.item.item_id,
                row.text.language,
                row.text.title,
                fold(row.text.title),
                _Vector.of(row, lexemes),
                row.length,
                row.item.content_version,
                row.content_hash,
            )
            for row in rows
        ),
        strict=True,
    )
    cursor.execute(WRITE, [RECIPE, *map(list, columns)])


def _row(item: ItemWords, text: DocumentText, content_hash: str) -> _Row:
    language = text.language
    listed = [word for tag in text.tags for word in _short_words(tag, language)]
    placed = [word for path in item.categories for word in _short_words(path, language)]
    return _Row(
        item,
        text,
        content_hash,
        [
            ("A", words(text.title, language)),
            ("B", listed),
            ("C", [*placed, *_short_words(item.external_id, "und")]),
            ("D", words(text.description, language)),
        ],
        [*_pieces("A", text.title), *_pieces("B", *text.tags), *_pieces("D", text.description)],
    )


@lru_cache(maxsize=20_000)
def _short_words(text: str, language: str) -> tuple[str, ...]:
    """Of tags and categories, which come again and again."""
    return tuple(words(text, language))


def _pieces(weight: str, *texts: str) -> Iterator[tuple[str, list[str]]]:
    for text in texts:
        if not has_han(text):
            continue
        pairs, characters = han_pieces(normalise(text))
        yield LIGHTER[weight], pairs
        if weight != "D":  # single characters of a long text would find nearly everything
            yield "D", characters


@dataclass(slots=True)
class _Vector:
    """Collects a tsvector."""

    at: int = 0
    positions: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def of(row: _Row, lexemes: Lexemes) -> str:
        """In the text form that Postgres reads."""
        vector = _Vector()
        for weight, found in row.fields:
            for word in found:
                vector.add(weight, *lexemes.of(word, row.text.language))
        own = set(vector.positions)
        for weight, found in row.pieces:
            for piece in found:
                if piece not in own:
                    vector.add(weight, piece)
        for tag in row.text.tags:
            vector.add("D", TAG_MARK + tag)
        for name in {name for path in row.item.categories for name in path.split("/")}:
            vector.add("D", CATEGORY_MARK + name)
        return " ".join(
            f"{quoted(lexeme)}:{','.join(places)}" for lexeme, places in vector.positions.items()
        )

    def add(self, weight: str, *lexemes: str) -> None:
        """Spellings of one word share its place."""
        self.at += 1
        for lexeme in lexemes:
            places = self.positions.get(lexeme)
            if places is None:
                self.positions[lexeme] = [f"{min(self.at, MAX_POSITION)}{weight}"]
            elif len(places) < MAX_POSITIONS and self.at < MAX_POSITION:
                places.append(f"{self.at}{weight}")


def quoted(lexeme: str) -> str:
    """As a tsvector or tsquery writes it."""
    if not lexeme.isalnum():
        lexeme = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{lexeme}'"


def _entries(rows: Sequence[_Row]) -> set[Entry]:
    spoken = {word for row in rows for _, found in row.fields for word in found}
    found = {Entry("word", word) for word in spoken}
    found |= {Entry("language", row.text.language) for row in rows}
    found |= {Entry("tag", tag, row.text.language) for row in rows for tag in row.text.tags}
    paths = {path for row in rows for path in row.item.categories}
    return found | {Entry("category", name) for path in paths for name in path.split("/")}
