"""A real HTTP server that speaks OpenAI's and text-embeddings-inference's protocols."""

import json
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.fakes import FakeTextEncoder

DIM = FakeTextEncoder.dim


class Endpoint:
    """``with Endpoint() as endpoint``: embeds as FakeTextEncoder does.

    ``faults``: what to do with the next requests before behaving again: (status, headers), or None
    to hang up. ``twist`` changes the body of answers. ``requests`` holds (path, headers, body).
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.faults: deque[tuple[int, dict[str, str]] | None] = deque()
        self.twist: Callable[[Any], Any] = lambda answer: answer
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append((self.path, dict(self.headers), body))
                fault = endpoint.faults.popleft() if endpoint.faults else (200, {})
                if fault is None:
                    self.close_connection = True
                    return
                status, headers = fault
                answer = endpoint.answer(self.path, body) if status == 200 else {"error": "no"}
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, path: str, body: Any) -> Any:
        """Without faults."""
        texts = body["input"] if path.endswith("/embeddings") else body["inputs"]
        rows = FakeTextEncoder().encode("text", texts).tolist()
        if path.endswith("/embeddings"):
            # out of order, as the protocol allows
            data = [{"index": n, "embedding": row} for n, row in enumerate(rows)][::-1]
            return self.twist({"object": "list", "data": data})
        return self.twist(rows)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
