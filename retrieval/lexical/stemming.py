"""Stems by Postgres' own dictionaries, remembered for as long as the process lives."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db import connection

from retrieval.preprocess.languages import primary

SIMPLE = ""
"""No dictionary: the word is its own stem. Chinese, Japanese, Thai and all that Postgres lacks."""
MAX_TAGS = 1_000
MAX_REMEMBERED = 200_000
"""20 MB; a process that indexes a large catalog starts anew there."""

_DICTIONARIES: Final[Mapping[str, str]] = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish",
    "nl": "dutch", "en": "english", "et": "estonian", "fi": "finnish", "fr": "french",
    "de": "german", "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian",
    "ga": "irish", "it": "italian", "lt": "lithuanian", "ne": "nepali", "no": "norwegian",
    "nb": "norwegian", "nn": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip

Word = tuple[str, str]
"""A dictionary and a word."""

_lock = threading.Lock()
_remembered: dict[Word, str] = {}
_installed: set[str] = set()
_chosen: dict[str, str] = {}


def dictionary(language: str) -> str:
    """The dictionary for a language tag, of those that this server has."""
    found = _chosen.get(language)
    if found is None:
        name = _DICTIONARIES.get(primary(language))
        found = f"{name}_stem" if name and f"{name}_stem" in _available() else SIMPLE
        if len(_chosen) < MAX_TAGS:
            _chosen[language] = found
    return found


def stems(words: Iterable[Word]) -> Mapping[Word, str]:
    """Of each word its stem; a stop word of the dictionary is its own."""
    wanted = set(words)
    found = {word: word[1] for word in wanted if word[0] == SIMPLE}
    with _lock:
        found |= {word: _remembered[word] for word in wanted if word in _remembered}
    if missing := [word for word in wanted if word not in found]:
        found |= _asked(missing)
    return found


def stemmed(words: Sequence[str], language: str) -> list[str]:
    """The folded words' stems in the language, in order."""
    name = dictionary(language)
    found = stems((name, word) for word in words)
    return [found[name, word] for word in words]


def _asked(missing: list[Word]) -> dict[Word, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d, w, coalesce((ts_lexize(('pg_catalog.' || d)::regdictionary, w))[1], w)"
            " FROM unnest(%s::text[], %s::text[]) AS given(d, w)",
            [[name for name, _ in missing], [word for _, word in missing]],
        )
        found = {(name, word): stem for name, word, stem in cursor.fetchall()}
    with _lock:
        if len(_remembered) + len(found) > MAX_REMEMBERED:
            _remembered.clear()
        _remembered.update(found)
    return found


def _available() -> set[str]:
    if not _installed:
        with connection.cursor() as cursor:
            cursor.execute("SELECT dictname FROM pg_ts_dict WHERE dictname LIKE '%\\_stem'")
            _installed.update(row[0] for row in cursor.fetchall())
    return _installed
