"""The real demo catalog: HTTP against bare SQL, and where lopsided weights take candidates from."""

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from benchmarks.search import web
from benchmarks.search.catalogs import Catalog, server
from benchmarks.search.measures import K

CANDIDATES = 100
SHARES = (0.34, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MODALITIES = ("text", "image", "audio")


class Demo(Catalog):
    """In a database of its own, embedded in an untrained space."""

    def __init__(self) -> None:
        self.size, self.built = 0, None
        self._wrapper = None

    @property
    def database(self) -> str:
        """Its name."""
        return "triad_demo"

    def fill(self, queries: int, seed: int = 0) -> None:
        """Import and embed unless that was done; ``made.queries`` become those of titles."""
        import psycopg
        from django.core.management import call_command

        from catalog.models import Item
        from retrieval import queries as encoded
        from retrieval import spaces

        with psycopg.connect(
            host=server(), user="postgres", dbname="postgres", autocommit=True
        ) as admin:
            if not admin.execute(
                "SELECT 1 FROM pg_database WHERE datname = 'triad_demo'"
            ).fetchone():
                admin.execute("CREATE DATABASE triad_demo")
        self.use()
        call_command("migrate", verbosity=0)
        if not Item.objects.exists():
            call_command("import_demo")
        call_command("embed", here=True)
        self.size = Item.objects.count()
        titles = list(Item.objects.order_by("id").values_list("title", flat=True))
        drawn = np.random.default_rng(seed).permutation(len(titles))[:queries]
        self.titles = [titles[n] for n in drawn]
        space = spaces.active_space()
        self.space = space
        self.vectors = [encoded.text_vector(space, title) for title in self.titles]


def measure(queries: int) -> dict[str, Any]:
    """For JSON."""
    from catalog.models import Item
    from retrieval import index

    demo = Demo()
    demo.fill(queries)
    partition = demo.space.partition
    asked = [demo.space.head.fused_query(vector[None])[0] for vector in demo.vectors]
    recalls = []
    for vector in asked:
        found, best = (
            {i for i, _ in index.nearest(
                partition, vector, K, items=Item.objects.visible(), exact=exact, probed=False
            )}
            for exact in (False, True)
        )  # fmt: skip
        recalls.append(len(found & best) / len(best))
    return {
        "items": demo.size,
        "recall": round(float(np.mean(recalls)), 4),
        "latency": _latency(demo, asked),
        "candidates": _candidates(demo),
    }


def _latency(demo: Demo, asked: list[np.ndarray]) -> dict[str, float]:
    import http.client
    import urllib.parse

    bare = web.BareClient(demo, demo.space.partition.fused_dim, queries=asked)
    with web.web_server(demo) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def ask(query: int) -> str:
            given = urllib.parse.urlencode(
                {"q": demo.titles[query % len(asked)], "limit": K, "mode": "dense"}
            )
            connection.request("GET", f"/api/v1/search/?{given}")
            return connection.getresponse().read().decode()

        for query in range(len(asked)):
            ask(query)  # their vectors are in the cache from now on
        times = web.latencies({"http": ask, "sql": bare.ask}, len(asked))
    found = {name: round(median(each), 3) for name, each in times.items()}
    return {**found, "ratio": round(found["http"] / found["sql"], 2)}


def _candidates(demo: Demo) -> dict[str, Mapping[str, float]]:
    """Queries are items' vectors of the modality: what else looks or sounds so?"""
    from catalog.models import Item
    from retrieval import index

    partition, everything = demo.space.partition, Item.objects.visible()
    stored = index.vectors(partition, index.embedded_ids(partition))
    rng = np.random.default_rng(1)
    found: dict[str, Mapping[str, float]] = {}
    for name in MODALITIES:
        have = [item_id for item_id, row in sorted(stored.items()) if name in row]
        chosen = [have[n] for n in rng.permutation(len(have))[:50]]
        for share in SHARES:
            weights = {m: share if m == name else (1 - share) / 2 for m in MODALITIES}
            kept: dict[str, list[float]] = {"fused": [], "own": [], "candidates": []}
            for item_id in chosen:
                vector = stored[item_id][name].astype(np.float32)
                vectors = dict.fromkeys(MODALITIES, vector)
                vectors["fused"] = demo.space.head.fused_query(vector[None])[0]
                best = _best(stored, vector, weights)
                ways: dict[str, Callable[[], list[int]]] = {
                    "fused": lambda v=vectors: index.candidates(
                        partition, v, {}, CANDIDATES, items=everything
                    ),
                    "own": lambda v=vectors, n=name: [
                        i
                        for i, _ in index.nearest(
                            partition, v[n], CANDIDATES, items=everything, column=n
                        )
                    ],
                    "candidates": lambda v=vectors, w=weights: index.candidates(
                        partition, v, w, CANDIDATES, items=everything
                    ),
                }
                for way, ids in ways.items():
                    kept[way].append(len(best & set(ids())) / len(best))
            found[f"{name} {share:g}"] = {k: round(float(np.mean(v)), 4) for k, v in kept.items()}
    return found


def _best(
    stored: Mapping[int, Mapping[str, np.ndarray]],
    vector: np.ndarray,
    weights: Mapping[str, float],
) -> set[int]:
    scores = {
        item_id: sum(
            weight * float(row[name].astype(np.float32) @ vector)
            for name, weight in weights.items()
            if name in row
        )
        for item_id, row in stored.items()
    }
    return set(sorted(scores, key=lambda item_id: (-scores[item_id], item_id))[:K])
