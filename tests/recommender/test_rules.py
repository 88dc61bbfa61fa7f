"""Rules: what is right, which are in force when, and the trail of who changed them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from catalog.models.items import Category
from recommender import models
from recommender.exceptions import InvalidRule
from recommender.models import Change
from recommender.rules import rule_delete, rule_problems, rule_save, rules_for
from recommender.types import Rule
from tests.recommender.worlds import NOW, item

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def save(items=(), by="root", **fields) -> models.Rule:
    given = {"name": "spring", "action": "hide", **fields}
    return rule_save(models.Rule(**given), by, [each.pk for each in items])


def ids(placement="home", now=NOW) -> list[int]:
    return [rule.id for rule in rules_for(placement, now)]


def test_as_stages_use_them(django_assert_num_queries):
    frog, toad = item("frog"), item("toad")
    animals = Category.objects.create(name="animals", path="animals")
    pin = save([frog], action="pin", position=2)
    boost = save([frog, toad], action="boost", factor=2.5)
    bury = save(category=animals, action="bury", factor=0.5)
    hide = save(tag="sold out", action="hide")

    with django_assert_num_queries(1):
        found = rules_for("home", NOW)

    assert found == (
        Rule(hide.pk, "hide", tag="sold out"),
        Rule(bury.pk, "bury", category="animals", factor=0.5),
        Rule(boost.pk, "boost", item_ids=frozenset({frog.pk, toad.pk}), factor=2.5),
        Rule(pin.pk, "pin", item_ids=frozenset({frog.pk}), position=2),
    )


def test_a_category_follows_its_path():
    animals = Category.objects.create(name="animals", path="animals")
    save(category=animals)
    Category.objects.filter(pk=animals.pk).update(path="nature/animals")

    assert rules_for("home", NOW)[0].category == "nature/animals"


def test_of_the_placement_before_those_of_all():
    general = save(tag="a")
    own = save(tag="a", placement="home")
    later = save(tag="a")
    save(tag="a", placement="item")

    assert ids() == [own.pk, later.pk, general.pk]


@pytest.mark.parametrize(
    ("starts", "ends", "enabled", "expected"),
    [
        (None, None, True, True),
        (None, None, False, False),
        (-HOUR, None, True, True),
        (timedelta(0), None, True, True),
        (HOUR, None, True, False),
        (None, HOUR, True, True),
        (None, timedelta(0), True, False),
        (-HOUR, HOUR, True, True),
        (-2 * HOUR, -HOUR, True, False),
    ],
)
def test_in_force(starts, ends, enabled, expected):
    save(
        tag="a",
        enabled=enabled,
        starts_at=None if starts is None else NOW + starts,
        ends_at=None if ends is None else NOW + ends,
    )

    assert bool(ids()) is expected


def test_about_nothing_any_more():
    """What was deleted must not turn a rule into one about everything."""
    frog = item("frog")
    animals = Category.objects.create(name="animals", path="animals")
    save([frog])
    save(category=animals)
    frog.delete()
    animals.delete()

    assert models.Rule.objects.count() == 2
    assert rules_for("home", NOW) == ()


RIGHT = {
    "action": "hide",
    "items": 1,
    "category": False,
    "tag": False,
    "position": None,
    "factor": None,
    "starts_at": None,
    "ends_at": None,
}


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({}, set()),
        ({"items": 0}, {"items"}),
        ({"items": 0, "tag": True}, set()),
        ({"tag": True}, {"items"}),
        ({"items": 0, "tag": True, "category": True}, {"items"}),
        ({"action": "pin"}, {"position"}),
        ({"action": "pin", "position": 0}, {"position"}),
        ({"action": "pin", "position": 1}, set()),
        ({"action": "pin", "position": 1, "items": 2}, {"items"}),
        ({"action": "pin", "position": 1, "items": 0, "tag": True}, {"items"}),
        ({"position": 1}, {"position"}),
        ({"factor": 2.0}, {"factor"}),
        ({"action": "boost"}, {"factor"}),
        ({"action": "boost", "factor": 1.0}, {"factor"}),
        ({"action": "boost", "factor": float("nan")}, {"factor"}),
        ({"action": "boost", "factor": 1001.0}, {"factor"}),
        ({"action": "boost", "factor": 1.5}, set()),
        ({"action": "bury", "factor": 1.0}, {"factor"}),
        ({"action": "bury", "factor": 0.0}, {"factor"}),
        ({"action": "bury", "factor": 0.5}, set()),
        ({"starts_at": NOW, "ends_at": NOW}, {"ends_at"}),
        ({"starts_at": NOW, "ends_at": NOW + HOUR}, set()),
    ],
)
def test_what_is_right(fields, problems):
    assert rule_problems(**{**RIGHT, **fields}).keys() == problems


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "pin"},
        {"action": "hide", "position": 1},
        {"action": "boost"},
        {"action": "boost", "factor": 0.5},
        {"action": "bury", "factor": 2.0},
        {"action": "hide", "factor": 2.0},
        {"action": "hide", "starts_at": NOW, "ends_at": NOW},
    ],
)
def test_the_database_refuses_it_too(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        models.Rule.objects.create(name="x", tag="a", **wrong)


def test_nothing_wrong_is_stored():
    with pytest.raises(InvalidRule, match="items: A pin is about one item"):
        save(tag="a", action="pin", position=1)
    with pytest.raises(InvalidRule, match="placement: There is no 'shop'"):
        save(tag="a", placement="shop")
    assert not models.Rule.objects.exists()
    assert not Change.objects.exists()


def test_the_trail():
    frog, toad = item("frog"), item("toad")
    rule = save([frog], action="boost", factor=2.0, by="anna")
    rule.factor = 3.0
    rule_save(rule, "bert", [frog.pk, toad.pk])
    rule_save(rule, "bert")  # nothing changed
    pk = rule.pk
    rule_delete(rule, "carl")

    changes = list(Change.objects.order_by("id"))
    assert [(c.action, c.by, c.subject, c.object_id, c.name) for c in changes] == [
        ("created", "anna", "rule", pk, "spring"),
        ("changed", "bert", "rule", pk, "spring"),
        ("deleted", "carl", "rule", pk, "spring"),
    ]
    first, second, third = changes
    assert first.before is None
    assert first.after == second.before
    assert second.before | {"factor": 3.0, "items": ["frog", "toad"]} == second.after
    assert first.after == {
        "name": "spring",
        "action": "boost",
        "placement": "",
        "items": ["frog"],
        "category": "",
        "tag": "",
        "position": None,
        "factor": 2.0,
        "enabled": True,
        "starts_at": None,
        "ends_at": None,
    }
    assert (third.before, third.after) == (second.after, None)
