"""The search playground: the API's search with its workings shown."""

import html

import pytest
import redis
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Item
from retrieval import lexical, queries, services, spaces
from retrieval.models import EmbeddingSpace
from retrieval.queries import content_vector
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db
URL = "/admin/catalog/item/playground/"
HOSTILE = "<svg onload=alert(1)> pond"


@pytest.fixture
def frog(space) -> Item:
    made = [
        make_item("frog", "frog pond", media=[png((0, 200, 0))], categories=("animals",)),
        make_item("toad", HOSTILE, categories=("animals",)),
        make_item("drum", "drum loud", media=[png((200, 0, 0))], categories=("music",)),
    ]
    ids = [each.pk for each in made]
    services.embed_items(space.id, ids)
    lexical.index_items(ids)
    return made[0]


def found(column) -> list[int]:
    return [hit["card"]["item_id"] for hit in column.hits]


def test_parts_and_modalities_sum_to_the_score(admin_client, frog):
    query = {"q": ["frog", "loud"], "w": "1,-0.5", "mode": "dense"}
    answer = admin_client.get(URL, query)

    (column,) = answer.context["columns"]
    assert (column.mode, column.problem, found(column)[0]) == ("dense", None, frog.pk)
    for hit in column.hits:
        assert [bar["name"] for bar in hit["parts"]] == ["“frog”", "“loud”"]
        for bars in (hit["parts"], hit["modalities"]):
            total = sum(bar["value"] for bar in bars)
            assert total == pytest.approx(hit["card"]["score"], abs=2e-5)
    assert max(bar["percent"] for hit in column.hits for bar in hit["parts"]) <= 100


def test_is_the_apis_answer(admin_client, frog):
    (column,) = admin_client.post(URL, {"q": "pond", "item": "drum", "w": ["1", "0.5"]}).context[
        "columns"
    ]
    body = {"query": [{"text": "pond"}, {"item": "drum", "weight": 0.5}], "limit": 12}
    answer = admin_client.post("/api/v1/search/", body, "application/json").json()

    ids = dict(Item.objects.values_list("external_id", "pk"))
    assert found(column) == [ids[hit["item"]["external_id"]] for hit in answer["hits"]]
    assert [hit["card"]["score"] for hit in column.hits] == [h["score"] for h in answer["hits"]]
    assert column.mode == answer["mode"]


def test_goes_on_from_a_hit(admin_client, frog):
    query = {"q": ["pond", ""], "item": ["drum", ""], "w": "1,1,-0.5,1", "mode": "dense"}
    (column,) = admin_client.get(URL, query).context["columns"]
    first = next(hit for hit in column.hits if hit["card"]["item_id"] == frog.pk)

    (column,) = admin_client.get(URL + first["less"]).context["columns"]

    names = [(bar["name"]) for bar in column.hits[0]["parts"]]
    assert names == ["“pond”", "drum loud", "frog pond"]
    assert "mode=dense" in first["less"]
    assert found(column)[0] == Item.objects.get(external_id="toad").pk


def test_filters(admin_client, frog):
    for query in ({"f.categories": "music"}, {"filter": '{"categories": "music"}'}):
        (column,) = admin_client.get(URL, {"q": "pond", **query}).context["columns"]
        assert found(column) == [Item.objects.get(external_id="drum").pk]
    both = {"q": "pond", "f.categories": "music", "filter": '{"categories": "animals"}'}
    (column,) = admin_client.get(URL, both).context["columns"]
    assert found(column) == []


def test_two_spaces_side_by_side(admin_client, frog):
    space_id = spaces.space_create_untrained("second", profile="fake", dim=32).pk
    services.embed_items(space_id, list(Item.objects.values_list("pk", flat=True)))
    EmbeddingSpace.objects.filter(pk=space_id).update(state="ready")

    answer = admin_client.get(URL, {"q": "frog", "with": space_id, "mode": "dense"})

    first, second = answer.context["columns"]
    assert (second.title, second.problem) == ("second (ready)", None)
    assert first.title.endswith("(active)")
    assert found(first)[0] == found(second)[0] == frog.pk
    scores = [[hit["card"]["score"] for hit in each.hits] for each in (first, second)]
    assert scores[0] != scores[1]


