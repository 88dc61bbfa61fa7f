"""Catalogs and events that models learn from, and versions made without training."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from django.utils import timezone
from scipy.sparse import csr_matrix

from catalog.models import Item
from recommender import versions
from recommender.collaborative.stored import neighbours_store
from recommender.events import events_record
from recommender.models import Event, RecommenderModel
from retrieval import services, spaces
from tests.recommender.worlds import NOW, read, sent
from tests.retrieval.conftest import make_item

QUICK = {"factors": 8, "epochs": 40, "batch": 64, "learning_rate": 0.02}
TOPICS = ("frog pond green water", "drum brass loud march")


def topic_items(count: int = 24, *, first: int = 0, embedded: bool = True) -> list[Item]:
    """Half about frogs, half about drums, in turns; ``t0`` is a frog."""
    space_id = spaces.ensure_active_space("fake", 64)
    items = [make_item(f"t{n}", f"{TOPICS[n % 2]} n{n}") for n in range(first, first + count)]
    if embedded:
        services.embed_items(space_id, [item.pk for item in items])
    return items


def many_items(count: int) -> list[Item]:
    """Bare items, quickly."""
    return Item.objects.bulk_create(
        [Item(external_id=f"item-{n}", title=f"item {n}") for n in range(count)]
    )


def topic_events(items: Sequence[Item], visitors: int = 30) -> int:
    """Everybody likes items of one topic, seven each, over ten days up to NOW; how many events."""
    rng = np.random.default_rng(0)
    rows = []
    for visitor in range(visitors):
        own = [item for n, item in enumerate(items) if n % 2 == visitor % 2]
        for item in rng.choice(np.array(own, object), 7, replace=False):
            when = NOW - timedelta(days=float(rng.uniform(0, 10)))
            fields = {"visitor": f"v{visitor}", "item": item.external_id}
            rows.append(sent(f"{visitor}-{item.pk}", **fields, occurred_at=when.isoformat()))
    events_record(read(*rows))
    return Event.objects.count()


def ready(
    name: str,
    neighbours: Mapping[Item, Mapping[Item, float]] | None = None,
    *,
    algorithm: str = "ease",
    active: bool = False,
) -> RecommenderModel:
    """An item-item version that says so."""
    row = versions.version_create(algorithm, name=name)
    given = neighbours or {}
    ids = sorted({i.pk for i in given} | {j.pk for each in given.values() for j in each})
    at = {item_id: place for place, item_id in enumerate(ids)}
    found = np.zeros((len(ids), len(ids)), np.float32)
    for item, scores in given.items():
        for other, score in scores.items():
            found[at[item.pk], at[other.pk]] = score
    neighbours_store(row.pk, np.array(ids, np.int64), csr_matrix(found))
    RecommenderModel.objects.filter(pk=row.pk).update(state="ready", trained_at=timezone.now())
    return versions.version_activate(row.pk) if active else RecommenderModel.objects.get(pk=row.pk)
