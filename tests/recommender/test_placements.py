"""Placements: what the settings declare, what the admin overrides, what is wrong with either."""

import copy
import math

import pytest
from django.core.checks import run_checks

from recommender import models, placements
from recommender.exceptions import InvalidOption, UnknownPlacement
from recommender.models import Change
from recommender.types import Placement


@pytest.fixture
def declare(settings):
    """Declares placements instead of the project's."""

    def run(**declared):
        settings.RECOMMENDER = {**settings.RECOMMENDER, "PLACEMENTS": declared}

    return run


def test_defaults_of_what_is_not_said(declare):
    declare(home={"sources": {"taste": 3, "new": 1}})

    assert placements.declared("home") == Placement(
        name="home",
        sources={"taste": 3.0, "new": 1.0},
        filter=None,
        diversity=0.3,
        caps={},
        hide=frozenset(),
        rotation=0.0,
        exploration=0.0,
        limit=20,
        fallback=("popular", "new"),
    )


def test_everything_said(declare):
    declare(
        email={
            "sources": {"taste": 1},
            "filter": {"kind": "film"},
            "diversity": 1,
            "caps": {"categories": 2, "attributes.brand": 1},
            "hide": ["dislike", "view"],
            "rotation": 0.5,
            "exploration": 0.1,
            "limit": 3,
            "fallback": [],
        }
    )

    assert placements.declared("email") == Placement(
        name="email",
        sources={"taste": 1.0},
        filter={"kind": "film"},
        diversity=1.0,
        caps={"categories": 2, "attributes.brand": 1},
        hide=frozenset({"dislike", "view"}),
        rotation=0.5,
        exploration=0.1,
        limit=3,
        fallback=(),
    )


def test_one_that_is_not_declared(declare):
    declare(home={"sources": {"taste": 1}}, item={"sources": {"taste": 1}})

    with pytest.raises(UnknownPlacement, match="there is no 'shop'; there are: home, item"):
        placements.declared("shop")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sources": {}}, "sources: name at least one"),
        ({"sources": {"tase": 1}}, "sources: unknown source 'tase'; known: taste, session"),
        ({"sources": {"disliked": 1}}, "sources: unknown source 'disliked'"),
        ({"sources": {"taste": 0}}, "sources: taste: 0 is no number above 0"),
        ({"sources": {"taste": math.nan}}, "sources: taste: nan is no number above 0"),
        ({"sources": {"taste": 10**400}}, "sources: taste: 1000"),
        ({"sources": {"taste": True}}, "sources: taste: True is no number above 0"),
        ({"diversity": 1.01}, "diversity: 1.01 is no number from 0 to 1"),
        ({"rotation": "much"}, "rotation: 'much' is no number from 0 to 1"),
        ({"exploration": None}, "exploration: None is no number from 0 to 0.5"),
        ({"exploration": 0.51}, "exploration: 0.51 is no number from 0 to 0.5"),
        ({"caps": {"price": 1}}, "caps: 'price': cap categories, tags, kind or attributes.NAME"),
        ({"caps": {"tags": 0}}, "caps: tags: 0 is no whole number from 1"),
        ({"caps": [1]}, "caps: is an object"),
        ({"hide": "view"}, "hide: is a list of names"),
        ({"hide": ["seen"]}, "hide: unknown type of event 'seen'; known: view, click"),
        ({"limit": 0}, "limit: 0 is no whole number from 1 to 100"),
        ({"limit": 101}, "limit: 101 is no whole number from 1 to 100"),
        ({"fallback": ["luck"]}, "fallback: unknown source 'luck'"),
        ({"filter": ["kind"]}, "filter: is an object in the filter language"),
        ({"diversty": 1}, "unknown option 'diversty'; known: sources, filter, diversity"),
        ("many", "options are an object"),
    ],
)
def test_options_that_make_no_sense(options, problem):
    with pytest.raises(InvalidOption) as caught:
        placements.options_read(options)
    assert str(caught.value).startswith(problem)


def test_a_filter_that_no_search_takes():
    with pytest.raises(InvalidOption, match="kid"):
        placements.options_check({"filter": {"kid": "film"}})
    assert placements.options_check({"filter": {"kind": "film"}})["filter"] == {"kind": "film"}


