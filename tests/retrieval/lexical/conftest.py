"""Short ways to index and to ask."""

from collections.abc import Callable

import pytest

from catalog.models import Item
from retrieval import lexical


@pytest.fixture
def indexed(db) -> Callable[..., None]:
    """Brings every item's words into the index."""

    def index() -> None:
        lexical.index_due(list(Item.objects.values_list("pk", flat=True)))

    return index


@pytest.fixture
def found(db) -> Callable[..., list[str]]:
    """External ids of the visible items that a text finds, the best first."""

    def find(text: str, limit: int = 10, items=None, **options) -> list[str]:
        items = Item.objects.visible() if items is None else items
        hits = lexical.matches(text, limit, items=items, **options)
        names = dict(Item.objects.values_list("pk", "external_id"))
        return [names[hit.item_id] for hit in hits]

    return find
