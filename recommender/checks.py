"""Configuration that would fail with the first event fails at start-up instead."""

from typing import Any

from django.core.checks import Error, register

from recommender.event_types import event_types


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
