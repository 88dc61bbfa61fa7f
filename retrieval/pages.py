"""Pages of one ranking: a signed cursor over a list of candidates that is frozen in Redis.

The list is what the first page was cut from, and the same whatever the page's size; when it runs out,
the same query, with the same vectors in the same space, looks deeper, and what was not in the list yet is
put at its end. So an item that stays findable is on exactly one page, whatever changes in between; one
that is hidden, deleted or no longer fits the filter is left out and the page filled with the next, and
one that is new is for the next search.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
from django.core import signing
from django.core.cache import cache
from django.db.models import QuerySet

from catalog.models import Item
from retrieval import filters, search, spaces
from retrieval.exceptions import InvalidQuery, SpaceGone
from retrieval.scoring import Contributions, Part
from retrieval.search import Hit, Mode, Query

Order: TypeAlias = Callable[[Sequence[Hit]], Sequence[Hit]]
"""Puts hits, best first, into another order; all of them and no others."""
FROZEN_S = 900
"""After its last use a list is forgotten."""
MAX_DEPTH = 10_000
"""Nobody pages further, and a list stays below a megabyte."""
DEEPER = 4
EMPTY: tuple[object, ...] = ("", [], {})
SALT = "triad.search.cursor"
EXPIRED = "This cursor has expired: search again without it."
FORGED = "Use the cursor of an answer's `next_cursor`, unchanged."


@dataclass(frozen=True, slots=True)
class Listing:
    """A ranking being paged through: what was asked, and the candidates so far, best first."""

    space_id: int
    query: Query
    filter: Any
    """As it came: a JSON value."""
    excluded: tuple[int, ...]
    hits: tuple[Hit, ...]
    mode: Mode
    depth: int
    whole: bool
    """That nothing is left beyond ``hits``."""
    made_at: float
    """Seconds of the epoch: items that are newer are none of it."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Name -> digest of what the request said, so that a cursor is not used with another one."""

    def items(self) -> QuerySet[Item]:
        """What may be found."""
        found = Item.objects.visible()
        if self.excluded:
            found = found.exclude(pk__in=self.excluded)
        return found if self.filter is None else filters.filter_items(found, self.filter)

    def explained(self, hits: Sequence[Hit]) -> dict[int, Contributions]:
        """What each part and modality brought to these hits; nothing once the space is gone."""
        try:
            space = spaces.space(self.space_id)
            return search.explained(space, self.query, self.mode, hits, self.items())
        except SpaceGone:
            return {}

    def _of_its_time(self, hits: Sequence[Hit]) -> list[Hit]:
        """Without items that came after the listing was made."""
        made_at = datetime.fromtimestamp(self.made_at, UTC)
        ids = [hit.item_id for hit in hits]
        newer = Item.objects.filter(pk__in=ids, created_at__gt=made_at)
        new = set(newer.values_list("pk", flat=True))
        return [hit for hit in hits if hit.item_id not in new]

    def deeper(self, depth: int, space: spaces.Space | None = None) -> "Listing":
        """With as many candidates as a search of this depth finds, in ``space`` if it is at hand.

        Raises SpaceGone.
        """
        space = spaces.space(self.space_id) if space is None else space
        query = self.query if not self.hits else replace(self.query, mode=self.mode)
        found = search.ranking(space, query, depth, items=self.items(), fallback=not self.hits)
        known = {hit.item_id for hit in self.hits}
        others = [hit for hit in found.hits if hit.item_id not in known]
        return replace(
            self,
            hits=(*self.hits, *(self._of_its_time(others) if self.hits else others)),
            mode=found.mode,
            depth=depth,
            whole=found.whole or depth >= MAX_DEPTH,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some hits in a row of a listing."""

    listing: Listing
    hits: list[Hit]
    next_cursor: str | None


def first(
    space: spaces.Space,
    query: Query,
    limit: int,
    *,
    filter: Any = None,  # noqa: A002 - the request's own word
    excluded: Sequence[int] = (),
    asked: Mapping[str, str] | None = None,
    candidates: int = 0,
    order: Order | None = None,
) -> Page:
    """The first page, of a listing made from at least so many ``candidates``, in ``order``.

    What a later page finds beyond them is at its end, as it is found. Raises InvalidQuery for a filter
    that is none, SpaceGone.
    """
    listing = Listing(
        space.id, query, filter, tuple(excluded), (), query.mode, 0, False, time.time(), asked or {}
    )
    depth = search.depth_for(query, limit)
    listing = listing.deeper(max(depth, candidates) if query.by_index else depth, space)
    if listing.depth < candidates and not listing.whole:
        listing = listing.deeper(candidates, space)  # the ranks stay those of the first depth
    if order is not None:
        listing = replace(listing, hits=tuple(order(listing.hits)))
    return _page(listing, "", 0, list(listing.hits[:limit]), limit)


def following(
    cursor: str, limit: int, *, asked: Mapping[str, str] | None = None, candidates: int = 0
) -> Page:
    """The page after the one that gave ``cursor``; ``candidates`` as in ``first``.

    Raises InvalidQuery for a cursor that is forged, expired, or of a request that said something else
    than one of ``asked``; what is left out there is as it was.
    """
    key, start = _opened(cursor)
    listing = _thawed(key)
    check_same(listing.asked, asked or {})
    items = listing.items()
    hits: list[Hit] = []
    try:
        if listing.depth < candidates and not listing.whole:
            listing = listing.deeper(candidates)
        while len(hits) < limit:
            if start >= len(listing.hits):
                if listing.whole:
                    break
                listing = listing.deeper(_deeper(listing.depth))
                continue
            chunk = listing.hits[start : start + limit - len(hits)]
            there = set(
                items.filter(pk__in=[hit.item_id for hit in chunk]).values_list("pk", flat=True)
            )
            hits += [hit for hit in chunk if hit.item_id in there]
            start += len(chunk)
        return _page(listing, key, start, hits, limit)
    except SpaceGone as err:
        raise InvalidQuery({"cursor": EXPIRED}) from err


def digests(said: Mapping[str, Any]) -> dict[str, str]:
    """Of the JSON values of a request, by name; an empty one is the same as none."""
    texts = {
        name: json.dumps(None if value in EMPTY else value, sort_keys=True)
        for name, value in said.items()
    }
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()}


def check_same(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises InvalidQuery naming what is said otherwise than when the cursor was made."""
    if other := [name for name, digest in now.items() if before.get(name) != digest]:
        raise InvalidQuery(
            {
                "cursor": f"This cursor belongs to another query, with another {', '.join(other)}: "
                "send what that had, or leave it out."
            }
        )


def _page(listing: Listing, key: str, end: int, hits: list[Hit], limit: int) -> Page:
    """Freezes the listing if there is more of it."""
    end = end or len(hits)
    if hits and end >= len(listing.hits) and not listing.whole:
        # else the last page of many a search would be empty
        listing = listing.deeper(_deeper(listing.depth))
    if end >= len(listing.hits) and (listing.whole or len(hits) < limit):
        return Page(listing, hits, None)
    key = key or secrets.token_urlsafe(12)
    cache.set(_name(key), _frozen(listing), FROZEN_S)
    return Page(listing, hits, signing.dumps([key, end], salt=SALT))


def _deeper(depth: int) -> int:
    return min(max(search.CANDIDATES, depth * DEEPER), MAX_DEPTH)


def _opened(cursor: str) -> tuple[str, int]:
    try:
        key, start = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as err:
        raise InvalidQuery({"cursor": FORGED}) from err
    return key, start


def _name(key: str) -> str:
    return f"listing:{key}"


def _frozen(listing: Listing) -> str:
    query = listing.query
    rest = {name: getattr(query, name) for name in query.__dataclass_fields__ if name != "parts"}
    return json.dumps(
        {
            "space_id": listing.space_id,
            "query": rest,
            "parts": [_frozen_part(part) for part in query.parts],
            "filter": listing.filter,
            "excluded": listing.excluded,
            "ids": [hit.item_id for hit in listing.hits],
            "scores": [hit.score for hit in listing.hits],
            "brought": [hit.brought for hit in listing.hits] if listing.mode != "dense" else [],
            "mode": listing.mode,
            "depth": listing.depth,
            "whole": listing.whole,
            "made_at": listing.made_at,
            "asked": listing.asked,
        }
    )


def _frozen_part(part: Part) -> dict[str, Any]:
    return asdict(part) | {
        "vector": _packed(part.vector),
        "own": {name: _packed(vector) for name, vector in part.own.items()},
    }


def _packed(vector: Any) -> str:
    return base64.b64encode(np.asarray(vector, np.float32).tobytes()).decode()


def _unpacked(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), np.float32)


def _thawed(key: str) -> Listing:
    frozen = cache.get(_name(key))
    if frozen is None:
        raise InvalidQuery({"cursor": EXPIRED})
    cache.touch(_name(key), FROZEN_S)
    state = json.loads(frozen)
    parts = tuple(
        Part(
            **part
            | {
                "vector": _unpacked(part["vector"]),
                "own": {name: _unpacked(text) for name, text in part["own"].items()},
            }
        )
        for part in state["parts"]
    )
    brought = state["brought"] or [{}] * len(state["ids"])
    return Listing(
        space_id=state["space_id"],
        query=Query(parts=parts, **state["query"]),
        filter=state["filter"],
        excluded=tuple(state["excluded"]),
        hits=tuple(map(Hit, state["ids"], state["scores"], brought)),
        mode=state["mode"],
        depth=state["depth"],
        whole=state["whole"],
        made_at=state["made_at"],
        asked=state["asked"],
    )
