"""What to show to whom: steps 7 to 10 of the one flow, in one function."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from django.db.models import QuerySet

from catalog.models import Item
from recommender import explain, limits, rankers, setups
from recommender.candidates import Context
from recommender.event_types import liked
from recommender.limits import Report
from recommender.llm import rerank as llm_rerank
from recommender.pool import gathered_surely, pool
from recommender.profiles.likeness import unit_vectors
from recommender.rerank import Situation, pinned, rerank, withheld
from recommender.tracing import Trace
from recommender.types import Assignment, Interest, Placed, Placement, Rule, Taste
from retrieval import filters, index, spaces
from retrieval.scoring import ModalityWeights
from retrieval.types import MODALITIES, Modality

POOL: Final = 3
"""Candidates for each position, so that ranking, rules and diversity have a choice."""
LEAST_POOL: Final = 120
MORE: Final = 1
"""Positions beyond a page that are filled, which say whether there is another one. A whole page more would
make the next one quick, which few ask for, and take a twelfth of everybody's time."""
ENOUGH: Final = 2
"""Candidates for each position from which on nothing falls back."""
ROW_DIVERSITY: Final = 0.1
"""With .4 and rotation "because you liked drum" went on with a llama and a broom on its second look."""
RulesChange = Callable[[tuple[Rule, ...]], tuple[Rule, ...]]
SESSION_ITEMS: Final = 20
"""Latest items of a request's session that are looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for recommendations."""

    placement: str
    now: datetime
    visitor: str = ""
    session: str = ""
    items: tuple[int, ...] = ()
    """What the session is about, the latest first: the item looked at, the basket."""
    exclude: tuple[int, ...] = ()
    filter: Any = None
    """In the filter language, on top of the placement's."""
    modalities: Mapping[Modality, float] = field(default_factory=dict)
    sources: Mapping[str, float] = field(default_factory=dict)
    """In place of the placement's, and then nothing falls back."""
    depth: int = 20
    """Positions to fill."""
    start: int = 0
    """Positions that earlier parts of the same list have filled."""
    limit: int | None = None
    """Items of one page; the placement's if None."""
    seed: str = ""
    """What chance there is comes from it: the request's id."""
    language: str = "en"
    """Of the words that a language model is told the items in."""
    by_model: bool = True
    """Whether a language model may put the first items in order; not of later pages."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Name -> digest of what the request said, so that a cursor is not used with another one."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """The answer, whole: as deep as was asked."""

    placed: Sequence[Placed]
    reasons: Mapping[int, tuple[explain.Reason, ...]]
    """By item."""
    ranker_id: int
    """Version of the ranker that scored them; 0: the weighted formula."""
    placement: Placement
    assignment: Assignment | None
    space: spaces.Space
    """What likeness was in."""
    reports: Sequence[Report]
    """How the sources did, and what else was skipped."""
    degraded: bool = False
    """Something that was to have a part in it had none: what ``reports`` say was skipped, or a language
    model that was to put the first items in order."""


def recommend(
    asked: Asked, *, trace: Trace | None = None, rules: RulesChange | None = None
) -> Recommended:
    """Raises UnknownPlacement, InvalidQuery for a filter that is none, NoActiveSpace, SpaceGone.

    The number of statements does not depend on how many items are asked for, nor on how many there are.
    None takes longer than ``limits`` lets it; what an answer can do without is skipped then and reported.
    Nothing is written. Each stage tells ``trace`` what it found; ``rules`` makes other rules of those in
    force, for a preview.
    """
    trace = Trace() if trace is None else trace
    with limits.limited() as skipped:
        opening = setups.opening(
            asked.placement, asked.now, visitor=asked.visitor, session=asked.session
        )
        setup, space, taste = opening.setup, opening.space, opening.taste
        if rules is not None:
            setup = replace(setup, rules=rules(setup.rules))
        placement = _asked_for(setup.placement, asked)
        if asked.limit is None:
            # an override may ask for more than what is declared, which is all that a caller knows
            asked = replace(asked, depth=max(asked.depth, placement.limit + MORE))
        context = _context(asked, replace(setup, placement=placement), space, taste)
        wanted, enough = max(LEAST_POOL, POOL * asked.depth), ENOUGH * asked.depth
        gathered = gathered_surely(context, wanted, enough=enough)
        # what is asked to be new or trending is ordered by that, whatever else was learned
        by = rankers.Serving() if asked.sources else setup.ranker
        candidates = pool(context, gathered, pinned(setup.rules), by.ranker)
    trace.setup, trace.taste, trace.gathered = setup, taste, gathered
    trace.done = context.done
    trace.candidates = tuple(candidates)
    situation = Situation(
        placement=placement,
        depth=asked.depth,
        start=asked.start,
        rules=setup.rules,
        hidden=context.done,
        shown=_freshness(setup.shown, asked.now),
        # each part of a list and each row draws for itself
        draw=random.Random(f"{asked.seed} {asked.start}"),  # noqa: S311 - no secret
    )
    placed, degraded = rerank(candidates, situation, trace.step), False
    if asked.by_model and not asked.sources and llm_rerank.cold(taste):
        placed, degraded = llm_rerank.placed_reordered(
            placed, asked.items, asked.language, asked.seed
        )
    likes = liked(taste)
    reports = [*gathered.reports, *skipped]
    return Recommended(
        placed=placed,
        reasons={
            each.candidate.item_id: explain.reasons(each, likes, by.ranker) for each in placed
        },
        ranker_id=by.version_id,
        placement=placement,
        assignment=setup.assignment,
        space=space,
        reports=reports,
        degraded=degraded or any(each.error for each in reports),
    )


def _asked_for(placement: Placement, asked: Asked) -> Placement:
    """A row that names its sources is about what they find: little diversity, no rotation, no fallback."""
    placement = replace(placement, limit=asked.limit or placement.limit)
    if not asked.sources:
        return placement
    return replace(
        placement,
        sources=asked.sources,
        fallback=(),
        diversity=min(placement.diversity, ROW_DIVERSITY),
        rotation=0.0,
    )


@cache
def _visible() -> QuerySet[Item]:
    """One query set for all requests, so that it is made into SQL once."""
    return Item.objects.visible()


def _segment(asked: Asked, placement: Placement) -> QuerySet[Item]:
    """What may be shown to everybody."""
    items = _visible()
    if placement.filter:
        items = filters.filter_items(items, placement.filter, "placement.filter")
    if asked.filter is not None:
        items = filters.filter_items(items, asked.filter)
    return items


def _context(asked: Asked, setup: setups.Setup, space: spaces.Space, taste: Taste) -> Context:
    placement = setup.placement
    looked_at = asked.items[:SESSION_ITEMS]
    looked_up = partial(unit_vectors, space.partition, looked_at)
    vectors = (limits.attempt("items", looked_up) or {}) if looked_at else {}
    session = tuple(
        Interest(vectors[item_id], 1 / (1 + place), item_id)
        for place, item_id in enumerate(looked_at)
        if item_id in vectors
    )
    return Context(
        space=space,
        placement=placement,
        taste=taste,
        segment=_segment(asked, placement),
        left_out=frozenset((*asked.exclude, *asked.items)),
        done=_hidden(taste, placement),
        rules=setup.rules,
        now=asked.now,
        session=session,
        session_ids=looked_at,
        visitor=asked.visitor,
        modalities=asked.modalities,
    )


def _freshness(shown: Mapping[int, float], now: datetime) -> dict[int, float]:
    """Item -> 1 for what was shown just now, falling to 0 for what is forgotten."""
    whole_s = setups.LATELY.total_seconds()
    return {
        item_id: max(0.0, 1 - (now.timestamp() - at) / whole_s) for item_id, at in shown.items()
    }


def still_shown(asked: Asked) -> Callable[[Sequence[int]], set[int]]:
    """Of items that were recommended those that would not be hidden from the visitor at ``asked.now``: by
    what they did since, and by the rules. One statement now, and two for all items of a call.

    Raises UnknownPlacement, NoActiveSpace, SpaceGone.
    """
    opening = setups.opening(
        asked.placement, asked.now, visitor=asked.visitor, session=asked.session
    )
    setup = opening.setup
    situation = Situation(
        placement=setup.placement,
        depth=asked.depth,
        rules=setup.rules,
        hidden=_hidden(opening.taste, setup.placement),
    )
    pins = pinned(setup.rules)

    def shown(item_ids: Sequence[int]) -> set[int]:
        rows = Item.objects.filter(pk__in=item_ids).only("pk", "tags")
        return {
            item.pk
            for item in rows.prefetch_related("categories")
            if not withheld(
                item.pk, [each.path for each in item.categories.all()], item.tags, situation, pins
            )
        }

    return shown


def _hidden(taste: Taste, placement: Placement) -> frozenset[int]:
    return frozenset(done.item_id for done in taste.history if done.type in placement.hide)


def with_modalities(
    reasons: Mapping[int, tuple[explain.Reason, ...]],
    partition: index.Partition,
    weights: ModalityWeights,
) -> dict[int, tuple[explain.Reason, ...]]:
    """Item -> its reasons, with what a likeness consists of in the space, by the weights that were asked
    for; one statement.

    Raises SpaceGone.
    """
    pairs = sorted(
        {
            (item_id, reason.item_id)
            for item_id, given in reasons.items()
            for reason in given
            if reason.code in explain.ALIKE and reason.item_id is not None
        }
    )
    if not pairs:
        return dict(reasons)
    cosines = dict(zip(pairs, index.cosines(partition, pairs, MODALITIES), strict=True))
    shares = {pair: _shares(found, weights) for pair, found in cosines.items()}
    return {
        item_id: tuple(
            replace(reason, modalities=shares[item_id, reason.item_id])
            if reason.code in explain.ALIKE and reason.item_id is not None
            else reason
            for reason in given
        )
        for item_id, given in reasons.items()
    }


def _shares(cosines: Mapping[Modality, float], weights: ModalityWeights) -> dict[str, float]:
    """By the weighted cosines; what is unlike has none."""
    counted = {
        str(name): (weights.get(name, 0.0) if weights else 1.0) * max(cosine, 0.0)
        for name, cosine in cosines.items()
        if not weights or weights.get(name)
    }
    whole = sum(counted.values())
    return {name: value / whole for name, value in counted.items()} if whole else {}
