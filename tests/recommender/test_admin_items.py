"""The item's page: rules about it, made from there, and where it was shown."""

import html
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import Item
from catalog.models.items import Category
from recommender.impressions import Answer, Shown, impression_log
from recommender.models import Change, Rule
from recommender.reports import item as report
from recommender.reports.item import ItemShown, item_report
from recommender.rules import rule_save
from tests.recommender.worlds import happen, item

pytestmark = pytest.mark.django_db
CONFIRMED = {"_form_submitted": "True"}
HOSTILE = "<img src=x onerror=alert(1)>"


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:catalog_item_{name}", args=arguments)


def decide_url(pk: int) -> str:
    return reverse("admin:catalog_item_decide", args=[pk])


@pytest.fixture
def frog() -> Item:
    return item("frog")


@pytest.fixture
def clerk(client, django_user_model) -> Client:
    """May look at everything, and change nothing."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    for name in ("view_item", "view_rule", "view_placement"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(user)
    return client


class TestRules:
    def test_that_concern_it_are_listed(self, admin_client, frog):
        below = Category.objects.create(name="frogs", path="animals/frogs")
        above = Category.objects.create(name="animals", path="animals")
        frog.categories.add(below)
        Item.objects.filter(pk=frog.pk).update(tags=["green"])
        rule_save(Rule(name=HOSTILE, action="pin", position=2), "root", [frog.pk])
        rule_save(Rule(name="whole branch", action="bury", factor=0.5, category=above), "root")
        rule_save(Rule(name="all green", action="hide", tag="green"), "root")
        rule_save(Rule(name="not about it", action="hide", tag="red"), "root")

        page = admin_client.get(url("change", frog.pk)).content.decode()

        assert HOSTILE not in page
        assert html.escape(HOSTILE) in page
        assert "<td>category animals</td>" in page
        assert "<td>tag green</td>" in page
        assert "not about it" not in page

    def test_none(self, admin_client, frog):
        assert "No rule is about it." in admin_client.get(url("change", frog.pk)).content.decode()

    def test_one_can_be_made_with_a_preview(self, admin_client, clerk, frog):
        address = f"/admin/recommender/rule/add/?items={frog.pk}"
        assert address in admin_client.get(url("change", frog.pk)).content.decode()
        assert address not in clerk.get(url("change", frog.pk)).content.decode()

        page = admin_client.get(address).content.decode()
        assert f'<option value="{frog.pk}" selected>frog (frog)</option>' in page

    def test_is_made_here(self, admin_client, frog):
        given = {
            "action": "boost",
            "placement": "home",
            "factor": "2",
            "ends_at": "2030-01-01T12:00",
        }
        answer = admin_client.post(decide_url(frog.pk), CONFIRMED | given)

        assert answer.status_code == 302
        rule = Rule.objects.get()
        assert (rule.name, rule.action, rule.placement, rule.factor) == (
            *("boost frog", "boost", "home", 2.0),
        )
        assert f"{rule.ends_at:%Y-%m-%d %H:%M}" == "2030-01-01 12:00"
        assert list(rule.items.all()) == [frog]
        assert Change.objects.get().by == "admin"
        assert LogEntry.objects.get().change_message == "Rule made: boost in home."

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"action": "pin"}, "Say at which position"),
            ({"action": "pin", "position": "9" * 20}, "less than or equal to 10000"),
            ({"action": "boost", "factor": "0.5"}, "Use a number above 1"),
            ({"action": "hide", "factor": "2"}, "Leave it out"),
            ({"action": "hide", "placement": "nowhere"}, "Select a valid choice"),
            (
                {"action": "hide", "starts_at": "2030-01-02T00:00", "ends_at": "2030-01-01T00:00"},
                "Must be after its start",
            ),
        ],
    )
    def test_that_makes_no_sense_is_said(self, admin_client, frog, given, said):
        answer = admin_client.post(decide_url(frog.pk), CONFIRMED | given)

        assert said in answer.content.decode()
        assert not Rule.objects.exists()

    def test_not_by_whoever_may_only_look(self, clerk, frog):
        page = clerk.get(url("change", frog.pk))

        assert page.status_code == 200
        assert decide_url(frog.pk) not in page.content.decode()
        given = CONFIRMED | {"action": "hide"}
        assert clerk.post(decide_url(frog.pk), given).status_code == 403
        assert not Rule.objects.exists()

    def test_are_not_shown_to_whoever_may_not_see_rules(self, client, django_user_model, frog):
        user = django_user_model.objects.create_user("some", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_item"))
        client.force_login(user)
        rule_save(Rule(name="secret rule", action="hide"), "root", [frog.pk])

        page = client.get(url("change", frog.pk)).content.decode()

        assert "secret rule" not in page
        assert url("shown", frog.pk) not in page
        assert client.get(url("shown", frog.pk)).status_code == 403


class TestShown:
    @pytest.fixture
    def shown(self, frog) -> Item:
        """Twice at home, at positions 1 and 4, clicked once (by two clicks); once in an e-mail long ago."""
        toad, now = item("toad"), timezone.now()
        answers = [
            Answer("r1", "home", [Shown(frog.pk, ["new"])], now - timedelta(hours=2), "anna"),
            Answer(
                *("r2", "home", [Shown(toad.pk, ["new"]), Shown(frog.pk, ["new"])]),
                *(now - timedelta(hours=1), "ben"),
                start=2,
            ),
            Answer("r3", "item", [Shown(toad.pk, ["new"])], now - timedelta(hours=1), "ben"),
            Answer("r4", "email", [Shown(frog.pk, ["new"])], now - timedelta(days=40), "ben"),
        ]
        for each in reversed(answers):  # a later page is not stored of somebody nobody knows
            impression_log(each)
        happen([("anna", "click", "frog"), ("anna", "click", "frog"), ("ben", "click", "toad")])
        return frog

    def test_by_placement(self, shown, django_assert_num_queries):
        now = timezone.now()
        with django_assert_num_queries(5):  # with the savepoint and the time limit
            (row,) = item_report(shown.pk, now - timedelta(days=30), now)

        assert (row.placement, row.shown, row.position, row.clicked) == ("home", 2, 2.5, 1)
        assert row.ctr == 0.5
        long = item_report(shown.pk, now - timedelta(days=60), now)
        assert [(each.placement, each.shown) for each in long] == [("home", 2), ("email", 1)]

    def test_on_its_panel(self, clerk, shown):
        page = clerk.get(url("shown", shown.pk), headers={"HX-Request": "true"}).content.decode()

        assert "<th>home</th><td>2</td><td>2.5</td><td>1</td><td>50.00%</td>" in page
        other = item("newt")
        page = clerk.get(url("shown", other.pk)).content.decode()
        assert "It was shown nowhere in the last 30 days." in page

    def test_too_much_to_count_is_a_sentence(self, clerk, shown, monkeypatch):
        slow = report.SHOWN.replace("count(*)", "count(pg_sleep(5))")
        monkeypatch.setattr(report, "SHOWN", slow)
        monkeypatch.setattr(report, "TIMEOUT_MS", 50)

        answer = clerk.get(url("shown", shown.pk))

        assert answer.status_code == 200
        assert "too many answers to count" in answer.content.decode()

    def test_never_clicked(self):
        row = ItemShown("home", 4, 1.0, timezone.now())
        assert (row.ctr, row.percent) == (0.0, "0.00%")
