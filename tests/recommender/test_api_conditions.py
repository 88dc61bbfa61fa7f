"""What a question asks for, condition by condition, and what is left of it."""

import pytest

from recommender.api.conditions import conditions_of, left_out, says_more
from recommender.llm.understanding import Interpretation, Sort, Vocabulary, Words

NAMES = Vocabulary(
    categories={"dog": ("animals/dogs",), "cat": ("animals/cats",)}, roles={"brand": "maker"}
)
MEANT = Interpretation(
    parts=(Words("pets"), Words("fluffy", -0.5)),
    filter={
        "price": {"lt": 5},
        "not": {
            "or": [{"categories": {"in": ["animals/dogs", "animals/cats"]}}, {"maker": "Acme"}]
        },
    },
    without=("fluffy", "dogs", "cats"),
    sort=Sort("price", "asc"),
    language="en",
)


def test_every_condition_is_named_once():
    assert [each.key for each in conditions_of(MEANT)] == [
        "without:fluffy",
        "without:dogs",
        "without:cats",
        "filter:price",
        "not:maker",
        "sort",
    ]


@pytest.mark.parametrize(
    ("unread", "filter_"),
    [
        (["without:dogs"], {"price": {"lt": 5}, "not": {"or": [{"categories": "animals/cats"}, {"maker": "Acme"}]}}),
        (["without:dogs", "without:cats", "without:fluffy"], {"price": {"lt": 5}, "not": {"maker": "Acme"}}),
        (["not:maker"], {"price": {"lt": 5}, "not": {"categories": {"in": ["animals/dogs", "animals/cats"]}}}),
        (["filter:price", "not:maker", "without:dogs", "without:cats", "without:fluffy"], {}),
    ],
)  # fmt: skip
def test_a_filter_without_some_of_it(unread, filter_):
    assert left_out(MEANT, unread, NAMES).filter == filter_


def test_what_is_left_out_is_neither_a_part_nor_an_order():
    left = left_out(MEANT, ["without:fluffy", "sort"], NAMES)
    assert (left.parts, left.without, left.sort) == ((Words("pets"),), ("dogs", "cats"), None)
    assert left_out(MEANT, ["without:", "sort:", "x"], NAMES) == MEANT


@pytest.mark.parametrize(
    ("meant", "more"),
    [
        (Interpretation(), False),
        (Interpretation(filter={"categories": "a", "maker": "Acme"}), False),
        (Interpretation(filter={"price": {"lt": 5}}), True),
        (Interpretation(filter={"not": {"maker": "Acme"}}), True),
        (Interpretation(without=("dogs",)), True),
        (Interpretation(sort=Sort("price", "asc")), True),
    ],
)
def test_what_says_more_than_what_it_is_about(meant, more):
    assert says_more(meant, NAMES) is more
