"""Stored events as columns, and what of them the models take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql
from scipy.sparse import coo_matrix

from recommender.collaborative.interactions import Interactions
from recommender.event_types import event_types
from recommender.types import EventType

DAY_S: Final = 86_400
LEAST_STRENGTH: Final = 0.05
"""A view counts so little after some four months: what is left of it says nothing any more."""
HEADER: Final = 19  # bytes of a binary COPY before its first row
ROW: Final = np.dtype(
    [("fields", ">i2")]
    + [
        field
        for name, kind in (("visitor", ">i8"), ("item", ">i8"), ("type", ">i8"), ("share", ">f8"), ("at", ">f8"))
        for field in ((f"{name}_size", ">i4"), (name, kind))
    ]
)  # fmt: skip
COLUMNS: Final = ("visitor", "item", "type", "share", "at")


@dataclass(frozen=True, slots=True)
class EventTable:
    """One event a row, in no order; (n,) each."""

    visitor: NDArray[np.int64]
    item: NDArray[np.int64]
    type: NDArray[np.int64]
    """A place in ``types``."""
    share: NDArray[np.float64]
    """How much was taken in, for types that say so."""
    at: NDArray[np.float64]
    """Seconds since 1970."""
    types: tuple[EventType, ...]

    def __len__(self) -> int:
        return len(self.visitor)

    def where(self, chosen: NDArray[np.bool_]) -> "EventTable":
        """The events chosen."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in COLUMNS})

    def strengths(self, now: float) -> NDArray[np.float64]:
        """(n,): ``EventType.strength`` of each."""
        weight = np.array([each.weight for each in self.types])
        half_life_s = np.array([each.half_life_days for each in self.types]) * DAY_S
        age_s = np.maximum(now - self.at, 0)
        with_share = np.array([each.with_share for each in self.types], bool)
        taken = np.where(with_share[self.type], self.share, 1.0)
        return np.asarray(weight[self.type] * taken * 0.5 ** (age_s / half_life_s[self.type]))

    def standing(self) -> NDArray[np.bool_]:
        """(n,): what its visitor did not take back, then or later (``EventType.takes_back``)."""
        taking_back = np.array([each.takes_back for each in self.types], bool)[self.type]
        if not taking_back.any():
            return np.ones(len(self), bool)
        _, row = np.unique(self.visitor, return_inverse=True)
        items, column = np.unique(self.item, return_inverse=True)
        pairs, pair = np.unique(row * len(items) + column, return_inverse=True)
        since = np.full(len(pairs), -np.inf)
        np.maximum.at(since, pair[taking_back], self.at[taking_back])
        return np.asarray(taking_back | (self.at > since[pair]))

    def interactions(
        self,
        now: float | None = None,
        *,
        item_ids: Sequence[int] = (),
        least_items: int = 1,
        least_visitors: int = 1,
    ) -> Interactions:
        """What the events say together, as of ``now`` (the latest of them).

        A visitor's events with an item that they did not take back are added up; where they speak against
        it, or hardly for it, there is nothing. The sum s counts log2(1 + s): one plain event 1, ten of them 3.5. ``item_ids`` get a
        column each, touched or not. A visitor with fewer than ``least_items`` is left out, after items
        with fewer than ``least_visitors``.
        """
        now = float(self.at.max(initial=0)) if now is None else now
        people, row = np.unique(self.visitor, return_inverse=True)
        items, column = np.unique(
            np.concatenate([self.item, np.asarray(item_ids, np.int64)]), return_inverse=True
        )
        entries = (self.strengths(now) * self.standing(), (row, column[: len(self)]))
        x = coo_matrix(entries, shape=(len(people), len(items))).tocsr()
        x.data[x.data < LEAST_STRENGTH] = 0
        x.eliminate_zeros()
        x.data = np.log2(1 + x.data).astype(np.float32)
        kept = np.bincount(x.indices, minlength=len(items)) >= least_visitors
        x.data[~kept[x.indices]] = 0
        x.eliminate_zeros()
        busy = np.diff(x.indptr) >= max(least_items, 1)
        x = x[busy]
        kept |= np.isin(items, item_ids)
        kept &= (np.bincount(x.indices, minlength=len(items)) > 0) | np.isin(items, item_ids)
        return Interactions(x[:, kept].astype(np.float32).tocsr(), items[kept], people[busy])


def events_read(*, since: datetime | None = None, demo: bool = False) -> EventTable:
    """Every event with an item that is in the catalog, by one COPY: 50 bytes each on the way.

    Types the settings no longer name are left out, and so are invented visitors
    (RECOMMENDER["DEMO_VISITORS"]) unless ``demo`` asks for them.
    """
    types = tuple(event_types().values())
    known = {"names": sql.Literal([each.name for each in types])}
    conditions = [sql.SQL("e.item_id IS NOT NULL AND e.type = ANY({names})").format(**known)]
    if since is not None:
        conditions.append(sql.SQL("e.occurred_at >= {}").format(since))
    if not demo and (prefix := settings.RECOMMENDER["DEMO_VISITORS"]):
        conditions.append(sql.SQL("NOT starts_with(v.external_id, {})").format(prefix))
    statement = sql.SQL(
        "COPY (SELECT e.visitor_id, e.item_id, array_position({names}, e.type::text)::bigint - 1,"
        " coalesce(e.share, 1)::float8, extract(epoch FROM e.occurred_at)::float8"
        " FROM recommender_event e JOIN recommender_visitor v ON v.id = e.visitor_id"
        " WHERE {conditions}) TO STDOUT (FORMAT BINARY)"
    ).format(conditions=sql.SQL(" AND ").join(conditions), **known)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        data = b"".join(bytes(part) for part in copy)
    # every column is eight bytes and none is null: rows are of one length
    rows = np.frombuffer(data, ROW, (len(data) - HEADER) // ROW.itemsize, HEADER)
    columns = {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in COLUMNS}
    return EventTable(**columns, types=types)


def interactions_of_events(
    now: float | None = None, *, least_items: int = 1, least_visitors: int = 1
) -> Interactions:
    """``events_read`` and ``EventTable.interactions``."""
    return events_read().interactions(now, least_items=least_items, least_visitors=least_visitors)
