"""Placements: declared in ``RECOMMENDER["PLACEMENTS"]``, overridden option by option in the admin."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from recommender import models
from recommender.changes import Action, Subject, change_record
from recommender.event_types import event_types
from recommender.exceptions import InvalidOption, UnknownPlacement
from recommender.models.placements import OPTIONS
from recommender.ranking import FEATURES
from recommender.types import MAX_EXPLORATION, Placement
from retrieval.exceptions import InvalidQuery
from retrieval.filters import conditions

log = logging.getLogger(__name__)

SOURCES: Final = tuple(name for name in FEATURES if name != "disliked")
NAME_PATTERN: Final = r"[a-z][a-z0-9_-]{0,63}"
MAX_LIMIT: Final = 100
CAPPED: Final = re.compile(r"categories|tags|kind|attributes\.[^\x00-\x1f\ud800-\udfff]{1,100}")
MAX_CAP: Final = 10_000
"""More than any answer has."""


def declared(name: str) -> Placement:
    """As the settings have it. Raises UnknownPlacement, InvalidOption for options that make no sense."""
    given: Mapping[str, Mapping[str, Any]] = settings.RECOMMENDER["PLACEMENTS"]
    if name not in given:
        raise UnknownPlacement(name, given)
    options = options_read(given[name])
    if "sources" not in options:
        raise InvalidOption("name its sources")
    return Placement(name, **options)


def declared_names() -> list[str]:
    """Of all placements, in the settings' order."""
    return list(settings.RECOMMENDER["PLACEMENTS"])


def placement_get(name: str) -> Placement:
    """With what the admin overrides, one statement. Raises UnknownPlacement."""
    placement = declared(name)
    row = models.Placement.objects.filter(name=name).values_list("overrides", flat=True).first()
    return overridden(placement, row or {}, "the admin")


def overridden(placement: Placement, overrides: Mapping[str, Any], by: str) -> Placement:
    """The placement with some options of its own replaced.

    What was right when it was stored may be wrong by now, such as a type of event that the settings
    no longer have: such overrides are left out altogether and logged, so that requests are answered.
    """
    if not overrides:
        return placement
    try:
        return replace(placement, **options_read(overrides))
    except InvalidOption as err:
        log.warning("placement %s: what %s overrides is left out: %s", placement.name, by, err)
        return placement


@transaction.atomic
def placement_override(name: str, overrides: Mapping[str, Any], by: str) -> models.Placement:
    """Replace all overrides of a placement; ``by`` is who decided.

    Raises UnknownPlacement, InvalidOption for what makes no sense.
    """
    declared(name)
    options_check(overrides)
    models.Placement.objects.get_or_create(name=name)
    row = models.Placement.objects.select_for_update().get(name=name)
    before = row.facts()
    row.overrides = dict(overrides)
    row.save()
    change_record(Subject.PLACEMENT, Action.CHANGED, row, by, before=before)
    return row


def placements_ensure() -> None:
    """A row for every placement that is declared, so that the admin lists it."""
    names = set(declared_names())
    known = set(models.Placement.objects.values_list("name", flat=True))
    missing = [models.Placement(name=name) for name in sorted(names - known)]
    models.Placement.objects.bulk_create(missing, ignore_conflicts=True)


def options_check(options: Mapping[str, Any]) -> dict[str, Any]:
    """Like ``options_read``, and the filter is one that a search would take. Raises InvalidOption."""
    read = options_read(options)
    if read.get("filter"):
        try:
            conditions(read["filter"])
        except InvalidQuery as err:
            raise InvalidOption(str(err)) from err
    return read


def options_read(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON has them, as a Placement has them. Raises InvalidOption that says what to repair."""
    if not isinstance(options, Mapping):
        raise InvalidOption("options are an object such as {'diversity': 0.3}")
    if unknown := sorted(options.keys() - _READERS.keys()):
        raise InvalidOption(f"unknown option {unknown[0]!r}; known: {', '.join(OPTIONS)}")
    read = {}
    for name, value in options.items():
        try:
            read[name] = _READERS[name](value)
        except InvalidOption as err:
            raise InvalidOption(f"{name}: {err}") from err
    return read


def _sources(given: Any) -> Mapping[str, float]:
    if not isinstance(given, Mapping) or not given:
        raise InvalidOption('name at least one, as in {"taste": 1.0}')
    _known(given, SOURCES, "source")
    for name, part in given.items():
        if not _is_number(part) or not part > 0:
            raise InvalidOption(f"{name}: {part!r} is no number above 0")
    return {name: float(part) for name, part in given.items()}


def _filter(given: Any) -> Mapping[str, Any] | None:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidOption("is an object in the filter language, or nothing")
    return given


def _share(given: Any) -> float:
    if not _is_number(given) or not 0 <= given <= 1:
        raise InvalidOption(f"{given!r} is no number from 0 to 1")
    return float(given)


def _exploration(given: Any) -> float:
    if not _is_number(given) or not 0 <= given <= MAX_EXPLORATION:
        raise InvalidOption(f"{given!r} is no number from 0 to {MAX_EXPLORATION:g}")
    return float(given)


def _caps(given: Any) -> Mapping[str, int]:
    if not isinstance(given, Mapping):
        raise InvalidOption('is an object such as {"categories": 3}')
    for name, most in given.items():
        if not isinstance(name, str) or not CAPPED.fullmatch(name):
            raise InvalidOption(f"{name!r}: cap categories, tags, kind or attributes.NAME")
        if not _is_integer(most) or not 1 <= most <= MAX_CAP:
            raise InvalidOption(f"{name}: {most!r} is no whole number from 1 to {MAX_CAP}")
    return dict(given)


def _hide(given: Any) -> frozenset[str]:
    return frozenset(_known(_names(given), event_types(), "type of event"))


def _fallback(given: Any) -> tuple[str, ...]:
    return tuple(_known(_names(given), SOURCES, "source"))


def _limit(given: Any) -> int:
    if not _is_integer(given) or not 1 <= given <= MAX_LIMIT:
        raise InvalidOption(f"{given!r} is no whole number from 1 to {MAX_LIMIT}")
    return int(given)


def _names(given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        raise InvalidOption("is a list of names")
    return list(given)


def _known(given: Any, known: Any, noun: str) -> Any:
    for name in given:
        if not isinstance(name, str) or name not in known:
            raise InvalidOption(f"unknown {noun} {name!r}; known: {', '.join(known)}")
    return given


def _is_number(given: Any) -> bool:
    # nor is NaN
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= 1e12


def _is_integer(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sources": _sources,
    "filter": _filter,
    "diversity": _share,
    "caps": _caps,
    "hide": _hide,
    "rotation": _share,
    "exploration": _exploration,
    "limit": _limit,
    "fallback": _fallback,
}


def settings_problems() -> list[str]:
    """What is wrong with ``RECOMMENDER["PLACEMENTS"]``, a sentence each."""
    given = settings.RECOMMENDER["PLACEMENTS"]
    if not isinstance(given, Mapping) or not given:
        return ["name at least one placement"]
    problems = []
    for name, options in given.items():
        if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
            problems.append(f"{name!r}: use a to z, 0 to 9, - and _, at most 64, a letter first")
            continue
        try:
            declared(name)
            options_check(options)
            json.dumps(options)
        except (InvalidOption, TypeError) as err:
            problems.append(f"{name!r}: {err}")
    return problems
