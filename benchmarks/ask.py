"""Whether questions about the demo catalog are answered with the right items, and others refused.

    python -m benchmarks.ask

Needs a loaded demo (``make demo``) and no language model: what is measured is what a model is given.
"""

# ruff: noqa: E402 - models can be imported once Django is set up
import os
import re
import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

import numpy as np
from django.utils import timezone

from benchmarks.ask_questions import QUESTIONS, Question
from catalog.selectors import item_words
from recommender.llm import ask
from recommender.llm.ask import relevance
from recommender.llm.understanding import names_read

LANGUAGES: Final = {
    "en": "English",
    "zh": "Chinese",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "ja": "Japanese",
}


class Result(NamedTuple):
    """What became of one question."""

    question: Question
    evidence: float
    refused: bool
    right: tuple[bool, ...]
    """Of each cited item, whether it is one of those accepted."""
    took_ms: float


def main() -> None:
    """Prints a table in Markdown."""
    names_read()
    _result(QUESTIONS[0])  # loads models and dictionaries
    results = [_result(question) for question in QUESTIONS]
    told = [
        "| questions | answered | refused | AUC | first is right | cited are right | any is right |",
        "|---|---|---|---|---|---|---|",
    ]
    aside = [each for each in results if not each.question.chose]
    for name, some in (
        ("that chose the threshold", [each for each in results if each.question.chose]),
        ("kept aside", aside),
        *(
            (f"kept aside, {name}", [each for each in aside if each.question.language == code])
            for code, name in LANGUAGES.items()
        ),
    ):
        told.append(_row(name, some))
    times = sorted(each.took_ms for each in results)
    told.append(
        f"\n{len(results)} questions, threshold {relevance.LEAST_EVIDENCE}; "
        f"p50 {times[len(times) // 2]:.0f} ms, p95 {times[int(len(times) * 0.95)]:.0f} ms"
    )
    sys.stdout.write("\n".join(told) + "\n")


def _result(question: Question) -> Result:
    started = time.perf_counter()
    draft = ask.draft(ask.Asked(question.text, timezone.now(), languages=(question.language,)))
    took_ms = (time.perf_counter() - started) * 1000
    words = item_words([each.item_id for each in draft.cited])
    described = {
        row.item_id: " ".join([row.texts[0].title, *row.texts[0].tags, *row.categories]).lower()
        for row in words
    }
    right = tuple(
        question.accepted is not None
        and re.search(question.accepted, described[each.item_id]) is not None
        for each in draft.cited
    )
    return Result(question, draft.evidence, draft.refused, right, took_ms)


def _row(name: str, results: Sequence[Result]) -> str:
    answerable = [each for each in results if each.question.accepted is not None]
    others = [each for each in results if each.question.accepted is None]
    answered = [each for each in answerable if not each.refused]
    pairs = [one.evidence > other.evidence for one in answerable for other in others]
    figures = (
        np.mean([not each.refused for each in answerable]),
        np.mean([each.refused for each in others]),
        np.mean(pairs),
        np.mean([each.right[0] for each in answered]),
        np.mean([np.mean(each.right) for each in answered]),
        np.mean([any(each.right) for each in answered]),
    )
    return f"| {len(results)} {name} | " + " | ".join(f"{each:.3f}" for each in figures) + " |"


if __name__ == "__main__":
    main()
