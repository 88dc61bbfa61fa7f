"""What a list of hits shows of an item: words in the client's language, the first usable media."""

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from catalog.content import ItemContent, TextContent
from catalog.models import Media
from catalog.selectors import items_for_api
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.services import item_upsert

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
    return items_for_api().get()


def test_the_whole_summary(frog):
    assert ItemSummarySerializer(frog, context={"request": request()}).data == {
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
    found = ItemSummarySerializer(frog, context={"request": request(query, accept)}).data

    assert (found["title"], found["tags"]) == (title, tags)


def test_a_language_that_is_none():
    with pytest.raises(Exception, match="Use a language tag"):
        languages_wanted(request("?lang=klingon!"))


def test_a_list_takes_no_queries_of_its_own(frog, django_assert_num_queries):
    with django_assert_num_queries(4):
        items = list(items_for_api())
        assert len(ItemSummarySerializer(items, many=True, context={"request": request()}).data)
