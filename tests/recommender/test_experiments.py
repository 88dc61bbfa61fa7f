"""Experiments: who gets which variant, and their life."""

import copy
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from scipy import stats

from recommender import experiments, models, placements
from recommender.exceptions import ExperimentConflict, UnknownExperiment
from recommender.experiments import experiment_start, experiment_stop, part_of, variant_of
from recommender.impressions import Answer, Shown, impression_log
from recommender.models import Change
from recommender.setups import setup_for
from recommender.types import Assignment, Experiment, Placement, Variant
from recommender.visitors import visitor_merge
from tests.recommender.worlds import NOW, experiment, item

CONTROL, BOLD = Variant("control", 1.0, {}), Variant("bold", 3.0, {"diversity": 0.9})


def split(salt="s", share=1.0, variants=(CONTROL, BOLD)) -> Experiment:
    return Experiment(1, "e", salt, share, tuple(variants))


class TestSplit:
    units = [f"visitor v{n}" for n in range(20_000)]

    def test_uniform(self):
        """20,000 units over 100 bins: the chi-square of a fair split, which a poor hash would miss."""
        bins = Counter(int(part_of("s", unit) * 100) for unit in self.units)

        assert bins.keys() == set(range(100))
        assert stats.chisquare(list(bins.values())).pvalue > 0.001

    def test_by_weight(self):
        got = Counter(variant_of(split(), unit).name for unit in self.units)

        expected = [len(self.units) / 4, len(self.units) * 3 / 4]
        assert stats.chisquare([got["control"], got["bold"]], expected).pvalue > 0.001

    def test_a_share_takes_part(self):
        """And of them as many get each variant as of all."""
        small = split(share=0.2)
        got = Counter(
            found.name for unit in self.units if (found := variant_of(small, unit)) is not None
        )

        assert stats.binomtest(got.total(), len(self.units), 0.2).pvalue > 0.001
        assert stats.binomtest(got["control"], got.total(), 0.25).pvalue > 0.001

    def test_independent_of_other_experiments(self):
        both = Counter(
            (variant_of(split("one"), unit).name, variant_of(split("two"), unit).name)
            for unit in self.units
        )
        names = ("control", "bold")
        table = [[both[first, second] for second in names] for first in names]

        assert stats.chi2_contingency(table).pvalue > 0.001

    def test_stable(self):
        """Written down: a release that splits differently would mix the variants of what runs."""
        parts = [round(part_of("salt", f"visitor {name}"), 6) for name in ("anna", "bert", "李")]

        assert parts == [0.005279, 0.450451, 0.069916]

    def test_part_is_below_one(self, monkeypatch):
        class Ones:
            def digest(self) -> bytes:
                return b"\xff" * 8

        monkeypatch.setattr("recommender.experiments.hashlib.blake2b", lambda *_, **__: Ones())

        assert part_of("s", "u") < 1
        assert variant_of(split(), "u") == BOLD

    @pytest.mark.parametrize(
        ("visitor", "session", "unit"),
        [("a", "s", "visitor a"), ("", "s", "session s"), ("", "", "")],
    )
    def test_whom_it_splits(self, visitor, session, unit):
        assert experiments.unit_of(visitor, session) == unit

    def test_nobody_known(self):
        assert variant_of(split(), "") is None

    def test_the_placement_of_a_variant(self):
        home = Placement("home", {"taste": 1.0}, limit=7)
        unit = next(u for u in self.units if variant_of(split(), u) == BOLD)

        assert experiments.assigned(home, split(), unit) == (
            Placement("home", {"taste": 1.0}, limit=7, diversity=0.9),
            Assignment(1, "e", "bold"),
        )
        assert experiments.assigned(home, split(), "") == (home, None)
        assert experiments.assigned(home, None, unit) == (home, None)


