"""Server-sent events."""

import json
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

MEDIA_TYPE: Final = "text/event-stream"
Event = tuple[str, Any]
"""Its name and its data as JSON."""


class EventStreamRenderer(BaseRenderer):
    """Lets clients ask for events by ``Accept``; what is streamed is rendered by ``event_stream``."""

    media_type = MEDIA_TYPE
    format = "events"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """An answer that is no stream, as one event."""
        return encoded(("done", data))


def encoded(event: Event) -> bytes:
    """As it goes over the line: JSON has no line ends, so each event is two lines and a blank one."""
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def event_stream(
    request: HttpRequest, events: Generator[Event, None, None]
) -> StreamingHttpResponse:
    """Each event as soon as it is known; nothing on the way should hold it back.

    Whoever goes away ends ``events``: it is closed, wherever it is.
    """
    under_asgi = isinstance(request, ASGIRequest)
    content: Any = _asynchronously(events) if under_asgi else _encoded(events)
    response = StreamingHttpResponse(content, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def _encoded(events: Generator[Event, None, None]) -> Iterable[bytes]:
    try:
        yield from map(encoded, events)
    finally:
        events.close()


async def _asynchronously(events: Generator[Event, None, None]) -> AsyncIterator[bytes]:
    """Django would collect all of a synchronous stream before it sends any of it."""

    def following() -> Event | None:
        return next(events, None)

    step = sync_to_async(following, thread_sensitive=True)
    close = sync_to_async(events.close, thread_sensitive=True)
    try:
        while (event := await step()) is not None:
            yield encoded(event)
    finally:
        await close()
