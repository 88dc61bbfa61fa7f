"""From impressions and events to a ranker that answers, and explains itself."""

import io
import logging
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from catalog.models import Item
from recommender import rankers, training, versions
from recommender.candidates import Context, Gathered
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.exceptions import ModelConflict, NothingToLearn
from recommender.models import Event, Impression, RecommenderModel, Visitor
from recommender.placements import declared
from recommender.pool import pool
from recommender.popularity import popularity_count
from recommender.profiles import profiles_update
from recommender.ranking import FEATURES, FORMULA, LogisticRanker
from recommender.ranking_training import ShownTable
from recommender.ranking_training.reading import shown_count, shown_read
from recommender.setups import setup_for
from recommender.training import recommender_train
from recommender.types import Found, Taste
from recommender.visitors import visitor_forget
from retrieval import services, spaces
from tests.clients import anonymous
from tests.recommender.model_worlds import many_items, topic_events, topic_items
from tests.recommender.ranker_worlds import TRUTH, shown, store, true_ndcg, version
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db
PATH = "/api/v1/recommendations/"


def same(one: ShownTable, other: ShownTable, items: list) -> None:
    for name in ("features", "answer", "position", "strength", "placement"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.item.tolist() == [items[place].pk for place in other.item]
    assert one.placements == other.placements


class TestReading:
    def test_what_was_stored_is_read(self):
        items, given = many_items(10), shown(40)
        dislikes = np.where(given.strength == 0, -4.0 * (given.position == 7), given.strength)
        given = replace(given, strength=dislikes)
        store(given, items)

        same(shown_read(), given, items)
        assert len(set(shown_read().unit)) == 40
        assert shown_count() == (40, int(given.taken.sum()))

    def test_two_statements_whatever_there_is(self, django_assert_num_queries):
        store(shown(30), many_items(10))
        with django_assert_num_queries(2):
            shown_read()
        with django_assert_num_queries(1):
            shown_count()

    def test_nothing(self):
        assert (shown_read().answers, shown_count()) == (0, (0, 0))
        assert shown_read().features.shape == (0, len(FEATURES))

    def test_what_teaches_nothing_is_left_out(self):
        """Invented visitors, nobody known, other features, not finite ones, what is not settled yet."""
        items = many_items(10)
        store(shown(8), items, prefix="demo:v")
        store(shown(10), items)
        rows = list(Impression.objects.filter(visitor__external_id__startswith="v").order_by("pk"))
        rows[0].visitor = None
        rows[1].features = [each[:-1] for each in rows[1].features]
        rows[2].features = []
        rows[3].features[0][0] = float("nan")
        rows[4].shown_at = timezone.now() - timedelta(minutes=5)
        rows[5].visitor, rows[5].session = None, "s1"
        Impression.objects.bulk_update(rows, ["visitor", "features", "shown_at", "session"])

        assert shown_read().answers == 5

    def test_an_event_counts_by_its_type_once(self):
        [frog, toad, newt, drum] = many_items(4)
        x = shown(1, size=4)
        store(replace(x, strength=np.zeros(4)), [frog, toad, newt, drum])
        at = (timezone.now() - timedelta(days=1)).isoformat()
        did = [
            *(("click", frog, {}), ("click", frog, {}), ("purchase", frog, {})),
            *(("like", toad, {}), ("dislike", toad, {})),
            *(("play", newt, {"share": 0.25}), ("play", newt, {"share": 0.5})),
            *(("like", drum, {}), ("withdraw", drum, {})),
        ]
        events_record(
            [
                EventReader().read(
                    {"id": f"e{n}", "visitor": "v0", "item": item.external_id, "type": type_}
                    | {"occurred_at": at, "request_id": "v-r0", **more}
                )
                for n, (type_, item, more) in enumerate(did)
            ]
        )
        assert shown_read().strength.tolist() == [6.0, 0.0, 1.0, 0.0]

    def test_later_pages_and_other_placements(self):
        items = many_items(10)
        store(replace(shown(2), placement=np.array([1, 0]), placements=("home", "item")), items)
        Impression.objects.filter(placement="item").update(start=20)
        found = shown_read()
        assert found.position.tolist() == [*range(21, 31), *range(1, 11)]
        assert (found.placements, found.placement.tolist()) == (("home", "item"), [1, 0])


@pytest.fixture
def world() -> None:
    """Enough to learn from."""
    store(shown(1_050, size=5), many_items(5))


class TestTraining:
    OPTIONS = {"config": {"l2": 1.0, "pairs": False}}

    def test_a_ranker_takes_the_formulas_place_and_the_next_takes_its(self, world):
        row = recommender_train("logistic", name="first", activation="better", **self.OPTIONS)

        assert (row.state, row.kind, row.previous, row.error) == ("active", "ranker", None, "")
        assert (row.visitors, row.items) == (1_050, 5)
        assert row.events == Event.objects.count()
        assert row.metrics["model"]["ndcg@10"] > row.metrics["formula"]["ndcg@10"]
        served = setup_for("home", timezone.now()).ranker
        assert served.version_id == row.pk
        assert true_ndcg(served.ranker) > 0.98 > true_ndcg(FORMULA)

        second = recommender_train("logistic", activation="better", **self.OPTIONS)
        assert (second.state, second.previous) == ("active", row)
        assert {"model", "formula", "active"} <= second.metrics.keys()
        assert versions.version_rollback("ranker") == row
        assert versions.version_retire(second.pk).parameters == b""

    def test_what_is_worse_than_the_formula_stays_ready_and_says_why(self):
        """Visitors wanted the contrary of what the formula says, until what is held out."""
        given = shown(1_000, size=4)
        said = FORMULA.scores(given.features).reshape(1_000, 4)
        wanted = np.where(np.arange(1_000) < 800, said.argmin(axis=1), said.argmax(axis=1))
        strength = np.arange(4) == wanted[:, None]
        store(replace(given, strength=strength.ravel().astype(float)), many_items(4))

        row = recommender_train("logistic", activation="better", **self.OPTIONS)

        assert row.state == "ready"
        assert row.note.startswith("Not activated: ndcg@10 0.")
        assert row.note.endswith("of the weighted formula.")
        assert setup_for("home", timezone.now()).ranker.ranker is FORMULA

    def test_what_is_clearly_worse_than_the_active_one_stays_ready(self, world):
        version("good", TRUTH)
        row = recommender_train(
            "logistic", activation="better", config={"l2": 1e6, "pairs": False, "debiased": False}
        )
        assert (row.state, row.metrics["more than active"]["high"] < 0) == ("ready", True)
        assert row.note.endswith("of good.")

    def test_too_little_is_refused_and_said(self):
        store(shown(20), many_items(10))
        taken = shown_count()[1]
        with pytest.raises(NothingToLearn, match=f"20 answers with features, and {taken} of"):
            recommender_train("logistic")
        row = RecommenderModel.objects.get()
        assert (row.state, "980 more answers" in row.error) == ("failed", True)

    def test_options_are_checked(self):
        with pytest.raises(ModelConflict, match="no option 'k'; it has debiased, l2, pairs"):
            recommender_train("logistic", config={"k": 1})
        with pytest.raises(ModelConflict, match="l2: -1 is no number above 0"):
            recommender_train("logistic", config={"l2": -1})
        assert not RecommenderModel.objects.exists()

    def test_by_night_it_is_asked_for_once_there_is_enough(self, settings, world):
        given = {**settings.RECOMMENDER["TRAINING"], "MIN_NEW_EVENTS": 1}
        models = {"ranker": {"ALGORITHM": "logistic"}}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "TRAINING": given, "MODELS": models}
        assert [row.algorithm for row in training.train_due()] == ["logistic"]
        RecommenderModel.objects.all().delete()
        Impression.objects.filter(pk__in=Impression.objects.values("pk")[:200]).delete()
        assert training.train_due() == []

    def test_from_the_command_line(self, world):
        def run(*arguments: str) -> str:
            out = io.StringIO()
            call_command(*arguments, stdout=out)
            return out.getvalue()

        taken = Event.objects.count()
        said = run("train_recommender", "--kind", "ranker", "--dry-run")
        assert said.startswith(f"1050 answers with features, {taken} items in them taken up; ")
        options = ("--option", "l2=1", "--option", "pairs=false")
        said = run("train_recommender", "--algorithm", "logistic", *options, "--activate")
        assert "formula: auc 0." in said
        assert "is active" in said
        Impression.objects.all().delete()
        with pytest.raises(CommandError, match="needs 1,000 more answers"):
            run("train_recommender", "--kind", "ranker", "--name", "second")

    def test_where_it_has_too_little_the_others_are_trained(self, settings):
        models = {"item-item": {"ALGORITHM": "item-knn"}, "ranker": {"ALGORITHM": "logistic"}}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "MODELS": models}
        topic_events(topic_items(embedded=False))
        out = io.StringIO()
        call_command("train_recommender", stdout=out)
        assert "No logistic: There are 0 answers with features" in out.getvalue()
        states = dict(RecommenderModel.objects.values_list("algorithm", "state"))
        assert states == {"item-knn": "ready", "logistic": "failed"}


