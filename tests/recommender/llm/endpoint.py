"""A server on the loopback that speaks OpenAI's protocol, and breaks it on request.

``Endpoint.reply`` makes the answer's text of a request's body; ``faults`` are taken one by one, first
by the first request; without any left, requests are answered well.
"""

import json
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

PIECE_CHARS = 7


class Endpoint:
    """``url`` is what ``LLM["BASE_URL"]`` takes; ``requests`` are the bodies that came."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: deque[str] = deque()
        self.always: str | None = None
        """A fault of every request."""
        self.reply: Callable[[dict[str, Any]], str] = lambda _: "Fine."
        self.finish_reason = "stop"
        self.usage: dict[str, Any] | None = {"prompt_tokens": 11, "completion_tokens": 3}
        self.hung_up = threading.Event()
        """Set when a client closed its connection before the answer ended."""
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # it looks so often whether it is to stop: every test waits for that
        serve = {"poll_interval": 0.02}
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs=serve, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        """Stop; whoever asks from now on is refused a connection."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                endpoint.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["Content-Length"])))
        self.requests.append(body)
        self.headers.append({name.lower(): value for name, value in http.headers.items()})
        fault = self.faults.popleft() if self.faults else self.always
        try:
            if http.path != "/v1/chat/completions":
                self._status(http, 404, {"error": {"message": "no such path"}})
            elif fault is None:
                self._stream(http, self._events(self.reply(body)))
            else:
                getattr(self, f"_{fault}")(http, body)
        except (BrokenPipeError, ConnectionResetError):
            self.hung_up.set()
        http.close_connection = True

    def _events(self, text: str) -> Iterator[bytes]:
        for at in range(0, len(text), PIECE_CHARS):
            yield event({"content": text[at : at + PIECE_CHARS]})
        yield event({}, self.finish_reason)
        if self.usage is not None:
            yield data({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                        "choices": [], "usage": self.usage | {"total_tokens": 0}})  # fmt: skip
        yield b"data: [DONE]\n\n"

    def _stream(self, http: BaseHTTPRequestHandler, events: Iterator[bytes]) -> None:
        self._begin(http)
        for each in events:
            http.wfile.write(each)
            http.wfile.flush()

    def _begin(self, http: BaseHTTPRequestHandler, kind: str = "text/event-stream") -> None:
        http.send_response(200)
        http.send_header("Content-Type", kind)
        http.send_header("Connection", "close")
        http.end_headers()

    def _status(self, http: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
        found = json.dumps(body).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(found)))
        for name, value in headers.items():
            http.send_header(name.replace("_", "-"), value)
        http.end_headers()
        http.wfile.write(found)

    # --- faults ---

    def _dropped(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """The connection is closed without an answer."""
        http.connection.shutdown(socket.SHUT_RDWR)

    def _rate_limited(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._status(http, 429, {"error": {"message": "too many"}}, Retry_After="0.05")

    def _rate_limited_long(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._status(http, 429, {"error": {"message": "too many"}}, Retry_After="30")

    def _failing(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._status(http, 500, {"error": {"message": "out of memory"}})

    def _unauthorized(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._status(http, 401, {"error": {"message": "wrong key"}})

    def _junk(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """A page of HTML with status 200."""
        self._begin(http, "text/html")
        http.wfile.write(b"<html>Welcome to nginx!</html>")

    def _junk_events(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._stream(http, iter([b'data: {"choices": [{"del\n\n']))

    def _strange_events(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """JSON of another shape."""
        self._stream(http, iter([b"data: [1, 2]\n\n", b'data: {"choices": 7}\n\n']))

    def _listed(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """A piece that is no text."""
        self._stream(http, iter([event({"content": [{"a": 1}]}), event({}, "stop")]))

    def _error_event(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._stream(http, iter([data({"error": {"message": "crashed", "code": 500}})]))

    def _cut_off(self, http: BaseHTTPRequestHandler, body: Any) -> None:
        """The first piece, then the connection is closed."""
        self._stream(http, islice(self._events(self.reply(body)), 1))

    def _wrong_encoding(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        self._stream(http, iter([event({"content": "动物"}).decode().encode("gb18030")]))

    def _packed(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """100 MB of blanks in 100 kB."""
        packed = zlib.compress(b" " * 100_000_000, 9)
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Content-Encoding", "deflate")
        http.send_header("Connection", "close")
        http.end_headers()
        http.wfile.write(packed)

    def _hanging(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """Nothing comes until the client hangs up."""
        http.connection.recv(1)
        self.hung_up.set()

    def _trickling(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """Headers byte by byte, for ever: each byte is in time, the answer never is."""
        http.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self._stop.wait(0.02):
            http.wfile.write(b"z")
            http.wfile.flush()

    def _endless(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """Words for ever, slowly enough not to be too long in time."""
        self._begin(http)
        while not self._stop.wait(0.02):
            http.wfile.write(event({"content": "and "}))
            http.wfile.flush()

    def _flooding(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """Words for ever, as fast as they are read."""
        self._begin(http)
        while not self._stop.is_set():
            http.wfile.write(event({"content": "and so on " * 100}))

    def _one_line(self, http: BaseHTTPRequestHandler, _: Any) -> None:
        """One event without end."""
        self._begin(http)
        http.wfile.write(b'data: {"choices": [{"delta": {"content": "')
        while not self._stop.is_set():
            http.wfile.write(b"and so on " * 1000)


def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """One piece of an answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return data({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [choice]})  # fmt: skip


def data(value: Any) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


@contextmanager
def running() -> Iterator[Endpoint]:
    """An endpoint for as long as the block lasts."""
    endpoint = Endpoint()
    try:
        yield endpoint
    finally:
        endpoint.close()
