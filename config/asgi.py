"""The web application."""

import asyncio
import gc
import json
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections, connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

log = logging.getLogger(__name__)

LINGER_S: Final = 30
"""How long the rest of a refused body is read, as nginx's ``lingering_time``."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class OneHopHandler(ASGIHandler):
    """Runs all of a request's middleware and its view in one thread of a pool.

    Django's own hands a request from thread to thread for every synchronous middleware, in a thread
    made for that request, whose database connection is new as well: that took twice as long as
    answering a search.
    """

    def __init__(self, threads: int, prepare: Callable[[], None] | None = None) -> None:
        """``prepare`` is called in a thread once the server starts; nothing waits for it."""
        super().__init__()
        self._prepare = prepare
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")

    def load_middleware(self, is_async: bool = False) -> None:
        """As for WSGI: nothing in it is asynchronous."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One connection, without a thread of its own; or the server's own life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is served, not {scope['type']}.")
        await self.handle(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                if self._prepare is not None:
                    self._threads.submit(self._prepare)
                await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, from the pool."""
        answer = sync_to_async(self._answer, thread_sensitive=False, executor=self._threads)
        return await answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        close_old_connections()  # what Django does at a request's start and end in the other thread
        try:
            return self.get_response(request)
        finally:
            close_old_connections()

    async def send_response(self, response: HttpResponseBase, send: Any) -> None:
        """A file is read in a thread of its own: a slow one must not hold up the others."""
        if not response.streaming:
            await super().send_response(response, send)
            return
        async with ThreadSensitiveContext():
            await super().send_response(response, send)


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
            await self._refuse(scope, receive, send)
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
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, and throw away what still comes for a while before the connection is closed.

        Closed at once, it would be reset under a client that first sends all, and the answer with it.
        """
        from config.problems import CONTENT_TYPE, QUIET, Problem

        problem = Problem(413, "body_too_large", QUIET["body_too_large"]).as_dict()
        body = json.dumps(problem).encode()
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        # who asked first has sent nothing, and reading would tell them to go on
        if b"expect" not in dict(scope["headers"]):
            await self._linger(receive)
        await send({"type": "http.response.body", "body": b""})

    @staticmethod
    async def _linger(receive: Receive) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await receive()).get("more_body"):
                    pass


def _application() -> App:
    django.setup(set_prefix=False)
    from django.conf import settings

    from catalog.parsers import largest_body_bytes  # needs Django to be set up

    return BodyLimit(OneHopHandler(settings.WEB_THREADS, _prepare), largest_body_bytes())


def _prepare() -> None:
    """The first search must not wait for models to be loaded."""
    from retrieval.queries import words_prepare

    try:
        words_prepare()
    except Exception:
        log.warning("words cannot be encoded yet", exc_info=True)
    finally:
        connection.close()  # this thread's own
        # what is loaded by now stays: looking through it for garbage took a twentieth of an answer
        gc.collect()
        gc.freeze()


application = _application()
