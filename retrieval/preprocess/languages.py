"""Which language a text is in: by its script where that decides, else by py3langid's model."""

import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from retrieval.preprocess.stop_words import STOP_WORDS

UNDETERMINED = "und"
"""ISO 639-2's code, for what could be several languages or none."""

MIN_CONFIDENCE = 0.5
"""Of the demo's 5,365 titles in en, de, es and fr (.38 of them single words) .46 are given a language
and .955 of these the right one; with 0.3, .62 and .87; with 0.7, .34 and .99.
"""
MAX_CHARS = 1_000
KANA_SHARE = 0.1
"""At least, of Japanese letters; a decorative の in Chinese text stays below."""
CJK_WEIGHT = 3
"""Letters that one Han or kana stands for: a product name in Latin letters is no English."""
FUNCTION_WORD_ODDS = 4.0
"""How much likelier one of its function words makes a language: calls .08 more titles, as rightly."""

_BY_SCRIPT: Final[Mapping[str, str]] = {
    "HANGUL": "ko",
    "THAI": "th",
    "GREEK": "el",
    "HEBREW": "he",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "BENGALI": "bn",
    "SINHALA": "si",
    "KHMER": "km",
    "LAO": "lo",
    "MYANMAR": "my",
    "ETHIOPIC": "am",
}
_SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "LATIN": (
        *("en", "de", "fr", "es", "it", "pt", "nl", "ca", "ro", "sv", "da", "no", "fi", "et"),
        *("pl", "cs", "sk", "sl", "hr", "hu", "lt", "lv", "tr", "id", "vi"),
    ),
    "CYRILLIC": ("ru", "uk", "be", "bg", "sr", "mk", "kk", "mn"),
    "ARABIC": ("ar", "fa", "ur"),
    "DEVANAGARI": ("hi", "mr", "ne"),
}
_CJK: Final = ("CJK", "HIRAGANA", "KATAKANA")
_lock = threading.Lock()


def detect(text: str) -> str:
    """ISO 639-1 code, or ``und``: nothing to go by, or less sure than ``MIN_CONFIDENCE``.

    Han without kana is taken for Chinese. Loads 75 MB at the first text in a script that several
    languages share.
    """
    text = text[:MAX_CHARS]
    scripts = Counter(filter(None, map(script_of, text)))
    if not scripts:
        return UNDETERMINED
    cjk = sum(scripts[name] for name in _CJK)
    script, count = scripts.most_common(1)[0]
    if cjk * CJK_WEIGHT >= count:
        return "ja" if cjk - scripts["CJK"] > KANA_SHARE * cjk else "zh"
    if script in _SHARED:
        return _by_model(text, _SHARED[script])
    return _BY_SCRIPT.get(script, UNDETERMINED)


@lru_cache(maxsize=4096)
def script_of(char: str) -> str:
    """First word of a letter's Unicode name (``LATIN``, ``CJK``, ``HIRAGANA``…); "" for the rest."""
    name = unicodedata.name(char, "") if char.isalpha() else ""
    return name.partition(" ")[0].partition("-")[0]


def scripts(language: str) -> frozenset[str]:
    """First words of the Unicode names of letters a language is written in; empty if unknown."""
    if language == "zh":
        return frozenset({"CJK"})
    if language == "ja":
        return frozenset(_CJK)
    own = {script for script, code in _BY_SCRIPT.items() if code == language}
    own |= {script for script, codes in _SHARED.items() if language in codes}
    own |= {"ko": {"CJK"}, "sr": {"LATIN"}, "kk": {"LATIN"}}.get(language, set())
    return frozenset(own)


def primary(language: str) -> str:
    """The language of a tag, without script and region: ``zh`` of ``zh-Hant``."""
    return language.replace("_", "-").partition("-")[0].lower()


def likelihoods(text: str, languages: Collection[str]) -> dict[str, float]:
    """How likely a text in a script that several languages share is in each of ``languages``, by the model and
    by its function words; only their ratios mean something."""
    text = text.lower()
    found = set(text.split())
    return {
        language: score * FUNCTION_WORD_ODDS ** len(found & STOP_WORDS.get(language, frozenset()))
        for language, score in _model().rank(text)
        if language in languages
    }


def _by_model(text: str, languages: tuple[str, ...]) -> str:
    """The likeliest of ``languages``."""
    scores = likelihoods(text, languages)
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= MIN_CONFIDENCE * sum(scores.values()) else UNDETERMINED


def _model() -> Any:
    with _lock:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages({code for codes in _SHARED.values() for code in codes})
    return model
