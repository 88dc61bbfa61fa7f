"""What questions say, a module for each language.

To add one, write a ``Language`` like ``french``'s and list it in ``TABLED``; ``phrases.PHRASES`` holds the
sentences that answers in it begin with. English and Chinese have readers of their own beside their tables
(``english``, ``chinese``), older and finer than ``tabled``.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

from recommender.llm.understanding.languages import chinese, english
from recommender.llm.understanding.languages.abilities import DOERS
from recommender.llm.understanding.languages.french import FRENCH
from recommender.llm.understanding.languages.german import GERMAN
from recommender.llm.understanding.languages.japanese import JAPANESE
from recommender.llm.understanding.languages.spanish import SPANISH
from recommender.llm.understanding.languages.types import Language
from retrieval.preprocess.stop_words import STOP_WORDS

TABLED: Final[Mapping[str, Language]] = {
    each.code: each for each in (GERMAN, FRENCH, SPANISH, JAPANESE)
}
_NAMES: Final = {**english.NAMES, **chinese.NAMES}
_ENGLISH: Final = frozenset(english.QUALITIES).union(
    english.NAMES, *(names for each in TABLED.values() for names in each.names.values())
)


_SHARED: Final = frozenset(["budget", "inferior", "max", "maximum", "min", "minimum", "superior"])


def named(word: str, language: str = "") -> tuple[str, ...]:
    """English names that a catalog may give what a word means, folded and singular; () if unlisted.

    English and Chinese are read in every question.
    """
    if found := _NAMES.get(word):
        return found
    return TABLED[language].named(word) if language in TABLED else ()


@lru_cache(maxsize=4096)
def quality(word: str, language: str = "") -> int | None:
    """The kind of quality that a folded word is in the language, English or Chinese; None for none."""
    for known in (english.QUALITIES, chinese.QUALITIES):
        if word in known:
            return known[word]
    return TABLED[language].quality(word) if language in TABLED else None


def is_own(question: str, language: str) -> bool:
    """Whether it asks where or when something is that the asker has or awaits: no catalog knows."""
    patterns = [english.OWN, chinese.OWN]
    if language in TABLED:
        patterns.append(TABLED[language].own)
    return any(re.search(each, question, re.IGNORECASE) for each in patterns)


def doers(word: str, question: str, language: str) -> tuple[str, ...]:
    """What does what the word says, in English; () where the word is no verb there (*a fly*)."""
    verb = english.DOES.get(word) or chinese.DOES.get(word)
    if language in TABLED:
        verb = verb or _doing(word, question, TABLED[language])
    elif (found := re.search(english.ABLE, question, re.IGNORECASE)) and found["verb"] == word:
        verb = word
    return DOERS.get(verb or "", ())


def _doing(word: str, question: str, language: Language) -> str | None:
    """German writes nouns with a capital: Fliegen are flies."""
    is_noun = language.code == "de" and word not in question
    return None if is_noun else language.does.get(word)


def by_letters(text: str) -> str:
    """The language that alone writes some of these letters; "" for none."""
    return next((code for code, each in TABLED.items() if set(each.letters) & set(text)), "")


def telling_words(said: Collection[str]) -> dict[str, int]:
    """How many of the folded words each language's tables have, English first; not such as are English too
    (*train*, *table*)."""
    foreign = [word for word in said if word not in _ENGLISH]
    return {
        "en": sum(word in _ENGLISH or word.removesuffix("s") in _ENGLISH for word in said),
        **{
            code: sum(
                bool(each.named(word)) or each.quality(word) is not None or word in _small(code)
                for word in foreign
            )
            for code, each in TABLED.items()
            if each.is_spaced
        },
    }


@lru_cache(maxsize=16)
def _small(code: str) -> frozenset[str]:
    """The words of the patterns for bounds, but for those that are counted otherwise or English too."""
    each = TABLED[code]
    listed = " ".join(words for _, words in (*each.ahead, *each.behind))
    plain = re.sub(r"\\[a-zA-Z]|\[.*?\]", " ", listed)
    found = frozenset(word for word in re.findall(r"[^\W\d_]+", plain) if len(word) > 1)
    return found - _ENGLISH - STOP_WORDS[code] - STOP_WORDS["en"] - _SHARED


__all__ = [
    "TABLED",
    "Language",
    "by_letters",
    "doers",
    "is_own",
    "named",
    "quality",
    "telling_words",
]