def test_a_picture_is_looked_for(admin_client, frog, monkeypatch):
    """As a worker would answer; the file is checked here, and decoded nowhere near."""
    asked = []

    def from_worker(space, modality, data, ends):
        asked.append((modality, len(data)))
        pixels = queries.outputs.decoded(modality, data)
        vector = content_vector(space, modality, pixels)
        return {"vector": queries.base64.b64encode(vector.tobytes()).decode()}

    monkeypatch.setattr(queries, "_from_worker", from_worker)
    data = png((0, 200, 0), size=20).getvalue()
    file = SimpleUploadedFile("<b>frog.png", data, "image/png")
    answer = admin_client.post(URL, {"image": file, "image_w": "1.5", "mode": "dense"})

    (column,) = answer.context["columns"]
    assert column.problem is None
    assert (found(column)[0], asked) == (frog.pk, [("image", len(data))])
    assert "<b>frog" not in answer.content.decode()
    assert html.escape("<b>frog.png") in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"q": "frog", "w": "9"}, 400, "must be a number from -2 to 2"),
        ({"q": "frog", "filter": "{"}, 400, "JSON"),
        ({"q": "frog", "filter": '{"no-field": 1}'}, 400, "no-field"),
        ({"item": "nothing"}, 400, "There is no item 'nothing'."),
        ({"item": "frog", "mode": "lexical"}, 400, "lexical reads words"),
        ({"q": "frog", "mode": "other"}, 400, "other"),
        ({"q": "frog", "by.text": "x"}, 400, "must be a number"),
    ],
)
def test_what_is_wrong_is_said_at_the_form(admin_client, frog, query, status, said):
    answer = admin_client.get(URL, query)

    assert answer.status_code == status
    page = html.unescape(answer.content.decode())
    assert said in page
    assert f'value="{query["q"]}"' in page if "q" in query else True


@pytest.mark.parametrize(
    ("name", "data", "kind", "status"),
    [
        ("frog.png", b"#EXTM3U\nhttp://127.0.0.1/", "image/png", 415),
        ("frog.jpg", png((1, 2, 3)).getvalue(), "image/png", 415),
    ],
    ids=["a playlist", "another name"],
)
def test_the_upload_rules_hold(admin_client, frog, name, data, kind, status):
    answer = admin_client.post(URL, {"image": SimpleUploadedFile(name, data, kind)})

    assert answer.status_code == status
    assert answer.context["columns"][0].problem["status"] == status


def test_no_worker_is_a_sentence(admin_client, frog, settings):
    settings.RETRIEVAL = settings.RETRIEVAL | {"QUERY_TIMEOUT_S": 0.001}
    file = SimpleUploadedFile("frog.png", png((9, 9, 9)).getvalue(), "image/png")
    answer = admin_client.post(URL, {"image": file})

    assert answer.status_code == 503
    assert "No worker encoded the image" in answer.content.decode()


def test_an_empty_form_and_no_space(admin_client):
    assert "Say what to look for" in admin_client.get(URL).content.decode()
    answer = admin_client.get(URL, {"q": "frog"})
    assert answer.status_code == 503
    assert "embedding space" in answer.content.decode()


def test_titles_are_text(admin_client, frog):
    page = admin_client.get(URL, {"q": ["pond", HOSTILE], "w": "1,1"}).content.decode()

    assert HOSTILE not in page
    assert html.escape(HOSTILE) in page


def test_as_many_queries_for_any_catalog(admin_client, frog, space, django_assert_max_num_queries):
    query = {"q": "pond", "item": "frog", "w": "1,1"}
    with django_assert_max_num_queries(40):
        admin_client.get(URL, query)
    more = [make_item(f"more{n}", f"more {n} pond") for n in range(12)]
    services.embed_items(space.id, [each.pk for each in more])
    lexical.index_items([each.pk for each in more])
    with django_assert_max_num_queries(40):
        admin_client.get(URL, query)


def test_permissions(client, django_user_model, frog):
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_item"))
    client.force_login(user)
    assert client.get(URL).status_code == 403
    assert client.post(URL, {"q": "frog"}).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_embeddingspace"))
    page = client.get(URL)
    assert page.status_code == 200
    assert reverse("admin:catalog_item_playground") in page.content.decode()


def test_posts_need_the_token(django_user_model, frog):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(django_user_model.objects.create_superuser("root"))
    assert strict.post(URL, {"q": "frog"}).status_code == 403


def test_redis_down_is_a_sentence(admin_client, frog, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise redis.ConnectionError("redis://:secret@127.0.0.1")

    monkeypatch.setattr(queries.cache, "get", down)
    answer = admin_client.get(URL, {"q": "frog"})

    assert answer.status_code == 503
    assert "The message broker cannot be reached" in answer.content.decode()
    assert "secret" not in answer.content.decode()
