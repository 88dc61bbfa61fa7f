"""Lists to their end: whatever is hidden from somebody, they go on until nothing else is left."""

from typing import Any

import pytest

from catalog.models import Category, Item
from recommender.models import Rule
from recommender.profiles import profiles_update
from retrieval import services
from tests.clients import anonymous
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db
PATH = "/api/v1/recommendations/"
MANY = 150


def ask(**query: Any) -> dict[str, Any]:
    answer = anonymous().get(PATH, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(answer: dict[str, Any]) -> list[str]:
    return [each["item"]["external_id"] for each in answer["items"]]


@pytest.fixture
def many(space) -> list[str]:
    made = []
    for n in range(MANY):
        kind = "pond" if n < MANY * 2 // 3 else "music"
        made.append(make_item(f"many-{n:03}", f"thing{n} {kind}", categories=(kind,)))
    services.embed_items(space.id, [item.pk for item in made])
    return [item.external_id for item in made]


def walked(**query: Any) -> list[list[str]]:
    """Names on each page."""
    answer = ask(**query)
    pages = [ids(answer)]
    while answer["next_cursor"]:
        answer = ask(cursor=answer["next_cursor"])
        pages.append(ids(answer))
    return pages


def test_of_who_liked_half_of_it(many):
    liked = many[: MANY // 2]
    happen([("fan", "like", name) for name in liked])
    shown = [name for page in walked(visitor="fan", limit=20) for name in page]
    assert sorted(shown) == sorted(set(many) - set(liked))
    profiles_update(1_000)
    pages = walked(visitor="fan", limit=20)
    assert sorted(name for page in pages for name in page) == sorted(set(many) - set(liked))
    assert {len(page) for page in pages[:-1]} == {20}


@pytest.mark.parametrize("by", ["category", "tag", "items"])
def test_where_a_rule_hides_most(many, by):
    rule = Rule.objects.create(name="no ponds", action="hide", placement="home")
    hidden = many[: MANY * 2 // 3]
    if by == "category":
        rule.category = Category.objects.get(path="pond")
    elif by == "tag":
        Item.objects.filter(external_id__in=hidden).update(tags=["wet"])
        rule.tag = "wet"
    else:
        rule.items.set(Item.objects.filter(external_id__in=hidden))
    rule.save()
    shown = [name for page in walked(visitor="x", limit=20) for name in page]
    assert sorted(shown) == many[MANY * 2 // 3 :]


def test_caps_hold_on_every_page(many, settings):
    home = settings.RECOMMENDER["PLACEMENTS"]["home"] | {
        "caps": {"categories": 6},
        "exploration": 0.0,
    }
    settings.RECOMMENDER = settings.RECOMMENDER | {
        "PLACEMENTS": settings.RECOMMENDER["PLACEMENTS"] | {"home": home}
    }
    happen([("fan", "like", name) for name in many[:3]])
    pages = walked(visitor="fan", limit=10)
    ponds = set(many[: MANY * 2 // 3])
    full = pages[:10]  # music lasts for so many
    assert [sum(name in ponds for name in page) for page in full] == [6] * len(full)


def test_chance_draws_anew_for_every_page(many, settings):
    home = settings.RECOMMENDER["PLACEMENTS"]["home"] | {"exploration": 0.3, "caps": {}}
    settings.RECOMMENDER = settings.RECOMMENDER | {
        "PLACEMENTS": settings.RECOMMENDER["PLACEMENTS"] | {"home": home}
    }
    answer = ask(visitor="x", limit=20, explain="true")
    drawn = set()
    for _ in range(5):
        drawn.add(tuple(each["propensity"] < 0.5 for each in answer["items"]))
        answer = ask(cursor=answer["next_cursor"], explain="true")
    assert len(drawn) == 5
