"""Recommendations over the API: who likes what gets what, with which reasons."""

import pytest

from recommender.popularity import popularity_count
from recommender.profiles import profiles_update
from retrieval import services, spaces
from tests.clients import anonymous
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db
PATH = "/api/v1/recommendations/"

ANIMALS = [
    "frog green pond",
    "toad brown pond",
    "newt wet pond",
    "fish blue pond",
    "duck white pond",
]
INSTRUMENTS = ["drum loud music", "flute soft music", "violin sweet music", "horn brass music"]
THINGS = ["hammer iron tool", "saw steel tool", "nail small tool"]


@pytest.fixture
def catalog(space) -> dict[str, int]:
    """Animals, instruments and tools: words make them alike within their kind."""
    made = {}
    for kind, titles in (("animals", ANIMALS), ("instruments", INSTRUMENTS), ("tools", THINGS)):
        for title in titles:
            item = make_item(title.split()[0], title, categories=(kind,))
            made[item.external_id] = item.pk
    services.embed_items(spaces.active_space().id, list(made.values()))
    return made


def tell(*events: tuple[str, str, str]) -> None:
    """(visitor, type, item) each, happened now; and everything that follows from it."""
    happen(events)
    profiles_update(1_000)
    popularity_count(force=True)


def names(answer) -> list[str]:
    return [each["item"]["external_id"] for each in answer["items"]]


def ask(**query) -> dict:
    response = anonymous().get(PATH, query)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_visitor_gets_more_of_all_they_like_with_the_reason(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "toad", "newt", "drum")))

    answer = ask(visitor="anna", limit=4)

    assert {"fish", "duck"} & set(names(answer))
    assert {"flute", "violin", "horn"} & set(names(answer))
    by_name = {each["item"]["external_id"]: each for each in answer["items"]}
    flute = next(by_name[name] for name in ("flute", "violin", "horn") if name in by_name)
    first = flute["reasons"][0]
    assert (first["code"], first["item"]) == ("similar_to_liked", "drum")
    assert first["text"] == "Similar to drum loud music, which you liked"
    assert first["modalities"] == {"text": 1.0}


def test_a_stranger_gets_what_is_popular_and_new(catalog):
    tell(("anna", "like", "saw"), ("ben", "like", "saw"), ("ben", "view", "duck"))

    answer = ask(visitor="nobody", limit=3)

    assert names(answer)[0] == "saw"
    assert len(answer["items"]) == 3
    assert {reason["code"] for each in answer["items"] for reason in each["reasons"]} <= {
        "trending",
        "popular",
        "new",
        "exploration",
    }
