"""Recommendations over the API: who likes what gets what, with which reasons."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Item
from recommender.candidates import SOURCES
from recommender.models import Impression, Rule
from recommender.placements import placement_override
from recommender.popularity import popularity_count
from recommender.profiles import profiles_update
from recommender.ranking import FEATURES
from recommender.rules import rule_save
from retrieval import services, spaces
from tests.clients import anonymous
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item, png

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_chance")]
PATH = "/api/v1/recommendations/"
MOST_STATEMENTS = 30

ANIMALS = [
    "frog green pond",
    "toad brown pond",
    "newt shy pond",
    "fish blue pond",
    "duck white pond",
]
INSTRUMENTS = ["drum loud tune", "flute soft tune", "violin sweet tune", "horn golden tune"]
THINGS = ["hammer iron tool", "saw steel tool", "nail tiny tool"]


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
    assert first["text"] == "Similar to drum loud tune, which you liked"
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


def test_seen_together_is_what_others_did_and_did_not_speak_against(catalog):
    tell(
        ("anna", "view", "frog"),
        ("anna", "view", "saw"),
        ("ben", "view", "frog"),
        ("ben", "view", "horn"),
        *(("dee", "view", "frog"), ("dee", "dislike", "drum"), ("dee", "withdraw", "flute")),
        *(("eve", "dislike", "frog"), ("eve", "view", "nail")),
        *(("fay", "like", "frog"), ("fay", "withdraw", "frog"), ("fay", "view", "duck")),
        *(("gus", "view", "frog"), ("gus", "like", "toad"), ("gus", "dislike", "toad")),
    )
    own = ask(visitor="anna", placement="item", items="frog")
    others = ask(visitor="carl", placement="item", items="frog")

    def together(answer) -> set[str]:
        return {e["item"]["external_id"] for e in answer["items"] if "covisited" in e["sources"]}

    assert together(own) == {"horn"}
    assert together(others) == {"horn", "saw"}


def post(**body):
    return anonymous().post(PATH, body, content_type="application/json")


def test_pages_follow_without_a_repeat_to_the_end(catalog):
    tell(("anna", "view", "frog"))

    seen, answer = [], ask(visitor="anna", limit=5)
    while True:
        seen += names(answer)
        if answer["next_cursor"] is None:
            break
        answer = ask(cursor=answer["next_cursor"])

    assert sorted(seen) == sorted(catalog)


def test_a_list_that_ends_with_a_page_has_no_other(catalog):
    whole = ask(visitor="anna", limit=len(catalog))
    assert (sorted(names(whole)), whole["next_cursor"]) == (sorted(catalog), None)
    first = ask(visitor="anna", limit=len(catalog) // 2)
    second = ask(cursor=first["next_cursor"])
    assert sorted(names(first) + names(second)) == sorted(catalog)
    assert second["next_cursor"] is None


def test_a_page_may_be_overridden_to_be_longer_than_two_of_what_is_declared(catalog, settings):
    given = settings.RECOMMENDER["PLACEMENTS"]
    declared = given | {"home": given["home"] | {"limit": 2}}
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": declared}
    placement_override("home", {"limit": 6}, "anna")

    answer = ask()
    rest = ask(cursor=answer["next_cursor"])

    assert len(names(answer)) == 6
    assert sorted([*names(answer), *names(rest)]) == sorted(catalog)


def test_what_is_hidden_between_pages_is_left_out(catalog):
    first = ask(visitor="anna", limit=4)
    left = sorted(set(catalog) - set(names(first)))
    Item.objects.filter(external_id__in=left[:5]).update(published=False)

    rest, cursor = [], first["next_cursor"]
    while cursor:
        answer = ask(cursor=cursor)
        rest, cursor = rest + names(answer), answer["next_cursor"]

    assert sorted(rest) == left[5:]


def test_what_is_disliked_or_hidden_by_a_rule_between_pages_is_left_out(catalog):
    first = ask(visitor="anna", limit=4)
    left = sorted(set(catalog) - set(names(first)))
    tell(*(("anna", "dislike", name) for name in left[:3]))
    rule_save(Rule(action="hide"), "editor", items=[catalog[left[3]]])

    rest, cursor = [], first["next_cursor"]
    while cursor:
        answer = ask(cursor=cursor)
        rest, cursor = rest + names(answer), answer["next_cursor"]

    assert sorted(rest) == left[4:]


def test_a_forged_cursor_is_refused():
    response = anonymous().get(PATH, {"cursor": "x"})
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["cursor"]


def test_an_item_page_shows_its_kin_and_not_itself(catalog):
    answer = post(placement="item", items=["drum"], limit=3).json()
    assert set(names(answer)[:2]) < {"flute", "violin", "horn"}
    assert "drum" not in names(answer)
    assert {each["reasons"][0]["code"] for each in answer["items"]} == {"similar_to_session"}


@pytest.mark.parametrize("placement", ["home", "item", "basket", "email"])
def test_nobody_is_left_without_anything_whatever_is_known(catalog, placement):
    """Neither events nor a visitor, and an item that is not embedded yet."""
    make_item("pond", "pond")
    answer = post(placement=placement, items=["pond"], limit=3).json()
    assert len(names(answer)) == 3
    assert len(names(ask(placement=placement, visitor="nobody", limit=3))) == 3


def test_filter_and_exclusions_hold(catalog):
    answer = post(filter={"categories": "tools"}, exclude=["saw", "gone"], limit=9).json()
    assert sorted(names(answer)) == ["hammer", "nail"]


def test_what_was_liked_disliked_or_bought_does_not_come_again(catalog):
    tell(("anna", "like", "frog"), ("anna", "dislike", "drum"), ("anna", "purchase", "saw"))
    answer = ask(visitor="anna", limit=20)
    assert sorted(names(answer)) == sorted(set(catalog) - {"frog", "drum", "saw"})


def test_what_is_like_the_disliked_comes_last(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "hammer")), ("anna", "dislike", "drum"))
    answer = ask(visitor="anna", limit=20, explain=True)
    instruments = {"flute", "violin", "horn"}
    scores = {each["item"]["external_id"]: each["score"] for each in answer["items"]}
    assert max(scores[name] for name in instruments) < min(
        score for name, score in scores.items() if name not in instruments
    )
    assert all(each["contributions"]["disliked"] <= 0 for each in answer["items"])


def test_an_answer_is_logged_for_events_to_refer_to(catalog):
    answer = ask(visitor="anna", limit=3, session="s1")
    row = Impression.objects.get(request_id=answer["request_id"])
    assert row.item_ids == [catalog[name] for name in names(answer)]
    assert (row.placement, row.visitor.external_id, row.session, row.start) == (
        *("home", "anna", "s1"), 0,
    )  # fmt: skip
    assert {len(each) for each in row.features} == {len(FEATURES)}


def test_a_pin_on_a_later_page_waits_for_it(catalog):
    rule_save(Rule(action="pin", position=8), "editor", items=[catalog["nail"]])
    pages = [ask(visitor="anna", limit=2)]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(ask(cursor=cursor))
    shown = [name for page in pages for name in names(page)]
    assert (shown.index("nail"), len(shown), len(set(shown))) == (7, 12, 12)


def test_the_setup_is_read_twice_a_later_page(catalog):
    """For what is hidden by now and for the items that follow, however many have to be skipped on the way."""
    cursors = [ask(visitor="anna", limit=4)["next_cursor"] for _ in range(2)]
    read = []

    def reading(execute, statement, *rest):
        read[-1] += "recommender_placement WHERE" in str(statement)
        return execute(statement, *rest)

    for cursor in cursors:
        read.append(0)
        with connection.execute_wrapper(reading):
            shown = names(ask(cursor=cursor))
        Item.objects.filter(external_id__in=shown[:3]).update(published=False)
    assert read == [2, 2]


def test_a_pinned_item_stands_first_with_the_rule_as_reason(catalog):
    rule = Rule(action="pin", position=1)
    rule_save(rule, "editor", items=[catalog["nail"]])
    first = ask(visitor="anna", limit=3)["items"][0]
    assert first["item"]["external_id"] == "nail"
    assert first["reasons"] == [
        {"code": "rule", "text": "Chosen by the editors", "share": 1.0, "rule": rule.pk}
    ]


def test_an_attribute_is_capped(catalog):
    Item.objects.filter(external_id__in=("frog", "toad", "newt")).update(attributes={"shop": "a"})
    Item.objects.filter(external_id__in=("duck", "fish")).update(attributes={"shop": ["b", "a"]})
    one_shop = {"frog", "toad", "newt", "duck", "fish"}
    placement_override("home", {"caps": {"attributes.shop": 1}}, "a test")
    # seven are of no shop, and a page of eight takes one of the shop's before it runs out of others
    assert len(one_shop & set(names(ask(limit=8)))) == 1


def test_modality_weights_are_taken(catalog):
    tell(("anna", "like", "frog"))
    answer = post(visitor="anna", modalities={"text": 1}, limit=3).json()
    assert {"toad", "newt", "fish", "duck"} & set(names(answer))


def test_likeness_is_ranked_and_told_by_the_modalities_asked_for(space):
    """The newt has the frog's words, the leaf its colour."""
    green, red = (20, 180, 40), (200, 20, 30)
    made = [
        make_item("frog", "frog green pond", media=[png(green)]),
        make_item("newt", "newt green pond", media=[png(red)]),
        make_item("leaf", "leaf of a tree", media=[png(green, size=20)]),
        make_item("car", "car on a road", media=[png(red)]),
    ]
    services.embed_items(space.id, [item.pk for item in made])
    for name, nearest in (("text", "newt"), ("image", "leaf")):
        answer = post(placement="item", items=["frog"], modalities={name: 1}, limit=3).json()
        first = answer["items"][0]
        assert first["item"]["external_id"] == nearest
        [reason] = [each for each in first["reasons"] if "modalities" in each]
        assert reason["modalities"] == {name: 1.0}


