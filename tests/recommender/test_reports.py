"""Reports: whom an event is owed to, key figures of placements, and an A/B test recomputed by hand."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from scipy import stats

from recommender import models
from recommender.events import events_record
from recommender.experiments import experiment_start, experiment_stop
from recommender.impressions import Answer, Shown, impression_log
from recommender.placements import placement_override
from recommender.reports import Kpis, experiment_report, placement_reports
from recommender.reports.attribution import TOUCHED, parameters
from recommender.setups import setup_for
from recommender.types import Assignment
from recommender.visitors import visitor_merge
from tests.recommender import report_reference as reference
from tests.recommender.worlds import NOW, experiment, item, read, sent

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def catalog() -> dict[str, int]:
    return {name: item(name).pk for name in ("frog", "toad", "newt")}


def show(request_id: str, items: list[int], at=NOW - HOUR, **fields: Any) -> None:
    given = {"placement": "home", "visitor": "anna", **fields}
    impression_log(
        Answer(request_id, shown=[Shown(i, ["taste"]) for i in items], shown_at=at, **given)
    )


def happen(*events: dict[str, Any]) -> None:
    events_record(read(*events))


def owed() -> list[tuple[str, str | None, int | None]]:
    """(item, request_id of the answer, position) of every event, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.external_id, i.request_id, t.position"  # noqa: S608
            f" FROM ({TOUCHED}) t JOIN catalog_item c ON c.id = t.item_id"
            " LEFT JOIN recommender_impression i ON i.id = t.impression_id"
            " ORDER BY t.occurred_at",
            parameters(NOW - 40 * DAY, NOW),
        )
        return cursor.fetchall()


def at(offset: timedelta) -> str:
    return (NOW + offset).isoformat()


class TestAttribution:
    def test_to_the_answer_that_is_named(self, catalog):
        show("r1", [catalog["toad"], catalog["frog"]], at=NOW - 3 * DAY)
        show("r2", [catalog["frog"]])
        happen(sent("e1", request_id="r1"), sent("e2", item="newt", request_id="r1"))

        assert owed() == [("frog", "r1", 2), ("newt", None, None)]

    def test_to_the_last_that_showed_it(self, catalog):
        show("r1", [catalog["frog"]], at=NOW - 2 * HOUR, placement="item")
        show("r2", [catalog["toad"], catalog["frog"]], start=20)
        show("r3", [catalog["toad"]], at=NOW - HOUR / 2)
        show("r4", [catalog["frog"]], visitor="bert", at=NOW - HOUR / 2)
        happen(sent("e1"))

        assert owed() == [("frog", "r2", 22)]

    def test_a_name_that_did_not_show_it_is_no_name(self, catalog):
        show("r1", [catalog["toad"]])
        show("r2", [catalog["frog"]])
        happen(sent("e1", request_id="r1"), sent("e2", request_id="nowhere"))

        assert owed() == [("frog", "r2", 1)] * 2

    @pytest.mark.parametrize(
        ("shown", "named", "expected"),
        [
            (-24 * HOUR, False, True),
            (-24 * HOUR - timedelta(seconds=1), False, False),
            (timedelta(0), False, True),
            (timedelta(seconds=1), False, False),
            (-30 * DAY, True, True),
            (-30 * DAY - timedelta(seconds=1), True, False),
            (HOUR, True, True),
            (HOUR + timedelta(seconds=1), True, False),
        ],
    )
    def test_how_far_it_reaches(self, catalog, shown, named, expected):
        show("r1", [catalog["frog"]], at=NOW + shown)
        happen(sent("e1", **({"request_id": "r1"} if named else {})))

        assert owed() == [("frog", "r1", 1) if expected else ("frog", None, None)]

    def test_the_window_is_a_setting(self, catalog, settings):
        given = {**settings.RECOMMENDER["IMPRESSIONS"], "TOUCH_HOURS": 1}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "IMPRESSIONS": given}
        show("r1", [catalog["frog"]], at=NOW - 2 * HOUR)
        happen(sent("e1"))

        assert owed() == [("frog", None, None)]

    def test_who_is_known_by_a_session_only_is_found_by_the_name(self, catalog):
        show("r1", [catalog["frog"]], visitor="", session="s1")
        happen(sent("e1", session="s1"), sent("e2", session="s1", request_id="r1"))

        assert sorted(owed(), key=str) == [("frog", "r1", 1), ("frog", None, None)]

    def test_what_was_shown_before_a_merge(self, catalog):
        show("r1", [catalog["frog"]], visitor="cookie")
        visitor_merge("cookie", "anna")
        happen(sent("e1", visitor="anna"))

        assert owed() == [("frog", "r1", 1)]

    def test_an_item_that_is_not_in_the_catalog(self, catalog):
        show("r1", [catalog["frog"]])
        happen(sent("e1", item="later", request_id="r1"))

        assert owed() == []


