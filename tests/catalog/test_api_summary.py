"""What a list of hits shows of an item: words in the client's language, the first usable media."""

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from catalog.content import ItemContent, TextContent
from catalog.models import Item, Media
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.services import item_upsert
from catalog.summaries import item_summaries

pytestmark = pytest.mark.django_db


def request(query: str = "", accept: str = "") -> Request:
    return Request(APIRequestFactory().get(f"/x/{query}", headers={"Accept-Language": accept}))


@pytest.fixture
def frog():
    content = ItemContent(
        external_id="frog",
        title="Frog",
        language="en",
        tags=("green",),
        categories=("animals/amphibians",),
        attributes={"year": 1993},
        texts=(
            TextContent(language="zh-Hant", title="青蛙", tags=("蛙",)),
            TextContent(language="de", title="Frosch"),
        ),
    )
    item = item_upsert(content).item
    for n, (modality, status) in enumerate(
        [
            *(("image", "failed"), ("image", "ready"), ("image", "ready")),
            *(("audio", "pending"), ("video", "ready")),
        ]
    ):
        Media.objects.create(
            item=item,
            modality=modality,
            status=status,
            file=f"{n}.bin",
            content_type="x/x",
            bytes=1,
            sha256=str(n),
            position=n,
        )
    return item


def summary(item: Item, asked: Request) -> dict:
    return item_summaries([item.pk], languages_wanted(asked), asked.build_absolute_uri)[item.pk]


def test_the_whole_summary(frog):
    assert summary(frog, request()) == {
        "external_id": "frog",
        "kind": "item",
        "title": "Frog",
        "language": "en",
        "categories": ["animals/amphibians"],
        "tags": ["green"],
        "attributes": {"year": 1993},
        "image": "http://testserver/media/1.bin",
        "audio": "http://testserver/media/3.bin",
        "video": "http://testserver/media/4.bin",
    }


@pytest.mark.parametrize(
    ("query", "accept", "title", "tags"),
    [
        ("", "", "Frog", ["green"]),
        ("", "fr", "Frog", ["green"]),
        ("", "zh-TW,zh;q=0.9,en;q=0.8", "青蛙", ["蛙"]),
        ("", "en;q=0.2,de;q=0.8", "Frosch", ["green"]),
        ("", "en-GB,de", "Frog", ["green"]),
        ("?lang=zh", "de", "青蛙", ["蛙"]),
        ("?lang=zh-Hant", "", "青蛙", ["蛙"]),
        ("", "*", "Frog", ["green"]),
    ],
)
def test_words_in_the_clients_language(frog, query, accept, title, tags):
    found = summary(frog, request(query, accept))

    assert (found["title"], found["tags"]) == (title, tags)


def test_a_language_that_is_none():
    with pytest.raises(Exception, match="Use a language tag"):
        languages_wanted(request("?lang=klingon!"))


def test_its_fields_are_those_of_the_schema(frog):
    assert list(summary(frog, request())) == list(ItemSummarySerializer().fields)


def test_without_words_or_media_of_its_own_beyond_the_title():
    item = item_upsert(ItemContent(external_id="bare", title="Bare")).item
    assert summary(item, request("?lang=de")) == {
        "external_id": "bare",
        "kind": "item",
        "title": "Bare",
        "language": "en",
        "categories": [],
        "tags": [],
        "attributes": {},
        "image": None,
        "audio": None,
        "video": None,
    }


def test_any_number_of_items_is_one_query(frog, django_assert_num_queries):
    others = [item_upsert(ItemContent(external_id=f"{n}", title="x")).item.pk for n in range(9)]
    with django_assert_num_queries(1):
        assert item_summaries([*others, frog.pk, 10**9], ()).keys() == {*others, frog.pk}
    with django_assert_num_queries(0):
        assert item_summaries([], ()) == {}
