"""Pages of one list of recommendations: a signed cursor over a list that is frozen in Redis.

When the list runs out, the recommender is asked again without what it had; so no item comes twice and
the list ends when nothing is left to recommend.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.core import signing
from django.core.cache import cache

from catalog.models import Item
from recommender import limits, pipeline
from recommender.explain import Reason
from recommender.limits import Report
from recommender.pipeline import MORE, Asked, Recommended
from recommender.types import Assignment, Placed
from retrieval import filters, index, spaces
from retrieval.exceptions import InvalidQuery, SpaceGone
from retrieval.pages import check_same

MOST: Final = 1_000
"""Nobody pages further."""
FROZEN_S: Final = 900
"""After its last use a list is forgotten."""
SALT: Final = "triad.recommendations.cursor"
EXPIRED: Final = "This cursor has expired: ask again without it."
FORGED: Final = "Use the cursor of an answer's `next_cursor`, unchanged."


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of a list, and how it came there."""

    item_id: int
    score: float
    reasons: tuple[Reason, ...]
    sources: tuple[str, ...]
    features: tuple[float, ...]
    propensity: float | None
    ranker_id: int = 0
    """Version of the ranker that scored it; 0: the weighted formula."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What was asked, and what was recommended so far, best first."""

    asked: Asked
    entries: tuple[Entry, ...]
    assignment: Assignment | None
    page: int
    """Items of a page."""
    whole: bool
    """That nothing is left beyond the entries."""
    told: int = 0
    """How many of the entries some page has had. What is beyond them only says that there is another page: the
    next part begins with that page, and its caps count from there."""
    reports: tuple[Report, ...] = ()
    """How the sources did, and what was skipped; not kept for later pages."""
    degraded: bool = False
    """That something which was to have a part in it had none; not kept for later pages."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries in a row."""

    listing: Listing
    entries: Sequence[Entry]
    start: int
    """How many items earlier pages had."""
    next_cursor: str | None


def first(asked: Asked) -> Page:
    """The first page of a new list. Raises what ``recommend`` does."""
    return kept(begun(asked))


def begun(asked: Asked) -> Page:
    """The first page of a new list that nobody can turn yet; ``kept`` gives it its cursor."""
    found = _recommended(replace(asked, depth=_depth(asked)))
    listing = Listing(
        asked=asked,
        entries=_entries(found),
        assignment=found.assignment,
        page=found.placement.limit,
        whole=len(found.placed) < _depth(asked),
        reports=tuple(found.reports),
        degraded=found.degraded,
    )
    entries = _told(listing.entries[: listing.page], found.space.partition, asked)
    return Page(listing, entries, 0, None)


def kept(page: Page, besides: Iterable[int] = ()) -> Page:
    """A page of ``begun`` with its cursor. None of the pages after it has one of the items ``besides``."""
    listing, end = page.listing, len(page.entries)
    if elsewhere := set(besides) - {entry.item_id for entry in page.entries}:
        rest = (entry for entry in listing.entries[end:] if entry.item_id not in elsewhere)
        exclude = tuple(elsewhere.union(listing.asked.exclude))
        listing = replace(
            listing,
            asked=replace(listing.asked, exclude=exclude),
            entries=(*listing.entries[:end], *rest),
        )
    return _page(listing, "", 0, page.entries, listing.page, 0)


def following(
    cursor: str, limit: int | None, now: datetime, said: Mapping[str, str] | None = None
) -> Page:
    """The page after the one that gave ``cursor``.

    Raises InvalidQuery for one that is forged, expired, or of a request that said something else than
    one of ``said`` (digests, as in ``Asked``).
    """
    key, at, start = _opened(cursor)
    listing = _thawed(key)
    check_same(listing.asked.said, said or {})
    wanted = limit or listing.page
    taken: list[Entry] = []
    shown = pipeline.still_shown(replace(listing.asked, now=now))
    if not listing.whole and len(listing.entries) - at < wanted:
        kept_so_far = listing.entries[: max(at, listing.told)]
        listing = _longer(replace(listing, entries=kept_so_far), now, wanted)
    while len(taken) < wanted:
        if at >= len(listing.entries):
            if listing.whole:
                break
            listing = _longer(listing, now, wanted)
            continue
        chunk = listing.entries[at : at + wanted - len(taken)]
        ids = [entry.item_id for entry in chunk]
        there = limits.insisted(partial(_still_there, listing.asked, shown, ids))
        taken += [entry for entry in chunk if entry.item_id in there]
        at += len(chunk)
    space = limits.insisted(spaces.active_space)
    entries = _told(taken, space.partition, listing.asked)
    return _page(listing, key, at, entries, wanted, start)


