"""What a question in words asks for: signed parts, a filter, an order; by a model or by rules.

``understand`` is the way in. The rules answer wherever a model is not there, is late or is wrong.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from recommender.exceptions import LlmUnavailable
from recommender.llm import calls
from recommender.llm.understanding import chinese, english, model, refining, tabled
from recommender.llm.understanding.composing import composed
from recommender.llm.understanding.languages import (
    TABLED,
    by_letters,
    is_japanese,
    telling_words,
    tells,
)
from recommender.llm.understanding.names import names_due, names_read, names_want, vocabulary
from recommender.llm.understanding.types import (
    LAST,
    THIS,
    Interpretation,
    Like,
    Reading,
    Sort,
    Source,
    Words,
)
from recommender.llm.understanding.vocabulary import Vocabulary
from retrieval.preprocess.languages import (
    UNDETERMINED,
    detect,
    likelihoods,
    primary,
    script_of,
    scripts,
)
from retrieval.preprocess.stop_words import STOP_WORDS
from retrieval.preprocess.text import normalise

MAX_READ_CHARS: Final = 500
"""Longer questions are no questions: their words are the query, as they are."""
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_LATIN: Final = re.compile("[A-Za-z]")
LONG: Final = 5
"""Letters of a word that few languages share by accident."""
LIKELIER: Final = 3.0
"""Than in English a single word must be in the language whose tables have it: *relojes* is, *chat* is not
(2.6), which people do in English as well."""


def understand(
    text: str,
    *,
    language: str | None = None,
    previous: Interpretation | None = None,
    reference: Mapping[str, Any] | None = None,
    known: Vocabulary | None = None,
    deadline: calls.Deadline | None = None,
) -> Interpretation:
    """What ``text`` asks of the catalog.

    ``language``: a tag, for words that do not tell theirs. ``previous``: of the question
    before it, which ``cheaper`` or ``in blue`` changes. ``reference``: attributes of the item that
    ``like this`` means, so that ``cheaper`` is cheaper than that. ``known``: the catalog's names, as
    workers read them unless given. ``deadline``: of the request that asks. Raises nothing of its own.
    """
    if not calls.enabled(model.PURPOSE):
        return by_rules(
            text, language=language, previous=previous, reference=reference, known=known
        )
    words, spoken = _prepared(text, language, previous)
    names = vocabulary() if known is None else known
    found = _read(words, spoken, names, asked=previous is not None)

    def meant(read: Reading, source: Source) -> Interpretation:
        return _composed(read, names, spoken, source, reference, previous)

    try:
        left_s = deadline.within(model.TIMEOUT_S) if deadline else model.TIMEOUT_S
        read = model.read(words, found, names, previous, left_s)
    except LlmUnavailable as err:
        return replace(meant(found, "rules"), degraded=err.code != "off")
    return meant(read, "llm")


def by_rules(
    text: str,
    *,
    language: str | None = None,
    previous: Interpretation | None = None,
    reference: Mapping[str, Any] | None = None,
    known: Vocabulary | None = None,
) -> Interpretation:
    """``understand`` without a model, in the languages of ``languages``; in others all is text."""
    words, spoken = _prepared(text, language, previous)
    names = vocabulary() if known is None else known
    found = _read(words, spoken, names, asked=previous is not None)
    return _composed(found, names, spoken, "rules", reference, previous)


def _prepared(text: str, language: str | None, previous: Interpretation | None) -> tuple[str, str]:
    words = " ".join(normalise(text).split())
    given = primary(language) if language else previous.language if previous else "en"
    own = language_of(words, otherwise=given)
    return words, own if language is None or own in ("en", "zh", *TABLED) else given


def _composed(
    found: Reading,
    names: Vocabulary,
    language: str,
    source: Source,
    reference: Mapping[str, Any] | None,
    previous: Interpretation | None,
) -> Interpretation:
    """With the question before it, where this one follows that."""
    before = previous if refining.refines(found, previous) else None
    now = composed(
        found, names, language=language, source=source, reference=reference, previous=before
    )
    if before is not None:
        return refining.refined(now, before)
    return now if previous is None else replace(now, follows=False)


def _read(words: str, language: str, names: Vocabulary, *, asked: bool) -> Reading:
    """By the letters: a question in Chinese may come from an English page."""
    if len(words) > MAX_READ_CHARS:
        return Reading(wanted=[words])
    if _HAN.search(words) and language != "ja":
        return chinese.read(words, names, asked=asked)
    if language in TABLED:
        return tabled.read(words, names, TABLED[language], asked=asked)
    if _LATIN.search(words) and language in ("en", UNDETERMINED):
        return english.read(words, names, asked=asked)
    return Reading(wanted=[words])


def language_of(text: str, *, otherwise: str) -> str:
    """Of a question, whose few words are mostly too little for the detector: small words and those that
    the languages' tables list say more. ``otherwise``: for Latin letters that tell nothing."""
    found = detect(text)
    if found == "zh" and is_japanese(text):
        return "ja"
    if not _LATIN.search(text) or (found != UNDETERMINED and "LATIN" not in scripts(found)):
        return found
    if own := by_letters(text.lower()):
        return own
    said = set(re.findall(r"[^\W\d_]+", text.lower()))
    counts = {code: len(said & STOP_WORDS[code]) + own for code, own in telling_words(said).items()}
    if counts.get(found) or (found in counts and not any(counts.values())):
        return found
    best = max(counts, key=lambda code: counts[code])  # English first
    tied = [code for code in counts if counts[code] == counts[best]]
    marked = any(not char.isascii() and script_of(char) == "LATIN" for char in text)
    is_long = best != "en" and any(len(word) >= LONG and tells(word, best) for word in said)
    is_sure = counts[best] > 1 or found in counts or marked or is_long
    is_told = counts[best] > len(said & STOP_WORDS.get(found, frozenset()))
    if is_sure and is_told and len(tied) == 1:
        return best
    if found != UNDETERMINED:
        return found
    return otherwise if best == "en" else _likeliest(text, tied) or otherwise


def _likeliest(text: str, codes: Sequence[str]) -> str:
    """The one of these languages that the letters speak for, more than for English; "" if none is."""
    chances = likelihoods(text, ("en", *codes))
    best = max(codes, key=lambda code: chances[code])
    others = (chance for code, chance in chances.items() if code != best)
    return best if chances[best] >= LIKELIER * max(others) else ""


__all__ = [
    "LAST",
    "THIS",
    "Interpretation",
    "Like",
    "Sort",
    "Vocabulary",
    "Words",
    "by_rules",
    "language_of",
    "names_due",
    "names_read",
    "names_want",
    "understand",
    "vocabulary",
]
