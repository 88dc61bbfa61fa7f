"""Catalogs of made-up items whose vectors lie in clusters, as embeddings do, and their bulk load."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

DIM = 256
PER_CLUSTER = 100
# of a vector's length around its cluster's centre; falling over the dimensions, as in real embeddings
SPREAD = 0.8
# of the distance of a modality's vector, and of a query, from the item's
APART = 0.5
AUDIO_SHARE = 0.2
COPY_ROWS = 20_000
# tag → share of the items that have it, whatever their vectors
SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}


@dataclass(frozen=True, slots=True)
class Vectors:
    """``fused`` (n, DIM) and ``queries`` (m, DIM), unit rows; ``draws`` (n,) in [0, 1)."""

    fused: NDArray[np.float32]
    queries: NDArray[np.float32]
    draws: NDArray[np.float64]
    """An item has the tag of share s if its draw is below s."""


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors(count: int, queries: int, seed: int = 0) -> Vectors:
    """The same for the same arguments; queries are other draws from the items' clusters."""
    rng = np.random.default_rng([seed, count])
    centres = unit_rows(_normal(rng, (max(1, count // PER_CLUSTER), DIM)))
    fall = (np.arange(1, DIM + 1) ** -0.5).astype(np.float32)
    fall /= np.linalg.norm(fall)

    def draw(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
        of = rng.integers(len(centres), size=size)
        return unit_rows(centres[of] + SPREAD * _normal(rng, (size, DIM)) * fall)

    # streams of their own: another number of queries leaves the catalog as it was stored
    others, lots = (np.random.default_rng([seed, count, stream]) for stream in (1, 2))
    return Vectors(draw(count, rng), draw(queries, others), lots.random(count))


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def fill(connection: psycopg.Connection[Any], space_id: int, made: Vectors, seed: int = 1) -> None:
    """Items 1 to n with their tags, and their rows in the space. Commits nothing."""
    with connection.cursor() as cursor:
        _fill_items(cursor, made)
        _fill_embeddings(cursor, space_id, made, np.random.default_rng(seed))


def _fill_items(cursor: psycopg.Cursor[Any], made: Vectors) -> None:
    cursor.execute(
        "CREATE TEMP TABLE given (id bigint, draw float8) ON COMMIT DROP",
    )
    with cursor.copy("COPY given FROM STDIN") as copy:
        for number, draw in enumerate(made.draws.tolist(), 1):
            copy.write_row((number, draw))
    tags = sql.SQL(" || ").join(
        sql.SQL("CASE WHEN draw < {} THEN ARRAY[{}] ELSE '{{}}' END::varchar[]").format(share, tag)
        for tag, share in SHARES.items()
    )
    cursor.execute(
        sql.SQL(
            "INSERT INTO catalog_item (id, external_id, kind, title, description, language, tags,"
            " attributes, published, published_at, content_version, content_changed_at, created_at,"
            " updated_at) SELECT id, 'item-' || id, 'item', 'Item number ' || id,"
            " 'What there is to say about number ' || id, 'en', {tags},"
            " jsonb_build_object('price', draw * 100), true, now(), 1, now(), now(), now() FROM given"
        ).format(tags=tags)
    )


def _fill_embeddings(
    cursor: psycopg.Cursor[Any], space_id: int, made: Vectors, rng: np.random.Generator
) -> None:
    weights = b'\x01{"text": 0.5, "image": 0.3, "audio": 0.2}'
    table = sql.Identifier(f"retrieval_embedding_{space_id}")
    statement = sql.SQL(
        "COPY {} (space_id, item_id, text, image, audio, fused, weights, content_version,"
        " content_hash, status, attempts, attempted_version, error_code, error)"
        " FROM STDIN (FORMAT binary)"
    ).format(table)
    with cursor.copy(statement) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        for start in range(0, len(made.fused), COPY_ROWS):
            fused = made.fused[start : start + COPY_ROWS]
            ids = np.arange(start + 1, start + 1 + len(fused))
            text, image, audio = (_near(fused, rng) for _ in range(3))
            heard = rng.random(len(fused)) < AUDIO_SHARE
            for some in (heard, ~heard):
                columns = [text, image, audio if some is heard else None, fused]
                copy.write(_rows(space_id, ids, columns, weights, some))
        copy.write(struct.pack(">h", -1))


def _near(rows: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    return unit_rows(rows + APART * DIM**-0.5 * _normal(rng, (len(rows), DIM)))


def _rows(
    space_id: int,
    ids: NDArray[np.int64],
    columns: list[NDArray[np.float32] | None],
    weights: bytes,
    some: NDArray[np.bool_],
) -> bytes:
    """Rows in Postgres's binary COPY format, made by numpy: the text format costs ten times as much."""
    parts: list[tuple[str, Any]] = [(">i8", space_id), (">i8", ids[some])]
    parts += [(f"({DIM},)>f2", None if column is None else column[some]) for column in columns]
    parts += [
        (f"S{len(weights)}", weights), (">i8", 1), ("S4", b"made"), ("S5", b"ready"),
        (">i2", 0), (">i8", 1), ("S0", b""), ("S0", b""),
    ]  # fmt: skip
    fields: list[Any] = [("fields", ">i2")]
    values: dict[str, Any] = {"fields": len(parts)}
    for number, (kind, value) in enumerate(parts):
        fields.append((f"length{number}", ">i4"))
        vector = "f2" in kind
        if value is None:
            values[f"length{number}"] = -1
            continue
        if vector:
            fields += [(f"dim{number}", ">i2"), (f"zero{number}", ">i2")]
            values |= {f"dim{number}": DIM, f"zero{number}": 0}
        size = np.dtype(kind).itemsize + (4 if vector else 0)
        values[f"length{number}"] = size
        if size:
            fields.append((f"value{number}", kind))
            values[f"value{number}"] = value
    table = np.zeros(int(some.sum()), dtype=fields)
    for name, value in values.items():
        table[name] = value
    return table.tobytes()
