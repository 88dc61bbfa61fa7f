"""Other engines, in a Python of their own: builds each from FOLDER, then answers on standard input.

    python benchmarks/search/peers.py FOLDER ENGINE...

FOLDER holds ``fused.npy``, ``queries.npy`` and ``draws.npy``. A line ``{"engine", "query", "share"}``
is answered by ``{"ids", "ms"}``: the ten nearest rows, counted from 1, whose draw is below the share.
First comes a line for each engine: ``{"engine", "version", "build_s", "bytes"}`` or ``{"engine", "error"}``.
Imports nothing of ours.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

K = 10
M = 16
EF_CONSTRUCTION = 64
EF_SEARCH = 100
BATCH = 5_000


class Engine(Protocol):
    """One of the peers, built by its constructor in a folder of its own."""

    package: str

    def __init__(self, folder: Path, fused: np.ndarray, draws: np.ndarray) -> None: ...

    def search(self, query: np.ndarray, share: float) -> list[int]:
        """Rows from 1, best first; ``share`` 1 for no filter."""


class Lance:
    """LanceDB with its quantized HNSW, re-scored, and an index on the filtered column."""

    package = "lancedb"

    def __init__(self, folder: Path, fused: np.ndarray, draws: np.ndarray) -> None:
        import lancedb
        import pyarrow as pa

        vectors = pa.FixedSizeListArray.from_arrays(pa.array(fused.ravel()), fused.shape[1])
        rows = pa.table({"id": np.arange(1, len(fused) + 1), "draw": draws, "vector": vectors})
        self.table = lancedb.connect(folder).create_table("items", rows)
        self.table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=M,
            ef_construction=EF_CONSTRUCTION,
        )  # fmt: skip
        self.table.create_scalar_index("draw")

    def search(self, query: np.ndarray, share: float) -> list[int]:
        asked = (
            self.table.search(query)
            .limit(K)
            .ef(EF_SEARCH)
            .refine_factor(4)
            .select(["id", "_distance"])
        )
        if share < 1:
            asked = asked.where(f"draw < {share}", prefilter=True)
        return asked.to_arrow()["id"].to_pylist()


class Chroma:
    """Chroma with its HNSW."""

    package = "chromadb"

    def __init__(self, folder: Path, fused: np.ndarray, draws: np.ndarray) -> None:
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self.collection = client.create_collection(
            "items",
            configuration={
                "hnsw": {"space": "cosine", "max_neighbors": M, "ef_construction": EF_CONSTRUCTION,
                         "ef_search": EF_SEARCH}
            },
        )  # fmt: skip
        for start in range(0, len(fused), BATCH):
            rows = range(start, min(start + BATCH, len(fused)))
            self.collection.add(
                ids=[str(row + 1) for row in rows],
                embeddings=fused[rows.start : rows.stop],
                metadatas=[{"draw": float(draws[row])} for row in rows],
            )

    def search(self, query: np.ndarray, share: float) -> list[int]:
        where: Any = {"draw": {"$lt": share}} if share < 1 else None
        found = self.collection.query(
            query_embeddings=[query], n_results=K, where=where, include=[]
        )
        return [int(row) for row in found["ids"][0]]


class Hnswlib:
    """hnswlib: in memory, filtered by a call into Python for every row it looks at."""

    package = "hnswlib"

    def __init__(self, folder: Path, fused: np.ndarray, draws: np.ndarray) -> None:
        import hnswlib

        self.draws = draws
        self.index = hnswlib.Index("cosine", fused.shape[1])
        self.index.init_index(len(fused), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(fused, np.arange(1, len(fused) + 1))
        self.index.set_ef(EF_SEARCH)
        self.index.set_num_threads(1)
        self.index.save_index(str(folder / "index"))

    def search(self, query: np.ndarray, share: float) -> list[int]:
        passes = None if share == 1 else (lambda row: self.draws[row - 1] < share)
        wanted = min(K, len(self.draws) if share == 1 else int((self.draws < share).sum()))
        try:
            return self.index.knn_query(query, k=wanted, filter=passes)[0][0].tolist()
        except RuntimeError:  # "Cannot return the results in a contiguous 2D array": too few found
            return []


class Milvus:
    """Milvus Lite with HNSW."""

    package = "milvus-lite"

    def __init__(self, folder: Path, fused: np.ndarray, draws: np.ndarray) -> None:
        from pymilvus import DataType, MilvusClient

        self.client = MilvusClient(str(folder / "milvus.db"))
        schema = self.client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("draw", DataType.DOUBLE)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=fused.shape[1])
        self.client.create_collection("items", schema=schema)
        for start in range(0, len(fused), BATCH):
            rows = range(start, min(start + BATCH, len(fused)))
            self.client.insert(
                "items",
                [{"id": r + 1, "draw": float(draws[r]), "vector": fused[r].tolist()} for r in rows],
            )
        params = self.client.prepare_index_params()
        params.add_index(
            "vector", index_type="HNSW", metric_type="COSINE",
            params={"M": M, "efConstruction": EF_CONSTRUCTION},
        )  # fmt: skip
        self.client.create_index("items", params)
        self.client.load_collection("items")

    def search(self, query: np.ndarray, share: float) -> list[int]:
        found = self.client.search(
            "items", [query.tolist()], limit=K, filter=f"draw < {share}" if share < 1 else "",
            search_params={"params": {"ef": EF_SEARCH}},
        )  # fmt: skip
        return [hit["id"] for hit in found[0]]


ENGINES: dict[str, type[Engine]] = {
    "lancedb": Lance,
    "chroma": Chroma,
    "hnswlib": Hnswlib,
    "milvus-lite": Milvus,
}


def main() -> None:
    """Build, then answer until standard input ends."""
    folder = Path(sys.argv[1])
    fused, queries, draws = (np.load(folder / f"{n}.npy") for n in ("fused", "queries", "draws"))
    engines: dict[str, Engine] = {}
    for name in sys.argv[2:]:
        place = folder / name
        place.mkdir()
        started = time.perf_counter()
        try:
            engines[name] = ENGINES[name](place, fused, draws)
            engines[name].search(queries[0], 1)
        except Exception as err:
            say({"engine": name, "error": f"{type(err).__name__}: {err}"[:300]})
            continue
        took = time.perf_counter() - started
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        say(
            {
                "engine": name,
                "version": version(ENGINES[name].package),
                "build_s": took,
                "bytes": size,
            }
        )
    say({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        started = time.perf_counter()
        ids = engines[asked["engine"]].search(queries[asked["query"]], asked["share"])
        say({"ids": ids, "ms": (time.perf_counter() - started) * 1000})


def say(answer: dict[str, Any]) -> None:
    """One line; engines may print to standard output, so each of ours starts with a mark."""
    print("> " + json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
