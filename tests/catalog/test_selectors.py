"""Reads of the catalog: complete, ordered, and with a fixed number of queries."""

import pytest

from catalog import selectors
from catalog.models import Item
from catalog.selectors import DocumentText
from tests.catalog.factories import CategoryFactory, ItemFactory, ItemTextFactory, MediaFactory

pytestmark = pytest.mark.django_db


def test_documents_hold_all_that_is_embedded(media_root):
    item = ItemFactory(title="Frog", description="Green.", tags=["a"], language="fr")
    ItemTextFactory(item=item, language="zh", title="青蛙", tags=["绿"])
    ItemTextFactory(item=item, language="en", title="A frog")
    second = MediaFactory(item=item, position=7)
    first = MediaFactory(item=item, position=1)
    other = ItemFactory()
    found, rest = selectors.documents([other.pk, item.pk, 10**9])
    assert (found.item_id, rest.item_id) == (item.pk, other.pk)
    assert found.content_version == 3
    assert found.texts == (
        DocumentText("fr", "Frog", "Green.", ("a",)),
        DocumentText("en", "A frog", "", ()),
        DocumentText("zh", "青蛙", "", ("绿",)),
    )
    assert [(m.media_id, m.position, m.modality, m.status) for m in found.media] == [
        (first.pk, 1, "image", "pending"),
        (second.pk, 7, "image", "pending"),
    ]
    assert found.media[0].path == media_root / first.file.name
    assert found.media[0].path.is_file()


def test_documents_take_three_queries(django_assert_num_queries):
    for _ in range(5):
        MediaFactory(item=ItemTextFactory().item)
    ids = list(Item.objects.values_list("pk", flat=True))
    with django_assert_num_queries(3):
        assert [len(document.texts) for document in selectors.documents(ids)] == [2] * 5


def test_items_for_api_take_four_queries(django_assert_num_queries):
    for _ in range(5):
        MediaFactory(item=ItemTextFactory(item=ItemFactory(categories=["a/b"])).item)
    with django_assert_num_queries(4):
        for item in selectors.items_for_api():
            assert [len(item.texts.all()), len(item.categories.all()), len(item.media.all())] == [
                1,
                1,
                1,
            ]
    assert selectors.item_by_external_id(item.external_id) == item
    with pytest.raises(Item.DoesNotExist):
        selectors.item_by_external_id("nobody")


def test_category_descendants_are_a_subtree():
    for path in ("animals/birds", "animals too", "plants_x", "plantsyx/z"):
        CategoryFactory(path=path)
    assert [c.path for c in selectors.category_descendants("animals")] == [
        "animals",
        "animals/birds",
    ]
    assert [c.path for c in selectors.category_descendants("plants_x")] == ["plants_x"]
    assert not selectors.category_descendants("nothing").exists()
