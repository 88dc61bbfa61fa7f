"""``POST /api/v1/events/`` and the visitors' addresses."""

import json
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from catalog.models import ApiKey
from recommender.models import Event, Visitor
from tests.clients import anonymous, with_scopes
from tests.recommender.worlds import sent, stored

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/events/"


@pytest.fixture
def sender():
    return with_scopes("events")


@pytest.fixture
def operator():
    return with_scopes("ops")


def test_one(sender):
    response = sender.post(EVENTS, sent("e1"))

    assert response.status_code == 202
    assert response.json() == {"accepted": 1, "duplicates": 0, "errors": [], "duplicate": False}
    again = sender.post(EVENTS, sent("e1"))
    assert again.status_code == 202
    assert again.json() == {"accepted": 0, "duplicates": 1, "errors": [], "duplicate": True}
    assert stored() == [("e1", "anna", "frog", False)]


def test_one_that_is_wrong(sender):
    response = sender.post(EVENTS, sent("e1", type="gaze", value="x"))

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["code"], set(body["errors"])) == ("invalid", {"type", "value"})
    assert not Event.objects.exists()


def test_one_with_the_id_of_another(sender):
    sender.post(EVENTS, sent("e1"))

    response = sender.post(EVENTS, sent("e1", type="view"))

    assert (response.status_code, response.json()["code"]) == (409, "id_conflict")


def test_of_a_list_what_is_right_is_stored(sender):
    sender.post(EVENTS, sent("e0"))

    response = sender.post(
        EVENTS,
        [
            sent("e1"),
            sent("e2", type="gaze"),
            sent("e0"),
            sent("e0", item="toad"),
            7,
            sent("e1"),
            sent("e3", visitor="bert"),
        ],
    )

    assert response.status_code == 202
    body = response.json()
    assert (body["accepted"], body["duplicates"]) == (2, 2)
    errors = [(e["index"], e["status"], e["code"]) for e in body["errors"]]
    assert errors == [(1, 400, "invalid"), (3, 409, "id_conflict"), (4, 400, "invalid")]
    assert list(body["errors"][0]["errors"]) == ["type"]
    assert "'e0' belongs to an event with another content" in body["errors"][1]["detail"]
    assert [row[0] for row in stored()] == ["e0", "e1", "e3"]


def test_an_empty_list(sender):
    response = sender.post(EVENTS, [])

    assert response.json() == {"accepted": 0, "duplicates": 0, "errors": []}


def test_a_thousand_and_no_more(sender):
    many = [sent(f"e{n}") for n in range(1_001)]

    assert sender.post(EVENTS, many).status_code == 400
    assert not Event.objects.exists()
    assert sender.post(EVENTS, many[:1_000]).json()["accepted"] == 1_000


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (r'{"id": "a\u0000b", "visitor": "a", "item": "b", "type": "like"}', "id"),
        (r'{"id": "a", "visitor": "\ud800", "item": "b", "type": "like"}', "visitor"),
        ('{"id": "a", "visitor": "a", "item": "b", "type": "like", "value": NaN}', "value"),
        ('{"id": "a", "visitor": "a", "item": "b", "type": "like", "value": -Infinity}', "value"),
        ('{"id": "a", "visitor": "a", "item": "b", "type": "like", "value": 1e999}', "value"),
        (
            '{"id": "a", "visitor": "a", "item": "b", "type": "like", "value": %s}' % ("9" * 9_999),
            "value",
        ),
        ('{"id": "a", "visitor": "a", "visitor": "b", "item": "b", "type": "like"}', "visitor"),
        (r'{"id": "a", "visitor": "a", "item": "b", "type": "like", "\ud800\u0000": 1}', None),
    ],
)
def test_what_nobody_can_store_costs_its_own_row_only(sender, row, field):
    body = f"[{json.dumps(sent('ok'))}, {row}]"

    response = sender.generic("POST", EVENTS, body, "application/json")

    assert response.status_code == 202
    answer = response.json()
    assert answer["accepted"] == 1
    assert [(e["index"], e["code"]) for e in answer["errors"]] == [(1, "invalid")]
    assert field is None or list(answer["errors"][0]["errors"]) == [field]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"null", 400),
        (b'"x"', 400),
        (b" " * (2 * 1024 * 1024 + 1), 413),
    ],
)
def test_a_body_that_is_wrong_as_a_whole(sender, body, status):
    response = sender.generic("POST", EVENTS, body, "application/json")

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"


def test_other_media_types(sender):
    assert sender.generic("POST", EVENTS, b"a=1", "text/csv").status_code == 415


QUICK = examples(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "id": any_json | st.sampled_from(["a", "b"]),
        "visitor": any_json | st.just("v"),
        "item": any_json | st.just("i"),
        "type": any_json | st.sampled_from(["like", "play"]),
        "value": any_json,
        "share": any_json | st.floats(0, 1),
        "occurred_at": any_json | st.just(timezone.now().isoformat()),
        "session": any_json,
        "other": any_json,
    },
)


