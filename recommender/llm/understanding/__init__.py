"""What a question in words asks for: signed parts, a filter, an order; by a model or by rules.

``understand`` is the way in. The rules answer wherever a model is not there, is late or is wrong.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from recommender.llm.understanding import chinese, english, refining
from recommender.llm.understanding.composing import composed
from recommender.llm.understanding.types import (
    LAST,
    THIS,
    Interpretation,
    Like,
    Reading,
    Sort,
    Words,
)
from recommender.llm.understanding.vocabulary import Vocabulary, vocabulary
from retrieval.preprocess.languages import UNDETERMINED, detect, primary
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
) -> Interpretation:
    """What ``text`` asks of the catalog.

    ``language``: a tag, if the caller knows it; detected unless given. ``previous``: of the question
    before it, which ``cheaper`` or ``in blue`` changes. ``reference``: attributes of the item that
    ``like this`` means, so that ``cheaper`` is cheaper than that. ``known``: the catalog's names, read
    and remembered unless given. Raises nothing of its own.
    """
    return by_rules(text, language=language, previous=previous, reference=reference, known=known)


def by_rules(
    text: str,
    *,
    language: str | None = None,
    previous: Interpretation | None = None,
    reference: Mapping[str, Any] | None = None,
    known: Vocabulary | None = None,
) -> Interpretation:
    """``understand`` without a model: English and Chinese; in other languages all is text."""
    words = " ".join(normalise(text).split())
    spoken = primary(language) if language else _language(words)
    names = vocabulary() if known is None else known
    found = _read(words, spoken, names)
    now = composed(found, names, language=spoken, reference=reference)
    if previous is not None and refining.refines(found, previous):
        return refining.refined(now, previous)
    return now


def _read(words: str, language: str, names: Vocabulary) -> Reading:
    """By the letters: a question in Chinese may come from an English page."""
    if len(words) > MAX_READ_CHARS:
        return Reading(wanted=[words])
    if _HAN.search(words) and language != "ja":
        return chinese.read(words, names)
    if _LATIN.search(words) and language in ("en", UNDETERMINED):
        return english.read(words, names)
    return Reading(wanted=[words])


def _language(words: str) -> str:
    """Short texts in Latin letters are taken for English: the detector cannot tell."""
    found = detect(words)
    return "en" if found == UNDETERMINED and _LATIN.search(words) else found


__all__ = [
    "LAST",
    "THIS",
    "Interpretation",
    "Like",
    "Sort",
    "Vocabulary",
    "Words",
    "by_rules",
    "understand",
    "vocabulary",
]
