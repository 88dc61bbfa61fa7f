"""The same answer over HTTP, from the server that production runs, and by bare SQL."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.catalogs import Catalog
from benchmarks.search.measures import K, text

CLIENTS = 16
START_S = 120.0
REMEMBER_S = 24 * 3600

# what a hit shows, as the API answers it, in as few statements as it takes
HITS = """
SELECT i.id, 1 - (e.fused::halfvec({dim}) <=> %(q)s::halfvec({dim})), i.external_id, i.kind, i.title,
 i.language, i.tags, i.attributes
FROM {table} e JOIN catalog_item i ON i.id = e.item_id
WHERE i.published AND (i.expires_at IS NULL OR i.expires_at > now())
ORDER BY e.fused::halfvec({dim}) <=> %(q)s::halfvec({dim}) LIMIT {k}
"""
BESIDES = (
    "SELECT item_id, language, title, tags FROM catalog_itemtext WHERE item_id = ANY(%s)",
    (
        "SELECT item_id, path FROM catalog_item_categories JOIN catalog_category c ON c.id = category_id"
        " WHERE item_id = ANY(%s)"
    ),
    (
        "SELECT item_id, modality, file, status FROM catalog_media WHERE item_id = ANY(%s)"
        " ORDER BY position"
    ),
)


class BareClient:
    """One connection, and the answer as JSON."""

    def __init__(
        self,
        catalog: Catalog,
        dim: int,
        ef_search: int = 100,
        queries: Sequence[NDArray[np.float32]] | None = None,
    ) -> None:
        self.queries = catalog.made.queries if queries is None else queries
        self.connection = catalog.connect()
        self.connection.execute("SET hnsw.iterative_scan = relaxed_order")
        self.connection.execute(f"SET hnsw.ef_search = {ef_search}")
        (table,) = self.connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename ~ '^retrieval_embedding_[0-9]+$'"
        ).fetchone()
        self.statement = HITS.format(dim=dim, table=table, k=K)

    def ask(self, query: int) -> str:
        """The hits as JSON."""
        vector = text(self.queries[query])
        with self.connection.transaction():
            hits = self.connection.execute(self.statement, {"q": vector}).fetchall()
            ids = [row[0] for row in hits]
            besides = [self.connection.execute(s, [ids]).fetchall() for s in BESIDES]
        return json.dumps([hits, besides])


class WebClient:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, query: int) -> str:
        """The body. Raises RuntimeError for any status but 200."""
        asked = urllib.parse.urlencode({"q": words(query), "limit": K, "mode": "dense"})
        try:
            response = self._get(asked)
        except (http.client.RemoteDisconnected, ConnectionError):  # idle for longer than it waits
            self.connection.close()
            response = self._get(asked)
        body = response.read().decode()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {body[:300]}")
        return body

    def _get(self, asked: str) -> http.client.HTTPResponse:
        self.connection.request("GET", f"/api/v1/search/?{asked}")
        return self.connection.getresponse()


def words(query: int) -> str:
    """Whose vector is the query's, because the cache says so."""
    return f"question number {query}"


def remember_queries(catalog: Catalog) -> None:
    """Put the queries' vectors where the web process looks before it encodes: a warm cache."""
    from django.core.cache import cache

    from retrieval import queries, spaces
    from retrieval.preprocess.text import normalise

    catalog.use()
    space = spaces.active_space()
    for number, vector in enumerate(catalog.made.queries):
        key = queries._key(space, "text", normalise(words(number)).encode())
        cache.set(key, vector.tobytes(), REMEMBER_S)


@contextmanager
def web_server(catalog: Catalog) -> Iterator[int]:
    """uvicorn as config/processes.py starts it, on a free port of loopback; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1",
         "--port", str(port), "--no-server-header", "--log-level", "warning"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.search.settings",
            "BENCH_DATABASE": catalog.database,
        },
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                WebClient(port).ask(0)
                break
            except (ConnectionError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("The web server did not start.")
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def latencies(
    ways: dict[str, Callable[[int], Any]], queries: int, warm: int = 20
) -> dict[str, list[float]]:
    """Milliseconds of every query by every way, in turns, each going first as often."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for query in range(-warm, queries):
        order.append(order.pop(0))
        for name in order:
            started = time.perf_counter()
            ways[name](abs(query))
            if query >= 0:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def throughput(clients: Sequence[Callable[[int], Any]], seconds: float, queries: int) -> float:
    """Answers a second of all clients together, each in a thread of its own."""
    answered = [0] * len(clients)
    ends = time.monotonic() + seconds

    def work(number: int) -> None:
        while time.monotonic() < ends:
            clients[number]((answered[number] * len(clients) + number) % queries)
            answered[number] += 1

    threads = [threading.Thread(target=work, args=[n]) for n in range(len(clients))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / (time.perf_counter() - started)


def throughputs(
    makers: dict[str, Callable[[], Callable[[int], Any]]],
    *,
    seconds: float,
    rounds: int,
    queries: int,
) -> dict[str, float]:
    """Median of the rounds, which the ways take in turns."""
    clients = {name: [make() for _ in range(CLIENTS)] for name, make in makers.items()}
    found: dict[str, list[float]] = {name: [] for name in makers}
    for number in range(rounds):
        for name in list(makers) if number % 2 else list(makers)[::-1]:
            found[name].append(throughput(clients[name], seconds, queries))
    return {name: median(values) for name, values in found.items()}
