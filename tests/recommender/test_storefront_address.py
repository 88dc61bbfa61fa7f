"""A search as an address says it becomes the API's query."""

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from recommender.storefront.address import search_body, wanted
from retrieval.exceptions import InvalidQuery
from retrieval.serializers import SearchSerializer


def body(address: str, *files: str) -> dict:
    return search_body(wanted(QueryDict(address)), dict.fromkeys(files))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("q=frog", {"query": [{"text": "frog", "weight": 1.0}]}),
        (
            "q=boots&q=leather&item=a&w=1,-0.5&w=0.25",
            {
                "query": [
                    {"text": "boots", "weight": 1.0},
                    {"text": "leather", "weight": -0.5},
                    {"item": "a", "weight": 0.25},
                ]
            },
        ),
        # an empty row of the form keeps its weight to itself
        (
            "q=boots&w=2&q=+&w=-1&item=a&w=",
            {"query": [{"text": "boots", "weight": 2.0}, {"item": "a", "weight": 1.0}]},
        ),
        # what weighs nothing is not asked for
        ("q=boots&q=red&w=1&w=0", {"query": [{"text": "boots", "weight": 1.0}]}),
        # modalities that weigh the same are as the space fuses them
        (
            "q=a&by.text=1&by.image=1&by.audio=1",
            {"query": [{"text": "a", "weight": 1.0}]},
        ),
        (
            "q=a&by.text=0&by.image=1.5",
            {"query": [{"text": "a", "weight": 1.0}], "modalities": {"image": 1.5}},
        ),
        ("q=a&mode=dense", {"query": [{"text": "a", "weight": 1.0}], "mode": "dense"}),
    ],
)
def test_an_address_is_a_query(address: str, expected: dict):
    assert body(address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("f.kind=stamp", {"kind": "stamp"}),
        ("f.kind=stamp&f.kind=emoji&f.kind=stamp", {"kind": {"in": ["stamp", "emoji"]}}),
        ("f.price.lt=50&f.price.gte=9.5", {"price": {"lt": 50, "gte": 9.5}}),
        ("f.in_stock=true", {"in_stock": True}),
        ("f.released.gte=2026-01-01", {"released": {"gte": "2026-01-01"}}),
        ("f.price=&f.kind=+", None),
        # of which the API says what is wrong
        ("f.price.lt=cheap", {"price": {"lt": "cheap"}}),
        ("f.prise=3", {"prise": "3"}),
        ("f.price=5&f.price.lt=9", {"and": [{"price": {"lt": 9}}, {"price": 5}]}),
    ],
)
def test_filters(address: str, expected: dict | None):
    assert body(f"q=a&{address}").get("filter") == expected


def test_files_are_parts_with_weights_of_their_own():
    assert body("q=a&image_w=-1&audio_w=", "image", "audio")["query"][1:] == [
        {"image": "image", "weight": -1.0},
        {"audio": "audio", "weight": 1.0},
    ]


def test_every_weight_that_is_none_is_named():
    with pytest.raises(InvalidQuery) as caught:
        body("q=a&q=b&item=c&w=x,3,nan&image_w=1e9&by.text=-1", "image")
    assert caught.value.errors == {
        "w[0]": "The weight of 'a' must be a number from -2 to 2, not 'x'.",
        "w[1]": "The weight of 'b' must be a number from -2 to 2, not '3'.",
        "w[2]": "The weight of 'c' must be a number from -2 to 2, not 'nan'.",
        "image_w": "The weight of 'image' must be a number from -2 to 2, not '1e9'.",
        "by.text": "The weight of 'text' must be a number from 0 to 2, not '-1'.",
    }


def test_a_query_that_weighs_nothing_at_all():
    with pytest.raises(InvalidQuery, match="every part weighs 0"):
        body("q=a&w=0")


def test_text_that_no_query_can_hold():
    with pytest.raises(ValidationError, match="NUL"):
        body("q=a%00b")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ("q", "item", "w", "f.price.lt", "f.kind", "by.text", "mode", "f.", "f..lt")
            ),
            st.text(max_size=8),
        ),
        max_size=8,
    )
)
def test_whatever_an_address_says_is_a_body_or_a_message(pairs: list[tuple[str, str]]):
    said = QueryDict(mutable=True)
    for name, value in pairs:
        said.appendlist(name, value)
    try:
        found = search_body(wanted(said), {})
    except (InvalidQuery, ValidationError):
        return
    assert found["query"] == [] or all(part["weight"] for part in found["query"])
    SearchSerializer(data=found).is_valid()  # says so, and does not fail
