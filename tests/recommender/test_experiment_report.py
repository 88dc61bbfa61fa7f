"""The report of an experiment on the command line and over the API; placements over the API."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from recommender import models
from recommender.events import events_record
from recommender.experiments import experiment_start
from recommender.impressions import Answer, Shown, impression_log
from recommender.placements import declared_names, placement_override
from recommender.reports import experiment_report
from recommender.types import Assignment
from tests.clients import anonymous, with_scopes
from tests.recommender.worlds import NOW, experiment, item, read, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def colours() -> models.Experiment:
    """200 visitors; 20 of the control's and 60 of the other's clicked, half of them bought for 10."""
    row = experiment("colours")
    experiment_start(row.pk, "root")
    started_at = NOW - timedelta(days=3)
    models.Experiment.objects.filter(pk=row.pk).update(started_at=started_at)
    events = []
    shown = [Shown(item(name).pk, ["taste"]) for name in ("frog", "toad")]
    for arm, (variant, clicking) in enumerate((("control", 20), ("bold", 60))):
        for n in range(100):
            visitor = f"v{arm}-{n}"
            assignment = Assignment(row.pk, row.name, variant)
            shown_at = NOW - timedelta(hours=1)
            impression_log(Answer(visitor, "home", shown, shown_at, visitor, assignment=assignment))
            if n < clicking:
                events.append(sent(f"c{visitor}", visitor=visitor, type="click"))
            if n < clicking / 2:
                events.append(sent(f"p{visitor}", visitor=visitor, type="purchase", value=10))
    events_record(read(*events))
    row.refresh_from_db()
    return row


def test_for_people(colours, capsys):
    call_command("experiment_report", "colours")

    out = capsys.readouterr().out
    assert "colours: running in home, 2026-11-20 12:00" in out
    assert re.search(r"│ bold +│ 50.0% +│ 100 +│ 100 +│ 200 +│", out)
    assert "sample ratio: p = 1.0000" in out
    assert "note: It is running" in out
    assert "+20.00% (+13.77% to +26.23%)" in out
    assert "higher" in out
    assert "guardrail dislike" in out
    assert "not enough data: control: 10 visitors with a value, 30 needed" in out


def test_for_programs(colours, capsys):
    call_command("experiment_report", "colours", "--json")

    found = json.loads(capsys.readouterr().out)
    assert found["control"] == "control"
    ctr = found["metrics"][0]
    assert ctr["variants"]["bold"]["value"] == 0.3
    assert ctr["differences"]["bold"]["value"] == pytest.approx(0.2)


def test_one_that_is_not_there(colours):
    with pytest.raises(CommandError, match="no experiment 'colors'; there are: colours"):
        call_command("experiment_report", "colors")


class TestApi:
    REPORT = "/api/v1/experiments/colours/report/"

    def test_the_report(self, colours):
        answer = with_scopes("ops").get(self.REPORT)

        assert answer.status_code == 200
        expected = experiment_report(colours, NOW).as_dict()
        assert answer.json() == json.loads(json.dumps(expected))

    def test_one_that_is_not_there(self):
        answer = with_scopes("ops").get(self.REPORT)

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_experiment")

    @pytest.mark.parametrize("path", [REPORT, "/api/v1/placements/"])
    def test_who_may(self, path):
        assert with_scopes("read").get(path).json()["code"] == "wrong_scope"
        assert anonymous().get(path).status_code == 401

    def test_placements(self, colours, django_assert_num_queries):
        placement_override("item", {"limit": 3, "hide": ["view", "cart"]}, "root")
        client = with_scopes("ops")

        with django_assert_num_queries(
            5
        ):  # the key within its timeouts, the overrides, the experiments
            answer = client.get("/api/v1/placements/")

        found = {each["name"]: each for each in answer.json()}
        assert list(found) == declared_names()
        assert found["home"]["experiment"] == "colours"
        assert found["home"]["overridden"] == []
        assert found["item"] == {
            "name": "item",
            "sources": {"session": 0.5, "covisited": 0.3, "collaborative": 0.2},
            "filter": None,
            "diversity": 0.2,
            "caps": {},
            "hide": ["cart", "view"],
            "rotation": 0.0,
            "exploration": 0.0,
            "limit": 3,
            "fallback": ["popular", "new"],
            "overridden": ["hide", "limit"],
            "experiment": None,
        }
