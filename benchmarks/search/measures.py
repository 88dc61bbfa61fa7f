"""Recall and time of searches, ours and others', taken in turns."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.search import synthetic
from benchmarks.search.catalogs import Catalog

K = 10
SHARES: dict[str, float] = {"none": 1.0, **synthetic.SHARES}
ENGINES = ("lancedb", "chroma", "hnswlib", "milvus-lite")
WARM = 5  # searches before any is counted

Search = Callable[[int, str], tuple[list[int], float]]
"""Number of the query and name of the filter → ids, best first, and milliseconds."""


@dataclass(slots=True)
class Measured:
    """Of one way of searching, filter by filter."""

    recalls: dict[str, list[float]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def recall(self, share: str) -> float:
        """Mean over the queries."""
        return float(np.mean(self.recalls[share]))

    def p50(self, share: str) -> float:
        """Milliseconds."""
        return median(self.times[share])

    def as_dict(self) -> dict[str, dict[str, float]]:
        """For JSON."""
        return {
            share: {
                "recall": round(self.recall(share), 4),
                "p50_ms": round(self.p50(share), 3),
                "p95_ms": round(float(np.quantile(self.times[share], 0.95)), 3),
            }
            for share in self.times
        }


def in_turns(
    catalog: Catalog, searches: dict[str, Search], queries: int, shares: Sequence[str]
) -> dict[str, Measured]:
    """Every query by every way, each going first as often; recall against the truth of numpy."""
    found = {name: Measured() for name in searches}
    truth = Truth(catalog)
    order = list(searches)
    for share in shares:
        for query in range(-WARM, queries):
            order.append(order.pop(0))
            best = truth.best(abs(query), SHARES[share])
            for name in order:
                ids, ms = searches[name](abs(query), share)
                if query < 0:
                    continue
                recall = len(best & set(ids)) / len(best) if best else 1.0
                found[name].recalls.setdefault(share, []).append(recall)
                found[name].times.setdefault(share, []).append(ms)
    return found


class Truth:
    """The nearest of vectors as half precision stores them."""

    def __init__(self, catalog: Catalog) -> None:
        self.made = catalog.made
        self.rows = synthetic.unit_rows(self.made.fused.astype(np.float16).astype(np.float32))

    def best(self, query: int, share: float) -> set[int]:
        """Ids of the K nearest whose draw is below the share."""
        scores = self.rows @ self.made.queries[query]
        scores[self.made.draws >= share] = -np.inf
        count = min(K, int((self.made.draws < share).sum()))
        return {int(row) + 1 for row in np.argpartition(-scores, K)[:K][:count]} if count else set()


def ours(catalog: Catalog) -> Search:
    """The index as search calls it."""
    from catalog.models import Item
    from retrieval import index, spaces

    catalog.use()
    partition = spaces.active_space().partition

    def search(query: int, share: str) -> tuple[list[int], float]:
        started = time.perf_counter()
        items = Item.objects.visible()
        if share != "none":
            items = items.filter(tags__contains=[share])
        found = index.nearest(partition, catalog.made.queries[query], K, items=items, probed=False)
        return [item_id for item_id, _ in found], (time.perf_counter() - started) * 1000

    return search


def planner(catalog: Catalog, ef_search: int = 100) -> Search:
    """The statement that anybody would write, with pgvector's iterative scan; Postgres plans it."""
    bare = catalog.connect()
    bare.execute("SET hnsw.iterative_scan = relaxed_order")
    bare.execute(f"SET hnsw.ef_search = {ef_search}")
    (table,) = bare.execute(
        "SELECT tablename FROM pg_tables WHERE tablename ~ '^retrieval_embedding_[0-9]+$'"
    ).fetchone()
    statement = (
        f"SELECT e.item_id, 1 - (e.fused::halfvec({synthetic.DIM}) <=> %s::halfvec({synthetic.DIM}))"  # noqa: S608
        f" FROM {table} e JOIN catalog_item i ON i.id = e.item_id"
        " WHERE i.published AND (i.expires_at IS NULL OR i.expires_at > now()) {filter}"
        f" ORDER BY e.fused::halfvec({synthetic.DIM}) <=> %s::halfvec({synthetic.DIM}) LIMIT {K}"
    )

    def search(query: int, share: str) -> tuple[list[int], float]:
        started = time.perf_counter()
        vector = text(catalog.made.queries[query])
        condition = "" if share == "none" else "AND i.tags @> ARRAY[%s]::varchar[]"
        values = [vector, *([] if share == "none" else [share]), vector]
        rows = bare.execute(statement.replace("{filter}", condition), values).fetchall()
        return [item_id for item_id, _ in rows], (time.perf_counter() - started) * 1000

    return search


def text(vector: NDArray[np.float32]) -> str:
    """As pgvector reads it."""
    from retrieval.index.partitions import halfvec_text

    return halfvec_text(vector)


class Peers:
    """The other engines, in their own Python."""

    def __init__(
        self, python: Path, folder: Path, catalog: Catalog, engines: Sequence[str]
    ) -> None:
        folder.mkdir(parents=True)
        for name in ("fused", "queries", "draws"):
            np.save(folder / f"{name}.npy", getattr(catalog.made, name))
        script = Path(__file__).with_name("peers.py")
        self.process = subprocess.Popen(  # noqa: S603 - our own script
            [python, script, folder, *engines],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "peers.log").open("ab"),
            text=True,
        )
        self.asks = cast("IO[str]", self.process.stdin)
        self.answers = cast("IO[str]", self.process.stdout)
        self.built: dict[str, dict[str, Any]] = {}
        while "ready" not in (answer := self._answer()):
            self.built[answer["engine"]] = answer

    def searches(self) -> dict[str, Search]:
        """Of the engines that could be built."""
        return {name: self._search(name) for name, b in self.built.items() if "error" not in b}

    def close(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait()

    def _search(self, name: str) -> Search:
        def search(query: int, share: str) -> tuple[list[int], float]:
            asked = {"engine": name, "query": query, "share": SHARES[share]}
            self.asks.write(json.dumps(asked) + "\n")
            self.asks.flush()
            answer = self._answer()
            return answer["ids"], answer["ms"]

        return search

    def _answer(self) -> dict[str, Any]:
        for line in self.answers:
            if line.startswith("> "):
                answer: dict[str, Any] = json.loads(line[2:])
                return answer
        sys.exit("The process of the other engines ended: see peers.log in the data folder.")
