"""Items over HTTP: what is stored, what is shown, to whom."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from catalog.models import Category, Item, ItemText
from retrieval import index, spaces
from retrieval.models import Embedding, EmbeddingSpace
from tests.clients import anonymous, with_scopes

pytestmark = pytest.mark.django_db

FROG = {
    "external_id": "frog.1_a:b-C",
    "kind": "stamp",
    "title": {"en": "Frog", "zh": "青蛙"},
    "description": {"en": "A green frog."},
    "tags": {"en": ["frog", "green"], "zh": ["蛙"]},
    "attributes": {"year": 1993, "colour": {"main": "green"}},
    "categories": ["animals/amphibians", "stamps"],
    "published_at": "2024-05-01T12:00:00Z",
    "expires_at": None,
}
PATH = "/api/v1/items/"
FROG_PATH = f"{PATH}frog.1_a:b-C/"


@pytest.fixture
def writer() -> APIClient:
    return with_scopes("catalog")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr("catalog.api.workers_wake", ids.extend)
    return ids


def test_create_answers_with_the_whole_item(writer, woken):
    response = writer.post(PATH, FROG)

    item = Item.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver{FROG_PATH}"
    body = response.json()
    assert body.pop("created_at")
    assert body.pop("updated_at")
    assert body == {
        "external_id": "frog.1_a:b-C",
        "kind": "stamp",
        "title": "Frog",
        "description": "A green frog.",
        "language": "en",
        "texts": [{"language": "zh", "title": "青蛙", "description": "", "tags": ["蛙"]}],
        "tags": ["frog", "green"],
        "attributes": {"year": 1993, "colour": {"main": "green"}},
        "categories": ["animals/amphibians", "stamps"],
        "published": True,
        "published_at": "2024-05-01T12:00:00Z",
        "expires_at": None,
        "media": [],
    }
    assert woken == [item.pk]
    assert anonymous().get(FROG_PATH).json()["texts"] == response.json()["texts"]


def test_create_fills_in_defaults(writer):
    body = writer.post(PATH, {"external_id": "a", "title": "A"}).json()

    assert (body["kind"], body["language"], body["published"]) == ("item", "en", True)
    assert (body["description"], body["tags"], body["attributes"]) == ("", [], {})
    assert (body["texts"], body["categories"], body["expires_at"]) == ([], [], None)


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ({"title": "x"}, "en"),
        ({"title": "x", "language": "zh"}, "zh"),
        ({"title": {"zh": "x", "en": "y"}}, "en"),
        ({"title": {"zh": "x", "ja": "y"}}, "zh"),
        ({"title": {"zh": "x", "ja": "y"}, "language": "ja"}, "ja"),
    ],
)
def test_the_items_own_language(writer, given, language):
    assert writer.post(PATH, {"external_id": "a", **given}).json()["language"] == language


def test_create_refuses_a_known_external_id_and_changes_nothing(writer, woken):
    writer.post(PATH, FROG)
    woken.clear()

    response = writer.post(PATH, {"external_id": FROG["external_id"], "title": "Toad"})

    assert response.status_code == 409
    assert response.json() == {
        "type": "urn:triad:problem:already_exists",
        "title": "Already exists",
        "status": 409,
        "detail": "An item 'frog.1_a:b-C' exists: use PUT or PATCH to change it.",
        "code": "already_exists",
    }
    assert Item.objects.get().title == "Frog"
    assert ItemText.objects.count() == 1
    assert woken == []


def test_put_creates_then_replaces_then_changes_nothing(writer, woken):
    whole = {key: value for key, value in FROG.items() if key != "external_id"}

    first = writer.put(FROG_PATH, whole)
    version = Item.objects.get().content_version
    again = writer.put(FROG_PATH, whole)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Item.objects.get().content_version == version
    assert len(woken) == 1

    replaced = writer.put(FROG_PATH, {"title": "Toad"}).json()
    assert (replaced["title"], replaced["texts"], replaced["tags"]) == ("Toad", [], [])
    assert (replaced["categories"], replaced["attributes"]) == ([], {})
    assert replaced["kind"] == "item"
    assert replaced["published_at"] == "2024-05-01T12:00:00Z"
    assert Item.objects.get().content_version == version + 1
    assert len(woken) == 2


def test_put_takes_the_external_id_only_if_it_is_the_addresss(writer):
    assert writer.put(f"{PATH}a/", {"external_id": "a", "title": "A"}).status_code == 201

    response = writer.put(f"{PATH}a/", {"external_id": "b", "title": "A"})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["external_id"]
    assert Item.objects.get().external_id == "a"


def test_patch_changes_what_is_given_and_nothing_else(writer, woken):
    writer.post(PATH, FROG)
    before = writer.get(FROG_PATH).json()

    after = writer.patch(FROG_PATH, {"title": {"zh": "小青蛙"}, "published": False}).json()

    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"texts", "published", "updated_at"}
    assert after["texts"] == [
        {"language": "zh", "title": "小青蛙", "description": "", "tags": ["蛙"]}
    ]
    assert len(woken) == 2


def test_patch_of_the_language_relabels_or_swaps(writer):
    writer.post(PATH, FROG)

    relabelled = writer.patch(FROG_PATH, {"language": "de"}).json()
    assert (relabelled["language"], relabelled["title"]) == ("de", "Frog")
    assert [text["language"] for text in relabelled["texts"]] == ["zh"]

    swapped = writer.patch(FROG_PATH, {"language": "zh"}).json()
    assert (swapped["language"], swapped["title"], swapped["tags"]) == ("zh", "青蛙", ["蛙"])
    assert [(text["language"], text["title"]) for text in swapped["texts"]] == [("de", "Frog")]


def test_patch_without_a_difference_wakes_nobody(writer, woken):
    writer.post(PATH, FROG)
    woken.clear()

    assert writer.patch(FROG_PATH, {"kind": "stamp"}).status_code == 200
    assert writer.patch(FROG_PATH, {}).status_code == 200
    assert woken == []


def test_delete(writer):
    writer.post(PATH, FROG)

    response = writer.delete(FROG_PATH)

    assert (response.status_code, response.content) == (204, b"")
    assert Item.objects.count() == 0
    assert writer.delete(FROG_PATH).status_code == 404


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": {}}, "title"),
        ({"title": {"EN!": "x"}}, "title.EN!"),
        ({"title": {"en": 5.5, "zh": ["x"]}}, "title.zh"),
        ({"title": {"en": "x"}, "description": {"zh": "y"}}, "title.zh"),
        ({"description": "x"}, "title"),
        ({"title": "x", "external_id": "a b"}, "external_id"),
        ({"title": "x", "external_id": "a" * 129}, "external_id"),
        ({"title": "x", "tags": "frog"}, "tags"),
        ({"title": "x", "tags": ["x" * 101]}, "tags[0]"),
        ({"title": "x", "attributes": []}, "attributes"),
        ({"title": "x", "categories": ["a//b"]}, "categories"),
        ({"title": "x", "categories": [5, []]}, "categories[1]"),
        ({"title": "x", "language": "english!"}, "language"),
        ({"title": "x", "published": "maybe"}, "published"),
        ({"title": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"title": "x", "published_at": None}, "published_at"),
        ({"title": "x", "colour": "red"}, "colour"),
        ({"title": "x", "external_id": 5}, "external_id"),
        ({"title": "x", "external_id": 1.5}, "external_id"),
        ({"title": "x", "external_id": "a\n"}, "external_id"),
        ({"title": "x", "external_id": " a"}, "external_id"),
        ({"title": 5}, "title"),
        ({"title": True}, "title"),
        ({"title": {"en": 5}}, "title.en"),
        ({"title": "x", "description": 5}, "description"),
        ({"title": "x", "kind": 5}, "kind"),
        ({"title": "x", "language": 5}, "language"),
        ({"title": "x", "language": "en\n"}, "language"),
        ({"title": "x", "tags": [1]}, "tags[0]"),
        ({"title": {"en": "x"}, "tags": {"en": ["a", 1]}}, "tags.en[1]"),
        ({"title": "x", "categories": [5]}, "categories[0]"),
        ({"title": "x", "published": "yes"}, "published"),
        ({"title": "x", "published": "true"}, "published"),
        ({"title": "x", "published": 1}, "published"),
        ({"title": "x", "published": []}, "published"),
        ({"title": "x", "attributes": {"": 1}}, "attributes"),
        ({"title": "x", "attributes": {"a": [{"": 1}]}}, "attributes"),
        ({"title": "x", "media": []}, "media"),
        ([], "body"),
        ("x", "body"),
        (None, "body"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_stored(writer, woken, given, field):
    if isinstance(given, dict):
        given = {"external_id": "a", **given}

    response = writer.generic("POST", PATH, json.dumps(given), content_type="application/json")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "invalid"
    assert field in response.json()["errors"]
    assert (Item.objects.count(), ItemText.objects.count(), Category.objects.count()) == (0, 0, 0)
    assert woken == []


def test_others_see_only_what_is_visible(writer):
    past = (timezone.now() - timedelta(days=1)).isoformat()
    writer.post(PATH, {"external_id": "shown", "title": "A"})
    writer.post(PATH, {"external_id": "hidden", "title": "B", "published": False})
    writer.post(PATH, {"external_id": "expired", "title": "C", "expires_at": past})

    for client in (anonymous(), with_scopes("read")):
        assert [each["external_id"] for each in client.get(PATH).json()["results"]] == ["shown"]
        assert client.get(f"{PATH}hidden/").status_code == 404
        assert client.get(f"{PATH}expired/").status_code == 404
        assert client.get(f"{PATH}hidden/media/").status_code == 404
    everything = [each["external_id"] for each in writer.get(PATH).json()["results"]]
    assert everything == ["shown", "hidden", "expired"]
    assert writer.get(f"{PATH}hidden/").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=stamp", ["frog"]),
        ("category=animals", ["frog", "owl"]),
        ("category=animals/birds", ["owl"]),
        ("category=anim", []),
        ("tag=green", ["frog"]),
        ("tag=蛙", []),
        ("language=zh", ["frog", "zh-owl"]),
        ("search=ROG", ["frog"]),
        ("search=青", ["frog"]),
        ("search=owl", ["owl", "zh-owl"]),
        ("search=%25", []),
        ("search=owl&category=animals", ["owl"]),
        ("published=true", ["frog", "owl"]),
        ("published=false", ["zh-owl"]),
    ],
)
def test_filters(writer, query, found):
    items = [
        {
            "external_id": "frog",
            "kind": "stamp",
            "title": {"en": "Frog", "zh": "青蛙"},
            "tags": ["green"],
            "categories": ["animals/amphibians", "animals"],
        },
        {"external_id": "owl", "title": "Bird", "categories": ["animals/birds"]},
        {"external_id": "zh-owl", "title": "Owl", "language": "zh", "published": False},
    ]
    for item in items:
        assert writer.post(PATH, item).status_code == 201

    response = writer.get(f"{PATH}?{query}")

    assert [each["external_id"] for each in response.json()["results"]] == found


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=", "limit=1e1", "cursor=x", "cursor=cD1hYmM="],
)
def test_a_page_that_cannot_be_is_refused_by_name(query):
    response = anonymous().get(f"{PATH}?{query}")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [query.partition("=")[0]]


def test_unknown_parameters_and_long_ones_are_refused():
    response = anonymous().get(f"{PATH}?kinds=stamp")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["kinds"])

    response = anonymous().get(f"{PATH}?search={'x' * 201}&published=maybe")
    assert (response.status_code, set(response.json()["errors"])) == (400, {"search", "published"})


def test_who_may_not_see_hidden_items_may_not_ask_for_them():
    assert anonymous().get(f"{PATH}?published=false").json()["code"] == "not_authenticated"
    assert with_scopes("read").get(f"{PATH}?published=false").json()["code"] == "wrong_scope"


def test_pages_follow_each_other_without_gap_or_repetition(writer):
    Item.objects.bulk_create(Item(external_id=f"i{n}", title=f"{n}") for n in range(7))

    seen, url = [], f"{PATH}?limit=3"
    while url:
        page = writer.get(url).json()
        seen.append([each["external_id"] for each in page["results"]])
        url = page["next"]

    assert seen == [["i0", "i1", "i2"], ["i3", "i4", "i5"], ["i6"]]
    back = writer.get(page["previous"]).json()
    assert [each["external_id"] for each in back["results"]] == ["i3", "i4", "i5"]


def test_a_page_takes_the_same_queries_whatever_its_length(writer, django_assert_num_queries):
    for n in range(6):
        writer.post(
            PATH, {"external_id": f"i{n}", "title": {"en": "a", "zh": "b"}, "categories": ["x/y"]}
        )

    reader = anonymous()
    for limit in (1, 6):
        with django_assert_num_queries(4):  # items, texts, categories, media
            assert len(reader.get(f"{PATH}?limit={limit}").json()["results"]) == limit


@pytest.mark.parametrize("external_id", ["nope", "a b", "%00", "a%2Fb", "é"])
def test_unknown_items(external_id):
    response = anonymous().get(f"{PATH}{external_id}/")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_categories_are_a_tree_with_counts(writer, django_assert_num_queries):
    writer.post(PATH, {"external_id": "a", "title": "A", "categories": ["animals/birds"]})
    writer.post(PATH, {"external_id": "b", "title": "B", "categories": ["animals", "plants"]})
    writer.post(
        PATH,
        {"external_id": "c", "title": "C", "categories": ["animals/birds"], "published": False},
    )

    with django_assert_num_queries(2):
        body = anonymous().get("/api/v1/categories/").json()

    birds = {
        "name": "birds",
        "path": "animals/birds",
        "items": 1,
        "items_below": 0,
        "children": [],
    }
    assert body == [
        {"name": "animals", "path": "animals", "items": 1, "items_below": 1, "children": [birds]},
        {"name": "plants", "path": "plants", "items": 1, "items_below": 0, "children": []},
    ]


def test_dates_without_a_zone_are_utc(writer):
    writer.post(PATH, {"external_id": "a", "title": "A", "published_at": "2024-01-02T03:04:05"})

    assert Item.objects.get().published_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_an_embedded_item_can_be_deleted(writer):
    writer.post(PATH, FROG)
    space = EmbeddingSpace.objects.create(
        name="first", dim=8, fused_dim=8, head=b"", head_sha256=""
    )
    index.partition_create(spaces.partition_of(space))
    Embedding.objects.create(space=space, item=Item.objects.get())

    assert writer.delete(FROG_PATH).status_code == 204
    assert Embedding.objects.count() == 0


@pytest.mark.parametrize("path", [PATH, FROG_PATH, f"{FROG_PATH}media/", "/api/v1/categories/"])
def test_options(writer, path):
    for client in (writer, anonymous()):
        assert client.options(path).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "\u200b"),
        ("external_id", ".."),
        ("categories", ["/".join(["青" * 100] * 7)]),
    ],
)
def test_what_cannot_be_shown_addressed_or_indexed_is_refused_by_its_field(writer, field, value):
    body = {"external_id": "frog", "title": "Frog", field: value}
    response = writer.post("/api/v1/items/", body, format="json")
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert not Item.objects.filter(external_id=body["external_id"]).exists()
