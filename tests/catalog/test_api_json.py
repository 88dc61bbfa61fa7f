"""JSON from anyone: what is refused, and that it never becomes a 500."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError, ValidationError

from catalog.models import Item
from catalog.parsers import MAX_DEPTH, parse_json
from tests.clients import with_scopes

PATH = "/api/v1/items/"

BAD = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"{'a': 1}", "not JSON"),
    (b'{"a": 1} x', "not JSON"),
    (b"\xff\xfe", "not UTF-8 at byte 0"),
    (b'"caf\xe9"', "not UTF-8 at byte 4"),
    ("\ufeff{}".encode(), "not JSON"),
    (b'{"a": "\x00"}', "not JSON"),
    (b"1" * 5000, "64 bits"),
    (b'{"a": 1, "b": 2, "a": 3}', "'a' twice"),
    (b"[" * 200_000, "nested deeper"),
    (b'{"a":' * 200_000, "nested deeper"),
]
PLACED = [
    (b'{"a": "\\u0000"}', "a", "NUL"),
    (b'{"\\u0000": 1}', "body", "In the name of a field: The text holds a NUL"),
    (b'{"a": [1, {"b\\u0000": 1}]}', "a[1]", "In the name of a field: The text holds a NUL"),
    (b'{"a": "\\ud800"}', "a", "surrogate"),
    (b'[["x", "\\udfff"]]', "[0][1]", "surrogate"),
    (b'{"query": [{"text": "x", "weight": NaN}]}', "query[0].weight", "no NaN"),
    (b'{"a": -Infinity}', "a", "no Infinity"),
    (b'{"filter": {"price": {"lt": 1e999}}}', "filter.price.lt", "64 bits"),
    (b"9223372036854775808", "body", "64 bits"),
    (b"-9223372036854775808", "body", "64 bits"),
    (b"[" * 40 + b"]" * 40, "body", "nested deeper than 32"),
    (
        b'{"x": 1, "filter": ' + b'{"not": ' * 40 + b"1" + b"}" * 41,
        "filter",
        "nested deeper than 32",
    ),
]


@pytest.mark.parametrize(("body", "message"), BAD)
def test_refused(body, message):
    with pytest.raises(ParseError, match=message):
        parse_json(body)


@pytest.mark.django_db
@pytest.mark.parametrize("body", [body for body, _ in BAD])
def test_refused_over_http(body):
    response = with_scopes("catalog").generic("POST", PATH, body, "application/json")

    if not body:  # no body is no JSON either, but says so field by field
        assert (response.status_code, response.json()["code"]) == (400, "invalid")
    else:
        assert (response.status_code, response.json()["code"]) == (400, "malformed")
    assert response["Content-Type"] == "application/problem+json"
    assert Item.objects.count() == 0


@pytest.mark.parametrize(("body", "path", "message"), PLACED)
def test_refused_by_place(body, path, message):
    with pytest.raises(ValidationError) as refused:
        parse_json(body)
    [(place, [told])] = refused.value.detail.items()
    assert place == path
    assert message in told


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "path", "message"), PLACED)
def test_refused_by_place_over_http(body, path, message):
    response = with_scopes("catalog").generic("POST", PATH, body, "application/json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response["Content-Type"] == "application/problem+json"
    assert message in response.json()["errors"][path][0]
    assert Item.objects.count() == 0


def test_a_surrogate_pair_and_the_largest_integer_are_fine():
    assert parse_json(b'"\\ud83d\\udc38"') == "🐸"
    assert parse_json(b"9223372036854775807") == 2**63 - 1
    assert parse_json(b'"\\\\u0000"') == "\\u0000"
    assert parse_json(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)


@pytest.mark.django_db
def test_a_body_that_is_too_large(settings):
    settings.API = settings.API | {"MAX_JSON_BYTES": 1000}
    body = json.dumps({"external_id": "a", "title": "x" * 400}).encode()
    padded = body + b" " * (1000 - len(body))

    assert (
        with_scopes("catalog").generic("POST", PATH, padded, "application/json").status_code == 201
    )
    response = with_scopes("catalog").generic("POST", PATH, padded + b" ", "application/json")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_two_megabytes_of_anything_take_seconds_at_most():
    started = time.monotonic()
    for body in (b"[" + b"[],[1]," * 280_000 + b"1]", b'{"a":"' + b"\\u00e9" * 330_000 + b'"}'):
        parse_json(body)
    assert (
        time.monotonic() - started < 15
    )  # under 1 s on an idle core; quadratic work would take minutes


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_all_other_json_is_read_as_it_was_written(value):
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(ParseError, ValidationError):
        json.dumps(parse_json(body))
