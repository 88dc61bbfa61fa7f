"""The web application."""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class BodyLimit:
    """Refuses bodies above the limit while they arrive: Django would first store all of them.

    A body sent in chunks, without Content-Length, gets one once it is complete: Django REST
    framework takes a body without it for empty.
    """

    def __init__(self, app: App, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self.limit:
            await self._refuse(send)
            return
        scope = {**scope, "headers": list(scope["headers"])}
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > self.limit:
                    return {"type": "http.disconnect"}  # Django gives up without an answer
                if not declared and size and not message.get("more_body"):
                    scope["headers"].append((b"content-length", str(size).encode()))
            return message

        await self.app(scope, counted, send)
        if size > self.limit:
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        from config.problems import CONTENT_TYPE, QUIET, Problem

        body = json.dumps(Problem(413, "body_too_large", QUIET["body_too_large"]).as_dict())
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})


def _application() -> App:
    application = get_asgi_application()
    from catalog.parsers import largest_body_bytes  # needs Django to be set up

    return BodyLimit(application, largest_body_bytes())


application = _application()
