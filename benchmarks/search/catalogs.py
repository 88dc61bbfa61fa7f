"""A database for each size of catalog, on the benchmark's own embedded server."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.search import synthetic

PROFILE = "starter"
BUILD_MEMORY = (
    "2GB"  # maintenance_work_mem: a million halfvec(256) and their neighbours need 1.2 GB
)
BUILD_WORKERS = 1  # beside the one that leads


@dataclass(frozen=True, slots=True)
class Built:
    """What making the catalog cost; seconds and bytes."""

    load_s: float
    build_s: float
    table_bytes: int
    index_bytes: int


class Catalog:
    """One size: its database, its space, its vectors."""

    def __init__(self, size: int, queries: int) -> None:
        self.size = size
        self.made = synthetic.vectors(size, queries)
        self.built: Built | None = None
        self._wrapper: Any = None

    @property
    def database(self) -> str:
        """Its name."""
        return f"triad_{self.size}"

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Bare, committing by itself."""
        return psycopg.connect(
            host=server(), user="postgres", dbname=self.database, autocommit=True, **options
        )

    def use(self) -> None:
        """Let Django's connection of this thread lead here."""
        from django.db import connections
        from django.db.utils import load_backend

        if self._wrapper is None:
            settings = {**connections.settings["default"], "NAME": self.database}
            self._wrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")
        connections["default"] = self._wrapper

    def make(self, *, again: bool) -> None:
        """Load and index the vectors, unless they are there and that was fast to find out."""
        with psycopg.connect(
            host=server(), user="postgres", dbname="postgres", autocommit=True
        ) as admin:
            there = admin.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [self.database]
            ).fetchone()
            if there and not again:
                self.use()
                self._load_built()
                return
            name = sql.Identifier(self.database)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        self.use()
        self._fill()

    def _fill(self) -> None:
        from django.core.management import call_command

        from retrieval import index, spaces
        from retrieval.models import EmbeddingSpace

        call_command("migrate", verbosity=0)
        spaces.ensure_active_space(PROFILE, synthetic.DIM)
        partition = spaces.active_space().partition
        with self.connect() as bare:
            (name, definition) = bare.execute(
                "SELECT indexname, indexdef FROM pg_indexes"
                " WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'",
                [partition.name],
            ).fetchone()
            started = time.perf_counter()
            with bare.transaction():
                bare.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
                # the rows are right by construction: no look-up of each foreign key
                bare.execute("SET LOCAL session_replication_role = replica")
                synthetic.fill(bare, partition.space_id, self.made)
            load_s = time.perf_counter() - started
            bare.execute(
                sql.SQL(
                    "SET maintenance_work_mem = {}; SET max_parallel_maintenance_workers = {}"
                ).format(BUILD_MEMORY, BUILD_WORKERS)
            )
            started = time.perf_counter()
            bare.execute(definition)
            build_s = time.perf_counter() - started
            bare.execute("VACUUM ANALYZE")
            (index_bytes,) = bare.execute(
                "SELECT pg_relation_size(%s::regclass)", [name]
            ).fetchone()
        self.built = Built(load_s, build_s, index.partition_size(partition).table, index_bytes)
        row = EmbeddingSpace.objects.get(pk=partition.space_id)
        row.metrics = {"benchmark": asdict(self.built)}
        row.save(update_fields=["metrics"])

    def _load_built(self) -> None:
        from retrieval import spaces

        stored = spaces.space_named(spaces.active_space().name).metrics
        self.built = Built(**stored["benchmark"])


def server() -> str:
    """The folder of the embedded server's socket."""
    from django.conf import settings

    return str(settings.DATABASES["default"]["HOST"])