class TestPlacements:
    def test_figures(self, catalog, django_assert_num_queries):
        frog, toad, newt = catalog.values()
        show("r1", [frog, toad], at=NOW - 2 * DAY)
        show("r2", [frog, newt], at=NOW - DAY - HOUR)
        show("r3", [frog], at=NOW - DAY, visitor="bert")
        show("r4", [frog], at=NOW - DAY, visitor="", session="s1")
        show("r5", [frog], at=NOW - DAY, visitor="")
        show("r6", [frog], at=NOW - 9 * DAY)
        happen(
            sent("e1", type="click", request_id="r1"),
            sent("e2", type="click", request_id="r1", occurred_at=at(-HOUR)),
            sent("e3", type="click", request_id="r2", item="newt"),
            sent("e4", type="purchase", value=20, request_id="r2", item="newt"),
            sent("e5", type="like", value=3, request_id="r2"),
            sent("e6", type="click", visitor="bert", occurred_at=at(-HOUR)),
            sent("e7", type="click", item="toad", visitor="bert"),
            sent("e8", type="click", request_id="r6"),
        )

        with django_assert_num_queries(2):
            found = placement_reports(NOW - 7 * DAY, NOW)

        assert set(found) == {"home", "item", "basket", "email"}
        assert found["item"].total == Kpis()
        home = found["home"]
        assert home.total == Kpis(
            answers=5,
            visitors=3,
            shown=7,
            clicked=3,
            value=20.0,
            events={"click": 4, "purchase": 1, "like": 1},
            acted={"click": 3, "purchase": 1, "like": 1},
        )
        assert home.total.ctr == 3 / 7
        assert home.total.rates == {"click": 3 / 7, "purchase": 1 / 7, "like": 1 / 7}
        assert list(home.days) == [date(2026, 11, 21), date(2026, 11, 22)]
        assert home.days[date(2026, 11, 21)] == Kpis(
            answers=1, visitors=1, shown=2, clicked=1, events={"click": 2}, acted={"click": 1}
        )
        assert home.days[date(2026, 11, 22)].visitors == 3
        json.dumps(home.as_dict())

    def test_nothing_was_shown(self):
        found = placement_reports(NOW - DAY, NOW)

        assert found["home"].total.ctr is None
        assert found["home"].total.rates == {}

    def test_one_that_is_declared_no_longer(self, catalog):
        show("r1", [catalog["frog"]], placement="former")

        assert placement_reports(NOW - DAY, NOW)["former"].total.answers == 1


VISITORS = 400
LISTS = {"control": range(10), "bold": range(8, 20)}
TASTE = {"control": 0.06, "bold": 0.12}


def replay(row: models.Experiment) -> None:
    """Invented visitors come to the shop, see what their variant shows them and do what they do.

    In the middle of it: answers of another placement, cookies that become accounts, sessions of nobody,
    events that name an answer or do not, late ones, repeated ones, ones about what was not shown.
    """
    rng = np.random.default_rng(5)
    items = [item(f"i{n}").pk for n in range(24)]
    events: list[dict[str, Any]] = []

    def happens(n: int, visit: int, kind: str, name: str, at_: Any, **fields: Any) -> None:
        key = f"{n}-{visit}-{len(events)}"
        events.append(sent(key, visitor=f"v{n}", type=kind, item=name, occurred_at=at_, **fields))

    for n in range(VISITORS):
        nobody = n % 10 == 9
        for visit in range(rng.integers(1, 4)):
            then = NOW - timedelta(hours=float(rng.uniform(1, 200)))
            who = {"visitor": "" if nobody else f"v{n}", "session": f"s{n}"}
            found = setup_for("home", then, **who)
            assert found.assignment is not None
            variant, request_id = found.assignment.variant, f"r{n}-{visit}"
            shown = [items[k] for k in LISTS[variant][: rng.integers(3, 12)]]
            show(request_id, shown, at=then, assignment=found.assignment, **who)
            if rng.random() < 0.3:
                show(f"other-{request_id}", shown[:2], then + HOUR / 2, placement="item", **who)
            for k in rng.permutation(24)[:14]:
                late = then + timedelta(hours=float(rng.exponential(8)))
                when, name = min(late, NOW).isoformat(), f"i{k}"
                fields = {"request_id": request_id} if nobody or rng.random() < 0.5 else {}
                if rng.random() < TASTE[variant] * 2:
                    for _ in range(rng.integers(1, 3)):
                        happens(n, visit, "click", name, when, **fields)
                if rng.random() < TASTE[variant]:
                    price = round(float(rng.lognormal(2, 1)), 2)
                    happens(n, visit, "purchase", name, when, value=price, **fields)
                if rng.random() < 0.02:
                    happens(n, visit, "dislike", name, when)
    for start in range(0, len(events), 1000):
        happen(*events[start : start + 1000])
    for n in range(0, 60, 10):
        visitor_merge(f"v{n}", f"v{n + 1}")


