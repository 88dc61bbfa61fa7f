"""A small catalog whose right answers are known."""

from catalog.models import Item
from recommender.llm.understanding import names_read
from retrieval import lexical, services, spaces
from tests.retrieval.conftest import make_item, png, wav

GIVEN = (
    {
        "external_id": "eagle",
        "title": "golden eagle bird",
        "description": "It is large. An eagle can fly for hours! It eats fish.",
        "texts": {"zh": "金雕 鸟"},
        "tags": ("bird", "fly"),
        "categories": ("animals/birds",),
        "attributes": {"price": 80, "brand": "Aerie"},
        "media": [png((200, 160, 40)), wav(440)],
    },
    {
        "external_id": "owl",
        "title": "snowy owl bird",
        "texts": {"zh": "雪鸮 鸟"},
        "tags": ("bird", "night"),
        "categories": ("animals/birds",),
        "attributes": {"price": 40},
        "media": [png((240, 240, 250))],
    },
    {
        "external_id": "robin",
        "title": "little robin bird",
        "tags": ("bird",),
        "categories": ("animals/birds",),
        "attributes": {"price": 20},
    },
    {
        "external_id": "drum",
        "title": "big drum",
        "texts": {"zh": "大鼓"},
        "categories": ("music",),
        "attributes": {"price": 60},
        "media": [png((120, 80, 40)), wav(110)],
    },
    {"external_id": "blue-drum", "title": "blue drum", "categories": ("music",)},
    {"external_id": "secret", "title": "secret bird", "published": False},
)


def made(space: spaces.Space) -> dict[str, Item]:
    """The items, embedded and indexed."""
    items = {str(one["external_id"]): make_item(**one) for one in GIVEN}  # type: ignore[arg-type]
    ids = [item.pk for item in items.values()]
    services.embed_items(space.id, ids)
    lexical.index_items(ids)
    names_read()
    return items
