"""This installation's own events as a dataset."""

import numpy as np

from catalog.models import Item
from recommender.collaborative.event_table import events_read
from recommender.evaluation.datasets import Dataset
from recommender.exceptions import NothingToLearn
from retrieval import spaces
from retrieval.evaluation import stored
from retrieval.exceptions import NoActiveSpace


def events() -> Dataset:
    """Each visitor's first event for each item that speaks for it; items of the active space with vectors.

    Invented visitors stay out. Raises NothingToLearn where there are no events.
    """
    table = events_read()
    table = table.where(table.strengths(float(table.at.max(initial=0))) > 0)
    if not len(table):
        raise NothingToLearn
    order = np.argsort(table.at, kind="stable")
    pairs = np.stack([table.visitor[order], table.item[order]], 1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    chosen = order[np.sort(first)]
    try:
        space = spaces.active_space()
        ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
        known = stored.read_items(space, ids, pieces=False)
        item_ids = np.union1d(known.ids, table.item[chosen])
        by_modality = {**known.vectors, "fused": known.fused}
    except NoActiveSpace:
        known, by_modality = None, {}
        item_ids = np.unique(table.item[chosen])
    vectors = {}
    for name, rows in by_modality.items():
        if known is not None and rows.any():
            vectors[name] = np.zeros((len(item_ids), rows.shape[1]), np.float32)
            vectors[name][np.searchsorted(item_ids, known.ids)] = rows
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
