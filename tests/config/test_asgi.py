"""Bodies are bounded while they arrive."""

import asyncio
import http.client
import json
import socket
import threading

import pytest
import uvicorn

from config.asgi import BodyLimit, OneHopHandler


class Recorder:
    """An application that reads the whole body as Django does, then answers 200."""

    body: bytes | None = None
    headers: dict[bytes, bytes]

    async def __call__(self, scope, receive, send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.body, self.headers = body, dict(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def serve(chunks: list[bytes], headers: list[tuple[bytes, bytes]], limit: int = 10):
    app, sent = Recorder(), []
    messages = [
        {"type": "http.request", "body": chunk, "more_body": n < len(chunks) - 1}
        for n, chunk in enumerate(chunks)
    ]

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": headers}
    asyncio.run(BodyLimit(app, limit)(scope, receive, send))
    return app, sent, messages


def test_a_body_up_to_the_limit_passes():
    app, sent, _ = serve([b"12345", b"67890"], [(b"content-length", b"10")])

    assert (app.body, sent[0]["status"]) == (b"1234567890", 200)


def test_chunks_get_a_length_when_they_are_complete():
    app, _, _ = serve([b"123", b"45", b""], [(b"transfer-encoding", b"chunked")])

    assert (app.body, app.headers[b"content-length"]) == (b"12345", b"5")


def test_no_body_gets_no_length():
    app, _, _ = serve([b""], [])

    assert b"content-length" not in app.headers


@pytest.mark.parametrize(
    ("chunks", "headers", "left"),
    [
        ([b"12345", b"678901", b"x"], [(b"transfer-encoding", b"chunked")], 0),
        ([b"12345", b"678901", b"x"], [(b"content-length", b"5")], 0),  # a client that lies
        ([b"x"], [(b"content-length", b"11")], 0),  # refused before anything is read
        # waits for leave to send: none is given
        ([b"x"], [(b"content-length", b"11"), (b"expect", b"100-continue")], 1),
    ],
)
def test_too_large(chunks, headers, left):
    app, sent, unread = serve(chunks, headers)

    assert app.body is None
    assert len(unread) == left
    assert sent[0]["status"] == 413
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "body_too_large"


def test_who_sends_all_before_reading_gets_the_answer():
    limit, listening = 1000, socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(BodyLimit(Recorder(), limit), lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    try:
        client = http.client.HTTPConnection(*listening.getsockname(), timeout=30)
        # more than the buffers of both ends hold: all of it is sent only if somebody reads it
        client.request("POST", "/", body=b"x" * 50_000_000)
        answer = client.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")
    finally:
        server.should_exit = True
        thread.join()


def test_the_server_starts_without_waiting_for_models():
    begun, may_end = threading.Event(), threading.Event()

    def prepare() -> None:
        begun.set()
        may_end.wait(10)

    received, sent = iter(["lifespan.startup", "lifespan.shutdown"]), []

    async def receive():
        return {"type": next(received)}

    async def send(message):
        sent.append(message["type"])

    asyncio.run(OneHopHandler(1, prepare)({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert begun.wait(10)  # it still runs
    may_end.set()
