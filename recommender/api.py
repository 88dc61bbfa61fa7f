"""The API of the recommender: events in; visitors merged, exported, forgotten."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.access import HasScope
from catalog.models.api_keys import Scope
from catalog.parsers import StrictJSONParser
from recommender import visitors
from recommender.event_input import EventReader, NewEvent
from recommender.events import events_record
from recommender.exceptions import EventConflict, InvalidEvent, RecommenderError
from recommender.models.visitors import VISITOR_PATTERN
from recommender.parsers import EventsParser
from recommender.serializers import (
    EventSerializer,
    ExportSerializer,
    MergedSerializer,
    MergeSerializer,
    RecordedSerializer,
)

MAX_EVENTS: Final = 1_000
ACCEPTED: Final = 202


class MaySendEvents(HasScope):
    """The scope ``events``; nobody needs a key where ``API["ANONYMOUS_EVENTS"]`` is on."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """True, or raises WrongScope or NotAuthenticated."""
        nobody = request.auth is None and not request.user.is_authenticated
        if nobody and settings.API["ANONYMOUS_EVENTS"]:
            return True
        return super().has_permission(request, view)


class EventsView(APIView):
    """What visitors do."""

    parser_classes = [EventsParser]
    permission_classes = [MaySendEvents]
    required_scopes = {"POST": Scope.EVENTS}

    @extend_schema(
        operation_id="events_create",
        tags=["events"],
        request=PolymorphicProxySerializer(
            component_name="OneOrManyEvents",
            serializers=[EventSerializer, EventSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={ACCEPTED: RecordedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store an event, or a list of up to 1,000, each once however often it is sent.

        Of a list, what is right is stored and what is wrong is in `errors`, by its index. One event
        by itself that is wrong is a 400, or a 409 `id_conflict`.
        """
        data = request.data
        if not isinstance(data, list):
            return _one(data)
        if len(data) > MAX_EVENTS:
            raise ParseError(f"The list has {len(data)} events; send at most {MAX_EVENTS} at once.")
        return _many(data)


def _one(data: Any) -> Response:
    event = EventReader().read(data)
    recorded = events_record([event])
    if recorded.conflicts:
        raise EventConflict(event.key)
    known = len(recorded.duplicates)
    answer = {"accepted": 1 - known, "duplicates": known, "errors": [], "duplicate": bool(known)}
    return Response(answer, status=ACCEPTED)


def _many(data: list[Any]) -> Response:
    reader = EventReader()
    events: list[NewEvent] = []
    places: list[int] = []
    errors: list[dict[str, Any]] = []
    for index, each in enumerate(data):
        try:
            events.append(reader.read(each))
            places.append(index)
        except InvalidEvent as err:
            errors.append({**_entry(index, 400, err), "errors": err.errors})
    recorded = events_record(events)
    errors += [_entry(places[at], 409, EventConflict(events[at].key)) for at in recorded.conflicts]
    answer = {
        "accepted": len(recorded.new),
        "duplicates": len(recorded.duplicates),
        "errors": sorted(errors, key=lambda entry: entry["index"]),
    }
    return Response(answer, status=ACCEPTED)


def _entry(index: int, status: int, err: RecommenderError) -> dict[str, Any]:
    return {"index": index, "status": status, "code": err.code, "detail": str(err)}


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
        streamed = _apart(parts) if isinstance(request._request, ASGIRequest) else parts
        return StreamingHttpResponse(streamed, content_type="application/json")


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
