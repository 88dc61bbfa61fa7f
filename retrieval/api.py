"""Search and similar items over HTTP."""

import re
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from numpy import float32
from numpy.typing import NDArray
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item, Media
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import BoundedMultiPartParser, StrictJSONParser, parse_json
from catalog.selectors import items_for_api
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.uploads import check_upload
from retrieval import index, queries, spaces
from retrieval.exceptions import InvalidQuery, NotEmbedded, SpaceGone
from retrieval.search import Hit, Part, search, similar
from retrieval.serializers import (
    LimitSerializer,
    SearchSerializer,
    TextSearchSerializer,
    UploadedSearchSerializer,
)
from retrieval.types import Modality

HITS = inline_serializer(
    "Hits",
    {
        "request_id": serializers.UUIDField(),
        "took_ms": serializers.IntegerField(),
        "hits": inline_serializer(
            "Hit",
            {
                "item": ItemSummarySerializer(),
                "score": serializers.FloatField(
                    help_text="Higher is better; in [-1, 1] unless `similarity` is `normalised`."
                ),
            },
            many=True,
        ),
    },
)


class SearchView(APIView):
    """Find items by words, a picture, a sound, an item, or several of them at once."""

    parser_classes: Sequence[type[BaseParser]] = [StrictJSONParser, BoundedMultiPartParser]
    required_scopes = {"GET": "read", "POST": "read"}

    @extend_schema(parameters=[TextSearchSerializer], responses=HITS, operation_id="search_by_text")
    def get(self, request: Request) -> Response:
        """Search by words in the URL."""
        started = time.perf_counter()
        given = _validated(TextSearchSerializer, request.query_params.dict())

        def find(space: spaces.Space) -> list[Hit]:
            parts = [Part(queries.text_vector(space, given["q"]), "text")]
            return search(space, parts, given["limit"])

        return _answer(request, _in_active_space(find), given, started)

    @extend_schema(
        request={
            "application/json": SearchSerializer,
            "multipart/form-data": UploadedSearchSerializer,
        },
        responses=HITS,
        operation_id="search",
    )
    def post(self, request: Request) -> Response:
        """Search by a composed query; files come as multipart fields that the query names."""
        started = time.perf_counter()
        body: Any = request.data
        files: dict[str, Any] = {}
        if request.content_type.startswith("multipart/"):
            body, files = _multipart(request)
        given = _validated(SearchSerializer, body)
        _check_files(given["query"], files)

        def find(space: spaces.Space) -> list[Hit]:
            parts = [
                _part(space, part, files, f"query[{position}]")
                for position, part in enumerate(given["query"])
            ]
            return search(space, parts, given["limit"], similarity=given["similarity"])

        return _answer(request, _in_active_space(find), given, started)


class SimilarView(APIView):
    """Items like one item."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        parameters=[LimitSerializer, OpenApiParameter("external_id", str, OpenApiParameter.PATH)],
        responses=HITS,
        operation_id="similar_items",
    )
    def get(self, request: Request, external_id: str) -> Response:
        """The visible items most like this one."""
        started = time.perf_counter()
        given = _validated(LimitSerializer, request.query_params.dict())
        if not re.fullmatch(EXTERNAL_ID_PATTERN, external_id):
            raise Http404(external_id)
        item = get_object_or_404(Item.objects.visible(), external_id=external_id)
        hits = _in_active_space(lambda space: similar(space, item.pk, given["limit"]))
        return _answer(request, hits, given, started)


def _in_active_space(find: Callable[[spaces.Space], list[Hit]]) -> list[Hit]:
    """What ``find`` finds in the active space, which is read once: no answer mixes two spaces.

    Should that space be retired meanwhile, another is active: the search starts over there. Raises
    SpaceGone if it happens again.
    """
    try:
        return find(spaces.active_space())
    except SpaceGone:
        return find(spaces.active_space())


def _validated(serializer_class: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _multipart(request: Request) -> tuple[Any, dict[str, Any]]:
    if "body" not in request.data or not isinstance(request.data["body"], str):
        raise ValidationError({"body": ["Put the query's JSON into the text field `body`."]})
    return parse_json(request.data["body"].encode(errors="surrogatepass")), request.FILES.dict()


def _check_files(query: list[dict[str, Any]], files: dict[str, Any]) -> None:
    """Every file named must have come, and every file that came must be named."""
    problems = {
        f"query[{position}].{modality}": f"No file came in the field {part[modality]!r}."
        for position, part in enumerate(query)
        for modality in ("image", "audio")
        if modality in part and part[modality] not in files
    }
    named = {part.get("image") or part.get("audio") for part in query}
    problems |= {
        name: "No part of the query names this file." for name in files if name not in named
    }
    if problems:
        raise InvalidQuery(problems)


def _part(space: spaces.Space, part: dict[str, Any], files: dict[str, Any], path: str) -> Part:
    weight = part["weight"]
    if "text" in part:
        return Part(queries.text_vector(space, part["text"]), "text", weight)
    if "item" in part:
        return Part(_item_vector(space, part["item"], path), None, weight)
    modality: Modality = "image" if "image" in part else "audio"
    return Part(_media_vector(space, modality, files[part[modality]]), modality, weight)


def _item_vector(space: spaces.Space, external_id: str, path: str) -> NDArray[float32]:
    item = Item.objects.visible().filter(external_id=external_id).first()
    if item is None:
        raise InvalidQuery({f"{path}.item": f"There is no item {external_id!r}."})
    vector = index.fused_vector(space.partition, item.pk)
    if vector is None:
        raise NotEmbedded(f"The item {external_id!r} has no embedding in the active space yet.")
    return vector


def _media_vector(space: spaces.Space, modality: Modality, file: Any) -> NDArray[float32]:
    check_upload(
        file, claimed_type=file.content_type, name=file.name, modality=Media.Modality(modality)
    )
    file.seek(0)
    return queries.media_vector(space, modality, file.read())


def _answer(
    request: Request, hits: Sequence[Hit], given: dict[str, Any], started: float
) -> Response:
    languages = (given["lang"],) if "lang" in given else languages_wanted(request)
    items = items_for_api().in_bulk([hit.item_id for hit in hits])
    context = {"request": request, "languages": languages}
    summaries = ItemSummarySerializer(list(items.values()), many=True, context=context).data
    shown = dict(zip(items, summaries, strict=True))
    return Response(
        {
            "request_id": str(uuid.uuid4()),
            "took_ms": round((time.perf_counter() - started) * 1000),
            "hits": [
                {"item": shown[hit.item_id], "score": round(hit.score, 6)}
                for hit in hits
                if hit.item_id in shown  # else deleted since it was found
            ],
        }
    )
