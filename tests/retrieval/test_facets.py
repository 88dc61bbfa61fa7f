"""Facets: counts that agree with the filters, in one query."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Item
from catalog.services import ItemContent, TextContent
from catalog.upserts import items_upsert
from retrieval.exceptions import InvalidQuery
from retrieval.facets import FacetCount, check_names, facets
from retrieval.filters import fields, filter_items
from tests.retrieval import filter_reference as reference

WORLD = reference.items(64, seed=8)


@pytest.fixture(autouse=True)
def declared(settings):
    settings.RETRIEVAL = {**settings.RETRIEVAL, "FILTERS": reference.DECLARED}


def content(external_id: str, **given) -> ItemContent:
    texts = tuple(TextContent(language=each, title=each) for each in given.pop("texts", ()))
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return ItemContent(external_id=external_id, title=external_id, texts=texts, **given)


def stored(*rows: dict) -> list[int]:
    return [each.item.pk for each in items_upsert([(content(**row), None) for row in rows])]


def counts(found: list[FacetCount]) -> dict:
    return {each.value: each.count for each in found}


def test_a_category_counts_what_is_below_it_once_an_item(db):
    ids = stored(
        {"external_id": "owl", "categories": ["animals/birds/owls", "animals/night"]},
        {"external_id": "hen", "categories": ["animals/birds"]},
        {"external_id": "oak", "categories": ["plants"]},
    )

    assert facets(ids, ["categories"])["categories"] == [
        FacetCount("animals", 2),
        FacetCount("animals/birds", 2),
        FacetCount("animals/birds/owls", 1),
        FacetCount("animals/night", 1),
        FacetCount("plants", 1),
    ]
    assert counts(facets(ids[1:], ["categories"])["categories"]) == {
        "animals": 1,
        "animals/birds": 1,
        "plants": 1,
    }


def test_values_of_every_kind(db):
    ids = stored(
        {
            "external_id": "a",
            "kind": "boot",
            "language": "en",
            "texts": ["zh"],
            "tags": ["red"],
            "attributes": {"brand": ["Acme", "Zeta", "Acme"], "in_stock": True, "price": 5},
        },
        {
            "external_id": "b",
            "kind": "boot",
            "language": "zh",
            "tags": ["red", "warm"],
            "attributes": {"brand": "Acme", "in_stock": "yes", "price": [5, 70]},
        },
        {"external_id": "c", "kind": "hat", "attributes": {"brand": 7, "released": "2024-02-29"}},
    )

    found = facets(ids, ["kind", "language", "tags", "brand", "in_stock", "price", "released"])

    assert {name: [(each.value, each.count) for each in of] for name, of in found.items()} == {
        "kind": [("boot", 2), ("hat", 1)],
        "language": [("en", 2), ("zh", 2)],
        "tags": [("red", 2), ("warm", 1)],
        "brand": [("Acme", 2), ("Zeta", 1)],
        "in_stock": [(True, 1)],
        "price": [({"gte": 5, "lte": 5}, 2), ({"gte": 70, "lte": 70}, 1)],
        "released": [({"gte": "2024-01-01", "lte": "2024-12-31"}, 1)],
    }


def test_every_value_is_a_filter_that_gives_its_count(db):
    ids = stored(*WORLD)[10:]
    items = Item.objects.filter(pk__in=ids)
    names = [name for name in fields() if name != "external_id"]
    found = facets(ids, names)

    assert list(found) == names
    for name, values in found.items():
        assert values
        for each in values:
            assert filter_items(items, {name: each.value}).count() == each.count, (name, each)


def test_the_ranges_of_a_number_share_the_items_out(db):
    prices = [{"external_id": f"n{at}", "attributes": {"price": at}} for at in range(100)]
    found = facets(stored(*prices), ["price"])["price"]

    assert [each.count for each in found] == [20] * 5
    assert found[0].value == {"gte": 0, "lte": 19}
    assert found[-1].value == {"gte": 80, "lte": 99}


def test_the_most_frequent_fifty_of_many(db):
    rows = [
        {"external_id": f"n{at}", "kind": f"k{at:02}", "tags": ["x", f"t{at:02}"]}
        for at in range(60)
    ]
    found = facets(stored(*rows), ["tags", "kind"])

    assert found["tags"] == [
        FacetCount("x", 60),
        *(FacetCount(f"t{at:02}", 1) for at in range(49)),
    ]
    assert len(found["kind"]) == 50


def test_one_query_however_many_items_and_facets(db):
    ids = stored(*WORLD)

    for chosen, names in ((ids[:1], ["kind"]), (ids, [n for n in fields() if n != "external_id"])):
        with CaptureQueriesContext(connection) as captured:
            facets(chosen, names)
        assert len(captured) == 1


def test_nothing_to_count(db):
    assert facets([], ["kind"]) == {"kind": []}
    assert facets([-1], ["kind", "price", "categories"]) == {
        "kind": [],
        "price": [],
        "categories": [],
    }
    assert facets([1], []) == {}


@pytest.mark.parametrize(
    ("names", "path", "said"),
    [
        ("kind", "facets", "must be a list of names of fields."),
        (
            ["kind", "category"],
            "facets[1]",
            "did you mean 'categories'? Use one of kind, categories",
        ),
        ([["kind"]], "facets[0]", "There is no such facet."),
        (["external_id"], "facets[0]", "There is no such facet."),
        ([None], "facets[0]", "There is no such facet."),
        (["kind"] * 21, "facets", "has 21 names; the limit is 20."),
    ],
)
def test_names_are_checked(names, path, said):
    with pytest.raises(InvalidQuery) as refused:
        check_names(names)

    assert list(refused.value.errors) == [path]
    assert said in refused.value.errors[path]


def test_a_name_counts_once():
    assert check_names(["tags", "kind", "tags"]) == ["tags", "kind"]