@pytest.mark.parametrize("limit", [1, 12])
def test_the_number_of_statements_does_not_follow_the_number_of_items(catalog, limit):
    tell(("anna", "like", "frog"), ("anna", "like", "drum"))
    ask(visitor="anna", limit=limit)
    with CaptureQueriesContext(connection) as captured:
        ask(visitor="anna", limit=limit)
    own = [each for each in captured if "SAVEPOINT" not in each["sql"]]
    assert len(own) <= MOST_STATEMENTS


def test_a_source_that_fails_or_is_slow_is_skipped_and_said(catalog, monkeypatch):
    def broken(context, limit):
        raise RuntimeError("the source's own fault")

    def slow(context, limit):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return []

    monkeypatch.setattr("recommender.limits.STATEMENT_MS", 50)
    monkeypatch.setitem(SOURCES, "trending", slow)
    monkeypatch.setitem(SOURCES, "taste", broken)

    answer = ask(visitor="anna", limit=3, explain=True)

    assert len(answer["items"]) == 3
    errors = {each["name"]: each["error"] for each in answer["sources"] if each["error"]}
    assert errors == {"taste": "RuntimeError", "trending": "OperationalError"}
    assert answer["degraded"] is True


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"visitor": "a b"}, "visitor"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"nonsense": 1}, "nonsense"),
        ({"filter": '{"nope": 1}'}, "filter.nope"),
        ({"modalities": '{"smell": 1}'}, "modalities.smell"),
    ],
)
def test_a_bad_request_names_the_field(query, field):
    response = anonymous().get(PATH, query)
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]


