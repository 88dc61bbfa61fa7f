"""Search over HTTP against bare SQL, and the index against other engines, on the same vectors.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install lancedb chromadb hnswlib milvus-lite pymilvus
    python -m benchmarks.search --peers /tmp/peers/bin/python

Catalogs of made-up clustered vectors (256 dimensions, half precision, three modalities), each in a
database of its own in the data folder ``bench-search`` under VAR, where later runs find them again.
Whatever is compared takes turns, so that what else the machine does hits both. The other engines get
the same vectors and filters in a process of their own; without --peers they are left out. The table
goes into benchmarks/README.md, everything measured into benchmarks/results/search.json.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "search.json"
PEER_LIMIT = (
    100_000  # of the sizes at which the other engines are built, unless --peers-at says more
)
PARTS = ("index", "http", "throughput", "growth", "quantization", "demo")


def main() -> None:
    """Measure, write, exit with 1 if a bar is missed."""
    arguments = _arguments()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.search.settings"
    import django

    django.setup()
    from benchmarks.search import report

    found: dict[str, Any] = {
        "command": "python -m benchmarks.search " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "queries": arguments.queries,
        "sizes": {},
    }
    measure(arguments, found)
    if RESULTS.exists() and arguments.merge:
        found = report.merged(json.loads(RESULTS.read_text()), found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    bars = report.bars(found)
    report.write(found, bars)
    say("\n".join(report.lines(found, bars)))
    sys.exit(not all(bar.met for bar in bars))


def measure(arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    """Every part that was asked for, for every size."""
    from benchmarks.search import demo, quantization
    from benchmarks.search.catalogs import Catalog

    catalogs = [Catalog(size, arguments.queries) for size in arguments.sizes]
    for catalog in catalogs:
        catalog.make(again=arguments.again)
        say(f"{catalog.size} items: {catalog.built}")
        entry = found["sizes"].setdefault(str(catalog.size), {"built": vars_of(catalog.built)})
        if "index" in arguments.parts:
            entry |= index_part(catalog, arguments)
        if "http" in arguments.parts or "throughput" in arguments.parts:
            entry |= http_part(catalog, arguments)
    if "growth" in arguments.parts and len(catalogs) > 1:
        found["growth"] = growth(catalogs, arguments.queries)
        say(f"growth: {found['growth']}")
    if "quantization" in arguments.parts:
        largest = catalogs[-1]
        found["quantization"] = {
            "items": largest.size,
            **quantization.compare(largest, arguments.queries),
        }
        say(f"quantization: {found['quantization']}")
    if "demo" in arguments.parts:
        found["demo"] = demo.measure(arguments.queries)
        say(f"demo: {found['demo']}")


def index_part(catalog: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Recall and time at every selectivity, beside the planner alone and the other engines."""
    from benchmarks.search import measures

    searches = {"triad": measures.ours(catalog), "pgvector alone": measures.planner(catalog)}
    peers = None
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        if arguments.peers and catalog.size <= arguments.peers_at:
            peers = measures.Peers(
                arguments.peers, Path(folder) / "data", catalog, arguments.engines.split(",")
            )
            say(f"peers: {peers.built}")
            searches |= peers.searches()
        try:
            measured = measures.in_turns(
                catalog, searches, arguments.queries, list(measures.SHARES)
            )
        finally:
            if peers:
                peers.close()
    engines = {name: each.as_dict() for name, each in measured.items()}
    say(f"{catalog.size}: {json.dumps(engines)}")
    return {"engines": engines, "peers": peers.built if peers else {}}


def http_part(catalog: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """p50 of one client and answers a second of many, beside bare SQL."""
    from benchmarks.search import synthetic, web

    web.remember_queries(catalog)
    found: dict[str, Any] = {}
    with web.web_server(catalog) as port:
        if "http" in arguments.parts:
            times = web.latencies(
                {
                    "http": web.WebClient(port).ask,
                    "sql": web.BareClient(catalog, synthetic.DIM).ask,
                },
                arguments.queries,
            )
            found["latency"] = {name: round(median(each), 3) for name, each in times.items()}
            ratios = [h / s for h, s in zip(times["http"], times["sql"], strict=True)]
            found["latency"]["ratio"] = round(found["latency"]["http"] / found["latency"]["sql"], 2)
            found["latency"]["paired_ratio"] = round(median(ratios), 2)
        if "throughput" in arguments.parts:
            rates = web.throughputs(
                {
                    "http": lambda: web.WebClient(port).ask,
                    "sql": lambda: web.BareClient(catalog, synthetic.DIM).ask,
                },
                seconds=arguments.seconds,
                rounds=3,
                queries=arguments.queries,
            )
            found["throughput"] = {name: round(rate, 1) for name, rate in rates.items()}
            found["throughput"]["ratio"] = round(rates["http"] / rates["sql"], 2)
    say(f"{catalog.size}: {found}")
    return found


def growth(catalogs: list[Any], queries: int) -> dict[str, Any]:
    """p50 of the same search in catalogs of different sizes, in turns."""
    from benchmarks.search import measures, web

    def way(catalog: Any) -> Callable[[int], Any]:
        search = measures.ours(catalog)

        def ask(query: int) -> None:
            catalog.use()
            search(query, "none")

        return ask

    times = web.latencies({str(c.size): way(c) for c in catalogs}, queries)
    p50 = {size: round(median(each), 3) for size, each in times.items()}
    sizes = list(p50.values())
    return {"p50_ms": p50, "ratio": round(sizes[-1] / sizes[0], 2)}


def vars_of(built: Any) -> dict[str, float]:
    """For JSON."""
    from dataclasses import asdict

    return {name: round(value, 2) for name, value in asdict(built).items()}


def say(line: str) -> None:
    """At once, also into a file."""
    print(line, flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=_sizes, default=[10_000, 100_000], help="of the catalogs")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument(
        "--peers", type=Path, help="the Python where the other engines are installed"
    )
    parser.add_argument(
        "--engines",
        default="lancedb,chroma,hnswlib",
        help="which of them; milvus-lite too, which takes half a second a search",
    )
    parser.add_argument("--peers-at", type=int, default=PEER_LIMIT, help="greatest size for them")
    parser.add_argument("--parts", type=_parts, default=PARTS[:-1], help=", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round of throughput")
    parser.add_argument("--again", action="store_true", help="make the catalogs anew")
    parser.add_argument(
        "--merge", action="store_true", help="keep what earlier runs measured of other sizes, parts"
    )
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return sorted(int(size) for size in text.split(","))


def _parts(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    main()
