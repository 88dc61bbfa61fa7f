"""Completions while somebody types."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.parsers import query_fields
from retrieval import lexical
from retrieval.api.answers import validated
from retrieval.api.schema import SUGGESTIONS
from retrieval.serializers import SuggestSerializer


class SuggestView(APIView):
    """Completions of what somebody types."""

    required_scopes = {"GET": "read"}

    @extend_schema(parameters=[SuggestSerializer], responses=SUGGESTIONS, operation_id="suggest")
    def get(self, request: Request) -> Response:
        """Titles, tags and categories that begin like this, in any of the catalog's languages."""
        given = validated(SuggestSerializer, query_fields(request), from_url=True)
        found = lexical.suggest(given["q"], given["limit"], language=given.get("lang"))
        return Response({"suggestions": [asdict(each) for each in found]})
