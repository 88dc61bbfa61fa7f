"""Whatever is asked, the answer is a page or says which field is wrong."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval import lexical, services
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

FUZZ = settings(
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NASTY = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 1.5, 1e308, -1e308, 10**18, 1e-320, ""),
        *("\x00", "\ud800", "frog", "'; DROP TABLE catalog_item; --", "%s", "{}", "[" * 40),
        *("𝕱𝖗𝖔𝖌", "\u202e", "a" * 3000, "🐸", "frog & ! | ( <-> :*", "item-1", "NaN", "Infinity"),
    ]
)
VALUES = st.recursive(
    NASTY | st.text(max_size=20) | st.floats(allow_nan=False) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=10) | st.sampled_from(["and", "or", "not", "kind", "in"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def mostly(good: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(good, good, good, VALUES)


WEIGHTS = mostly(st.sampled_from([1, -1, 0.5, 100, -100, 1e-9]))
PARTS = st.one_of(
    st.fixed_dictionaries({}, optional={"text": mostly(st.just("frog")), "weight": WEIGHTS}),
    st.fixed_dictionaries({"item": mostly(st.just("item-1"))}, optional={"weight": WEIGHTS}),
    VALUES,
)
COMMON = {
    "limit": mostly(st.integers(1, 100)),
    "similarity": mostly(st.sampled_from(["cosine", "ip", "l2", "normalised", None])),
    "modalities": mostly(st.just({"image": 0.7, "text": 0.3})),
    "filter": mostly(st.just({"kind": "item"})),
    "diversity": mostly(st.floats(0, 1)),
    "min_score": mostly(st.floats(-1, 1)),
    "facets": mostly(st.just(["kind", "tags", "categories"])),
    "explain": mostly(st.booleans()),
    "cursor": mostly(st.none()),
    "lang": mostly(st.just("en")),
}
SEARCHES = st.fixed_dictionaries(
    {"query": mostly(st.lists(PARTS, min_size=1, max_size=3))},
    optional={"mode": mostly(st.sampled_from(["dense", "lexical", "hybrid"])), **COMMON},
)
SIMILAR = st.fixed_dictionaries(
    {"positive": mostly(st.just([{"item": "item-1"}, {"item": "item-2", "weight": 2}]))},
    optional={
        "negative": mostly(st.just([{"item": "item-3"}])),
        "strategy": mostly(st.sampled_from(["average", "sum", "best"])),
        **COMMON,
    },
)


@pytest.fixture
def catalog(space) -> None:
    items = [make_item(f"item-{n}", f"frog {n}") for n in range(5)]
    services.embed_items(space.id, [item.pk for item in items])
    lexical.index_items([item.pk for item in items])


def check(answer) -> None:
    assert answer.status_code in (200, 400), answer.content
    body = answer.json()
    if answer.status_code == 400:
        assert body["detail"]
        return
    scores = [hit["score"] for hit in body["hits"]]
    assert all(abs(score) <= 10 for score in scores)
    for hit in body["hits"]:
        if "contributions" in hit:
            for split in (
                hit["contributions"]["parts"],
                hit["contributions"]["modalities"].values(),
            ):
                assert sum(split) == pytest.approx(hit["score"], abs=1e-4)


@FUZZ
@given(SEARCHES)
def test_search(client, catalog, body):
    check(client.post("/api/v1/search/", json.dumps(body), content_type="application/json"))


@FUZZ
@given(SIMILAR)
def test_similar_to_several(client, catalog, body):
    check(client.post("/api/v1/similar/", json.dumps(body), content_type="application/json"))


@FUZZ
@given(
    st.sampled_from(["search/", "items/item-1/similar/", "suggest/"]),
    st.dictionaries(
        st.sampled_from(["q", "mode", *COMMON]),
        NASTY.map(str).filter(lambda text: text.isprintable()) | st.text(max_size=30),
        max_size=5,
    ),
)
def test_in_the_url(client, catalog, path, parameters):
    sent = {name: value.encode(errors="surrogatepass") for name, value in parameters.items()}
    answer = client.get(f"/api/v1/{path}", sent)
    assert answer.status_code in (200, 400), answer.content
