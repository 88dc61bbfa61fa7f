"""Paging against an obvious reference, while items change between the pages."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from retrieval import index, pages, queries, services, spaces
from retrieval.scoring import Part
from retrieval.search import Query
from tests.retrieval.conftest import make_item
from tests.thoroughness import examples

pytestmark = pytest.mark.django_db

FEW = 12
FILTERS = {
    "all": (None, lambda kind, tag: True),
    "kind": ({"kind": "a"}, lambda kind, tag: kind == "a"),
    "not": ({"not": {"kind": "a"}}, lambda kind, tag: kind != "a"),
    "both": ({"and": [{"kind": "a"}, {"tags": "x"}]}, lambda kind, tag: (kind, tag) == ("a", "x")),
    "either": ({"or": [{"kind": "b"}, {"tags": "x"}]}, lambda kind, tag: kind == "b" or tag == "x"),
}
CHANGES = st.lists(
    st.tuples(st.integers(0, FEW - 1), st.booleans(), st.sampled_from("ab"), st.sampled_from("xy")),
    max_size=4,
)


LOOKED_FOR = {"one": [("frog", 1.0)], "two": [("frog", 1.0), ("word3x7", -0.55)]}
"""Texts of the parts, and how much each counts."""


def parts_of(space: spaces.Space, named: str) -> tuple[Part, ...]:
    return tuple(
        Part(queries.text_vector(space, text), "text", weight) for text, weight in LOOKED_FOR[named]
    )


@pytest.fixture
def few(space) -> dict[str, list[int]]:
    """Items in the order of a dense search for each of LOOKED_FOR, by all of their vectors, far apart."""
    titles = [" ".join(["frog", *(f"word{k}x{n}" for k in range(n))]) for n in range(FEW)]
    ids = [make_item(f"few-{n}", title).pk for n, title in enumerate(titles)]
    services.embed_items(space.id, ids)
    found = index.vectors(space.partition, ids)
    rows = {pk: vectors["fused"].astype(np.float64) for pk, vectors in found.items()}
    orders = {}
    for named in LOOKED_FOR:
        parts = parts_of(space, named)
        total = sum(abs(part.weight) for part in parts)
        asked = sum(part.weight / total * part.vector.astype(np.float64) for part in parts)
        scores = {pk: float(asked @ row / np.linalg.norm(row)) for pk, row in rows.items()}
        orders[named] = sorted(ids, key=lambda pk: -scores[pk])
        apart = [scores[a] - scores[b] for a, b in pairwise(orders[named])]
        assert min(apart) > 1e-3, named
    return orders


@settings(
    deadline=None,
    max_examples=examples(1_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.data(),
    chosen=st.sampled_from(sorted(FILTERS)),
    named=st.sampled_from(sorted(LOOKED_FOR)),
)
def test_pages_are_the_reference_order_of_what_stays(space, few, data, chosen, named):
    """Hidden, shown and re-labelled items between the pages, whose size changes too."""
    condition, fits = FILTERS[chosen]
    few = few[named]
    state = {pk: (True, "ab"[n % 2], "xy"[n % 3 == 0]) for n, pk in enumerate(few)}
    labelled = [
        Item(pk=pk, published=True, kind=kind, tags=[tag]) for pk, (_, kind, tag) in state.items()
    ]
    Item.objects.bulk_update(labelled, ["published", "kind", "tags"])
    stays = {pk for pk, (_, kind, tag) in state.items() if fits(kind, tag)}
    query = Query(parts_of(space, named))
    limit = data.draw(st.integers(1, FEW))
    page = pages.first(space, query, limit, filter=condition)
    seen = [hit.item_id for hit in page.hits]
    while page.next_cursor:
        for at, published, kind, tag in data.draw(CHANGES):
            pk = few[at]
            state[pk] = published, kind, tag
            if not (published and fits(kind, tag)):
                stays.discard(pk)
            Item.objects.filter(pk=pk).update(published=published, kind=kind, tags=[tag])
        limit = data.draw(st.integers(1, FEW))
        page = pages.following(page.next_cursor, limit)
        shown = [hit.item_id for hit in page.hits]
        assert all(state[pk][0] and fits(*state[pk][1:]) for pk in shown)
        assert len(shown) == limit or page.next_cursor is None
        seen += shown
    assert len(seen) == len(set(seen))
    assert [pk for pk in seen if pk in stays] == [pk for pk in few if pk in stays]
