"""Where recommendations come from: every source finds items of its own kind, as many as its share.

A source is ``(context, limit) -> list[Found]``, best first, and has the name of the feature that its
scores become (``ranking.FEATURES``). To add one: a function here in the module of its kind, its name
in SOURCES and in FEATURES, and what a reason by it says in ``explain``.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from recommender.candidates import behaviour, everybody, likeness
from recommender.candidates.context import Context
from recommender.types import Found
from retrieval.exceptions import SpaceGone

__all__ = ["SOURCES", "Context", "Gathered", "Report", "Source", "gather"]

log = logging.getLogger(__name__)

Source = Callable[[Context, int], list[Found]]

SOURCES: Final[Mapping[str, Source]] = {
    "taste": likeness.taste,
    "session": likeness.session,
    "collaborative": behaviour.collaborative,
    "factors": behaviour.factors,
    "covisited": behaviour.covisited,
    "trending": everybody.trending,
    "popular": everybody.popular,
    "new": everybody.new,
}
TIMEOUT_MS: Final = 500
"""Of each source's statements: an answer without one source beats none."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a source did."""

    name: str
    found: int
    took_ms: float
    error: str = ""
    """Why it was skipped, if it was."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources found, and how each did."""

    found: Mapping[str, Sequence[Found]]
    reports: Sequence[Report]

    @property
    def item_ids(self) -> list[int]:
        """Of all of them, each once."""
        return list(dict.fromkeys(each.item_id for found in self.found.values() for each in found))


def gather(context: Context, wanted: int, *, enough: int) -> Gathered:
    """At least ``wanted`` items if there are so many: of each of the placement's sources its share, then
    of its fallbacks while there are fewer than ``enough``. A source that fails or takes too long is
    reported, not raised; only SpaceGone is, which all of them would meet.
    """
    sources = context.placement.sources
    whole = sum(sources.values())
    found: dict[str, list[Found]] = {}
    reports: list[Report] = []
    with _time_limit():
        for name, part in sources.items():
            _ask(name, context, math.ceil(wanted * part / whole), found, reports)
        for name in context.placement.fallback:
            if len(_ids(found.values())) >= min(enough, wanted):
                break
            if len(found.get(name, ())) < math.ceil(wanted * sources.get(name, 0.0) / whole):
                continue  # it has no more
            _ask(name, context, wanted, found, reports)
    return Gathered(found, reports)


def _ask(
    name: str, context: Context, limit: int, found: dict[str, list[Found]], reports: list[Report]
) -> None:
    started = time.perf_counter()
    error = ""
    try:
        # its own transaction would cost two round trips; inside of somebody else's there is no way round
        if connection.in_atomic_block:
            with transaction.atomic():
                found[name] = SOURCES[name](context, limit)
        else:
            found[name] = SOURCES[name](context, limit)
    except SpaceGone:
        raise
    except Exception as err:
        log.exception("the source %s was skipped", name)
        error = type(err).__name__
        found.setdefault(name, [])
    took_ms = (time.perf_counter() - started) * 1000
    reports.append(Report(name, len(found[name]), round(took_ms, 2), error))


@contextmanager
def _time_limit() -> Iterator[None]:
    """TIMEOUT_MS for each statement of this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(TIMEOUT_MS)])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout TO DEFAULT")


def _ids(lists: Iterable[Sequence[Found]]) -> set[int]:
    return {each.item_id for found in lists for each in found}
