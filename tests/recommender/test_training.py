"""From events to versions that answer: learned, measured, stored, compared, noticed when lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.broker import redis_client
from catalog.models import Item
from recommender import checks, training, versions
from recommender.collaborative.event_table import events_read
from recommender.collaborative.recipes import hold_out
from recommender.events import events_record
from recommender.exceptions import ModelConflict, NothingToLearn, TrainingLost
from recommender.models import Event, ItemNeighbours, ItemTower, RecommenderModel
from recommender.training import recommender_train
from retrieval import spaces
from tests.recommender.model_worlds import QUICK, ready, topic_events, topic_items
from tests.recommender.worlds import item, read, sent
from workers import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def long_lease(settings) -> None:
    """The thread that renews a lease does not see what this test's transaction holds."""
    settings.RETRIEVAL = {**settings.RETRIEVAL, "TRAIN_LEASE_S": 3_600}


@pytest.fixture
def world() -> list[Item]:
    """24 items of two topics, 30 visitors with one each."""
    items = topic_items(embedded=False)
    topic_events(items)
    return items


def of_topic(items: list[Item], topic: int) -> set[int]:
    return {item.pk for item in items[topic::2]}


@pytest.mark.parametrize("algorithm", ["ease", "item-knn", "factorization"])
def test_an_item_item_version_knows_what_goes_together(world, algorithm):
    config = {"regularization": 1.0} if algorithm != "item-knn" else {}
    told = []
    row = recommender_train(algorithm, name="first", config=config, progress=told.append)
    assert (row.state, row.kind, row.leased_until, row.error) == ("ready", "item-item", None, "")
    assert (row.events, row.visitors, row.items) == (210, 30, 24)
    assert row.seconds > 0
    for found in ItemNeighbours.objects.filter(model=row):
        own = of_topic(world, 0 if found.item_id in of_topic(world, 0) else 1)
        assert own.issuperset(found.neighbours[:5])
        assert found.scores[0] > 0
        assert found.scores == sorted(found.scores, reverse=True)
    assert row.metrics["model"]["ndcg@10"] > row.metrics["popular"]["ndcg@10"]
    stages = list(dict.fromkeys(entry["stage"] for entry in told))
    assert (stages[:2], stages[-1]) == (["read events", "measure"], "store")


def test_a_two_tower_version_places_every_embedded_item():
    items = topic_items(26)
    topic_events(items[:24])
    row = recommender_train("two-tower", config=QUICK)
    assert (row.state, row.kind, row.factors, row.space.name) == (
        "ready",
        "two-tower",
        8,
        "untrained",
    )
    towers = ItemTower.objects.filter(model_id=row.pk)
    learned = dict(towers.values_list("item_id", "learned"))
    assert learned == {item.pk: n < 24 for n, item in enumerate(items)}
    assert row.metrics["model"]["ndcg@10"] > row.metrics["popular"]["ndcg@10"]


def test_without_an_embedding_space_towers_learn_from_events_alone():
    items = [item(f"t{n}") for n in range(24)]
    topic_events(items)
    row = recommender_train("two-tower", config=QUICK)
    assert (row.state, row.space, bytes(row.parameters)) == ("ready", None, b"")
    assert ItemTower.objects.filter(model_id=row.pk, learned=True).count() == 24


def test_no_events_are_said_and_the_version_fails():
    item("frog")
    with pytest.raises(NothingToLearn, match="import_events"):
        recommender_train("ease", name="first")
    row = RecommenderModel.objects.get(name="first")
    assert (row.state, row.leased_until) == ("failed", None)
    assert "There are no events" in row.error


def test_dislikes_alone_are_nothing_to_learn_from():
    item("frog")
    events_record(read(sent("e1", type="dislike")))
    with pytest.raises(NothingToLearn):
        recommender_train("ease")


def test_a_worker_leaves_what_is_wrong_in_the_row():
    row = training.version_train(versions.version_create("ease").pk)
    assert (row.state, "There are no events" in row.error) == ("failed", True)
    assert training.version_train(row.pk).attempts == 1


