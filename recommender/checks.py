"""Configuration that would fail with the first event fails at start-up instead."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from recommender import impressions
from recommender.event_types import event_types
from recommender.exceptions import ModelConflict
from recommender.placements import settings_problems


@register
def event_types_make_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Every type has a name, a weight and a half-life."""
    try:
        event_types()
    except (ValueError, TypeError, AttributeError) as err:
        return [
            Error(
                f'RECOMMENDER["EVENTS"]["TYPES"]: {err}.',
                hint='As in {"view": {"weight": 1.0, "half_life_days": 30}}.',
                id="recommender.E001",
            )
        ]
    return []


@register
def placements_make_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Every placement has sources that exist and options that can be used."""
    return [
        Error(
            f'RECOMMENDER["PLACEMENTS"]: {problem}.',
            hint='As in {"home": {"sources": {"taste": 0.6, "new": 0.4}, "limit": 12}}.',
            id="recommender.E002",
        )
        for problem in _unless_types_fail(settings_problems)
    ]


@register
def impressions_make_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """What reports count are types of events that exist."""
    return [
        Error(
            f'RECOMMENDER["IMPRESSIONS"]: {problem}.',
            hint='As in {"KEEP_DAYS": 180, "TOUCH_HOURS": 24, "CLICKS": ["click"],'
            ' "CONVERSIONS": ["purchase"], "GUARDRAILS": {"dislike": 0.1}}.',
            id="recommender.E003",
        )
        for problem in _unless_types_fail(impressions.settings_problems)
    ]


def _unless_types_fail(problems: Callable[[], list[str]]) -> list[str]:
    """Nothing where the types of events are wrong, which their own check says."""
    return [] if event_types_make_sense(None) else problems()


@register
def models_make_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Every kind has an algorithm of its own, with options that it has."""
    from recommender.collaborative.recipes import check_config
    from recommender.versions import KIND_OF

    problems = []
    for kind, options in settings.RECOMMENDER["MODELS"].items():
        given = dict(options)
        algorithm = given.pop("ALGORITHM", None)
        allowed = [name.value for name in KIND_OF if KIND_OF[name] == kind]
        if algorithm not in allowed:
            problems.append(f"{kind}: ALGORITHM is {algorithm!r}, it can be one of {allowed}")
            continue
        try:
            check_config(algorithm, given)
        except ModelConflict as err:
            problems.append(f"{kind}: {err}")
    hint = 'As in {"item-item": {"ALGORITHM": "ease", "regularization": 50.0}}.'
    return [
        Error(f'RECOMMENDER["MODELS"]: {problem}', hint=hint, id="recommender.E004")
        for problem in problems
    ]


@register
def language_model_makes_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A provider has what it needs, and what it is asked for exists."""
    from recommender.llm import calls
    from recommender.llm.understanding.types import ROLE_TYPES

    given = settings.LLM
    problems = []
    if unknown := sorted(set(given["PURPOSES"]) - set(calls.PURPOSES)):
        problems.append(f"LLM_PURPOSES names {unknown}; there are {list(calls.PURPOSES)}")
    if unknown := sorted(set(given["FIELDS"]) - set(ROLE_TYPES)):
        problems.append(f'LLM["FIELDS"] names {unknown}; there are {list(ROLE_TYPES)}')
    if given["PROVIDER"] == "openai":
        if not given["MODEL"]:
            problems.append("LLM=openai needs LLM_MODEL, the model's name at the endpoint")
        if not given["BASE_URL"].startswith(("http://", "https://")):
            problems.append(f"LLM_BASE_URL={given['BASE_URL']!r} is no http(s) URL")
        if not (given["API_KEY"].isascii() and given["API_KEY"].isprintable()):
            # whatever complained about such a key would print it
            problems.append("LLM_API_KEY has characters that no key has")
    hint = "See docs/howto/language-models.md."
    return [Error(f"{problem}.", hint=hint, id="recommender.E006") for problem in problems]


@register
def storefront_makes_sense(app_configs: Any, **kwargs: Any) -> list[Error]:
    """What its searches can be filtered by is there to filter by."""
    from recommender.storefront.fields import settings_problems as problems

    return [
        Error(
            f'RECOMMENDER["STOREFRONT"]["FILTERS"]: {problem}.',
            hint='As in ["categories", "price"], with "price" in RETRIEVAL["FILTERS"].',
            id="recommender.E005",
        )
        for problem in problems()
    ]
