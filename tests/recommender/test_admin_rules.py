"""What a rule would change, before it is saved."""

import html

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from catalog.models import Item
from catalog.models.items import Category
from recommender.models import Change, Impression, Rule
from recommender.popularity import popularity_count
from recommender.rules import NEWEST, rule_of, rule_save, rules_for, rules_with
from recommender.types import Rule as Used
from retrieval import services
from tests.recommender.worlds import NOW, happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db
NAMES = ("frog", "toad", "newt", "drum")
HOSTILE = "<i>newt</i>"


@pytest.fixture(autouse=True)
def popular_only(settings) -> None:
    """Home shows what is popular, by that alone."""
    home = {"sources": {"popular": 1.0}, "diversity": 0.0, "limit": 4}
    placements = settings.RECOMMENDER["PLACEMENTS"] | {"home": home}
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": placements}


@pytest.fixture
def items(space) -> dict[str, Item]:
    """The frog is the most popular, the drum the least."""
    made = {n: make_item(n, HOSTILE if n == "newt" else n, categories=("things",)) for n in NAMES}
    services.embed_items(space.id, [each.pk for each in made.values()])
    happen(
        (f"v{person}", "like", name)
        for place, name in enumerate(NAMES)
        for person in range(4 - place)
    )
    popularity_count(force=True)
    return made


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"tag": "pond"}, "It is about 2 items that may be shown."),
        ({"tag": "pnod"}, "Nothing that may be shown is what it is about."),
        ({"category": "things"}, "It is about 3 items that may be shown."),
        ({"items": ["frog", "drum"]}, "It is about 1 item that may be shown."),
    ],
)
def test_it_says_how_many_items_a_rule_is_about(admin_client, items, about, said):
    Item.objects.filter(external_id__in=["frog", "toad"]).update(tags=["pond", "green"])
    Item.objects.filter(external_id="drum").update(published=False)
    given = dict(about)
    if "items" in given:
        given["items"] = [items[name].pk for name in about["items"]]
    if "category" in given:
        given["category"] = Category.objects.get(path=about["category"]).pk
    page = admin_client.post(url("preview_new"), form(**given)).content.decode()
    assert said in page


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:recommender_rule_{name}", args=arguments)


def form(*about: Item, **changes: object) -> dict[str, object]:
    """What the page posts."""
    given = {
        **dict.fromkeys(("position", "factor", "category", "tag", "placement"), ""),
        **dict.fromkeys(("starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1"), ""),
        "name": "spring",
        "action": "hide",
        "enabled": "on",
        "items": [each.pk for each in about],
    }
    return given | changes


