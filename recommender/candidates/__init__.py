"""Where recommendations come from: every source finds items of its own kind, as many as its share.

A source is ``(context, limit) -> list[Found]``, best first, and has the name of the feature that its
scores become (``ranking.FEATURES``). To add one: a function here in the module of its kind, its name
in SOURCES and in FEATURES, and what a reason by it says in ``explain``.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from recommender import limits
from recommender.candidates import behaviour, beside, everybody, likeness
from recommender.candidates.context import Context
from recommender.limits import Report
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
    shares = {name: math.ceil(wanted * part / whole) for name, part in sources.items()}
    away = likeness.searching_most(context) if len(shares) > 1 else None
    under_way = away and beside.handed(partial(_ask, away, context, shares[away]))
    with limits.limited():
        answers = _asked(context, shares, (away, under_way) if away and under_way else None)
        found = {name: each.found for name, each in answers.items()}
        reports = [each.report for each in answers.values()]
        for name in context.placement.fallback:
            if len(_ids(found.values())) >= min(enough, wanted):
                break
            if len(found.get(name, ())) < shares.get(name, 0):
                continue  # it has no more
            answer = _ask(name, context, wanted)
            reports.append(answer.report)
            if not answer.report.error or name not in found:
                found[name] = answer.found
    return Gathered(found, reports)


@dataclass(frozen=True, slots=True)
class _Answer:
    found: list[Found]
    report: Report


def _asked(
    context: Context, shares: Mapping[str, int], beside_it: tuple[str, Future[_Answer]] | None
) -> dict[str, _Answer]:
    """Each source's answer; the one ``beside_it`` is being asked on another connection already."""
    if beside_it is None:
        return {name: _ask(name, context, limit) for name, limit in shares.items()}
    away, under_way = beside_it
    try:
        here = {name: _ask(name, context, shares[name]) for name in shares if name != away}
    finally:
        under_way.exception()  # it is over before anything else is done
    try:
        there = under_way.result()
    except beside.NotConnected:
        there = _ask(away, context, shares[away])
    return {name: there if name == away else here[name] for name in shares}


def _ask(name: str, context: Context, limit: int) -> _Answer:
    started = time.perf_counter()
    found, error = [], ""
    try:
        found = limits.apart(partial(SOURCES[name], context, limit))
    except SpaceGone:
        raise
    except Exception as err:
        log.exception("the source %s was skipped", name)
        error = type(err).__name__
    took_ms = (time.perf_counter() - started) * 1000
    return _Answer(found, Report(name, len(found), round(took_ms, 2), error))


def _ids(lists: Iterable[Sequence[Found]]) -> set[int]:
    return {each.item_id for found in lists for each in found}
