"""Spellings that count as one: case, width, diacritics, punctuation, katakana and hiragana."""

import re
import unicodedata
from typing import Final

from retrieval.preprocess.text import normalise, with_whole_vowels

MAX_WORD = 100
"""Longer words are cut, here and in queries; Postgres takes lexemes of up to 2,046 bytes."""
MAX_TITLE = 500

_DIACRITICS: Final = re.compile("[\u0300-\u036f]")
"""Of Latin, Greek and Cyrillic; the marks of other scripts are letters."""
_UNDECOMPOSED: Final = str.maketrans(
    {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}  # katakana: hiragana
    | {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
UNSPACED: Final = re.compile(
    "[\u0e00-\u0e7f\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
)
"""A letter of a script without spaces between words."""


class _Separators(dict[int, str | None]):
    """For ``str.translate``: punctuation and separators become spaces, character by character."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = " " if unicodedata.category(char)[0] in "PZ" else char
        return self[code] or ""


_separators: Final = _Separators()


def plain(word: str) -> str:
    """A case-folded word without the diacritics that people leave out, its katakana as hiragana."""
    if word.isascii():
        return word
    bare = _DIACRITICS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).translate(_UNDECOMPOSED)


def german(word: str) -> str:
    """As it is written without umlauts: grün, gruen."""
    return plain(unicodedata.normalize("NFC", word).translate(_GERMAN))


def fold(text: str) -> str:
    """A line in one spelling, words between single spaces: what titles and prefixes are compared by."""
    folded = plain(with_whole_vowels(normalise(text, MAX_TITLE)).casefold())
    return " ".join(folded.translate(_separators).split())[:MAX_TITLE]
