"""Leanings as bytes: half precision for vectors, which are averages of stored halves anyway."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from recommender.leanings import Groups, Kind, Leanings, Record, Session

Vectors = NDArray[np.float32]


class Row(NamedTuple):
    """The columns of a profile; about 1 KB for each interest of 256 dimensions, and for each 45 records."""

    at: float
    kinds: str
    liked: bytes
    disliked: bytes
    session: bytes
    history: bytes


COLUMNS: Final = ", ".join(f"p.{name}" for name in Row._fields)


def _group(dim: int, kinds: int) -> np.dtype[np.void]:
    return np.dtype([("item", "<i8"), ("masses", "<f4", (kinds,)), ("mean", "<f2", (dim,))])


def packed(leanings: Leanings) -> Row:
    """As they are stored."""
    session = np.zeros(1, [("weight", "<f8"), ("mean", "<f2", leanings.session.mean.shape)])
    session["weight"], session["mean"] = leanings.session.weight, leanings.session.mean
    return Row(
        leanings.at,
        json.dumps(leanings.kinds),
        _packed(leanings.liked, len(leanings.kinds)),
        _packed(leanings.disliked, len(leanings.kinds)),
        session.tobytes(),
        leanings.history.tobytes(),
    )


def _packed(groups: Groups, kinds: int) -> bytes:
    if not len(groups):
        return b""
    rows = np.zeros(len(groups), _group(groups.means.shape[1], kinds))
    rows["item"], rows["masses"], rows["mean"] = groups.items, groups.masses, groups.means
    return rows.tobytes()


def unpacked(row: Row, dim: int) -> Leanings:
    """What was packed in a space whose fused vectors have ``dim`` dimensions."""
    kinds = [Kind(*kind) for kind in json.loads(row.kinds)]
    session = np.frombuffer(row.session, [("weight", "<f8"), ("mean", "<f2", (dim,))])[0]
    return Leanings(
        liked=_unpacked(row.liked, dim, len(kinds)),
        disliked=_unpacked(row.disliked, dim, len(kinds)),
        session=Session(session["mean"].astype(np.float32), float(session["weight"])),
        at=row.at,
        kinds=kinds,
        history=np.frombuffer(row.history, Record).copy(),
    )


def _unpacked(data: bytes, dim: int, kinds: int) -> Groups:
    if not data:
        return Groups(np.zeros((0, dim), np.float32), np.zeros((0, kinds)), np.zeros(0, np.int64))
    rows = np.frombuffer(data, _group(dim, kinds))
    return Groups(
        rows["mean"].astype(np.float32), rows["masses"].astype(np.float64), rows["item"].copy()
    )


def read(space_id: int, dim: int, visitor_ids: Sequence[int]) -> dict[int, Leanings]:
    """Of the visitors who have a profile in the space; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.visitor_id, {COLUMNS} FROM recommender_profile p"  # noqa: S608 - constants
            " WHERE p.visitor_id = ANY(%s) AND p.space_id = %s",
            [list(visitor_ids), space_id],
        )
        return {row[0]: unpacked(Row(*row[1:]), dim) for row in cursor.fetchall()}


def write(space_id: int, leanings: Mapping[int, Leanings]) -> None:
    """Store the visitors' profiles in the space, in place of those they have there or anywhere."""
    rows = [(visitor_id, *packed(each)) for visitor_id, each in leanings.items()]
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM recommender_profile WHERE visitor_id = ANY(%s) AND space_id <> %s",
            [columns[0], space_id],
        )
        cursor.execute(
            "INSERT INTO recommender_profile (space_id, visitor_id, at, kinds, liked, disliked,"
            " session, history) SELECT %s, id, at, kinds::jsonb, liked, disliked, session, history"
            " FROM unnest(%s::bigint[], %s::float8[], %s::text[], %s::bytea[], %s::bytea[],"
            " %s::bytea[], %s::bytea[]) AS given (id, at, kinds, liked, disliked, session, history)"
            " ON CONFLICT (visitor_id, space_id) DO UPDATE SET at = excluded.at,"
            " kinds = excluded.kinds, liked = excluded.liked, disliked = excluded.disliked,"
            " session = excluded.session, history = excluded.history,"
            " updated_at = statement_timestamp()",
            [space_id, *columns],
        )
