"""How fast events are taken over HTTP, beside bare psycopg writing the same rows to a plain table.

`python -m benchmarks.events`: the web process that production runs, on a database of its own with
every item and a tenth of the visitors known; each way writes other events of the same kind in batches
of 500, in turns. Prints a table, and fails if an event was lost or stored twice.
"""

import argparse
import http.client
import json
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

DATABASE: Final = "triad_events"
BATCH: Final = 500
VISITORS: Final = 20_000
ITEMS: Final = 5_000
BAR: Final = 2_000.0
"""Events a second over HTTP in batches of 500 on two cores."""
START_S: Final = 120.0
BARE: Final = """
CREATE TABLE bare (key text PRIMARY KEY, visitor text, item text, type text, value float8,
 occurred_at timestamptz, session text)
"""
COLUMNS: Final = ("id", "visitor", "item", "type", "value", "occurred_at", "session")

Batch = list[dict[str, Any]]


def batches(number: int, seed: str) -> list[Batch]:
    """Of what many visitors did in the last 60 days; the popular ones more often."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    now = datetime.now(UTC)

    def event() -> dict[str, Any]:
        return {
            "id": str(UUID(int=rng.getrandbits(128))),
            "visitor": f"visitor-{int(rng.paretovariate(0.6)) % VISITORS}",
            "item": f"item-{int(rng.paretovariate(0.6)) % ITEMS}",
            "type": rng.choice(("view", "view", "view", "click", "like", "purchase")),
            "value": rng.choice((None, 1.0, 12.5)),
            "occurred_at": (now - timedelta(seconds=rng.randrange(60 * 86_400))).isoformat(),
            "session": f"s-{rng.randrange(10_000)}",
        }

    return [[event() for _ in range(BATCH)] for _ in range(number)]


def connect(host: str, database: str = DATABASE) -> psycopg.Connection[Any]:
    """Bare."""
    return psycopg.connect(host=host, user="postgres", dbname=database, autocommit=True)


def made(host: str) -> None:
    """The database, anew."""
    with connect(host, "postgres") as admin:
        name = sql.Identifier(DATABASE)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))


def filled(host: str) -> str:
    """Tables, items, visitors and an API key, which is returned."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from catalog.models import ApiKey, Item
    from recommender.models import Visitor

    Item.objects.bulk_create(
        [Item(external_id=f"item-{n}", title=f"Item {n}") for n in range(ITEMS)]
    )
    Visitor.objects.bulk_create(
        [Visitor(external_id=f"visitor-{n}") for n in range(0, VISITORS, 10)]
    )
    with connect(host) as bare:
        bare.execute(BARE)
    _, key = ApiKey.objects.create_key(name="bench", scopes=["events"])
    return str(key)


@contextmanager
def web() -> Iterator[int]:
    """uvicorn as config/processes.py starts it, on a free port of loopback; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1",
         "--port", str(port), "--no-server-header", "--log-level", "warning"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                ask = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                ask.request("GET", "/api/v1/health/live")
                ask.getresponse().read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("The web server did not start.")
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def send(port: int, key: str, clients: int) -> Callable[[list[Batch]], dict[str, int]]:
    """Over HTTP by so many clients at once; what the answers add up to."""

    def part(given: list[bytes]) -> dict[str, int]:
        web = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Type": "application/json", "X-Api-Key": key}
        total = {"accepted": 0, "duplicates": 0, "errors": 0}
        for body in given:
            web.request("POST", "/api/v1/events/", body, headers)
            answer = web.getresponse()
            text = answer.read()
            if answer.status != 202:
                sys.exit(f"{answer.status}: {text[:300]!r}")
            found = json.loads(text)
            total["accepted"] += found["accepted"]
            total["duplicates"] += found["duplicates"]
            total["errors"] += len(found["errors"])
        return total

    def way(given: list[Batch]) -> dict[str, int]:
        bodies = [json.dumps(batch).encode() for batch in given]
        with ThreadPoolExecutor(clients) as pool:
            totals = list(pool.map(part, [bodies[n::clients] for n in range(clients)]))
        return {name: sum(total[name] for total in totals) for name in totals[0]}

    return way


def executemany(host: str) -> Callable[[list[Batch]], None]:
    """Row by row in psycopg's pipeline, a transaction a batch."""
    names = ", ".join("key" if name == "id" else name for name in COLUMNS)
    values = ", ".join(["%s"] * len(COLUMNS))
    statement = f"INSERT INTO bare ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608

    def way(given: list[Batch]) -> None:
        with connect(host) as bare:
            for batch in given:
                with bare.transaction(), bare.cursor() as cursor:
                    cursor.executemany(statement, [[e[name] for name in COLUMNS] for e in batch])

    return way