def test_an_unknown_placement_is_a_404_that_lists_them():
    response = anonymous().get(PATH, {"placement": "attic"})
    assert response.status_code == 404
    assert response.json()["code"] == "unknown_placement"


def test_an_empty_catalog_has_nothing_to_recommend(space):
    answer = ask(visitor="anna")
    assert (answer["items"], answer["next_cursor"]) == ([], None)


def test_rows_have_titles_and_no_item_twice(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "drum")))
    answer = anonymous().get(f"{PATH}rows/", {"visitor": "anna", "limit": 4}).json()
    shown = [each["item"]["external_id"] for row in answer["rows"] for each in row["items"]]
    assert len(shown) == len(set(shown))
    titles = [row["text"] for row in answer["rows"]]
    assert titles[0] == "For you"
    assert any(title.startswith("Because you liked ") for title in titles)
    assert Impression.objects.count() == len(answer["rows"])


def test_no_later_page_of_a_row_has_what_another_row_showed(catalog):
    tell(*(("anna", "like", name) for name in ("frog", "drum")))
    rows = ask_rows(visitor="anna", limit=2)
    assert [row["code"] for row in rows] == ["for_you", "because", "because", "new"]
    everything = {name for row in rows for name in names(row)}
    assert len(everything) == 2 * len(rows)
    for row in rows:
        seen, cursor = [], row["next_cursor"]
        while cursor:
            answer = ask(cursor=cursor)
            seen += names(answer)
            cursor = answer["next_cursor"]
        assert len(set(seen)) == len(seen)
        assert not everything & set(seen)
        if row["code"] in ("for_you", "new"):
            assert {*seen, *everything} == catalog.keys() - {"frog", "drum"}


def test_rows_of_a_stranger(catalog):
    answer = anonymous().get(f"{PATH}rows/", {"lang": "de", "limit": 5}).json()
    assert [row["text"] for row in answer["rows"]][-1] == "Neu"


def test_a_preview_is_not_logged_as_shown(catalog):
    tell(("anna", "like", "frog"))
    for shown in (False, True):
        ask(visitor="anna", limit=3, preview=not shown)
        ask_rows(visitor="anna", limit=3, preview=not shown)
        assert Impression.objects.filter(visitor__external_id="anna").exists() == shown


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


def test_a_dislike_speaks_against_what_is_alike_only(catalog):
    mallet = make_item("mallet", "mallet iron tool")
    services.embed_items(spaces.active_space().id, [mallet.pk])
    tell(("anna", "like", "drum"), ("anna", "dislike", "hammer"))
    found = ask(visitor="anna", limit=12, explain=True)["items"]
    against = {each["item"]["external_id"]: each["features"]["disliked"] for each in found}
    assert "hammer" not in against
    assert 0 < against["mallet"] < 1
    assert against["mallet"] == max(against.values())
    assert {against[name] for name in ("flute", "violin", "frog", "duck")} == {0.0}
