"""Measures one provider and keeps what was measured beside that of others."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import numpy as np
from django.conf import settings
from rich.console import Console

from recommender import metrics
from recommender.evaluation.datasets import ml_100k
from recommender.llm import budget, calls
from recommender.llm.evaluation import explaining, interpretation, reranking
from recommender.llm.evaluation.interpretation import SHOP, Labelled
from recommender.llm.providers.types import Usage
from recommender.llm.understanding import Interpretation, by_rules, understand
from recommender.llm.understanding.languages import TABLED

KINDS: Final = ("general", "denial")
PATIENCE_S: Final = 300.0
"""What a model says is measured without the limits that pages have; how long it took is in the table."""
LIMITS_S: Final = {"understand": 2.0, "rerank": 2.0, "explain": 20.0}
"""Within which a page takes an answer."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    split: str = "held-out"
    questions: int | None = None
    """At most so many of each language; None: all."""
    visitors: int = 100
    sentences: int = 30


def measured(sizes: Sizes, what: Sequence[str], console: Console) -> dict[str, Any]:
    """By ``interpretation``, ``rerank`` and ``explanations``, as JSON takes it.

    With LLM=none what is answered without a model. Raises FetchError.
    """
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "interpretation": lambda: _interpretation(sizes),
        "rerank": lambda: _rerank(sizes, console),
        "explanations": lambda: _explanations(sizes),
    }
    found: dict[str, Any] = {"provider": provider_name()}
    with calls.patient(PATIENCE_S):
        for name in what:
            with calls.recorded() as made:
                found[name] = parts[name]()
            found[name]["calls"] = spent(made)
    return found


def provider_name() -> str:
    """With the model, as tables show it."""
    name, model = settings.LLM["PROVIDER"], settings.LLM["MODEL"]
    if name == "local" and not model:
        model = "SmolLM2-135M-Instruct"
    return f"{name} ({model})" if model and name != "none" else str(name)


def spent(made: Sequence[calls.Made]) -> dict[str, Any]:
    """Of calls: how many, how they ended, how long they took (ms), tokens and cost of one."""
    if not made:
        return {"count": 0}
    took = sorted(each.took_ms for each in made)
    limit_ms = 1000 * LIMITS_S.get(made[0].purpose, PATIENCE_S)
    usage = Usage(
        sum(each.usage.tokens_in for each in made), sum(each.usage.tokens_out for each in made)
    )
    return {
        "count": len(made),
        "ok": sum(each.outcome == "ok" for each in made),
        "p50_ms": round(statistics.median(took)),
        "p95_ms": took[min(len(took) - 1, round(0.95 * len(took)))],
        "in_time": sum(each.took_ms <= limit_ms for each in made) / len(made),
        "tokens_in": usage.tokens_in / len(made),
        "tokens_out": usage.tokens_out / len(made),
        "cost": budget.cost(usage) / len(made),
    }


def _interpretation(sizes: Sizes) -> dict[str, Any]:
    def read(question: Labelled) -> Interpretation:
        before = by_rules(question.previous, known=SHOP) if question.previous else None
        return understand(question.text, previous=before, known=SHOP)

    found = {}
    for name, asked in _groups(sizes):
        result = interpretation.accuracy(read, asked)
        found[name] = {
            "questions": result.count,
            "whole": result.whole,
            "slots": result.slots,
            "by_model": 1 - result.degraded / max(1, result.count) if calls.enabled() else 0.0,
            "interval": metrics.interval(_outcomes(result), 0),
        }
    return {"split": sizes.split, "languages": found}


def _groups(sizes: Sizes) -> Iterator[tuple[str, list[Labelled]]]:
    """By language; those in English and Chinese, which are many, by kind too."""
    for language, kind in (*product(("en", "zh"), KINDS), *((code, None) for code in TABLED)):
        asked = [
            question
            for question in interpretation.labelled()
            if question.language == language
            and kind in (None, question.kind)
            and sizes.split in ("all", question.split)
        ]
        yield (f"{language} denials" if kind == "denial" else language), asked[: sizes.questions]


def _outcomes(result: interpretation.Accuracy) -> Any:
    return np.array([0.0] * len(result.wrong) + [1.0] * (result.count - len(result.wrong)))


def _rerank(sizes: Sizes, console: Console) -> dict[str, Any]:
    found = reranking.measured(ml_100k(settings.DEMO_CACHE, console), sizes.visitors)
    gained = found.reordered - found.base
    return {
        "visitors": len(gained),
        "base": float(found.base.mean()),
        "reordered": float(found.reordered.mean()),
        "difference": float(gained.mean()),
        "interval": metrics.interval(gained, 0),
        "degraded": found.degraded,
        "moved": found.moved,
    }


def _explanations(sizes: Sizes) -> dict[str, Any]:
    if not calls.enabled():
        return {"languages": {}}
    found = {language: explaining.measured(sizes.sentences, language) for language in ("en", "zh")}
    return {
        "languages": {
            language: {
                "asked": each.asked,
                "grounded": each.grounded,
                "failed": each.failed,
                "examples": [list(example) for example in each.examples],
            }
            for language, each in found.items()
        }
    }


def smaller(sizes: Sizes) -> Sizes:
    """A look in a minute or so with a quick provider."""
    return replace(sizes, questions=5, visitors=5, sentences=3)
