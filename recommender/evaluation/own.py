"""This installation's own events as a dataset."""

import numpy as np
from numpy.typing import NDArray

from catalog.models import Item
from recommender.collaborative.event_table import events_read
from recommender.evaluation.datasets import Dataset
from recommender.exceptions import NothingToLearn
from retrieval import spaces
from retrieval.evaluation import stored
from retrieval.exceptions import NoActiveSpace
from retrieval.types import Vectors


def events() -> Dataset:
    """Each visitor's first event for each item that speaks for it and was not taken back; items of the active space with vectors.

    Invented visitors stay out. Raises NothingToLearn where there are no events.
    """
    table = events_read()
    table = table.where(table.standing() & (table.strengths(float(table.at.max(initial=0))) > 0))
    if not len(table):
        raise NothingToLearn
    order = np.argsort(table.at, kind="stable")
    pairs = np.stack([table.visitor[order], table.item[order]], 1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    chosen = order[np.sort(first)]
    item_ids, vectors = _items(table.item[chosen])
    titles = dict(Item.objects.filter(pk__in=item_ids.tolist()).values_list("pk", "title"))
    people, visitors = np.unique(table.visitor[chosen], return_inverse=True)
    return Dataset(
        "events",
        "this installation's events; invented visitors left out",
        visitors,
        np.searchsorted(item_ids, table.item[chosen]),
        table.at[chosen],
        tuple(titles.get(int(pk), "") for pk in item_ids),
        len(people),
        vectors,
    )


def _items(used: NDArray[np.int64]) -> tuple[NDArray[np.int64], dict[str, Vectors]]:
    """Ids, ascending, of what was used and of what the active space holds; its vectors by modality."""
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        return np.unique(used), {}
    ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
    known = stored.read_items(space, ids, pieces=False)
    item_ids = np.union1d(known.ids, used)
    vectors: dict[str, Vectors] = {"fused": known.fused}
    vectors.update((name, rows) for name, rows in known.vectors.items() if rows.any())
    return item_ids, {name: _spread(rows, known.ids, item_ids) for name, rows in vectors.items()}


def _spread(rows: Vectors, own: NDArray[np.int64], item_ids: NDArray[np.int64]) -> Vectors:
    """Zeros for the items that have none."""
    spread = np.zeros((len(item_ids), rows.shape[1]), np.float32)
    spread[np.searchsorted(item_ids, own)] = rows
    return spread