def copy(host: str) -> Callable[[list[Batch]], None]:
    """COPY, a transaction a batch: the fastest there is, and no retry is forgiven."""
    names = ", ".join("key" if name == "id" else name for name in COLUMNS)

    def way(given: list[Batch]) -> None:
        with connect(host) as bare:
            for batch in given:
                with (
                    bare.transaction(),
                    bare.cursor() as cursor,
                    cursor.copy(f"COPY bare ({names}) FROM STDIN") as copying,
                ):
                    for event in batch:
                        copying.write_row([event[name] for name in COLUMNS])

    return way


def measured(arguments: argparse.Namespace, host: str, port: int, key: str) -> dict[str, float]:
    """Median events a second of each way."""
    ways: dict[str, Callable[[list[Batch]], Any]] = {
        "HTTP, one client": send(port, key, 1),
        "HTTP, two clients": send(port, key, 2),
        "executemany, plain table": executemany(host),
        "COPY, plain table": copy(host),
    }
    rates: dict[str, list[float]] = {}
    expected = 0
    for turn in range(-1, arguments.rounds):
        number = arguments.batches if turn >= 0 else 4  # the first turn warms up
        for name, way in ways.items():
            given = batches(number, f"{turn} {name}")
            _timed(rates, name, way, given, turn)
            if name.startswith("HTTP"):
                expected += number * BATCH
            if name == "HTTP, one client":
                _timed(rates, f"{name}, all of it again", way, given, turn)
    _check(host, expected)
    return {name: median(values) for name, values in rates.items()}


def _timed(
    rates: dict[str, list[float]],
    name: str,
    way: Callable[[list[Batch]], Any],
    given: list[Batch],
    turn: int,
) -> None:
    started = time.perf_counter()
    answer = way(given)
    took = time.perf_counter() - started
    sent = len(given) * BATCH
    again = name.endswith("again")
    if answer is not None and answer["duplicates" if again else "accepted"] != sent:
        sys.exit(f"{name}: {answer} of {sent} events")
    if turn >= 0:
        rates.setdefault(name, []).append(sent / took)


def _check(host: str, expected: int) -> None:
    with connect(host) as bare:
        counts = bare.execute(
            "SELECT count(*), count(DISTINCT key), count(item_id),"
            " (SELECT count(*) FROM recommender_eventkey) FROM recommender_event"
        ).fetchone()
    if counts != (expected,) * 4:
        sys.exit(f"Of {expected} events there are {counts}: rows, ids, joined, keys.")


def report(rates: dict[str, float], arguments: argparse.Namespace) -> str:
    """In Markdown."""
    bare = rates["executemany, plain table"]
    met = "met" if rates["HTTP, one client"] >= BAR else "NOT MET"
    command = (
        f"python -m benchmarks.events --batches {arguments.batches} --rounds {arguments.rounds}"
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [
        f"`{command}` · {datetime.now(UTC):%Y-%m-%d} · {machine} · batches of {BATCH}, medians",
        "",
        "| way | events/s | of executemany |",
        "|---|---|---|",
        *(f"| {name} | {rate:,.0f} | {rate / bare:.2f} |" for name, rate in rates.items()),
        "",
        f"Bar: {BAR:,.0f} events/s over HTTP: {met}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40, help="each way and round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.search.settings",
        "BENCH_DATABASE": DATABASE,
    }
    import django

    django.setup()
    from django.conf import settings

    from config import embedded

    embedded.use(settings.VAR)
    host = str(embedded.Places.of(settings.VAR).database_host)
    made(host)
    key = filled(host)
    with web() as port:
        rates = measured(arguments, host, port, key)
    print(report(rates, arguments))  # noqa: T201


if __name__ == "__main__":
    main()
