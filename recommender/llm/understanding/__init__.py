"""What a question in words asks for: signed parts, a filter, an order; by a model or by rules.

``understand`` is the way in. The rules answer wherever a model is not there, is late or is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from recommender.exceptions import LlmUnavailable
from recommender.llm import calls
from recommender.llm.understanding import chinese, english, model, refining, tabled
from recommender.llm.understanding.composing import composed
from recommender.llm.understanding.languages import TABLED, by_letters, telling_words
from recommender.llm.understanding.names import names_due, names_read, names_want, vocabulary
from recommender.llm.understanding.types import (
    LAST,
    THIS,
    Interpretation,
    Like,
    Reading,
    Sort,
    Words,
)
from recommender.llm.understanding.vocabulary import Vocabulary
from retrieval.preprocess.languages import UNDETERMINED, detect, primary
from retrieval.preprocess.stop_words import STOP_WORDS
from retrieval.preprocess.text import normalise

MAX_READ_CHARS: Final = 500
"""Longer questions are no questions: their words are the query, as they are."""
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_LATIN: Final = re.compile("[A-Za-z]")


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
    words, spoken = _prepared(text, language)
    names = vocabulary() if known is None else known
    found = _read(words, spoken, names)
    try:
        left_s = deadline.within(model.TIMEOUT_S) if deadline else model.TIMEOUT_S
        read = model.read(words, found, names, previous, left_s)
    except LlmUnavailable as err:
        now = composed(found, names, language=spoken, reference=reference)
        return _following(found, replace(now, degraded=err.code != "off"), previous)
    now = composed(read, names, language=spoken, source="llm", reference=reference)
    return _following(read, now, previous)


def by_rules(
    text: str,
    *,
    language: str | None = None,
    previous: Interpretation | None = None,
    reference: Mapping[str, Any] | None = None,
    known: Vocabulary | None = None,
) -> Interpretation:
    """``understand`` without a model, in the languages of ``languages``; in others all is text."""
    words, spoken = _prepared(text, language)
    names = vocabulary() if known is None else known
    found = _read(words, spoken, names)
    now = composed(found, names, language=spoken, reference=reference)
    return _following(found, now, previous)


def _prepared(text: str, language: str | None) -> tuple[str, str]:
    words = " ".join(normalise(text).split())
    given = primary(language) if language else "en"
    own = language_of(words, otherwise=given)
    return words, own if language is None or own in ("en", "zh", *TABLED) else given


def _following(
    found: Reading, now: Interpretation, previous: Interpretation | None
) -> Interpretation:
    if previous is None:
        return now
    if refining.refines(found, previous):
        return refining.refined(now, previous)
    return replace(now, follows=False)


def _read(words: str, language: str, names: Vocabulary) -> Reading:
    """By the letters: a question in Chinese may come from an English page."""
    if len(words) > MAX_READ_CHARS:
        return Reading(wanted=[words])
    if _HAN.search(words) and language != "ja":
        return chinese.read(words, names)
    if language in TABLED:
        return tabled.read(words, names, TABLED[language])
    if _LATIN.search(words) and language in ("en", UNDETERMINED):
        return english.read(words, names)
    return Reading(wanted=[words])


def language_of(text: str, *, otherwise: str) -> str:
    """Of a question, whose few words are mostly too little for the detector: small words and those that
    the languages' tables list say more. ``otherwise``: for Latin letters that tell nothing."""
    found = detect(text)
    if found != UNDETERMINED or not _LATIN.search(text):
        return found
    if own := by_letters(text.lower()):
        return own
    said = set(re.findall(r"[^\W\d_]+", text.lower()))
    counts = {code: len(said & STOP_WORDS[code]) + own for code, own in telling_words(said).items()}
    best = max(counts, key=lambda code: counts[code])  # English first
    is_sure = counts[best] > 1 or not all(map(str.isascii, said))
    return best if is_sure and list(counts.values()).count(counts[best]) == 1 else otherwise


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