@pytest.mark.django_db
class TestLife:
    def test_from_draft_to_stopped(self):
        row = experiment("colours")
        assert setup_for("home", NOW, visitor="anna").assignment is None

        experiment_start(row.pk, "root")
        running = setup_for("home", NOW, visitor="anna")
        assert running.assignment.experiment == "colours"
        assert setup_for("item", NOW, visitor="anna").assignment is None
        assert setup_for("home", NOW).assignment is None

        experiment_stop(row.pk, "root")
        assert setup_for("home", NOW, visitor="anna").assignment is None
        row.refresh_from_db()
        assert row.state == "stopped"
        assert row.started_at < row.stopped_at
        assert [(c.action, c.by, c.name) for c in Change.objects.order_by("id")] == [
            ("started", "root", "colours"),
            ("stopped", "root", "colours"),
        ]

    def test_it_starts_once(self):
        row = experiment("colours")
        experiment_start(row.pk, "root")
        with pytest.raises(ExperimentConflict, match="colours is running: an experiment starts"):
            experiment_start(row.pk, "root")
        experiment_stop(row.pk, "root")
        with pytest.raises(ExperimentConflict, match="colours is stopped: an experiment starts"):
            experiment_start(row.pk, "root")
        with pytest.raises(ExperimentConflict, match="nothing to stop"):
            experiment_stop(row.pk, "root")

    def test_one_at_a_time_in_a_placement(self):
        first, second, other = experiment("a"), experiment("b"), experiment("c", placement="item")
        experiment_start(first.pk, "root")
        experiment_start(other.pk, "root")
        with pytest.raises(ExperimentConflict, match="a runs in home already"):
            experiment_start(second.pk, "root")
        experiment_stop(first.pk, "root")
        experiment_start(second.pk, "root")

    @pytest.mark.parametrize(
        ("variants", "problem"),
        [
            ([("one", 1, {})], "at least two variants"),
            ([("one", 1, {}), ("two", 1, {})], "two variants are the same"),
            ([("one", 1, {}), ("two", 1, {"limit": 20})], "two variants are the same"),
            ([("one", 1, {}), ("two", 1, {"limit": 1000})], "two: limit: 1000 is no whole"),
            ([("one", 1, {}), ("two", 1, {"filter": {"kid": 1}})], "two: filter"),
        ],
    )
    def test_what_cannot_start(self, variants, problem):
        row = experiment("colours", variants=variants)
        with pytest.raises(ExperimentConflict, match=problem):
            experiment_start(row.pk, "root")
        row.refresh_from_db()
        assert (row.state, row.started_at) == ("draft", None)

    def test_the_winner_is_kept(self):
        placements.placement_override("home", {"limit": 5, "diversity": 0.1}, "root")
        row = experiment("colours", variants=[("control", 1, {}), ("bold", 1, {"diversity": 0.9})])
        experiment_start(row.pk, "root")

        experiment_stop(row.pk, "anna", keep="bold")

        kept = placements.placement_get("home")
        assert (kept.limit, kept.diversity) == (5, 0.9)
        changes = Change.objects.order_by("-id").values_list("subject", "action", "by", "after")
        assert changes[0] == (
            *("placement", "changed", "anna"),
            {"overrides": {"limit": 5, "diversity": 0.9}},
        )
        assert changes[1][:3] == ("experiment", "stopped", "anna")
        assert changes[1][3]["kept"] == "bold"

    def test_a_winner_that_is_none(self):
        row = experiment("colours")
        experiment_start(row.pk, "root")
        with pytest.raises(ExperimentConflict, match="colours has no variant 'best'"):
            experiment_stop(row.pk, "root", keep="best")
        row.refresh_from_db()
        assert row.state == "running"

    def test_by_name(self):
        experiment("a")
        experiment("b")
        assert experiments.experiment_named("b").name == "b"
        with pytest.raises(UnknownExperiment, match="no experiment 'c'; there are: a, b"):
            experiments.experiment_named("c")


@pytest.mark.django_db
class TestSetup:
    def test_one_statement_for_all_of_it(self, django_assert_num_queries):
        frog = item("frog")
        pin = models.Rule.objects.create(name="x", action="pin", position=1)
        pin.items.add(frog)
        placements.placement_override("home", {"limit": 5}, "root")
        row = experiment("colours", variants=[("a", 1, {"rotation": 1}), ("b", 0.001, {})])
        experiment_start(row.pk, "root")

        with django_assert_num_queries(1):
            found = setup_for("home", NOW, visitor="anna")

        assert (found.placement.limit, found.placement.rotation) == (5, 1.0)
        assert [rule.id for rule in found.rules] == [pin.pk]
        assert found.assignment == Assignment(row.pk, "colours", "a")

    def test_what_was_shown_lately(self, monkeypatch):
        monkeypatch.setattr("recommender.setups.ANSWERS", 2)

        def show(minutes: int, *items: int, visitor: str = "anna") -> None:
            at = NOW - timedelta(minutes=minutes)
            shown = [Shown(item_id, ["taste"]) for item_id in items]
            impression_log(Answer("r", "item", shown, at, visitor))

        show(24 * 60, 1)
        show(-1, 2)
        show(5, 3, 4, visitor="bert")
        assert setup_for("home", NOW, visitor="anna").shown == {}
        show(40, 5)
        show(30, 6, 7)
        show(10, 7, 8, visitor="cookie")
        visitor_merge("cookie", "anna")

        ago = {6: 30, 7: 10, 8: 10}
        expected = {item_id: NOW.timestamp() - 60 * minutes for item_id, minutes in ago.items()}
        assert setup_for("home", NOW, visitor="anna").shown == expected
        assert setup_for("home", NOW, visitor="cookie").shown == expected
        assert setup_for("home", NOW, visitor="carl").shown == {}
        assert setup_for("home", NOW).shown == {}

    def test_who_was_merged_gets_the_accounts_variant(self):
        row = experiment("colours")
        experiment_start(row.pk, "root")

        def variant(visitor: str) -> str:
            return setup_for("home", NOW, visitor=visitor).assignment.variant

        others = [n for n in range(50) if variant(f"cookie-{n}") != variant("anna")]
        visitor_merge(f"cookie-{others[0]}", "anna")

        assert variant(f"cookie-{others[0]}") == variant("anna")
        assert variant(f"cookie-{others[1]}") != variant("anna")

    def test_who_has_a_session_only(self):
        row = experiment("colours")
        experiment_start(row.pk, "root")
        got = Counter(
            setup_for("home", NOW, session=f"s{n}").assignment.variant for n in range(100)
        )

        assert min(got["control"], got["bold"]) > 25

    def test_a_variant_that_no_longer_makes_sense(self, settings, caplog):
        row = experiment("colours", variants=[("a", 1, {"hide": ["custom"]}), ("b", 0.001, {})])
        experiment_start(row.pk, "root")
        changed = copy.deepcopy(settings.RECOMMENDER)
        del changed["EVENTS"]["TYPES"]["custom"]
        settings.RECOMMENDER = changed

        found = setup_for("home", NOW, visitor="anna")

        assert found.placement == placements.declared("home")
        assert found.assignment.variant == "a"
        assert "what the variant a of colours overrides is left out" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_two_start_at_once():
    rows = [experiment(name) for name in "abcd"]
    outcomes: list[str] = []
    barrier = threading.Barrier(len(rows))

    def start(pk: int) -> None:
        try:
            barrier.wait()
            experiment_start(pk, "root")
            outcomes.append("started")
        except ExperimentConflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=[row.pk]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused"] * 3 + ["started"]
    assert models.Experiment.objects.filter(state="running").count() == 1
