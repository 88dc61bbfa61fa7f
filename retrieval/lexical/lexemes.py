"""A word as the index knows it: alike for documents and for queries."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from retrieval.lexical.folding import MAX_WORD, german, plain
from retrieval.lexical.stemming import SIMPLE, Word, dictionary, stems
from retrieval.preprocess.languages import primary

_HAN: Final = re.compile(
    "[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+"
)
_PICTURE: Final = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff]")
_TONES: Final = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")


class Lexemes:
    """The spellings of many words, their stems asked for at once."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        """``words``: each with its language tag."""
        spelt = {each: list(_spellings(each[0][:MAX_WORD], each[1])) for each in words}
        known = stems(each for listed in spelt.values() for each in listed)
        self._found = {
            word: tuple(dict.fromkeys(filter(None, (plain(known[each]) for each in listed))))
            for word, listed in spelt.items()
        }

    def of(self, word: str, language: str) -> tuple[str, ...]:
        """What the word is indexed as, the best first; any of them finds it."""
        return self._found[word, language]


def _spellings(word: str, language: str) -> Iterator[Word]:
    """Stemmed as written and without its diacritics: both ``élève`` and ``eleve`` become ``elev``."""
    name = dictionary(language)
    bare = plain(word)
    if not name or not word.isalpha():
        yield (SIMPLE, bare)
        return
    yield (name, bare)
    if bare != word:
        yield (name, word)
        if primary(language) == "de":
            yield (name, german(word))


def has_han(text: str) -> bool:
    """Whether it holds a Chinese character."""
    return _HAN.search(text) is not None


def han_pieces(text: str) -> tuple[list[str], list[str]]:
    """All pairs of neighbours, and all characters, of the Chinese characters in a text.

    They find what was cut into other words: 手机 in 智能手机.
    """
    runs = _HAN.findall(text)
    pairs = [run[at : at + 2] for run in runs for at in range(len(run) - 1)]
    return pairs, [char for run in runs for char in run]


def han_pairs(word: str) -> list[str]:
    """Of a query's word of at least three Chinese characters: what a text that has it must have."""
    return han_pieces(word)[0] if len(word) > 2 and _HAN.fullmatch(word) else []


def is_picture(word: str) -> bool:
    """An emoji."""
    return bool(_PICTURE.match(word))


def picture_codes(word: str) -> list[str]:
    """An emoji's code points as identifiers write them (``1f438``), without its skin tone."""
    return [f"{ord(char):x}" for char in _TONES.sub("", word)]


def picture_names(word: str) -> list[str]:
    """The English words of an emoji's name: ``frog``, ``face``; none of what is no emoji."""
    if not is_picture(word):
        return []
    names = (unicodedata.name(char, "") for char in _TONES.sub("", word).replace("\u200d", ""))
    return [part for name in names for part in re.findall(r"[a-z]+", name.lower())]
