"""Words of a text in any language, for the lexical index and its queries."""

import re
import threading
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from retrieval.preprocess.languages import UNDETERMINED, detect, primary
from retrieval.preprocess.stop_words import STOP_WORDS
from retrieval.preprocess.text import normalise, with_whole_vowels

_KANA = "\u3041-\u309f\u30a0-\u30fa\u30fc-\u30ff"
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_THAI = "\u0e00-\u0e7f"
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"

_JAPANESE_RUNS = re.compile(rf"[{_HAN}]+[\u3041-\u309f]*|[\u30a0-\u30ff]+|[\u3041-\u309f]+")
"""A noun, or a stem with its ending; loanwords; the rest."""
_HIRAGANA = re.compile("[\u3041-\u309fー]+")
_SINGLE_PARTICLES: Final = frozenset("はがをにへとでのもや")
_BETWEEN_NOUNS = re.compile("(?<=..)(?:の(?!の)|と|を)(?=..)")
"""Inside a phrase of hiragana; the other particles are as often letters of a word (くだもの, かいがら)."""
_PARTICLE = re.compile(
    r"(.{2,}?|[^\u3041-\u309f])"
    r"(?:は|が|を|に|へ|と|で|の|も|や|から|まで|より|など|です|でした|ます|ました|だ)"
)
"""At the end of a phrase; a lone hiragana before it is a word that only ends like one (かに)."""
_ARABIC: Final = str.maketrans("أإآىة", "اااية", "ـًٌٍَُِّْ")
"""Letters written either way, and the signs that are mostly left out (as Lucene does)."""
_VARIATION_SELECTORS: Final = {0xFE0E: None, 0xFE0F: None}

_lock = threading.Lock()


def words(text: str, language: str | None = None) -> list[str]:
    """The words of a text in order, case-folded, without the function words of its language.

    ``language`` is a BCP 47 tag; unless given, it is detected. Chinese, Japanese and Thai are cut
    into words; nothing is stemmed. What holds nothing but function words keeps them all.
    The first text of a language may load its dictionary (Chinese: 1 s and 80 MB).
    """
    clean = with_whole_vowels(normalise(text))
    language = primary(language) if language else detect(clean)
    found = [word for word in map(_folded, _segments(clean, language)) if word]
    stop_words = _stop_words(language)
    return [word for word in found if word not in stop_words] or found


def _segments(text: str, language: str) -> Iterator[str]:
    for match in _tokens().finditer(text):
        token = match.group()
        if match.lastgroup == "cjk":
            is_japanese = language == "ja" or (language != "zh" and re.search(f"[{_KANA}]", token))
            yield from _japanese(token) if is_japanese else _dictionary().cut(token)
        elif match.lastgroup == "thai":
            yield from _phrases("th").parse(token)
        else:
            yield token


def _japanese(run: str) -> Iterator[str]:
    """BudouX gives phrases; the particles at their ends are no part of what they name."""
    for phrase in _joined(_phrases("ja").parse(run)):
        if _HIRAGANA.fullmatch(phrase):
            yield from map(_without_particles, _BETWEEN_NOUNS.split(phrase))
            continue
        for part in _JAPANESE_RUNS.findall(phrase):
            yield from _without_particles(part).split("・")


def _joined(phrases: Iterable[str]) -> list[str]:
    """BudouX learned from sentences with Chinese characters: off words in hiragana it cuts single
    letters (い|ぬ, ぬいぐる|み). They go to the next phrase, at the end to the one before.
    """
    found: list[str] = []
    for phrase in phrases:
        if found and _HIRAGANA.fullmatch(phrase) and _HIRAGANA.fullmatch(found[-1]):
            is_particle = found[-1] in _SINGLE_PARTICLES and len(found) > 1
            if phrase in _SINGLE_PARTICLES or (len(found[-1]) == 1 and not is_particle):
                found[-1] += phrase
                continue
        found.append(phrase)
    if len(found) > 1 and len(found[-1]) == 1 and all(map(_HIRAGANA.fullmatch, found[-2:])):
        found[-2:] = ["".join(found[-2:])]
    return found


def _without_particles(phrase: str) -> str:
    while match := _PARTICLE.fullmatch(phrase):
        phrase = match[1]
    return phrase


def _folded(word: str) -> str:
    folded = word.casefold().translate(_VARIATION_SELECTORS)
    return unicodedata.normalize("NFC", folded).translate(_ARABIC)


@lru_cache(maxsize=64)
def _stop_words(language: str) -> frozenset[str]:
    """Folded as words are. Of an unknown language: function words of at least two."""
    if language != UNDETERMINED:
        return frozenset(map(_folded, STOP_WORDS.get(language, ())))
    counts = Counter(_folded(word) for listed in STOP_WORDS.values() for word in listed)
    return frozenset(word for word, count in counts.items() if count > 1)


@lru_cache(maxsize=1)
def _tokens() -> re.Pattern[str]:
    """Runs of CJK and of Thai; emoji; words with their combining marks, which ``\\w`` lacks."""
    marks = "".join(
        char
        for char in map(chr, range(0x300, 0x20000))
        if unicodedata.category(char) in {"Mn", "Mc"} and not "\ufe00" <= char <= "\ufe0f"
    )
    letter = rf"(?![{_HAN}{_KANA}{_THAI}])[^\W_]"
    person = rf"[{_EMOJI}](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[{_EMOJI}])*"
    return re.compile(
        rf"(?P<cjk>[{_HAN}{_KANA}・]+)|(?P<thai>[{_THAI}]+)"
        rf"|(?P<emoji>[\U0001f1e6-\U0001f1ff]{{2}}|{person})"
        rf"|(?P<word>{letter}(?:{letter}|[{marks}\u200d])*)"
    )


@lru_cache(maxsize=2)
def _phrases(language: str) -> Any:
    import budoux

    if language == "th":
        return budoux.load_default_thai_parser()
    return budoux.load_default_japanese_parser()


def _dictionary() -> Any:
    with _lock:
        return _loaded_dictionary()


@lru_cache(maxsize=1)
def _loaded_dictionary() -> Any:
    """jieba's own loader keeps a cache in the shared folder for temporary files and trusts what it
    finds there: fill its table by hand.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes and pkg_resources, at its import
        import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