def test_the_tasks_train_what_was_asked_for(world, settings):
    least = {**settings.RECOMMENDER["TRAINING"], "MIN_NEW_EVENTS": 210}
    models = {"item-item": {"ALGORITHM": "item-knn", "k": 9}}
    settings.RECOMMENDER = {**settings.RECOMMENDER, "TRAINING": least, "MODELS": models}
    tasks.recommender_train_due()
    row = RecommenderModel.objects.get()
    assert (row.state, row.config) == ("building", {"k": 9})
    tasks.recommender_train(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("active", 1)
    tasks.recommender_train(row.pk)  # the message again
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("active", 1)


def test_options_the_algorithm_does_not_have_are_refused():
    with pytest.raises(ModelConflict, match="ease has no option 'k'; it has max_items, regul"):
        recommender_train("ease", config={"k": 5})
    assert not RecommenderModel.objects.exists()


def test_too_many_items_for_ease_are_learned_by_item_knn(world):
    row = recommender_train("ease", config={"max_items": 10})
    assert (row.algorithm, row.config, row.state) == ("item-knn", {}, "ready")


def test_too_few_visitors_are_not_measured(world):
    Event.objects.exclude(visitor__external_id__in=["v0", "v1", "v2", "v3"]).delete()
    row = recommender_train("item-knn")
    assert row.metrics == {"held out": "fewer than 10 visitors: not measured"}
    assert row.state == "ready"


def test_invented_visitors_teach_nothing(world):
    before = len(events_read())
    events_record(read(sent("d1", visitor="demo:eve", item="t0")))
    assert recommender_train("item-knn").events == before


def test_the_latest_tenth_is_held_out(world):
    table = events_read()
    split = hold_out(table, None, seed=0)
    later = sorted(table.at)[-21:]
    assert split.held.wanted.nnz == 21  # nobody likes an item twice here
    assert split.train.visitors.nnz == 210 - 21
    assert split.held.history.multiply(split.held.wanted).nnz == 0
    assert table.at[table.at >= later[0]].size == 21


def test_an_item_deleted_meanwhile_is_left_out(world):
    def delete(entry):
        if entry["stage"] == "store":
            world[0].delete()

    gone = world[0].pk
    row = recommender_train("item-knn", progress=delete)
    stored = set(ItemNeighbours.objects.filter(model=row).values_list("item_id", flat=True))
    assert stored == {item.pk for item in world[1:]}
    assert gone not in stored


def test_an_item_deleted_meanwhile_has_no_towers(world):
    def delete(entry):
        if entry["stage"] == "store":
            world[0].delete()

    row = recommender_train("two-tower", config={**QUICK, "epochs": 2}, progress=delete)
    assert ItemTower.objects.filter(model_id=row.pk).count() == 23


@pytest.mark.parametrize("algorithm", ["item-knn", "two-tower"])
def test_a_training_that_was_given_up_stores_nothing(world, algorithm):
    def give_up(entry):
        if entry["stage"] == "store":
            RecommenderModel.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
            assert versions.versions_sweep(queue_empty=True) == 1

    config = {**QUICK, "epochs": 2} if algorithm == "two-tower" else {}
    row = recommender_train(algorithm, config=config, progress=give_up)
    assert row.state == "failed"
    assert "its worker died" in row.error
    assert not ItemNeighbours.objects.exists()
    assert not ItemTower.objects.exists()


class TestActivation:
    def test_the_first_one_answers(self, world):
        assert recommender_train("item-knn", activation="better").state == "active"

    def test_the_same_recipe_on_newer_events_takes_over(self, world):
        first = recommender_train("item-knn", activation="better", name="first")
        second = recommender_train("item-knn", activation="better", name="second")
        assert (second.state, second.previous) == ("active", first)
        assert second.metrics["active"] == second.metrics["model"]

    def test_what_is_worse_on_the_same_split_stays_ready_and_says_why(self, world):
        recommender_train("item-knn", activation="better", name="good")
        bad = {"factors": 1, "iterations": 1, "confidence": 0.0}
        row = recommender_train("factorization", activation="better", config=bad)
        assert row.metrics["model"]["ndcg@10"] < row.metrics["active"]["ndcg@10"]
        assert row.state == "ready"
        assert row.note.startswith("Not activated: ndcg@10 0.")
        assert row.note.endswith("of good.")

    def test_always_is_always(self, world):
        ready("good", active=True)
        row = recommender_train(
            "factorization", activation="always", config={"factors": 1, "iterations": 1}
        )
        assert row.state == "active"

    def test_somebody_elses_choice_meanwhile_stands(self, world):
        ready("good", active=True)
        other = ready("other")

        def choose(entry):
            if entry["stage"] == "store":
                versions.version_activate(other.pk)

        row = recommender_train("item-knn", activation="better", progress=choose)
        assert (row.state, versions.active_version("item-item").name) == ("ready", "other")


class TestByNight:
    def few(self, settings, least: int = 100) -> None:
        given = {**settings.RECOMMENDER["TRAINING"], "MIN_NEW_EVENTS": least}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "TRAINING": given}

    def test_each_kind_is_asked_for_once(self, world, settings, django_capture_on_commit_callbacks):
        self.few(settings)
        with django_capture_on_commit_callbacks(execute=True):
            asked = training.train_due()
        assert [(row.algorithm, row.activation, row.created_by) for row in asked] == [
            ("ease", "better", "schedule"),
            ("two-tower", "better", "schedule"),
        ]
        assert redis_client().llen("train") == 2
        assert training.train_due() == []

    def test_too_few_new_events_are_left_for_another_night(self, world, settings):
        self.few(settings, 211)
        assert training.train_due() == []
        self.few(settings, 210)
        row = ready("one", active=True)  # after all of the events
        RecommenderModel.objects.filter(pk=row.pk).update(
            trained_at=timezone.now() + timedelta(seconds=1)
        )
        assert [row.algorithm for row in training.train_due()] == ["two-tower"]

    def test_another_embedding_space_makes_new_towers_due(self, settings):
        row = ready("one", algorithm="two-tower", active=True)
        topic_items(2, embedded=False)  # makes the active space
        old = spaces.space_create_untrained("old", profile="fake", dim=64)
        future = timezone.now() + timedelta(hours=1)
        RecommenderModel.objects.filter(pk=row.pk).update(space=old, trained_at=future)
        self.few(settings, 10**6)
        assert [row.algorithm for row in training.train_due()] == ["two-tower"]


def test_a_lost_lease_stops_the_training(world):
    row = versions.version_claim(versions.version_create("ease").pk)
    lease = versions.version_lease(row)
    lease.report({"stage": "measure", "items": 3, "of": 4})
    row.refresh_from_db()
    assert (row.stage, row.percent, row.note) == ("measure", 75, "items 3 of 4")
    RecommenderModel.objects.filter(pk=row.pk).update(attempts=2)  # somebody else has it
    with pytest.raises(TrainingLost, match="given up meanwhile"):
        lease.report({"stage": "store"})


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ({"item-item": {"ALGORITHM": "two-tower"}}, "it can be one of ['ease', 'item-knn', 'fact"),
        ({"two-tower": {}}, "two-tower: ALGORITHM is None"),
        ({"item-item": {"ALGORITHM": "ease", "k": 3}}, "ease has no option 'k'"),
        ({"songs": {"ALGORITHM": "ease"}}, "songs: ALGORITHM is 'ease', it can be one of []"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(settings, models, problem):
    assert checks.models_make_sense(None) == []
    settings.RECOMMENDER = {**settings.RECOMMENDER, "MODELS": models}
    (found,) = checks.models_make_sense(None)
    assert problem in found.msg
