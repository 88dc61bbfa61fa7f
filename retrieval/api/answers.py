"""From a validated request to a page of hits, and from that to the answer."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from catalog.serializers import languages_wanted
from catalog.summaries import item_summaries
from retrieval import facets, pages, probes, spaces
from retrieval.exceptions import SpaceGone
from retrieval.filters import conditions
from retrieval.scoring import Contributions, Part
from retrieval.search import Query

OPTIONS = ("mode", "similarity", "modalities", "filter", "diversity", "min_score", "lexical_share")
"""What a page shares with the one before it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a body asks for: parts as ``PartSerializer`` gives them, and the filter.

    ``order`` puts the candidates, best first, into another order. ``told`` is added to the answer.
    """

    query: Sequence[dict[str, Any]]
    filter: Any
    order: pages.Order | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def validated(
    serializer_class: type[serializers.Serializer[Any]], data: Any, *, from_url: bool = False
) -> dict[str, Any]:
    """The data as the serializer reads it, ``from_url`` where there are no types. Raises ValidationError."""
    return dict(_validator(serializer_class, from_url).run_validation(data))


@lru_cache(maxsize=16)
def _validator(
    serializer_class: type[serializers.Serializer[Any]], from_url: bool
) -> serializers.Serializer[Any]:
    """One for all requests: it keeps nothing of what it checks, and its fields take long to copy."""
    return serializer_class(context={"from_url": from_url})


def page_of(
    given: Mapping[str, Any],
    said: Collection[str],
    parts: Callable[[spaces.Space], list[Part]],
    looked_for: Sequence[str],
    *,
    excluded: Sequence[int] = (),
    meant: Meaning | None = None,
    space: spaces.Space | None = None,
) -> pages.Page:
    """The page that a validated request asks for.

    ``said`` are the names that the request has, ``looked_for`` those that hold what it looks for,
    ``meant`` what it asks for where that is more than it says.
    """
    meant = meant or Meaning([], given["filter"])
    facets.check_names(given["facets"])
    if given["filter"] is not None:
        conditions(given["filter"])
    candidates = facets.CANDIDATES if given["facets"] or meant.order else 0
    asked = pages.digests({name: given.get(name) for name in (*looked_for, *OPTIONS)})
    if given["cursor"]:
        asked = {name: digest for name, digest in asked.items() if name in said}
        return pages.following(given["cursor"], given["limit"], asked=asked, candidates=candidates)

    def find(space: spaces.Space) -> pages.Page:
        query = Query(
            parts=tuple(parts(space)),
            mode=given.get("mode", "dense"),
            lexical_share=given.get("lexical_share"),
            similarity=given["similarity"],
            modalities=given["modalities"] or {},
            strategy="best" if given.get("strategy") == "best" else "sum",
            diversity=given["diversity"],
            min_score=given["min_score"],
        )
        return pages.first(
            space,
            query,
            given["limit"],
            filter=meant.filter,
            excluded=excluded,
            asked=asked,
            candidates=candidates,
            order=meant.order,
        )

    return _in_active_space(find) if space is None else find(space)


def _in_active_space(find: Callable[[spaces.Space], pages.Page]) -> pages.Page:
    """What ``find`` finds in the active space, which is read once: no answer mixes two spaces.

    Should that space be retired meanwhile, another is active: the search starts over there. Raises
    SpaceGone if it happens again.
    """
    try:
        return find(spaces.active_space())
    except SpaceGone:
        return find(spaces.active_space())


def answer(
    request: Request,
    page: pages.Page,
    given: dict[str, Any],
    started: float,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON of a page, see ``schema.HITS``; ``told`` is added to it."""
    languages = (given["lang"],) if "lang" in given else languages_wanted(request)
    host = request.build_absolute_uri("/")[:-1]
    shown = item_summaries(
        [hit.item_id for hit in page.hits],
        languages,
        lambda url: host + url if url.startswith("/") else url,
    )
    hits = [hit for hit in page.hits if hit.item_id in shown]  # else deleted since it was found
    why = page.listing.explained(hits) if given["explain"] else {}
    answer: dict[str, Any] = {
        "request_id": str(uuid.uuid4()),
        "took_ms": round((time.perf_counter() - started) * 1000),
        "mode": page.listing.mode,
        "hits": [
            {"item": shown[hit.item_id], "score": round(hit.score, 6)}
            | ({"contributions": _contributions(why[hit.item_id])} if hit.item_id in why else {})
            for hit in hits
        ],
        "next_cursor": page.next_cursor,
        **(told or {}),
    }
    if given["facets"]:
        ids = [hit.item_id for hit in page.listing.hits[: facets.CANDIDATES]]
        answer["facets"] = {
            name: [asdict(count) for count in counts]
            for name, counts in facets.facets(ids, given["facets"]).items()
        }
    name = request.resolver_match.url_name if request.resolver_match else None
    probes.took(name or "search", time.perf_counter() - started)
    return answer


def _contributions(found: Contributions) -> dict[str, Any]:
    return {
        "parts": [round(value, 6) for value in found.parts],
        "modalities": {name: round(value, 6) for name, value in found.modalities.items()},
    }