class TestCheck:
    @staticmethod
    def found() -> list[tuple[str, str]]:
        return [
            (str(error.id), error.msg)
            for error in run_checks()
            if str(error.id).startswith("recommender.")
        ]

    def test_the_projects_own_are_right(self):
        assert self.found() == []

    def test_every_problem_has_its_placement_and_a_hint(self, declare):
        declare(home={"limit": 3}, Shop={"sources": {"taste": 1}}, item={"sources": {"x": 1}})
        where, known = 'RECOMMENDER["PLACEMENTS"]:', ", ".join(placements.SOURCES)

        assert self.found() == [
            ("recommender.E002", f"{where} 'home': name its sources."),
            (
                "recommender.E002",
                f"{where} 'Shop': use a to z, 0 to 9, - and _, at most 64, a letter first.",
            ),
            (
                "recommender.E002",
                f"{where} 'item': sources: unknown source 'x'; known: {known}.",
            ),
        ]
        assert all(e.hint for e in run_checks() if str(e.id).startswith("recommender."))

    def test_a_filter(self, declare):
        declare(home={"sources": {"taste": 1}, "filter": {"kid": 1}})

        [(code, message)] = self.found()
        assert code == "recommender.E002"
        assert "kid" in message

    @pytest.mark.parametrize("declared", [{}, [], None])
    def test_none_at_all(self, settings, declared):
        settings.RECOMMENDER = {**settings.RECOMMENDER, "PLACEMENTS": declared}

        assert self.found() == [
            ("recommender.E002", 'RECOMMENDER["PLACEMENTS"]: name at least one placement.')
        ]

    def test_wrong_types_of_events_are_said_once(self, settings):
        changed = copy.deepcopy(settings.RECOMMENDER)
        changed["EVENTS"]["TYPES"] = {}
        settings.RECOMMENDER = changed

        assert [code for code, _ in self.found()] == ["recommender.E001"]

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"KEEP_DAYS": 0}, "KEEP_DAYS: 0 is no whole number from 1"),
            ({"TOUCH_HOURS": "day"}, "TOUCH_HOURS: 'day' is no whole number from 0"),
            ({"CLICKS": "click"}, "CLICKS: is a collection of types of events"),
            ({"CONVERSIONS": ["sale"]}, "CONVERSIONS: unknown type 'sale'; known: view, click"),
            ({"GUARDRAILS": {"hate": 0.1}}, "GUARDRAILS: unknown type 'hate'"),
            ({"GUARDRAILS": {"dislike": -1}}, "GUARDRAILS: dislike: -1 is no tolerated rise"),
        ],
    )
    def test_impressions(self, settings, changed, problem):
        given = {**settings.RECOMMENDER["IMPRESSIONS"], **changed}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "IMPRESSIONS": given}

        [(code, message)] = self.found()
        assert code == "recommender.E003"
        assert message.startswith(f'RECOMMENDER["IMPRESSIONS"]: {problem}')


@pytest.mark.django_db
class TestOverriding:
    def test_single_options(self, declare, django_assert_num_queries):
        declare(home={"sources": {"taste": 1}, "limit": 7, "diversity": 0.1})
        assert placements.placement_get("home").limit == 7

        placements.placement_override("home", {"limit": 9, "hide": ["view"]}, "root")

        with django_assert_num_queries(1):
            found = placements.placement_get("home")
        assert found == Placement(
            "home", {"taste": 1.0}, limit=9, diversity=0.1, hide=frozenset({"view"})
        )

    def test_back_to_the_declaration(self, declare):
        declare(home={"sources": {"taste": 1}, "limit": 7})
        placements.placement_override("home", {"limit": 9}, "root")
        placements.placement_override("home", {}, "root")

        assert placements.placement_get("home").limit == 7

    def test_the_trail(self, declare):
        declare(home={"sources": {"taste": 1}})
        placements.placement_override("home", {"limit": 9}, "anna")
        placements.placement_override("home", {"limit": 9}, "nobody changed anything")
        placements.placement_override("home", {"diversity": 1}, "bert")

        assert list(Change.objects.values_list("name", "action", "by", "before", "after")) == [
            (
                *("home", "changed", "bert"),
                *({"overrides": {"limit": 9}}, {"overrides": {"diversity": 1}}),
            ),
            ("home", "changed", "anna", {"overrides": {}}, {"overrides": {"limit": 9}}),
        ]

    def test_what_makes_no_sense_is_not_stored(self):
        with pytest.raises(InvalidOption):
            placements.placement_override("home", {"limit": 1000}, "root")
        with pytest.raises(UnknownPlacement):
            placements.placement_override("shop", {}, "root")
        assert not models.Placement.objects.exists()

    def test_what_no_longer_makes_sense_is_left_out(self, declare, caplog):
        declare(home={"sources": {"taste": 1}})
        models.Placement.objects.create(name="home", overrides={"limit": 5, "hide": ["gone"]})

        assert placements.placement_get("home") == Placement("home", {"taste": 1.0})
        assert "placement home: what the admin overrides is left out: hide: unknown" in caplog.text

    def test_a_row_for_each(self, declare):
        declare(home={"sources": {"taste": 1}}, item={"sources": {"taste": 1}})
        placements.placement_override("home", {"limit": 9}, "root")
        for _ in range(2):
            placements.placements_ensure()

        assert list(models.Placement.objects.values_list("name", "overrides")) == [
            ("home", {"limit": 9}),
            ("item", {}),
        ]