@QUICK
@given(body=st.lists(events | any_json, max_size=6) | events | any_json)
def test_whatever_is_sent(sender, body):
    response = sender.generic("POST", EVENTS, json.dumps(body), "application/json")

    assert response.status_code in (202, 400, 409)
    if response.status_code == 202:
        answer = response.json()
        expected = len(body) if isinstance(body, list) else 1
        assert answer["accepted"] + answer["duplicates"] + len(answer["errors"]) == expected


@QUICK
@given(visitor=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_visitors_of_any_name(operator, sender, visitor):
    path = f"/api/v1/visitors/{quote(visitor, safe='')}/"

    assert operator.delete(path).status_code in (204, 404, 405)
    assert operator.get(f"{path}export/").status_code == 404
    assert sender.post(f"{path}merge/", {"into": visitor}).status_code in (400, 404)


@pytest.mark.parametrize("scopes", [["read"], ["catalog"], ["ops"]])
def test_sending_needs_its_scope(scopes):
    response = with_scopes(*scopes).post(EVENTS, sent())

    assert (response.status_code, response.json()["code"]) == (403, "wrong_scope")


def test_who_has_no_key(settings):
    settings.API = settings.API | {"ANONYMOUS_EVENTS": False}
    assert anonymous().post(EVENTS, sent()).status_code == 401

    settings.API = settings.API | {"ANONYMOUS_EVENTS": True, "ANONYMOUS_READ": False}
    assert anonymous().post(EVENTS, sent()).status_code == 202


def test_a_bad_key_is_refused_where_none_is_needed(settings):
    settings.API = settings.API | {"ANONYMOUS_EVENTS": True}

    response = anonymous().post(EVENTS, sent(), headers={"X-Api-Key": "nonsense"})

    assert (response.status_code, response.json()["code"]) == (401, "bad_api_key")


def test_the_rate_limit(settings):
    settings.API = settings.API | {"RATE_LIMIT_KEY": 2}
    client = with_scopes("events")

    assert [client.post(EVENTS, sent()).status_code for _ in range(3)] == [202, 202, 429]


def test_only_keys_merge_and_only_operators_see_and_forget(sender, operator):
    assert anonymous().post("/api/v1/visitors/a/merge/", {"into": "b"}).status_code == 401
    assert operator.post("/api/v1/visitors/a/merge/", {"into": "b"}).status_code == 403
    for client, status in ((anonymous(), 401), (sender, 403)):
        assert client.get("/api/v1/visitors/a/export/").status_code == status
        assert client.delete("/api/v1/visitors/a/").status_code == status
    assert not Visitor.objects.exists()


def test_merge(sender):
    sender.post(EVENTS, [sent("e1", visitor="cookie"), sent("e2", visitor="cookie")])

    first = sender.post("/api/v1/visitors/cookie/merge/", {"into": "anna@shop.example"})

    assert first.status_code == 200
    assert first.json() == {"visitor": "cookie", "into": "anna@shop.example", "events": 2}
    again = sender.post("/api/v1/visitors/cookie/merge/", {"into": "anna@shop.example"})
    assert (again.status_code, again.json()["events"]) == (200, 0)


@pytest.mark.parametrize(
    ("source", "into", "status", "code"),
    [
        ("anna", "anna", 400, "merge_into_itself"),
        ("anna", "cookie", 409, "merge_conflict"),
        ("cookie", "bert", 409, "merge_conflict"),
        ("cookie", "", 400, "invalid"),
        ("cookie", "a b", 400, "invalid"),
        ("cookie", None, 400, "invalid"),
        ("cookie", ["anna"], 400, "invalid"),
    ],
)
def test_merges_that_cannot_be(sender, source, into, status, code):
    sender.post("/api/v1/visitors/cookie/merge/", {"into": "anna"})

    response = sender.post(f"/api/v1/visitors/{source}/merge/", {"into": into})

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_export_and_forget(sender, operator):
    sender.post(EVENTS, sent("e1"))

    exported = operator.get("/api/v1/visitors/anna/export/")

    assert exported.status_code == 200
    assert exported.streaming
    found = json.loads(b"".join(exported.streaming_content))
    assert [event["id"] for event in found["events"]] == ["e1"]
    assert operator.delete("/api/v1/visitors/anna/").status_code == 204
    assert operator.delete("/api/v1/visitors/anna/").status_code == 204
    assert operator.get("/api/v1/visitors/anna/export/").status_code == 404
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_export_streams_under_asgi(sender):
    sender.post(EVENTS, [sent("e1"), sent("e2")])
    _, key = ApiKey.objects.create_key(name="ops", scopes=["ops"])

    async def parts() -> list[bytes]:
        response = await AsyncClient().get(
            "/api/v1/visitors/anna/export/", headers={"X-Api-Key": key}
        )
        assert response.is_async
        return [part async for part in response.streaming_content]

    found = async_to_sync(parts)()

    assert len(found) > 3
    assert [event["id"] for event in json.loads(b"".join(found))["events"]] == ["e1", "e2"]
