"""Recommendations over the API: who likes what gets what, with which reasons."""

import json

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


def test_a_reason_names_what_the_item_is_like_not_what_was_liked_last(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "toad", "newt", "drum")))
    found = {
        each["item"]["external_id"]: each["reasons"]
        for each in ask(visitor="anna", limit=6)["items"]
    }
    named = {name: found[name][0]["item"] for name in found if name in {"fish", "duck"}}
    assert named
    assert set(named.values()) <= {"frog", "toad", "newt"}
    assert all(
        len({reason["item"] for reason in given if "item" in reason})
        == len([r for r in given if "item" in r])
        for given in found.values()
    )


def test_what_was_only_looked_at_is_not_said_to_be_liked(catalog):
    tell(("anna", "view", "frog"))
    rows = ask_rows(visitor="anna", limit=4)
    assert [(row["code"], row["text"]) for row in rows][:2] == [
        ("for_you", "For you"),
        ("because_seen", "Because you looked at frog green pond"),
    ]
    codes = {reason["code"] for each in rows[0]["items"] for reason in each["reasons"]}
    assert "similar_to_seen" in codes
    assert "similar_to_liked" not in codes


def ask_rows(**query) -> list[dict]:
    response = anonymous().get(f"{PATH}rows/", query)
    assert response.status_code == 200, response.content
    rows: list[dict] = response.json()["rows"]
    return rows


def test_rows_of_a_stranger_claim_nothing_about_them(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "saw", "drum")))
    rows = ask_rows(visitor="nobody", limit=4)
    assert [row["code"] for row in rows] == ["trending", "new"]
    shown = [name for row in rows for name in names(row)]
    assert set(shown[:3]) == {"frog", "saw", "drum"}
    assert len(set(shown)) == len(shown) == 7


def test_new_in_is_the_narrowest_category_that_has_something_new(space):
    made = [
        *(make_item(f"frog-{n}", f"frog {n}", categories=("zoo/frogs",)) for n in range(3)),
        *(make_item(f"duck-{n}", f"duck {n}", categories=("zoo/sea-birds",)) for n in range(9)),
        *(make_item(f"saw-{n}", f"saw {n}", categories=("tools",)) for n in range(3)),
    ]
    services.embed_items(spaces.active_space().id, [item.pk for item in made])
    tell(*(("anna", "like", f"frog-{n}") for n in range(3)), ("ben", "like", "duck-0"))
    (row,) = [row for row in ask_rows(visitor="anna", limit=3) if row["code"] == "new_in"]
    assert (row["category"], row["text"]) == ("zoo", "New in Zoo")
    assert all(name.startswith("duck") for name in names(row))
    (row,) = [row for row in ask_rows(visitor="ben", limit=2) if row["code"] == "new_in"]
    assert (row["category"], row["text"]) == ("zoo/sea-birds", "New in Sea birds")


def test_seen_together_is_what_others_did(catalog):
    tell(
        ("anna", "view", "frog"),
        ("anna", "view", "saw"),
        ("ben", "view", "frog"),
        ("ben", "view", "horn"),
    )
    own = ask(visitor="anna", placement="item", items="frog")
    others = ask(visitor="carl", placement="item", items="frog")

    def together(answer) -> set[str]:
        return {e["item"]["external_id"] for e in answer["items"] if "covisited" in e["sources"]}

    assert together(own) == {"horn"}
    assert together(others) == {"horn", "saw"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "5"),
        ("explain", "yes"),
        ("items", "frog,toad"),
        ("exclude", "frog"),
        ("filter", '{"kind": "item"}'),
        ("modalities", '{"text": 1}'),
    ],
)
def test_json_has_types_and_a_url_has_none(catalog, field, value):
    answer = post(**{field: value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert ask(**{field: value})["placement"] == "home"


class TestCursor:
    """Pages of one list, and of nothing else."""

    @pytest.fixture
    def page(self, catalog) -> dict:
        return ask(visitor="anna", exclude="frog", limit=2)

    def test_alone_and_with_what_was_asked(self, page):
        alone = ask(cursor=page["next_cursor"])
        assert not {"frog", *names(page)} & set(names(alone))
        same = {"visitor": "anna", "exclude": "frog", "items": "", "placement": "home"}
        again = ask(cursor=page["next_cursor"], limit=1, explain="true", lang="de", **same)
        assert names(again) == names(alone)[:1]

    @pytest.mark.parametrize(
        "other",
        [
            {"visitor": "ben"},
            {"session": "other"},
            {"placement": "item"},
            {"items": ["frog"]},
            {"exclude": ["toad"]},
            {"filter": {"kind": "item"}},
            {"modalities": {"text": 1}},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_not_with_anything_else(self, page, other):
        answer = post(cursor=page["next_cursor"], **other)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cursor"])
        assert f"another {next(iter(other))}:" in answer.json()["errors"]["cursor"][0]

    def test_a_filter_that_is_none_is_refused_as_such(self, page):
        answer = post(cursor=page["next_cursor"], filter={"nope": 1})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["filter.nope"])

    def test_of_a_row(self, catalog):
        tell(*(("anna", "like", name) for name in ("frog", "toad", "drum")))
        answer = anonymous().get(f"{PATH}rows/", {"visitor": "anna", "limit": 1})
        cursor = next(row["next_cursor"] for row in answer.json()["rows"] if row["next_cursor"])
        assert names(ask(cursor=cursor, visitor="anna"))
        assert post(cursor=cursor, visitor="ben").status_code == 400


def post(**body):
    return anonymous().post(PATH, json.dumps(body), content_type="application/json")