@pytest.fixture
def shelf(space) -> list[str]:
    """Four items: the saw is popular, the others are as good as one another."""
    names = ["saw", "frog", "drum", "duck"]
    made = [make_item(name, f"{name} thing") for name in names]
    services.embed_items(spaces.active_space().id, [item.pk for item in made])
    happen([("ben", "like", "saw"), ("ben", "view", "duck")])
    popularity_count(force=True)
    profiles_update(1_000)
    return names


def ask(**query) -> dict:
    response = anonymous().get(PATH, {"visitor": "nobody", "placement": "home", **query})
    assert response.status_code == 200, response.content
    return response.json()


def ids(answer: dict) -> list[str]:
    return [each["item"]["external_id"] for each in answer["items"]]


AGAINST = {"popular": -3.0, "trending": -2.0}


class TestServing:
    @pytest.fixture(autouse=True)
    def plain(self, settings) -> None:
        """No chance, no diversity: positions are scores."""
        given = settings.RECOMMENDER["PLACEMENTS"]
        home = {**given["home"], "diversity": 0.0, "exploration": 0.0, "rotation": 0.0}
        home["sources"] = {"popular": 0.4, "trending": 0.3, "new": 0.3}
        placements = {**given, "home": home}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "PLACEMENTS": placements}

    def test_the_formula_until_a_version_is_active(self, shelf):
        version("later", AGAINST, active=False)
        first = ask(explain="true")["items"][0]
        assert first["item"]["external_id"] == "saw"
        assert first["ranker"] == "formula"
        assert first["score"] == pytest.approx(sum(first["contributions"].values()), abs=1e-5)

    def test_an_active_version_ranks_and_explains(self, shelf):
        version("grumpy", AGAINST)
        answer = ask(explain="true")
        assert ids(answer)[-1] == "saw"
        last = answer["items"][-1]
        assert last["ranker"] == "grumpy"
        assert last["features"]["popular"] == 1.0
        parts = last["contributions"]
        assert list(parts)[:2] == ["popular", "trending"]
        assert (parts["popular"], parts["trending"]) == (-3.0, -2.0)
        odds = sum(parts.values()) - 3.0  # the bias
        assert last["score"] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
        assert {reason["code"] for reason in last["reasons"]} == {"popular", "trending", "new"}
        shown = Impression.objects.get().features
        assert shown[-1] == pytest.approx(list(last["features"].values()), abs=1e-6)

    def test_a_list_that_goes_on_says_who_ranked_it(self, shelf):
        version("grumpy", AGAINST)
        first = ask(limit=1)
        version("merry", {"popular": 5.0})
        rest = ask(cursor=first["next_cursor"], explain="true")
        assert [each["ranker"] for each in rest["items"]] == ["grumpy"]
        versions.version_retire(RecommenderModel.objects.get(name="grumpy").pk)
        rest = ask(cursor=first["next_cursor"], explain="true")
        assert "contributions" not in rest["items"][0]
        assert any(rest["items"][0]["features"].values())

    def test_one_of_other_features_is_ignored_with_a_warning(self, shelf, caplog):
        stored = LogisticRanker(AGAINST).to_json().replace('"taste"', '"smell"')
        row = version("old", {}, parameters=stored)
        with caplog.at_level(logging.WARNING, "recommender.rankers"):
            answers = [ask(explain="true") for _ in range(2)]
        assert [ids(answer)[0] for answer in answers] == ["saw", "saw"]
        assert answers[0]["items"][0]["ranker"] == "formula"
        [said] = [r.getMessage() for r in caplog.records if r.name == "recommender.rankers"]
        assert said.startswith(
            f"the ranker of model {row.pk} is ignored: it learned from the features"
        )

    def test_what_is_no_ranker_at_all_is_ignored(self, shelf):
        row = version("broken", {}, parameters="x")
        assert ids(ask())[0] == "saw"
        assert rankers.serving(row.pk, b"\xff").ranker is FORMULA

    def test_it_is_read_with_the_placement(self, django_assert_num_queries):
        version("grumpy", AGAINST)
        with django_assert_num_queries(1):
            assert setup_for("home", timezone.now()).ranker.ranker.weights["popular"] == -3.0

    def test_rows_of_one_source_are_ordered_by_it_and_not_learned_from(self, shelf):
        version("grumpy", AGAINST)
        for n in range(12):
            make_item(f"nail{n}", "nail")
        query = {"visitor": "ben", "explain": "true", "rows": 5, "limit": 3}
        rows = anonymous().get(f"{PATH}rows/", query).json()["rows"]
        by_code = {row["code"]: row for row in rows}
        new = by_code["new"]
        assert {each["ranker"] for each in new["items"]} == {"formula"}
        assert by_code["for_you"]["items"][0]["ranker"] == "grumpy"
        logged = dict(Impression.objects.values_list("request_id", "features"))
        assert logged[new["request_id"]] == []
        assert len(logged[by_code["for_you"]["request_id"]]) == len(by_code["for_you"]["items"])

    def test_a_source_gone_wrong_does_not_reach_the_score(self, shelf):
        context = Context(
            space=spaces.active_space(),
            placement=replace(declared("home"), sources={"covisited": 1.0}),
            taste=Taste(),
            segment=Item.objects.visible(),
            now=timezone.now(),
        )
        first, second = sorted(context.items.values_list("pk", flat=True))[:2]
        gathered = Gathered({"covisited": [Found(first, float("nan")), Found(second, 1.0)]}, [])
        for ranker in (FORMULA, LogisticRanker({"covisited": 1.0})):
            found = pool(context, gathered, (), ranker)
            assert np.isfinite([each.features for each in found]).all()
            assert np.isfinite([each.score for each in found]).all()


def test_the_admin_shows_weights_as_bars(admin_client):
    row = version("grumpy", {"popular": -3.0, "taste": 1.5})
    page = admin_client.get(reverse("admin:recommender_recommendermodel_change", args=[row.pk]))
    shown = page.content.decode()
    assert "What counts how much" in shown
    assert 'class="triad-bar-failed" style="width: 100%"' in shown
    assert 'style="width: 50%"' in shown
    assert "-3.00" in shown
    assert (
        admin_client.get(reverse("admin:recommender_recommendermodel_changelist")).status_code
        == 200
    )


def test_forgetting_a_visitor_leaves_nothing_to_learn():
    store(shown(5), many_items(10))
    assert shown_read().answers == 5
    visitor_forget("v0")
    assert shown_read().answers == 4
    assert Visitor.objects.count() == 4
    assert shown_count()[0] == 4
