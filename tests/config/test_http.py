"""What is no HTTP is refused in our shape."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from config.http import ProblemProtocol


async def app(scope, receive, send) -> None:
    """Answers everything that reaches it with 204."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def port() -> Iterator[int]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # who connects before the server runs waits
    config = uvicorn.Config(app, http=ProblemProtocol, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=10)
    listening.close()


def said(port: int, request: bytes) -> tuple[list[bytes], bytes]:
    """Lines of the answer's head, and its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


@pytest.mark.parametrize(
    "request_", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"NO\r\n\r\n"]
)
def test_what_cannot_be_parsed_is_a_problem(port, request_):
    head, body = said(port, request_)

    assert head[0] == b"HTTP/1.1 400 Bad Request"
    assert b"content-type: application/problem+json" in head
    assert json.loads(body) == {
        "type": "urn:triad:problem:malformed_http",
        "title": "Malformed http",
        "status": 400,
        "detail": "Invalid HTTP request received. Send an HTTP/1.1 request.",
        "code": "malformed_http",
    }


def test_whatever_can_be_is_answered_by_the_application(port):
    head, _ = said(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert head[0] == b"HTTP/1.1 204 No Content"
