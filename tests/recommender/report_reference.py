"""The reports once more, the obvious way: every event against every answer, one visitor at a time.

Reads the same rows and shares no code with ``recommender.reports``.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy import stats

from recommender.models import Event, Experiment, Impression

TOUCH, REACH, SKEW = timedelta(hours=24), timedelta(days=30), timedelta(hours=1)


def owed() -> list[tuple[Event, Impression | None]]:
    """Every event whose item is in the catalog, with the answer that it is owed to."""
    of_request, of_visitor = defaultdict(list), defaultdict(list)
    for answer in Impression.objects.order_by("shown_at", "id"):
        of_request[answer.request_id].append(answer)
        of_visitor[answer.visitor_id].append(answer)
    pairs = []
    for event in Event.objects.exclude(item=None):
        named = [
            each
            for each in of_request[event.request_id]
            if event.request_id
            and event.item_id in each.item_ids
            and -SKEW <= event.occurred_at - each.shown_at <= REACH
        ]
        touched = [
            each
            for each in of_visitor[event.visitor_id]
            if event.item_id in each.item_ids
            and timedelta(0) <= event.occurred_at - each.shown_at <= TOUCH
        ]
        pairs.append((event, (named or touched or [None])[-1]))
    return pairs


@dataclass
class Person:
    """One visitor, or session, of an experiment."""

    variants: set[str] = field(default_factory=set)
    shown: int = 0
    first: datetime | None = None
    clicked: set[tuple[int, int]] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    value: float = 0.0
    disliked: bool = False


def unit(answer: Impression) -> Any:
    return answer.visitor_id or answer.session


def people(experiment: Experiment, until: datetime) -> dict[Any, Person]:
    """Whoever was shown something in it."""
    found: dict[Any, Person] = defaultdict(Person)
    for answer in Impression.objects.filter(experiment=experiment).order_by("shown_at"):
        person = found[unit(answer)]
        person.variants.add(answer.variant)
        person.shown += len(answer.item_ids)
        person.first = person.first or answer.shown_at
    for event, answer in owed():
        own = answer is not None and answer.experiment_id == experiment.pk
        person = found.get(unit(answer) if own else event.visitor_id)
        if own:
            person.types.add(event.type)
            if event.type == "click":
                person.clicked.add((answer.pk, event.item_id))
            if event.type == "purchase":
                person.value += event.value or 0.0
        if person and event.type == "dislike" and person.first <= event.occurred_at <= until:
            person.disliked = True
    return found


def of_variant(found: dict[Any, Person], variant: str) -> list[Person]:
    return [person for person in found.values() if person.variants == {variant}]


Found = tuple[float, float, tuple[float, float]]
"""A figure, its standard error, its interval."""


def mean(values: Iterable[float]) -> Found:
    """Of a mean."""
    array = np.array(list(values), float)
    error = array.std(ddof=1) / math.sqrt(len(array))
    return array.mean(), error, stats.norm.interval(0.95, array.mean(), error)


def share(values: Iterable[bool]) -> Found:
    """Of the part for which it is true."""
    array = np.array(list(values), bool)
    value, error, _ = mean(array)
    return value, error, stats.binomtest(array.sum(), len(array)).proportion_ci(method="wilson")


def ratio(tops: Iterable[float], bottoms: Iterable[float]) -> Found:
    """Of sum / sum, by what each visitor adds to the ratio's linear part."""
    top, bottom = np.array(list(tops), float), np.array(list(bottoms), float)
    value = top.sum() / bottom.sum()
    error = mean((top - value * bottom) / bottom.mean())[1]
    return value, error, stats.norm.interval(0.95, value, error)


def lift(control: tuple[float, float], other: tuple[float, float]) -> tuple[float, float, float]:
    """other / control - 1 of two (figure, standard error), and its interval: by the slopes, which are measured."""
    step = 1e-6

    def of(below: float, above: float) -> float:
        return above / below - 1

    (below, below_error), (above, above_error) = control, other
    by_below = (of(below + step, above) - of(below - step, above)) / (2 * step)
    by_above = (of(below, above + step) - of(below, above - step)) / (2 * step)
    error = math.hypot(by_below * below_error, by_above * above_error)
    return of(below, above), *stats.norm.interval(0.95, of(below, above), error)
