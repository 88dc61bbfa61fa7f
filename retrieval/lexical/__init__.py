"""Finds items by their words: full text per language, exact identifiers, typing errors, prefixes.

- ``matches(text, limit, items=…) -> [LexicalHit]``, ``suggest(prefix, limit) -> [Suggestion]`` and
  ``is_title(text) -> bool``;
- ``index_due(item_ids)`` and ``due(limit=…)``: the index follows from the items' rows. A row is due
  when it is missing or older than ``Item.content_version``; no message need say so.

One row an item and language. Words are cut by ``retrieval.preprocess.words`` and stemmed by Postgres'
own dictionaries, on both sides alike; Postgres' parser, which drops emoji and knows no Chinese, is
not asked.
"""

from retrieval.lexical.documents import due, due_among, index_due, index_items
from retrieval.lexical.lexemes import picture_codes, picture_names
from retrieval.lexical.matching import ALL_MEANT, ALL_WORDS, EXACT, is_title, matches
from retrieval.lexical.stemming import stemmed
from retrieval.lexical.suggesting import suggest
from retrieval.lexical.types import LexicalHit, Suggestion

__all__ = [
    "ALL_MEANT",
    "ALL_WORDS",
    "EXACT",
    "LexicalHit",
    "Suggestion",
    "due",
    "due_among",
    "index_due",
    "index_items",
    "is_title",
    "matches",
    "picture_codes",
    "picture_names",
    "stemmed",
    "suggest",
]
