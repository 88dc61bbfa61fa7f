"""Visitors merged, exported, forgotten."""

import re
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models.api_keys import Scope
from catalog.parsers import StrictJSONParser
from recommender import visitors
from recommender.models.visitors import VISITOR_PATTERN
from recommender.serializers import ExportSerializer, MergedSerializer, MergeSerializer


def _known_shape(visitor: str) -> str:
    if not re.fullmatch(VISITOR_PATTERN, visitor):
        raise Http404(visitor)
    return visitor


class VisitorMergeView(APIView):
    """Two identifiers, one person."""

    parser_classes = [StrictJSONParser]
    required_scopes = {"POST": Scope.EVENTS}

    @extend_schema(
        operation_id="visitors_merge",
        tags=["visitors"],
        request=MergeSerializer,
        responses={200: MergedSerializer},
    )
    def post(self, request: Request, visitor: str) -> Response:
        """Count what the visitor did, and will do, for another: an anonymous one for the account.

        Doing it again changes nothing. 409 `merge_conflict` for a visitor who belongs to somebody
        else, or to whom the other belongs.
        """
        source = _known_shape(visitor)
        serializer = MergeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        merged = visitors.visitor_merge(source, serializer.validated_data["into"])
        return Response({"visitor": source, "into": merged.into, "events": merged.events})


class VisitorExportView(APIView):
    """What is known of a visitor."""

    required_scopes = {"GET": Scope.OPS}

    @extend_schema(operation_id="visitors_export", tags=["visitors"], responses=ExportSerializer)
    def get(self, request: Request, visitor: str) -> StreamingHttpResponse:
        """Everything that mentions the visitor, under all their identifiers, however much it is."""
        parts = visitors.visitor_export(_known_shape(visitor))
        if parts is None:
            raise Http404(visitor)
        return streamed(request, parts)


def streamed(request: Request, parts: Iterator[str]) -> StreamingHttpResponse:
    """JSON in parts, each sent as it is made, whatever serves the request."""
    asynchronous = isinstance(request._request, ASGIRequest)
    content = _apart(parts) if asynchronous else parts
    return StreamingHttpResponse(content, content_type="application/json")


async def _apart(parts: Iterator[str]) -> AsyncIterator[str]:
    """Each part made in the request's own thread, where its database connection is."""
    while (part := await sync_to_async(_next)(parts)) is not None:
        yield part


def _next(parts: Iterator[str]) -> str | None:
    return next(parts, None)


class VisitorView(APIView):
    """One visitor."""

    required_scopes = {"DELETE": Scope.OPS}

    @extend_schema(operation_id="visitors_forget", tags=["visitors"], responses={204: None})
    def delete(self, request: Request, visitor: str) -> Response:
        """Forget the visitor under all their identifiers; forgetting one nobody knows is fine."""
        visitors.visitor_forget(_known_shape(visitor))
        return Response(status=204)
