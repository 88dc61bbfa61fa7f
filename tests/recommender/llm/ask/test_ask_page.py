"""The ask box as a plain client gets it."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import Item
from recommender.storefront.asking import WORDS
from retrieval import lexical, queries, services
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db
ASK = "/ask/"


def text(page: str) -> str:
    """Of the answer, with its marks as they are shown."""
    found = re.search(r'<p class="ask-text">(.*?)</p>', page, re.DOTALL)
    assert found is not None
    return html.unescape(re.sub("<[^>]+>", "", found[1]))


def cited(page: str) -> list[str]:
    return re.findall(r'<li id="cited-\d" data-id="([^"]+)"', page)


def history(page: str) -> str:
    found = re.search(r'name="history" value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_a_form_is_answered_on_its_page(client: Client, catalog):
    answer = client.post(ASK, {"question": "Which bird can fly?"})
    assert answer.status_code == 200
    assert text(answer.text) == (
        "This fits: golden eagle bird 1. Tagged “fly”: golden eagle bird 1. "
        "golden eagle bird 1 says: “An eagle can fly for hours!”."
    )
    assert cited(answer.text) == ["eagle"]
    assert '<a href="/plain/items/eagle/"' in answer.text


def test_the_form_carries_the_conversation(client: Client, catalog):
    first = client.post(ASK, {"question": "Which bird?"}).text
    second = client.post(ASK, {"question": "cheaper", "history": history(first)}).text
    assert cited(second) == ["robin"]


def test_an_address_can_be_a_question(client: Client, catalog):
    assert cited(client.get(ASK, {"question": "a snowy owl"}).text)[0] == "owl"


@pytest.mark.parametrize("said", [{}, {"question": "  "}])
def test_without_a_question_there_is_the_box(client: Client, catalog, said):
    for answer in (client.post(ASK, said), client.get(ASK)):
        assert answer.status_code == 200
        assert 'id="ask"' in answer.text
        assert "ask-turn" not in answer.text


def test_a_picture_can_be_sent(client: Client, catalog, monkeypatch):
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    file = SimpleUploadedFile("owl.png", png((240, 240, 250)).read(), "image/png")
    assert cited(client.post(ASK, {"image": file}).text)[0] == "owl"


def test_the_page_speaks_chinese(client: Client, catalog):
    page = client.get(ASK, headers={"Accept-Language": "zh-CN"}).text
    assert WORDS["zh"]["title"] in page
    assert WORDS["zh"].keys() == WORDS["en"].keys()


@pytest.mark.parametrize(
    ("said", "path"), [({"history": "x"}, "history"), ({"question": "a" * 501}, "question")]
)
def test_what_is_wrong_is_said_on_the_page(client: Client, catalog, said, path):
    answer = client.post(ASK, {"question": "a bird", **said})
    assert answer.status_code == 400
    assert f"<code>{path}</code>" in answer.text
    assert 'id="ask"' in answer.text


def test_where_reading_needs_a_key_nothing_is_answered(client: Client, settings, catalog):
    settings.API = settings.API | {"ANONYMOUS_READ": False}
    answer = client.post(ASK, {"question": "a bird"})
    assert answer.status_code in (401, 403)
    assert "golden" not in answer.text


def test_too_many_questions_are_too_many(client: Client, settings, catalog):
    settings.API = settings.API | {"RATE_LIMIT_ANONYMOUS": 1}
    assert client.post(ASK, {"question": "a bird"}).status_code == 200
    answer = client.post(ASK, {"question": "a bird"})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_what_items_say_is_text(client: Client, space):
    Item.objects.all().delete()  # what the module's other tests ask about
    item = make_item("x", "<script>alert(1)</script> bird [7] {items}")
    services.embed_items(space.id, [item.pk])
    lexical.index_items([item.pk])
    page = client.post(ASK, {"question": "which bird?"}).text
    assert "<script>alert" not in page
    assert text(page) == "This fits: <script>alert(1)</script> bird (7) (items) 1."


def test_the_first_page_has_the_box(client: Client):
    page = client.get("/").text
    assert '<form id="ask" class="ask-box" action="/ask/" method="post"' in page
    assert "/static/storefront/js/ask.js" in page
