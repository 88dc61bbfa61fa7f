"""Placements, rules, experiments and their trail in the admin."""

import html
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recommender import models, placements
from recommender.admin.option_forms import SOURCES
from recommender.experiments import experiment_start, experiment_stop
from recommender.impressions import Answer, Shown, impression_log
from recommender.models import Change
from recommender.placements import placement_override
from recommender.rules import rule_save
from recommender.types import Assignment
from tests.forms import as_posted
from tests.recommender.worlds import NOW, experiment, item

pytestmark = pytest.mark.django_db
CONFIRMED = {"_form_submitted": "True"}
NUMBERS = ("diversity", "rotation", "exploration", "limit")
EMPTY = dict.fromkeys(NUMBERS, "")


def url(model: str, page: str, *arguments: object) -> str:
    return reverse(f"admin:recommender_{model}_{page}", args=arguments)


def text(answer) -> str:
    return html.unescape(answer.content.decode())


def line(field: str, condition: str, value: str) -> dict[str, list[str]]:
    """One line of a filter."""
    return {"filter-field": [field], "filter-condition": [condition], "filter-value": [value]}


def messages_of(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def clerk(client, django_user_model) -> Client:
    """May look at everything, and change nothing."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    for model in ("placement", "rule", "experiment", "change"):
        user.user_permissions.add(Permission.objects.get(codename=f"view_{model}"))
    client.force_login(user)
    return client


class TestPlacements:
    @pytest.fixture
    def home(self, admin_client) -> models.Placement:
        admin_client.get(url("placement", "changelist"))
        return models.Placement.objects.get(name="home")

    def test_every_one_is_listed(self, admin_client, home):
        found = admin_client.get(url("placement", "changelist")).context["cl"].result_list

        assert [row.name for row in found] == ["basket", "email", "home", "item"]

    def test_single_options(self, admin_client, home):
        page = url("placement", "change", home.pk)
        form = {**EMPTY, "limit": "7", "hide-of": ["view"], "caps-nothing": "on", "diversity": "0"}

        assert admin_client.post(page, form).status_code == 302

        now, base = placements.placement_get("home"), placements.declared("home")
        assert (now.limit, now.hide, now.caps, now.diversity) == (7, {"view"}, {}, 0.0)
        assert (now.sources, now.rotation) == (base.sources, base.rotation)
        assert [(c.by, c.subject, c.name) for c in Change.objects.all()] == [
            ("admin", "placement", "home")
        ]
        shown = admin_client.get(page)
        assert shown.context["adminform"].form.initial["limit"] == 7
        assert "Otherwise: 20." in text(shown)
        assert LogEntry.objects.get().object_repr == "home"

        admin_client.post(page, EMPTY)
        assert placements.placement_get("home") == base

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ({"sources-of-taste": "3", "sources-of-new": " .5 "}, {"sources": {"taste": 3, "new": 0.5}}),
            ({"caps-of-kind": "2", "caps-of-attributes.brand": "1"},
             {"caps": {"kind": 2, "attributes.brand": 1}}),
            ({"hide-of": ["view", "like"]}, {"hide": ["view", "like"]}),
            ({"hide-nothing": "on"}, {"hide": []}),
            ({"fallback-of": ["", "new", "", "popular"]}, {"fallback": ["new", "popular"]}),
            ({"fallback-nothing": "on"}, {"fallback": []}),
            ({"filter-nothing": "on"}, {"filter": {}}),
            ({"filter-json": '{"not": {"kind": "film"}}'}, {"filter": {"not": {"kind": "film"}}}),
            (
                {
                    "filter-field": ["kind", "price", "price", "in_stock", "tags", "brand", ""],
                    "filter-condition": ["eq", "gte", "lt", "eq", "in", "absent", "eq"],
                    "filter-value": ["film", "3", "9.5", "yes", "a, b", "", ""],
                },
                {
                    "filter": {
                        "kind": "film",
                        "price": {"gte": 3, "lt": 9.5},
                        "in_stock": True,
                        "tags": {"in": ["a", "b"]},
                        "brand": {"exists": False},
                    }
                },
            ),
        ],
    )  # fmt: skip
    def test_fields_say_what_json_stores(self, admin_client, home, given, stored):
        page = url("placement", "change", home.pk)

        assert admin_client.post(page, {**EMPTY, **given}).status_code == 302

        home.refresh_from_db()
        assert home.overrides == stored
        form = admin_client.get(page).context["adminform"].form
        answer = admin_client.post(page, as_posted(str(form)))  # as it is shown
        assert answer.status_code == 302
        home.refresh_from_db()
        assert home.overrides == stored

    @pytest.mark.parametrize(
        ("field", "given", "problem"),
        [
            ("limit", {"limit": "1000"}, "1000 is no whole number from 1 to 100"),
            ("sources", {"sources-of-luck": "1"}, "unknown source 'luck'"),
            ("sources", {"sources-of-new": "much"}, "new: Enter a number."),
            ("sources", {"sources-of-new": "0"}, "new: 0.0 is no number above 0"),
            ("caps", {"caps-of-kind": "1.5"}, "kind: Enter a whole number."),
            ("caps", {"caps-of-kind": "2", "caps-nothing": "on"}, "Either untick “No caps”"),
            ("hide", {"hide-of": ["yawn"]}, "unknown type of event 'yawn'"),
            ("fallback", {"fallback-of": ["new", "new"]}, "new is named twice."),
            ("filter", {"filter-json": "{"}, "This is no JSON"),
            ("filter", {"filter-json": "[" * 100_000}, "This is no JSON"),
            ("caps", {"caps-of-attributes.a\0b": "2"}, "cap categories, tags, kind or attributes"),
            ("caps", {"caps-of-kind": "9" * 400}, "is no whole number from 1 to 10000"),
            ("filter", {"filter-json": '{"kid": "film"}'}, "kid"),
            ("filter", line("kid", "eq", "film"), "There is no field kid"),
            ("filter", line("kind", "eq", " "), "kind: say which value."),
            ("filter", line("", "eq", "film"), "Choose what “film” is about."),
            ("filter", line("kind", "lt", "film"), "kind"),
            ("filter", line("price", "lt", "cheap"), "price.lt: must be a number"),
            (
                "filter",
                {**line("kind", "eq", "a"), "filter-json": "{}"},
                "either the lines or JSON",
            ),
            ("rotation", {"rotation": "nan"}, "Enter a number."),
        ],
    )
    def test_what_makes_no_sense(self, admin_client, home, field, given, problem):
        answer = admin_client.post(url("placement", "change", home.pk), {**EMPTY, **given})

        form = answer.context["adminform"].form
        assert problem in " ".join(form.errors[field])
        assert set(form.errors) == {field}
        typed = [
            value
            for each in given.values()
            for value in ([each] if isinstance(each, str) else each)
        ]
        for value in typed:  # what was typed is still there
            assert html.escape(value) in answer.content.decode()
        home.refresh_from_db()
        assert home.overrides == {}

    def test_the_fields_are_for_every_source(self):
        assert tuple(SOURCES) == placements.SOURCES

    def test_one_that_is_declared_no_longer(self, admin_client):
        row = models.Placement.objects.create(name="former", overrides={"limit": 3})

        assert "not in the settings any more" in text(
            admin_client.get(url("placement", "changelist"))
        )
        assert admin_client.post(url("placement", "change", row.pk), EMPTY).status_code == 403
        admin_client.post(url("placement", "delete", row.pk), {"post": "yes"})
        assert not models.Placement.objects.filter(name="former").exists()

    def test_saving_what_nobody_touched_changes_nothing(self, admin_client, home):
        home.overrides = {"hide": ["like", "cart"], "limit": 3}  # in no order of the page's
        home.save()
        page = url("placement", "change", home.pk)
        form = admin_client.get(page).context["adminform"].form

        assert admin_client.post(page, as_posted(str(form))).status_code == 302

        home.refresh_from_db()
        assert home.overrides == {"hide": ["like", "cart"], "limit": 3}
        assert not models.Change.objects.exists()

    def test_none_is_added_or_deleted(self, admin_client, home):
        assert admin_client.get(url("placement", "add")).status_code == 403
        assert admin_client.post(url("placement", "delete", home.pk)).status_code == 403

    def test_looking_only(self, clerk):
        row = models.Placement.objects.create(name="home", overrides={"limit": 3})
        page = url("placement", "change", row.pk)

        assert clerk.get(page).status_code == 200
        assert clerk.post(page, EMPTY).status_code == 403
        assert clerk.get(url("placement", "figures")).status_code == 200


def test_figures(admin_client, django_assert_num_queries):
    from django.utils import timezone

    frog, now = item("frog"), timezone.now()
    for n, day in enumerate((0, 1, 20)):
        shown_at = now - timedelta(days=day)
        impression_log(Answer(f"r{n}", "home", [Shown(frog.pk, ["taste"])], shown_at, "anna"))
    page = url("placement", "figures")

    answer = admin_client.get(page)

    assert answer.context["days"] == 14
    [(name, totals, chart, _), *others] = answer.context["reports"]
    assert (name, len(others)) == ("home", 3)
    assert dict(totals)["answers"] == "2"
    assert chart.count("<polyline") == 1
    assert [each.split("</td>")[0] for each in chart.split("<td>")[1:]] == ["0.00%"] * 2
    assert [each[2] for each in others] == [""] * 3
    month = admin_client.get(f"{page}?days=30").context["reports"]
    assert dict(month[0][1])["answers"] == "3"
    assert admin_client.get(f"{page}?days=1000000").context["days"] == 14


class TestRules:
    FORM = {
        "name": "spring",
        "action": "pin",
        "position": "1",
        "factor": "",
        "placement": "home",
        "enabled": "on",
        "items": [],
        "category": "",
        "tag": "",
        "starts_at_0": "2026-01-01",
        "starts_at_1": "00:00:00",
        "ends_at_0": "",
        "ends_at_1": "",
    }

    def test_added_changed_deleted(self, admin_client):
        frog, toad = item("frog"), item("toad")
        form = {**self.FORM, "items": [frog.pk]}
        assert admin_client.post(url("rule", "add"), form).status_code == 302
        rule = models.Rule.objects.get()
        page = url("rule", "change", rule.pk)
        changed = {**form, "items": [toad.pk], "position": "2"}
        assert admin_client.post(page, changed).status_code == 302
        shown = text(admin_client.get(page))
        assert "<s>1</s> → 2" in shown
        assert "<s>['frog']</s> → ['toad']" in shown
        admin_client.post(url("rule", "delete", rule.pk), {"post": "yes"})

        assert [(c.action, c.by) for c in Change.objects.order_by("id")] == [
            ("created", "admin"),
            ("changed", "admin"),
            ("deleted", "admin"),
        ]
        assert Change.objects.order_by("id")[1].after["items"] == ["toad"]
        assert LogEntry.objects.filter(object_repr="spring").count() == 3
        assert not models.Rule.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field", "problem"),
        [
            ({"position": ""}, "position", "Say at which position, from 1 to 10,000."),
            ({"position": "-1"}, "position", "greater than or equal to 0"),
            ({"items": []}, "items", "Name either items, or a category, or a tag."),
            ({"tag": "green"}, "items", "Name either items, or a category, or a tag."),
            ({"factor": "2"}, "factor", "only a boost or a bury"),
            ({"placement": "shop"}, "placement", "shop is not one of the available choices"),
            ({"ends_at_0": "2025-12-31", "ends_at_1": "00:00"}, "ends_at", "after its start"),
        ],
    )
    def test_what_makes_no_sense(self, admin_client, changes, field, problem):
        form = {**self.FORM, "items": [item("frog").pk], **changes}

        answer = admin_client.post(url("rule", "add"), form)

        assert problem in " ".join(answer.context["adminform"].form.errors[field])
        assert not models.Rule.objects.exists()
        assert not Change.objects.exists()

    def test_several_are_deleted_with_a_trail(self, admin_client):
        rules = [
            rule_save(models.Rule(name=f"r{n}", action="hide", tag="a"), "root") for n in range(3)
        ]
        form = {"action": "delete_selected", "_selected_action": [r.pk for r in rules], "post": "y"}
        admin_client.post(url("rule", "changelist"), form)

        assert not models.Rule.objects.exists()
        assert Change.objects.filter(action="deleted", by="admin").count() == 3

    def test_by_whether_they_count_now(self, admin_client):
        given = {"action": "hide", "tag": "a"}
        rule_save(models.Rule(name="now", **given), "root")
        rule_save(models.Rule(name="off", enabled=False, **given), "root")
        rule_save(models.Rule(name="over", ends_at=NOW - timedelta(days=400), **given), "root")

        def names(query: str) -> set[str]:
            found = admin_client.get(f"{url('rule', 'changelist')}?{query}")
            return {row.name for row in found.context["cl"].result_list}

        assert names("in_force=yes") == {"now"}
        assert names("in_force=no") == {"off", "over"}

    def test_as_many_queries_for_many(self, admin_client, django_assert_num_queries):
        def make(count: int) -> None:
            for n in range(count):
                rule = models.Rule(name=f"r{n}", action="boost", factor=2)
                rule_save(rule, "root", [item(f"i{models.Rule.objects.count()}").pk])

        page = url("rule", "changelist")
        make(1)
        admin_client.get(page)
        with django_assert_num_queries(20, exact=False) as few:
            admin_client.get(page)
        make(10)
        with django_assert_num_queries(len(few)):
            admin_client.get(page)


class TestExperiments:
    @staticmethod
    def form(*variants: tuple[str, dict[str, str]], **fields: str) -> dict[str, str]:
        made = {
            "name": "colours",
            "placement": "home",
            "share": "0.5",
            "hypothesis": "",
            "variants-TOTAL_FORMS": str(len(variants)),
            "variants-INITIAL_FORMS": "0",
            **fields,
        }
        for at, (name, options) in enumerate(variants):
            given = {**EMPTY, "name": name, "weight": "1", **options}
            made |= {f"variants-{at}-{field}": value for field, value in given.items()}
        return made

    def test_from_draft_to_stopped(self, admin_client):
        form = self.form(("control", {}), ("bold", {"diversity": "0.9"}))
        assert admin_client.post(url("experiment", "add"), form).status_code == 302
        admin_client.get(url("experiment", "changelist"))  # shows that it was added
        row = models.Experiment.objects.get()
        assert (row.state, row.share) == ("draft", 0.5)
        assert list(row.variants.values_list("name", "overrides")) == [
            ("control", {}),
            ("bold", {"diversity": 0.9}),
        ]

        dialog = text(admin_client.get(url("experiment", "start", row.pk)))
        assert "In home, for 50% of its visitors: control 50%, bold 50%." in dialog
        row.refresh_from_db()
        assert row.state == "draft"  # asked, not confirmed
        answer = admin_client.post(url("experiment", "start", row.pk), CONFIRMED, follow=True)
        assert messages_of(answer) == ["colours: started."]
        answer = admin_client.post(url("experiment", "start", row.pk), CONFIRMED, follow=True)
        assert messages_of(answer)[0].startswith("Nothing was changed: colours is running")

        dialog = text(admin_client.get(url("experiment", "stop", row.pk)))
        assert "the placement as it is" in dialog
        stop = {**CONFIRMED, "keep": "bold"}
        answer = admin_client.post(url("experiment", "stop", row.pk), stop, follow=True)
        assert messages_of(answer) == ["colours: stopped."]
        assert placements.placement_get("home").diversity == 0.9
        trail = Change.objects.order_by("id").values_list("subject", "action", "by")
        assert list(trail) == [
            ("experiment", "created", "admin"),
            ("experiment", "started", "admin"),
            ("experiment", "stopped", "admin"),
            ("placement", "changed", "admin"),
        ]

    @pytest.mark.parametrize("state", ["running", "stopped"])
    def test_what_has_started_is_not_changed(self, admin_client, state):
        row = experiment("colours")
        experiment_start(row.pk, "root")
        if state == "stopped":
            experiment_stop(row.pk, "root")
        page = url("experiment", "change", row.pk)

        shown = text(admin_client.get(page))
        assert "<th>diversity</th><td>0.9</td>" in shown
        assert "<strong>state</strong>: <s>draft</s> → running" in shown
        assert 'name="share"' not in shown
        form = self.form(("control", {}), ("other", {}), name="other")
        assert admin_client.post(page, form).status_code == 403
        assert admin_client.post(url("experiment", "delete", row.pk)).status_code == 403
        row.refresh_from_db()
        assert (row.name, row.variants.count()) == ("colours", 2)

    def test_a_draft_is_changed_and_deleted(self, admin_client):
        row = experiment("colours")
        control, bold = row.variants.all()
        form = self.form(
            ("control", {"id": str(control.pk)}),
            ("bold", {"id": str(bold.pk), "limit": "3"}),
            **{"variants-INITIAL_FORMS": "2"},
        )
        assert admin_client.post(url("experiment", "change", row.pk), form).status_code == 302
        bold.refresh_from_db()
        assert bold.overrides == {"limit": 3}
        [change] = Change.objects.all()
        assert change.before["variants"]["bold"] == {"weight": 1.0, "overrides": {"diversity": 0.9}}
        assert change.after["variants"]["bold"] == {"weight": 1.0, "overrides": {"limit": 3}}

        admin_client.post(url("experiment", "delete", row.pk), {"post": "yes"})
        assert not models.Experiment.objects.exists()
        assert Change.objects.first().action == "deleted"

    def test_a_variant_that_makes_no_sense(self, admin_client):
        form = self.form(("control", {}), ("bold", {"limit": "1000"}))

        shown = text(admin_client.post(url("experiment", "add"), form))

        assert "1000 is no whole number from 1 to 100" in shown
        assert not models.Experiment.objects.exists()

    def test_the_dialog_says_what_stands_in_the_way(self, admin_client):
        row = experiment("colours", variants=[("a", 1, {}), ("b", 1, {})])

        assert "two variants are the same" in text(
            admin_client.get(url("experiment", "start", row.pk))
        )

    def test_looking_only(self, clerk):
        row = experiment("colours")

        assert clerk.get(url("experiment", "change", row.pk)).status_code == 200
        assert clerk.get(url("experiment", "report", row.pk)).status_code == 200
        for page in ("start", "stop"):
            assert clerk.post(url("experiment", page, row.pk), CONFIRMED).status_code == 403
        row.refresh_from_db()
        assert row.state == "draft"

    def test_the_report(self, admin_client):
        from django.utils import timezone

        row = experiment("colours")
        experiment_start(row.pk, "root")
        frog = item("frog").pk
        for n in range(220):
            assignment = Assignment(row.pk, row.name, "bold" if n % 2 else "control")
            shown = [Shown(frog, ["taste"])]
            impression_log(
                Answer(f"r{n}", "home", shown, timezone.now(), f"v{n}", assignment=assignment)
            )

        shown = text(admin_client.get(url("experiment", "report", row.pk)))

        assert "<td>bold</td><td>50.0%</td><td>110</td><td>110</td><td>110</td>" in shown
        assert "Sample ratio: p = 1.0000, as chance would have it." in shown
        assert "not enough data: control: 0 clicked items, 10 needed" in shown
        assert "It is running: decide on the day that was planned." in shown
        charts = [each for each in shown.split("<figure")[1:] if "with 95 % intervals" in each]
        assert len(charts) == shown.count("<th>figure</th>")
        assert "control 0.00%; bold 0.00%;" in charts[0]


def test_the_trail_is_read_only(admin_client):
    placement_override("home", {"limit": 3, "caps": {"tags": 2}}, "anna")
    change = Change.objects.get()

    shown = text(admin_client.get(url("change", "change", change.pk)))
    assert "overrides.caps.tags" in shown
    assert "→ 3" in shown
    assert admin_client.get(url("change", "add")).status_code == 403
    assert admin_client.post(url("change", "delete", change.pk)).status_code == 403
