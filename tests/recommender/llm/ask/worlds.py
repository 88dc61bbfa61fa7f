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


def stored(space: spaces.Space) -> None:
    """The items, embedded and indexed."""
    ids = [make_item(**one).pk for one in GIVEN]  # type: ignore[arg-type]
    services.embed_items(space.id, ids)
    lexical.index_items(ids)


def named() -> dict[str, Item]:
    """The items by name; the catalog's names are read, as a worker would."""
    names_read()
    return {item.external_id: item for item in Item.objects.all()}


def made(space: spaces.Space) -> dict[str, Item]:
    """The items, stored for one test."""
    stored(space)
    return named()
