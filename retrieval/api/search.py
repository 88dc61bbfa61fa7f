"""Search by a composed query."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.parsers import BoundedMultiPartParser, StrictJSONParser, query_fields
from retrieval import spaces
from retrieval.api.answers import Meaning, answer, page_of, validated
from retrieval.api.parts import check_files, multipart, part_of, text_part
from retrieval.api.schema import HITS
from retrieval.exceptions import InvalidQuery
from retrieval.scoring import Part
from retrieval.serializers import SearchSerializer, TextSearchSerializer, UploadedSearchSerializer


class SearchView(APIView):
    """Find items by words, a picture, a sound, an item, or several of them at once."""

    parser_classes: Sequence[type[BaseParser]] = [StrictJSONParser, BoundedMultiPartParser]
    required_scopes = {"GET": "read", "POST": "read"}
    body_serializer: type[SearchSerializer] = SearchSerializer
    looked_for: Sequence[str] = ("query",)
    """Names in the body that hold what it looks for."""

    def meaning(self, given: dict[str, Any]) -> Meaning:
        """What a validated body asks for; here, what it says. For views that read more in its words."""
        return Meaning(given.get("query") or [], given["filter"])

    @extend_schema(parameters=[TextSearchSerializer], responses=HITS, operation_id="search_by_text")
    def get(self, request: Request) -> Response:
        """Search by words in the URL."""
        started = time.perf_counter()
        said = query_fields(request)
        given = validated(TextSearchSerializer, said, from_url=True)

        def parts(space: spaces.Space) -> list[Part]:
            return [text_part(space, given["q"])]

        page = page_of(given, said, parts, ("q",))
        return Response(answer(request, page, given, started))

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
            body, files = multipart(request)
        return Response(search_answer(request, body, files, started, view=self))


def search_answer(
    request: Request,
    body: Any,
    files: Mapping[str, Any],
    started: float,
    *,
    view: SearchView | None = None,
    space: spaces.Space | None = None,
) -> dict[str, Any]:
    """The answer to a composed query, see ``SearchSerializer``; ``files`` by the names in its parts.

    ``request`` says the language of the titles, where the query does not, and the host of addresses;
    ``started`` is when it came, by ``time.perf_counter``. ``view`` says what bodies look like and mean.
    ``space`` answers in place of the active one.
    """
    view = view or SearchView()
    given = validated(view.body_serializer, body)
    query = given.get("query")
    if query and not given["cursor"]:
        check_files(query, files)
    if given["mode"] == "lexical" and query and not any("text" in part for part in query):
        raise InvalidQuery({"mode": "lexical reads words: add a part with text, or use dense."})
    meant = Meaning([], None) if given["cursor"] else view.meaning(given)

    def parts(space: spaces.Space) -> list[Part]:
        return [
            part_of(space, part, files, f"query[{position}]", started)
            for position, part in enumerate(meant.query)
        ]

    page = page_of(given, body, parts, view.looked_for, meant=meant, space=space)
    return answer(request, page, given, started, meant.told)