def shown(answer) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(item, what happened to it) before and after."""
    names = dict(Item.objects.values_list("pk", "external_id"))
    before, after = (
        [(names[each["item_id"]], each["moved"]) for each in answer.context[side]]
        for side in ("before", "after")
    )
    return before, after


NOW_SHOWN = [("frog", ""), ("toad", ""), ("newt", ""), ("drum", "")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"action": "pin", "position": 1},
         [("drum", "up from 4"), ("frog", "down from 1"), ("toad", "down from 2"), ("newt", "down from 3")]),
        ({"action": "boost", "factor": 100},
         [("drum", "up from 4"), ("frog", "down from 1"), ("toad", "down from 2"), ("newt", "down from 3")]),
        ({"action": "hide"}, [("frog", ""), ("toad", ""), ("newt", "")]),
        ({"action": "hide", "enabled": ""}, NOW_SHOWN),
        ({"action": "hide", "placement": "item", "preview_placement": "home"}, None),
    ],
)  # fmt: skip
def test_of_a_new_rule(admin_client, items, changes, expected):
    answer = admin_client.post(url("preview_new"), form(items["drum"], **changes))

    assert answer.status_code == 200
    if expected is None:
        assert answer.context["look"].placement == "item"  # its own, whatever is chosen beside it
        return
    before, after = shown(answer)
    assert [name for name, _ in before] == list(NAMES)
    assert after == expected
    assert answer.context["same"] == (expected == NOW_SHOWN)


def test_nothing_is_stored(admin_client, items):
    admin_client.post(url("preview_new"), form(items["drum"]))

    assert not Rule.objects.exists()
    assert not Change.objects.exists()
    assert not Impression.objects.exists()


def test_of_a_stored_rule_that_is_changed(admin_client, items):
    rule = rule_save(Rule(name="pin", action="pin", position=1), "root", [items["drum"].pk])
    given = form(items["toad"], action="pin", position=1)
    answer = admin_client.post(url("preview", rule.pk), given)

    before, after = shown(answer)
    assert [name for name, _ in before] == ["drum", "frog", "toad", "newt"]
    assert [name for name, _ in after] == ["toad", "frog", "newt", "drum"]
    rule.refresh_from_db()
    assert list(rule.items.all()) == [items["drum"]]


def test_for_a_visitor(admin_client, items):
    happen([("anna", "dislike", "frog")])
    given = form(items["drum"], preview_visitor=" anna ")

    assert admin_client.post(url("preview_new"), given).context["look"].visitor == "anna"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "pin"}, "Say at which position"),
        ({"items": []}, "Name either items"),
        ({"preview_item": "nothing"}, "There is no item 'nothing' to look at."),
    ],
)
def test_what_makes_no_sense_is_said(admin_client, items, changes, said):
    answer = admin_client.post(url("preview_new"), form(items["drum"], **changes))

    assert answer.status_code == 200
    assert said in html.unescape(answer.content.decode())


def test_titles_are_text_and_it_comes_alone(admin_client, items):
    asked = {"HX-Request": "true"}
    page = admin_client.post(url("preview_new"), form(items["drum"]), headers=asked)

    assert HOSTILE not in page.content.decode()
    assert html.escape(HOSTILE) in page.content.decode()
    assert "<html" not in page.content.decode()


def test_without_a_space(admin_client):
    frog = make_item("frog", "frog")
    answer = admin_client.post(url("preview_new"), form(frog))

    assert answer.status_code == 200
    assert "no embedding space" in answer.content.decode().lower()


def test_is_for_whoever_may_change_rules(client, django_user_model, items):
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_rule"))
    client.force_login(user)
    rule = rule_save(Rule(name="hide", action="hide"), "root", [items["drum"].pk])

    page = client.get(url("change", rule.pk))
    assert page.status_code == 200
    assert url("preview", rule.pk) not in page.content.decode()
    for address in (url("preview", rule.pk), url("preview_new")):
        assert client.post(address, form(items["frog"])).status_code == 403


def test_a_visitors_taste_is_not_for_whoever_may_not_see_visitors(client, django_user_model, items):
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_rule"))
    client.force_login(user)

    alone = client.post(url("preview_new"), form(items["drum"]))
    named = client.post(url("preview_new"), form(items["drum"], preview_visitor="anna"))

    assert "before" in alone.context
    assert "before" not in named.context
    assert "You may not look at visitors" in named.content.decode()


def test_the_page_has_the_button(admin_client, items):
    rule = rule_save(Rule(name="hide", action="hide"), "root", [items["drum"].pk])

    assert url("preview_new") in admin_client.get(url("add")).content.decode()
    assert url("preview", rule.pk) in admin_client.get(url("change", rule.pk)).content.decode()
    assert admin_client.get(url("preview", rule.pk)).status_code == 405


class TestAsIfInForce:
    """``rules_with`` gives what ``rules_for`` gives once the rule is stored."""

    @pytest.mark.parametrize("placement", ["home", ""])
    @pytest.mark.parametrize("stored", [True, False])
    def test_is_the_order_of_stored_ones(self, placement, stored):
        for name in ("home", "", "home", ""):
            rule_save(Rule(name="x", action="hide", tag="a", placement=name), "root")
        row = Rule(name="mine", action="hide", tag="b", placement=placement)
        if stored:  # one of them, about something else
            row = Rule.objects.filter(placement=placement).last()
            row.tag = "b"
        general = {each.id for each in rules_for("", NOW)}
        seen = rules_with(
            rules_for("home", NOW), rule_of(row, ()), everywhere=not placement, general=general
        )

        saved = rule_save(row, "root")

        known = {NEWEST: saved.pk}
        assert [known.get(each.id, each.id) for each in seen] == [
            each.id for each in rules_for("home", NOW)
        ]

    def test_a_row_is_what_is_read_back(self):
        things = Category.objects.create(name="things", path="things")
        row = rule_save(Rule(name="x", action="bury", factor=0.5, category=things), "root")

        assert rule_of(row, ()) == Used(row.pk, "bury", category="things", factor=0.5)
        assert rules_for("home", NOW) == (rule_of(row, ()),)
