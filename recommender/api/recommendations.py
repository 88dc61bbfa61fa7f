"""What to show to whom, and why: recommendations and composite rows."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item
from catalog.models.api_keys import Scope
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import StrictJSONParser, query_fields
from recommender import limits, listing, rows
from recommender.api.answers import Texts
from recommender.api.schema import RECOMMENDATIONS, ROWS
from recommender.impressions import Answer, Shown, impression_log
from recommender.listing import Page
from recommender.pipeline import Asked
from recommender.placements import declared
from recommender.serializers import AskedSerializer, RowsAskedSerializer
from retrieval.filters import conditions
from retrieval.pages import digests

ROW_LIMIT = 12
SAID = ("visitor", "session", "placement", "items", "exclude", "filter", "modalities")
"""What a page shares with the one before it."""


class RecommendationsView(APIView):
    """What a visitor may like next."""

    parser_classes = [StrictJSONParser]
    required_scopes = {"GET": Scope.READ, "POST": Scope.READ}

    @extend_schema(
        parameters=[AskedSerializer],
        responses=RECOMMENDATIONS,
        operation_id="recommendations",
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """Items for a visitor and a placement, each with its reasons.

        A visitor nobody knows gets what is popular and new. What is shown is logged: send `request_id`
        back with the events that follow.
        """
        return self._answer(request, query_fields(request))

    @extend_schema(
        request=AskedSerializer,
        responses=RECOMMENDATIONS,
        operation_id="recommendations_composed",
        tags=["recommendations"],
    )
    def post(self, request: Request) -> Response:
        """The same with a session's items, exclusions, a filter and modality weights."""
        return self._answer(request, request.data)

    def _answer(self, request: Request, data: Any) -> Response:
        started = time.perf_counter()
        given = _validated(AskedSerializer, data, from_url=request.method == "GET")
        now = timezone.now()
        if given["filter"] is not None:
            conditions(given["filter"])
        request_id = str(uuid.uuid4())
        with limits.limited() as skipped:
            page = _page(given, data, now)
            texts = Texts(request, given, [page])
            if not given["preview"]:
                _log(page, request_id, now)
        answer = {
            "request_id": request_id,
            "took_ms": 0,
            "placement": page.listing.asked.placement,
            "experiment": _experiment(page),
            "items": texts.items(page),
            "next_cursor": page.next_cursor,
            "degraded": page.listing.degraded or bool(skipped),
        }
        if given["explain"]:
            answer["sources"] = [asdict(each) for each in (*page.listing.reports, *skipped)]
        answer["took_ms"] = _took_ms(started)
        return Response(answer)


class RowsView(APIView):
    """A whole page: rows with titles."""

    required_scopes = {"GET": Scope.READ}

    @extend_schema(
        parameters=[RowsAskedSerializer],
        responses=ROWS,
        operation_id="recommendation_rows",
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """For you, because you liked X, new in Y, trending, new: no item twice."""
        started = time.perf_counter()
        given = _validated(RowsAskedSerializer, query_fields(request), from_url=True)
        now = timezone.now()
        given.setdefault("limit", ROW_LIMIT)
        with limits.limited() as skipped:
            made = rows.rows(_asked(given, now), given["rows"], now)
            pages, behind = [row.page for row in made], [row.item_id for row in made]
            texts = Texts(request, given, pages, behind)
            request_ids = [str(uuid.uuid4()) for _ in made]
            if not given["preview"]:
                for page, request_id in zip(pages, request_ids, strict=True):
                    _log(page, request_id, now)
        told = [
            texts.row(row) | {"request_id": request_id}
            for row, request_id in zip(made, request_ids, strict=True)
        ]
        degraded = bool(skipped) or any(page.listing.degraded for page in pages)
        return Response({"took_ms": _took_ms(started), "rows": told, "degraded": degraded})


def _validated(
    serializer_class: type[serializers.Serializer[Any]], data: Any, *, from_url: bool
) -> dict[str, Any]:
    return dict(serializer_class(context={"from_url": from_url}).run_validation(data))


def _page(given: Mapping[str, Any], data: Any, now: datetime) -> Page:
    if not given["cursor"]:
        return listing.first(_asked(given, now))
    said = {name: digest for name, digest in _said(given).items() if name in data}
    return listing.following(given["cursor"], given.get("limit"), now, said)


def _asked(given: Mapping[str, Any], now: datetime) -> Asked:
    """Items that are not in the catalog are left out: a basket may hold what is gone."""
    limit = given.get("limit")
    named = [*given.get("items", ()), *given.get("exclude", ())]
    known: dict[str, int] = {}
    if shaped := [name for name in named if re.fullmatch(EXTERNAL_ID_PATTERN, name)]:
        there = Item.objects.filter(external_id__in=shaped).values_list("external_id", "pk")
        known = limits.insisted(lambda: dict(there))
    return Asked(
        placement=given["placement"],
        now=now,
        visitor=given.get("visitor", ""),
        session=given.get("session", ""),
        items=tuple(known[name] for name in given.get("items", ()) if name in known),
        exclude=tuple(known[name] for name in given.get("exclude", ()) if name in known),
        filter=given.get("filter"),
        modalities=given.get("modalities") or {},
        limit=limit,
        depth=limit or declared(given["placement"]).limit,
        seed=str(uuid.uuid4()),
        language=given.get("lang", "en"),
        said=_said(given),
    )


def _said(given: Mapping[str, Any]) -> dict[str, str]:
    return digests({name: given.get(name) for name in SAID})


def _experiment(page: Page) -> dict[str, str] | None:
    assigned = page.listing.assignment
    return None if assigned is None else {"name": assigned.experiment, "variant": assigned.variant}


def _log(page: Page, request_id: str, now: datetime) -> None:
    """Features only of what the placement's own sources found: a ranker is to learn from those."""
    asked = page.listing.asked
    answer = Answer(
        request_id=request_id,
        placement=asked.placement,
        shown=[
            Shown(
                entry.item_id,
                entry.sources,
                entry.propensity,
                () if asked.sources else entry.features,
            )
            for entry in page.entries
        ],
        shown_at=now,
        visitor=asked.visitor,
        session=asked.session,
        assignment=page.listing.assignment,
        start=page.start,
    )
    limits.attempt("impression", partial(impression_log, answer))


def _took_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
