"""Items like one item, or like some and unlike others."""

import re
import time
from collections.abc import Mapping
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import query_fields
from retrieval import spaces
from retrieval.api.answers import answer, page_of, validated
from retrieval.api.parts import visible
from retrieval.api.schema import HITS
from retrieval.scoring import Part
from retrieval.search import average_part, item_part
from retrieval.serializers import RankingSerializer, SimilarSerializer


class SimilarView(APIView):
    """Items like one item."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        parameters=[RankingSerializer, OpenApiParameter("external_id", str, OpenApiParameter.PATH)],
        responses=HITS,
        operation_id="similar_items",
    )
    def get(self, request: Request, external_id: str) -> Response:
        """The visible items most like this one."""
        started = time.perf_counter()
        return Response(similar_answer(request, external_id, query_fields(request), started))


class SimilarToSeveralView(APIView):
    """Items like some and unlike others."""

    required_scopes = {"POST": "read"}

    @extend_schema(request=SimilarSerializer, responses=HITS, operation_id="similar_to_several")
    def post(self, request: Request) -> Response:
        """The visible items most like the positive and least like the negative ones."""
        started = time.perf_counter()
        given = validated(SimilarSerializer, request.data)
        examples = [
            (f"{sign}[{position}]", example["item"], factor * example["weight"])
            for sign, factor in (("positive", 1), ("negative", -1))
            for position, example in enumerate(given.get(sign, []))
        ]
        items = {} if given["cursor"] else visible(examples)

        def parts(space: spaces.Space) -> list[Part]:
            found = [
                item_part(space, items[name], weight, f"The item {name!r}")
                for _, name, weight in examples
            ]
            return [average_part(found)] if given["strategy"] == "average" else found

        names = ("positive", "negative", "strategy")
        page = page_of(given, request.data, parts, names, excluded=list(items.values()))
        return Response(answer(request, page, given, started))


def similar_answer(
    request: Request, external_id: str, said: Mapping[str, Any], started: float
) -> dict[str, Any]:
    """The items most like one, as ``said`` in an address; see ``search_answer``.

    Raises Http404 for an item that is not there.
    """
    given = validated(RankingSerializer, said, from_url=True)
    if not re.fullmatch(EXTERNAL_ID_PATTERN, external_id):
        raise Http404(external_id)
    item = get_object_or_404(Item.objects.visible(), external_id=external_id)

    def parts(space: spaces.Space) -> list[Part]:
        return [item_part(space, item.pk)]

    like = {"item": external_id}
    page = page_of(given | like, {**said, **like}, parts, ("item",), excluded=[item.pk])
    return answer(request, page, given, started)