def started(name: str = "colours", **fields: Any) -> models.Experiment:
    """Running for ten days."""
    row = experiment(name, salt="abc", **fields)
    experiment_start(row.pk, "root")
    models.Experiment.objects.filter(pk=row.pk).update(started_at=NOW - 10 * DAY)
    row.refresh_from_db()
    return row


class TestReplay:
    """The report of an A/B test on replayed events, recomputed one visitor at a time."""

    @pytest.fixture
    def world(self, django_assert_num_queries):
        row = started()
        replay(row)
        with django_assert_num_queries(3):  # the variants, the figures, the placement's changes
            report = experiment_report(row, NOW).as_dict()
        people = reference.people(row, NOW)
        arms = {name: reference.of_variant(people, name) for name in LISTS}
        return report, people, arms

    def test_every_number(self, world):
        report, people, arms = world
        self.check_sizes(report, people, arms)
        figures = {each["name"]: each for each in report["metrics"]}
        kinds = {
            "ctr": lambda arm: reference.ratio(
                [len(p.clicked) for p in arm], [p.shown for p in arm]
            ),
            "conversion": lambda arm: reference.share("purchase" in p.types for p in arm),
            "value": lambda arm: reference.mean(p.value for p in arm),
            "visitors:click": lambda arm: reference.share("click" in p.types for p in arm),
            "visitors:dislike": lambda arm: reference.share("dislike" in p.types for p in arm),
        }
        for name, kind in kinds.items():
            self.check(figures[name], {variant: kind(arm) for variant, arm in arms.items()})
        guarded = {name: reference.share(p.disliked for p in arm) for name, arm in arms.items()}
        [guardrail] = report["guardrails"]
        self.check(guardrail, guarded)
        assert guarded["bold"][0] > figures["visitors:dislike"]["variants"]["bold"]["value"]
        # what was put into it is found
        assert figures["ctr"]["differences"]["bold"]["p_value"] < 1e-6
        assert figures["conversion"]["differences"]["bold"]["low"] > 0

    @staticmethod
    def check_sizes(report, people, arms) -> None:
        for variant in report["variants"]:
            arm = arms[variant["name"]]
            assert variant["visitors"] == len(arm) > 140
            assert variant["shown"] == sum(person.shown for person in arm)
        counts = [len(arm) for arm in arms.values()]
        assert report["switched"] == len(people) - sum(counts) > 0
        expected = stats.chisquare(counts).pvalue
        assert report["sample_ratio"] == {"p_value": pytest.approx(expected), "mismatch": False}

    @staticmethod
    def check(metric, expected) -> None:
        for name, (value, _, interval) in expected.items():
            found = metric["variants"][name]
            assert found["value"] == pytest.approx(value, rel=1e-9), metric["name"]
            assert (found["low"], found["high"]) == pytest.approx(interval, rel=1e-6)
        (control, control_error, _), (bold, bold_error, _) = expected["control"], expected["bold"]
        error = np.hypot(control_error, bold_error)
        if "bold" in metric["lacking"]:
            assert metric["name"] == "visitors:dislike"
            return
        found = metric["differences"]["bold"]
        assert found["value"] == pytest.approx(bold - control, rel=1e-9)
        interval = stats.norm.interval(0.95, bold - control, error)
        assert (found["low"], found["high"]) == pytest.approx(interval, rel=1e-6)
        lift = reference.lift((control, control_error), (bold, bold_error))
        assert (found["lift"], found["lift_low"], found["lift_high"]) == pytest.approx(
            lift, rel=1e-6
        )
        detectable = error * (stats.norm.isf(0.025) + stats.norm.isf(0.2))
        assert found["detectable"] == pytest.approx(detectable, rel=1e-6)
        p_value = 2 * stats.norm.sf(abs(bold - control) / error)
        assert found["p_value"] == pytest.approx(p_value, rel=1e-6)