def _recommended(asked: Asked) -> Recommended:
    """Should the space be retired meanwhile, another is active: start over there."""
    try:
        return pipeline.recommend(asked)
    except SpaceGone:
        return pipeline.recommend(asked)


def _depth(asked: Asked) -> int:
    return (asked.limit or asked.depth) + MORE


def _longer(listing: Listing, now: datetime, wanted: int) -> Listing:
    known = {entry.item_id for entry in listing.entries}
    asked = listing.asked
    depth = min(wanted + MORE, MOST - len(known))
    if depth <= 0:
        return replace(listing, whole=True)
    exclude = (*asked.exclude, *known)
    more = replace(
        asked,
        now=now,
        exclude=exclude,
        depth=depth,
        start=len(listing.entries),
        by_model=False,
    )
    # pins had their place on the first page
    new = [entry for entry in _entries(_recommended(more)) if entry.item_id not in known]
    return replace(listing, entries=(*listing.entries, *new), whole=len(new) < depth)


def _entries(found: Recommended) -> tuple[Entry, ...]:
    return tuple(
        _entry(each, found.reasons[each.candidate.item_id], found.ranker_id)
        for each in found.placed
    )


def _entry(placed: Placed, reasons: tuple[Reason, ...], ranker_id: int) -> Entry:
    rule = ("rule",) if placed.pinned else ()
    return Entry(
        item_id=placed.candidate.item_id,
        score=placed.score,
        reasons=reasons,
        sources=(*rule, *placed.candidate.found),
        features=placed.candidate.features,
        propensity=placed.propensity,
        ranker_id=ranker_id,
    )


def _still_there(
    asked: Asked, shown: Callable[[Sequence[int]], set[int]], item_ids: Sequence[int]
) -> set[int]:
    """Those that can be seen, fit, and would be shown to the visitor at this moment: ``still_shown``."""
    visible = Item.objects.visible().filter(pk__in=item_ids)
    items = filters.filter_items(visible, asked.filter) if asked.filter else visible
    there = list(items.values_list("pk", flat=True))
    return shown(there) if there else set()


def _page(
    listing: Listing, key: str, at: int, entries: Sequence[Entry], limit: int, start: int
) -> Page:
    at = at or len(entries)
    if at >= len(listing.entries) and (listing.whole or len(entries) < limit):
        return Page(listing, entries, start, None)
    listing = replace(listing, told=max(listing.told, at))
    key = key or secrets.token_urlsafe(12)
    cache.set(_name(key), _frozen(listing), FROZEN_S)
    cursor = signing.dumps([key, at, start + len(entries)], salt=SALT)
    return Page(listing, entries, start, cursor)


def _told(entries: Sequence[Entry], partition: index.Partition, asked: Asked) -> list[Entry]:
    """With what each likeness consists of, as long as the space of it is there and quick to say."""
    known = {entry.item_id: entry.reasons for entry in entries}
    likeness = partial(pipeline.with_modalities, known, partition, asked.modalities)
    try:
        reasons = limits.attempt("modalities", likeness) or known
    except SpaceGone:
        return list(entries)
    return [replace(entry, reasons=reasons[entry.item_id]) for entry in entries]


def _opened(cursor: str) -> tuple[str, int, int]:
    try:
        key, at, start = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as err:
        raise InvalidQuery({"cursor": FORGED}) from err
    return key, at, start


def _name(key: str) -> str:
    return f"recommendations:{key}"


def _frozen(listing: Listing) -> dict[str, Any]:
    """Of plain values only, which a later version of this code reads as well."""
    state = asdict(replace(listing, reports=(), entries=()))
    return state | {"entries": [_entry_state(entry) for entry in listing.entries]}


def _entry_state(entry: Entry) -> dict[str, Any]:
    """Without the modalities, which every page asks for itself; ``asdict`` takes ten times as long."""
    return {
        "item_id": entry.item_id,
        "score": entry.score,
        "reasons": [(each.code, each.share, each.item_id, each.rule_id) for each in entry.reasons],
        "sources": entry.sources,
        "features": entry.features,
        "propensity": entry.propensity,
        "ranker_id": entry.ranker_id,
    }


def _thawed(key: str) -> Listing:
    state = cache.get(_name(key))
    if state is None:
        raise InvalidQuery({"cursor": EXPIRED})
    assignment = state["assignment"]
    return Listing(
        asked=Asked(**state["asked"]),
        entries=tuple(_entry_read(entry) for entry in state["entries"]),
        assignment=Assignment(**assignment) if assignment else None,
        page=state["page"],
        whole=state["whole"],
        told=state["told"],
    )


def _entry_read(entry: dict[str, Any]) -> Entry:
    reasons = tuple(
        Reason(code, share, item_id=item_id, rule_id=rule_id)
        for code, share, item_id, rule_id in entry["reasons"]
    )
    return Entry(**entry | {"reasons": reasons})
