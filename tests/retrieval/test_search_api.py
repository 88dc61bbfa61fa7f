"""Search and similar items over HTTP."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Item
from catalog.services import item_update
from retrieval import services
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db

SEARCH = "/api/v1/search/"


@pytest.fixture
def catalog(space) -> dict[str, Item]:
    items = {
        "frog": make_item("frog", "green frog", texts={"zh": "青蛙"}, media=[png((0, 200, 0))]),
        "toad": make_item("toad", "brown toad frog", media=[png((120, 80, 0))]),
        "drum": make_item("drum", "big drum", categories=("music/drums",)),
        "hidden": make_item("hidden", "secret frog", published=False),
        "expired": make_item("expired", "old frog", expires_at=timezone.now() - timedelta(days=1)),
    }
    services.embed_items(space.id, [item.pk for item in items.values()])
    return items


def post(client: Client, body: object):
    return client.post(SEARCH, body, content_type="application/json")


def found(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [hit["item"]["external_id"] for hit in answer.json()["hits"]]


def test_words_find_the_items_that_say_them(client, catalog):
    answer = post(client, {"query": [{"text": "green frog"}], "limit": 2})
    assert found(answer) == ["frog", "toad"]
    body = answer.json()
    assert set(body) == {"request_id", "took_ms", "mode", "hits", "next_cursor"}
    scores = [hit["score"] for hit in body["hits"]]
    assert 1 >= scores[0] > scores[1] >= -1
    item = body["hits"][0]["item"]
    assert item["title"] == "green frog"
    assert item["image"].startswith("http://testserver/media/")
    assert item["audio"] is None


def test_get_is_the_simple_form_of_post(client, catalog):
    simple = client.get(SEARCH, {"q": "green frog", "limit": 2})
    assert (
        simple.json()["hits"]
        == post(client, {"query": [{"text": "green frog"}], "limit": 2}).json()["hits"]
    )


def test_hidden_and_expired_items_are_never_found(client, catalog):
    assert set(found(post(client, {"query": [{"text": "frog"}]}))) == {"frog", "toad", "drum"}


def test_titles_come_in_the_wanted_language(client, catalog):
    body = {"query": [{"text": "green frog"}], "limit": 1, "lang": "zh"}
    assert post(client, body).json()["hits"][0]["item"]["title"] == "青蛙"


def test_an_item_can_be_a_part_and_a_negative_weight_pushes_away(client, catalog):
    assert found(post(client, {"query": [{"item": "drum"}], "limit": 1})) == ["drum"]
    away = {"query": [{"text": "frog"}, {"text": "green", "weight": -1}], "mode": "dense"}
    assert found(post(client, away)) == ["toad", "drum", "frog"]


def test_similar_items_leave_the_item_itself_out(client, catalog):
    assert found(client.get("/api/v1/items/frog/similar/", {"limit": 1})) == ["toad"]
    assert found(client.get("/api/v1/items/frog/similar/")) == ["toad", "drum"]


def test_a_page_costs_the_same_queries_however_long_it_is(client, catalog):
    def queries(limit: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            post(client, {"query": [{"text": "frog"}], "limit": limit})
        return len(captured)

    queries(1)
    assert queries(1) == queries(3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": []}, "query"),
        ({"query": "frog"}, "query"),
        ({"query": [{}]}, "query[0]"),
        ({"query": [{"text": ""}]}, "query[0].text"),
        ({"query": [{"text": "   "}]}, "query[0].text"),
        ({"query": [{"text": 5}]}, "query[0].text"),
        ({"query": [{"text": "\u200b\u202e\ufeff"}]}, "query[0].text"),
        ({"query": [{"text": "a" * 1500}, {"text": "b" * 1500}]}, "query"),
        ({"query": [{"text": "a" * 2001}]}, "query[0].text"),
        ({"query": [{"text": "a", "item": "b"}]}, "query[0]"),
        ({"query": [{"text": "a", "colour": "red"}]}, "query[0].colour"),
        ({"query": [{"text": "a", "weight": 0}]}, "query[0].weight"),
        ({"query": [{"text": "a", "weight": -1}]}, "query"),
        ({"query": [{"text": "a", "weight": "heavy"}]}, "query[0].weight"),
        ({"query": [{"text": "a"}] * 11}, "query"),
        ({"query": [{"item": "nobody"}]}, "query[0].item"),
        ({"query": [{"image": "file0"}]}, "query[0].image"),
        ({"query": [{"text": "a"}], "limit": 0}, "limit"),
        ({"query": [{"text": "a"}], "limit": 101}, "limit"),
        ({"query": [{"text": "a"}], "limit": "many"}, "limit"),
        ({"query": [{"text": "a"}], "limit": 1.5}, "limit"),
        ({"query": [{"text": "a"}], "limit": True}, "limit"),
        ({"query": [{"text": "a"}], "page": 2}, "page"),
        ([], "body"),
        ("frog", "body"),
        (None, "body"),
    ],
)
def test_a_wrong_query_is_refused_by_the_name_of_its_field(client, catalog, body, field):
    answer = post(client, json.dumps(body))
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid"
    assert field in problem["errors"]


def test_a_search_in_the_url_is_validated_too(client, catalog):
    for query, field in (
        ({}, "q"),
        ({"q": "\u200b"}, "q"),
        ({"q": "a", "limit": 0}, "limit"),
        ({"q": "a", "x": 1}, "x"),
    ):
        answer = client.get(SEARCH, query)
        assert answer.status_code == 400
        assert field in answer.json()["errors"]


def upload(client: Client, body: str, **files: SimpleUploadedFile):
    return client.post(SEARCH, {"body": body, **files})


IMAGE_QUERY = json.dumps({"query": [{"image": "file0"}]})


def test_files_must_be_named_and_be_what_they_say(client, catalog):
    picture = SimpleUploadedFile("a.png", png((1, 2, 3)).getvalue(), "image/png")
    unnamed = upload(client, json.dumps({"query": [{"text": "frog"}]}), file0=picture)
    assert (unnamed.status_code, list(unnamed.json()["errors"])) == (400, ["file0"])
    for name, data, claimed in (
        ("a.png", b"#EXTM3U\nhttp://127.0.0.1/x", "image/png"),
        ("a.png", b"", "image/png"),
        ("a.jpg", png((1, 2, 3)).getvalue(), "image/jpeg"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    ):
        answer = upload(client, IMAGE_QUERY, file0=SimpleUploadedFile(name, data, claimed))
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media"), name
        assert list(answer.json()["errors"]) == ["query[0].image"], name
    sound = json.dumps({"query": [{"audio": "file0"}]})
    picture.seek(0)
    assert upload(client, sound, file0=picture).status_code == 415


def test_a_multipart_query_needs_a_sound_body(client, catalog):
    assert list(client.post(SEARCH, {"query": "frog"}).json()["errors"]) == ["body"]
    for body in ("{", "[" * 100_000):
        answer = client.post(SEARCH, {"body": body})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    for body, path in (
        ('{"query": NaN}', "query"),
        ('{"query": [{"text": "\\ud800"}]}', "query[0].text"),
    ):
        answer = client.post(SEARCH, {"body": body})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [path])


def test_a_multipart_query_takes_no_other_field(client, catalog):
    answer = client.post(SEARCH, {"body": '{"query": [{"text": "frog"}]}', "foo": "x", "bar": "y"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["bar", "foo"])


def multipart(client: Client, body: bytes):
    content = (
        b'--b\r\nContent-Disposition: form-data; name="body"\r\n\r\n' + body + b"\r\n--b--\r\n"
    )
    return client.generic("POST", SEARCH, content, "multipart/form-data; boundary=b")


def test_text_that_is_not_utf8_is_refused_by_name(client, catalog):
    answer = multipart(client, b'{"query": [{"text": "fr\xf6g"}]}')
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"body": ["The text is not UTF-8 at byte 23."]}
    assert found(multipart(client, '{"query": [{"text": "青蛙 \ufffd"}], "limit": 1}'.encode()))

    answer = client.get(f"{SEARCH}?q=fr%F6g&limit=1")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"q": ["The text is not UTF-8."]}
    assert client.get(f"{SEARCH}?q=frog%EF%BF%BD&limit=1").status_code == 200
    for nothing in ("%00", "fr%00g"):
        answer = client.get(f"{SEARCH}?q={nothing}")
        assert answer.json()["errors"] == {"q": ["Null characters are not allowed."]}
    assert list(client.get("/api/v1/items/?search=%FF").json()["errors"]) == ["search"]


def test_too_large_a_picture_is_413(client, catalog, settings):
    settings.CATALOG = settings.CATALOG | {"MAX_IMAGE_BYTES": 50}
    picture = SimpleUploadedFile("a.png", png((1, 2, 3)).getvalue(), "image/png")
    answer = upload(client, IMAGE_QUERY, file0=picture)
    assert (answer.status_code, answer.json()["code"]) == (413, "media_too_large")


def test_without_workers_a_media_query_is_503_and_leaves_nothing(client, catalog, settings):
    from catalog.broker import redis_client

    settings.RETRIEVAL = settings.RETRIEVAL | {"QUERY_TIMEOUT_S": 1}
    picture = SimpleUploadedFile("a.png", png((1, 2, 3)).getvalue(), "image/png")
    answer = upload(client, IMAGE_QUERY, file0=picture)
    assert (answer.status_code, answer.json()["code"]) == (503, "workers_busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert redis_client().keys("triad:query:*") == []


def test_similar_of_unknown_hidden_or_new_items(client, catalog):
    for unknown in ("nobody", "a%00b", "a b", "%ed%a0%80", "x" * 200):
        assert client.get(f"/api/v1/items/{unknown}/similar/").json()["code"] == "not_found"
    assert client.get("/api/v1/items/hidden/similar/").status_code == 404
    new = make_item("new", "not embedded yet")
    answer = client.get("/api/v1/items/new/similar/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_embedded")
    item_update(new, published=False)
    assert client.get("/api/v1/items/new/similar/").status_code == 404


def test_before_the_first_space_search_is_503_and_says_what_to_run(client, db):
    answer = post(client, {"query": [{"text": "frog"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_active_space")
    assert "manage.py embed" in answer.json()["detail"]


def test_an_empty_catalog_answers_with_nothing(client, space):
    assert found(post(client, {"query": [{"text": "frog"}]})) == []


def test_a_wrong_content_type_is_415(client, space):
    assert client.post(SEARCH, "frog", content_type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "5"),
        ("diversity", "0.5"),
        ("diversity", "１"),
        ("min_score", "0"),
        ("explain", "yes"),
        ("explain", 1),
        ("facets", "kind,tags"),
        ("filter", '{"kind": "item"}'),
        ("modalities", '{"text": 1}'),
    ],
)
def test_json_has_types(client, catalog, field, value):
    """Text is text in JSON; only in a URL it stands for numbers and lists."""
    answer = post(client, {"query": [{"text": "frog"}], field: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_the_weight_of_a_part_has_a_type(client, catalog):
    answer = post(client, {"query": [{"text": "frog", "weight": "1"}]})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["query[0].weight"])


def test_a_url_has_text_for_everything(client, catalog):
    asked = {"limit": "1", "diversity": ".5", "min_score": "-1e0", "explain": "yes"}
    asked |= {"facets": "kind,tags", "filter": '{"kind": "item"}', "modalities": '{"text": 1}'}
    answer = client.get(SEARCH, {"q": "frog", **asked})
    assert len(found(answer)) == 1
    assert set(answer.json()["facets"]) == {"kind", "tags"}


@pytest.mark.parametrize("field", ["limit", "diversity", "min_score"])
@pytest.mark.parametrize("value", ["１", " 1", "1 ", "1_0", "+1", "0x1", "٣", ""])
def test_a_number_in_a_url_has_ascii_digits_and_nothing_else(client, catalog, field, value):
    answer = client.get(SEARCH, {"q": "frog", field: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


@pytest.mark.parametrize("blank", ["\u200d", "\u2800", "\u3164", "\ufe0f", "\u034f"])
def test_a_text_that_shows_nothing_is_blank(client, catalog, blank):
    assert list(client.get(SEARCH, {"q": blank}).json()["errors"]) == ["q"]