class TestHonesty:
    """What a report says when its figures should not be believed."""

    @staticmethod
    def seen(row: models.Experiment, *counts: int, item_id: int = 7) -> None:
        """So many visitors of each variant: w0-0, w0-1 … of the first, w1-0 … of the second."""
        for at_, (variant, count) in enumerate(zip(row.variants.all(), counts, strict=True)):
            assignment = Assignment(row.pk, row.name, variant.name)
            for n in range(count):
                show(f"q{at_}-{n}", [item_id], visitor=f"w{at_}-{n}", assignment=assignment)

    def test_too_little(self, catalog):
        row = started()
        self.seen(row, 3, 2, item_id=catalog["frog"])
        happen(sent("e1", type="purchase", value=5, visitor="w1-0"))

        report = experiment_report(row, NOW)

        assert [(arm.visitors, arm.answers, arm.shown) for arm in report.arms] == [
            (3, 3, 3),
            (2, 2, 2),
        ]
        assert report.mismatch_p is None
        for metric in (*report.metrics, *report.guardrails):
            assert metric.differences == {}
        assert report.metrics[1].estimates["bold"].value == 0.5
        assert report.metrics[1].lacking == {
            "bold": "not enough data: control: 3 visitors, 100 needed; bold: 2 visitors, 100 needed"
        }
        assert report.guardrails[0].verdicts == {"bold": "open"}

    def test_visitors_but_no_events(self):
        row = started()
        self.seen(row, 100, 101)

        report = experiment_report(row, NOW)

        assert [metric.lacking["bold"] for metric in report.metrics[:3]] == [
            "not enough data: control: 0 clicked items, 10 needed; bold: 0 clicked items, 10 needed",
            (
                "not enough data: control: 0 visitors converted, 10 needed; "
                "bold: 0 visitors converted, 10 needed"
            ),
            (
                "not enough data: control: 0 visitors with a value, 30 needed; "
                "bold: 0 visitors with a value, 30 needed"
            ),
        ]
        assert report.guardrails[0].lacking == {
            "bold": "not enough data: 0 visitors with a dislike in both, 10 needed"
        }

    def test_a_split_that_is_not_what_was_asked_for(self):
        row = started()
        self.seen(row, 150, 90)

        report = experiment_report(row, NOW)

        assert report.mismatch_p == pytest.approx(stats.chisquare([150, 90]).pvalue)
        assert report.mismatch
        assert report.notes[0].startswith("Sample ratio mismatch: visitors are not split as")

    @pytest.mark.parametrize(
        ("dislikes", "verdict"),
        [((0, 15), "violated"), ((20, 20), "open"), ((30, 5), "held")],
    )
    def test_what_must_not_rise(self, catalog, dislikes, verdict):
        """Dislikes of anything count, shown here or not, but none from before the visitor took part."""
        row = started()
        self.seen(row, 100, 100, item_id=catalog["frog"])
        happen(
            *(
                sent(f"e{arm}-{n}", type="dislike", item="toad", visitor=f"w{arm}-{n}")
                for arm, count in enumerate(dislikes)
                for n in range(count)
            ),
            *(
                sent(f"b{n}", type="dislike", visitor=f"w1-{n}", occurred_at=at(-2 * HOUR))
                for n in range(40, 80)
            ),
        )

        [guardrail] = experiment_report(row, NOW).guardrails

        assert guardrail.verdicts == {"bold": verdict}
        shares = {name: found.value for name, found in guardrail.estimates.items()}
        assert shares == {"control": dislikes[0] / 100, "bold": dislikes[1] / 100}

    def test_who_saw_both(self, catalog):
        row = started()
        self.seen(row, 2, 0)
        assignment = Assignment(row.pk, row.name, "bold")
        for n in range(2):
            show("x", [catalog["frog"]], visitor=f"w0-{n}", assignment=assignment)

        report = experiment_report(row, NOW)

        assert ([arm.visitors for arm in report.arms], report.switched) == ([0, 0], 2)
        assert report.notes[0].startswith("2 of 2 visitors saw more than one variant")

    def test_a_draft(self):
        report = experiment_report(experiment("colours"), NOW)

        assert report.notes == ["The experiment has not started."]
        assert json.loads(json.dumps(report.as_dict()))["variants"][0]["visitors"] == 0

    def test_notes(self, settings):
        row = started(variants=[("a", 1, {}), ("b", 1, {"limit": 3}), ("c", 1, {"limit": 4})])
        placement_override("home", {"rotation": 0.5}, "root")
        placement_override("item", {"rotation": 0.5}, "root")
        given = {**settings.RECOMMENDER["IMPRESSIONS"], "KEEP_DAYS": 7}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "IMPRESSIONS": given}

        notes = experiment_report(row).notes

        assert [note.split(":")[0] for note in notes] == [
            "It is running",
            "2 variants are compared with the control",
            notes[2],
            "The placement was changed in the admin while it ran (1 x)",
        ]
        assert "ask for p-values below 0.025 instead of 0.05" in notes[1]
        assert notes[2].endswith("is deleted and not counted.")

    def test_events_may_still_come(self):
        row = started()
        experiment_stop(row.pk, "root")
        row.refresh_from_db()

        assert experiment_report(row).notes == [
            "Events that are owed to its last answers may still come."
        ]
        assert experiment_report(row, row.stopped_at + 25 * HOUR).notes == []
