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
from recommender.llm.understanding.languages.japanese_verbs import verbs
from recommender.llm.understanding.languages.spanish import SPANISH
from recommender.llm.understanding.languages.types import Language
from retrieval.preprocess.stop_words import STOP_WORDS

TABLED: Final[Mapping[str, Language]] = {
    each.code: each for each in (GERMAN, FRENCH, SPANISH, JAPANESE)
}
_NAMES: Final = {**english.NAMES, **chinese.NAMES}
_ENGLISH: Final = frozenset(english.QUALITIES).union(
    english.PRICES,
    english.NAMES,
    *(names for each in TABLED.values() for names in each.names.values()),
)


_SHARED: Final = frozenset(
    [
        "automobile",
        "basket",
        "budget",
        "chaise",
        "court",
        "grand",
        "inferior",
        "man",
        "max",
        "maximum",
        "min",
        "minimum",
        "portable",
        "serpent",
        "singe",
        "superior",
    ]
)


def named(word: str, language: str = "") -> tuple[str, ...]:
    """English names that a catalog may give what a word means, folded and singular; () if unlisted.

    English and Chinese are read in every question.
    """
    own = TABLED[language].named(word) if language in TABLED else ()
    return own or _NAMES.get(word, ())


def is_english_name(word: str) -> bool:
    """Whether a folded word is what the tables call a kind of thing in English."""
    return word in _ENGLISH and word not in english.QUALITIES and word not in english.PRICES


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


def is_now(question: str, language: str) -> bool:
    """Whether it asks how the world is just now, the time or the weather: a catalog only has things."""
    patterns = [english.NOW, chinese.NOW]
    if language in TABLED:
        patterns.append(TABLED[language].now)
    asked = question.replace("’", "'")
    return any(re.search(each, asked, re.IGNORECASE) for each in patterns)


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
    if language.code == "ja":
        return next((language.does[each] for each in verbs(word) if each in language.does), None)
    is_noun = language.code == "de" and word not in question
    return None if is_noun else language.does.get(word)


def by_letters(text: str) -> str:
    """The language that alone writes some of these letters; "" for none."""
    return next((code for code, each in TABLED.items() if set(each.letters) & set(text)), "")


def telling_words(said: Collection[str]) -> dict[str, int]:
    """How many of the folded words each language's tables have, English first; not such as are English too
    (*train*, *table*)."""
    return {
        code: sum(tells(word, code) for word in said)
        for code in ("en", *(code for code, each in TABLED.items() if each.is_spaced))
    }


def tells(word: str, code: str) -> bool:
    """Whether the language's tables have a folded word, and English has it not."""
    if code == "en":
        return word in _ENGLISH or word.removesuffix("s") in _ENGLISH
    if word in _ENGLISH or word in _SHARED:
        return False
    each = TABLED[code]
    is_listed = bool(each.named(word)) or each.quality(word) is not None
    return is_listed or word in _small(code) or _asks_or_does(word, code)


def _asks_or_does(word: str, code: str) -> bool:
    """Whether it is a level of the price, a verb, or a word that only asks; not such as are counted otherwise."""
    if word in STOP_WORDS[code] or word in STOP_WORDS["en"]:
        return False
    return word in TABLED[code].does or _levels_and_asking(code).fullmatch(word) is not None


@lru_cache(maxsize=16)
def _levels_and_asking(code: str) -> re.Pattern[str]:
    each = TABLED[code]
    return each.words(*(words for _, words in each.levels), *each.asking)


def is_japanese(text: str) -> bool:
    """Whether Chinese characters alone are Japanese: by one that neither kind of Chinese writes (図), or where
    nothing is said but things that Chinese has other words for (犬, 果物)."""
    if any(_is_of_japan(char) for char in text):
        return True
    said = re.findall("[\u4e00-\u9fff]+", _REFUSING.sub(" ", text))
    return bool(said) and all(map(_is_only_japanese, said))


_REFUSING: Final = re.compile("以外|除外|不要|無用")


def _is_of_japan(char: str) -> bool:
    return _writes("shift_jis", char) and not _writes("gb2312", char) and not _writes("big5", char)


def _writes(charset: str, char: str) -> bool:
    return bool(char.encode(charset, "ignore"))


def _is_only_japanese(word: str) -> bool:
    """A word of simplified characters, for old ones may be Chinese of Taiwan, which Chinese says otherwise."""
    meant = JAPANESE.names.get(word)
    if meant is None or word in chinese.NAMES or not all(_writes("gb2312", char) for char in word):
        return False
    return any(set(meant) & set(names) for names in chinese.NAMES.values())


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
    "is_english_name",
    "is_japanese",
    "is_now",
    "is_own",
    "named",
    "quality",
    "telling_words",
    "tells",
]
