"""Half precision against bits that are re-scored by half precision."""

import time
from typing import Any, cast

from psycopg import sql

from benchmarks.search import synthetic
from benchmarks.search.catalogs import BUILD_MEMORY, BUILD_WORKERS, Built, Catalog
from benchmarks.search.measures import K, Search, in_turns, text

# rows fetched by their bits for ten hits
FETCHES = (40, 100, 200, 400)


def compare(catalog: Catalog, queries: int) -> dict[str, Any]:
    """Build time, size, recall@10 and p50 of both; the index of bits is dropped again."""
    with catalog.connect() as bare:
        (table,) = bare.execute(
            "SELECT tablename FROM pg_tables WHERE tablename ~ '^retrieval_embedding_[0-9]+$'"
        ).fetchone()
        bare.execute(
            sql.SQL(
                "SET maintenance_work_mem = {}; SET max_parallel_maintenance_workers = {}"
            ).format(BUILD_MEMORY, BUILD_WORKERS)
        )
        bare.execute("DROP INDEX IF EXISTS bench_bits")
        started = time.perf_counter()
        bare.execute(
            f"CREATE INDEX bench_bits ON {table} USING hnsw ((binary_quantize("
            f"fused::halfvec({synthetic.DIM}))::bit({synthetic.DIM})) bit_hamming_ops)"
        )
        build_s = time.perf_counter() - started
        try:
            (size,) = bare.execute("SELECT pg_relation_size('bench_bits')").fetchone()
            ways: dict[str, Search] = {
                f"halfvec, ef {ef}": _half(catalog, bare, table, ef) for ef in (40, 100, 200)
            }
            ways |= {f"bits, {n} re-scored": _bits(catalog, bare, table, n) for n in FETCHES}
            found = in_turns(catalog, ways, queries, ["none"])
        finally:
            bare.execute("DROP INDEX bench_bits")
    built = cast("Built", catalog.built)
    return {
        "halfvec": {"build_s": built.build_s, "bytes": built.index_bytes},
        "bits": {"build_s": build_s, "bytes": size},
        "searches": {name: measured.as_dict()["none"] for name, measured in found.items()},
    }


def _half(catalog: Catalog, bare: Any, table: str, ef_search: int) -> Search:
    distance = f"fused::halfvec({synthetic.DIM}) <=> %s::halfvec({synthetic.DIM})"
    statement = f"SELECT item_id FROM {table} ORDER BY {distance} LIMIT {K}"  # noqa: S608
    return _search(catalog, bare, statement, 1, ef_search)


def _bits(catalog: Catalog, bare: Any, table: str, fetch: int) -> Search:
    dim = synthetic.DIM
    statement = (
        f"SELECT item_id FROM (SELECT item_id, fused FROM {table}"  # noqa: S608
        f" ORDER BY binary_quantize(fused::halfvec({dim}))::bit({dim})"
        f" <~> binary_quantize(%s::halfvec({dim}))::bit({dim}) LIMIT {fetch}) near"
        f" ORDER BY fused::halfvec({dim}) <=> %s::halfvec({dim}) LIMIT {K}"
    )
    return _search(catalog, bare, statement, 2, fetch)


def _search(catalog: Catalog, bare: Any, statement: str, times: int, ef_search: int) -> Search:
    def search(query: int, share: str) -> tuple[list[int], float]:
        bare.execute(f"SET hnsw.ef_search = {ef_search}")
        started = time.perf_counter()
        rows = bare.execute(statement, [text(catalog.made.queries[query])] * times).fetchall()
        return [item_id for (item_id,) in rows], (time.perf_counter() - started) * 1000

    return search
