"""Events in."""

from typing import Any, Final

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.access import HasScope
from catalog.models.api_keys import Scope
from recommender.event_input import EventReader, NewEvent
from recommender.events import events_record
from recommender.exceptions import EventConflict, InvalidEvent, RecommenderError
from recommender.parsers import EventsParser
from recommender.serializers import (
    EventSerializer,
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
