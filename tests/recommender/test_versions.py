"""Versions are asked for once, switched in one transaction, retired, and fail with their worker."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from catalog.broker import redis_client
from recommender import versions
from recommender.exceptions import ModelConflict
from recommender.models import ItemNeighbours, RecommenderModel
from tests.recommender.model_worlds import ready
from tests.recommender.worlds import item


def state(name: str) -> str:
    return RecommenderModel.objects.get(name=name).state


@pytest.mark.django_db
class TestSwitching:
    def test_activating_makes_the_former_one_ready_and_rollback_goes_back(self):
        ready("one", active=True)
        two = ready("two")
        assert versions.version_activate(two.pk).activated_at is not None
        assert (state("one"), state("two")) == ("ready", "active")
        assert versions.version_rollback("item-item").name == "one"
        assert (state("one"), state("two")) == ("active", "ready")
        with pytest.raises(ModelConflict, match="no other was active before"):
            versions.version_rollback("item-item")

    def test_asked_twice_it_is_done_once(self):
        row = ready("one", active=True)
        again = versions.version_activate(row.pk)
        assert (again.state, again.previous, again.activated_at) == (
            "active",
            None,
            row.activated_at,
        )

    def test_each_kind_has_its_own(self):
        ready("one", active=True)
        ready("towers", algorithm="two-tower", active=True)
        assert (state("one"), state("towers")) == ("active", "active")
        assert versions.active_version("two-tower").name == "towers"

    def test_who_saw_another_one_active_is_told(self):
        one, two, three = (ready(name) for name in ("one", "two", "three"))
        versions.version_activate(one.pk)
        versions.version_activate(two.pk, expected=one.pk)
        with pytest.raises(ModelConflict, match="'two' was activated meanwhile"):
            versions.version_activate(three.pk, expected=one.pk)
        with pytest.raises(ModelConflict, match="'two' was activated meanwhile"):
            versions.version_rollback("item-item", expected=one.pk)
        assert (state("two"), state("three")) == ("active", "ready")

    @pytest.mark.parametrize("wrong", ["building", "retired", "failed"])
    def test_what_cannot_answer_is_not_activated(self, wrong):
        row = ready("one")
        RecommenderModel.objects.filter(pk=row.pk).update(state=wrong)
        with pytest.raises(ModelConflict, match=f"'one' is {wrong}: it cannot answer"):
            versions.version_activate(row.pk)

    def test_what_is_not_there_is_said(self):
        ready("one")
        with pytest.raises(ModelConflict, match=r"no model 'two'; there are: 'one'\."):
            versions.version_named("two")
        with pytest.raises(ModelConflict, match="Model 999 is gone"):
            versions.version_activate(999)
        with pytest.raises(ModelConflict, match="No two-tower model is active"):
            versions.version_rollback("two-tower")

    def test_nothing_to_go_back_to_once_it_is_retired(self):
        one = ready("one", active=True)
        ready("two", active=True)
        versions.version_retire(one.pk)
        with pytest.raises(ModelConflict, match="'one' is retired"):
            versions.version_rollback("item-item")


@pytest.mark.django_db(transaction=True)
def test_of_two_activations_at_once_one_wins():
    one, two, three = (ready(name) for name in ("one", "two", "three"))
    versions.version_activate(one.pk)
    together, said = threading.Barrier(2), {}

    def activate(version_id: int) -> None:
        together.wait()
        try:
            said[version_id] = versions.version_activate(version_id, expected=one.pk).name
        except ModelConflict as err:
            said[version_id] = str(err)
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=[row.pk]) for row in (two, three)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = versions.active_version("item-item")
    assert winner.previous_id == one.pk
    loser = two if winner.pk == three.pk else three
    assert said[winner.pk] == winner.name
    assert "was activated meanwhile" in said[loser.pk]
    assert state(loser.name) == "ready"


@pytest.mark.django_db
class TestEnding:
    def test_retiring_forgets_what_it_learned_and_keeps_the_row(self):
        frog, drum = item("frog"), item("drum")
        one = ready("one", {frog: {drum: 1.0}})
        ready("two", {drum: {frog: 1.0}})
        assert versions.version_retire(one.pk).state == "retired"
        assert [row.item_id for row in ItemNeighbours.objects.all()] == [drum.pk]
        with pytest.raises(ModelConflict, match="'one' is retired"):
            versions.version_retire(one.pk)

    def test_the_active_one_is_not_retired(self):
        row = ready("one", active=True)
        with pytest.raises(ModelConflict, match="'one' is active: activate another first"):
            versions.version_retire(row.pk)

    def test_old_ones_go_but_not_what_a_rollback_goes_back_to(self, settings):
        rows = [ready(f"m{n}") for n in range(6)]
        versions.version_activate(rows[0].pk)
        versions.version_activate(rows[5].pk)
        kept = {**settings.RECOMMENDER["TRAINING"], "KEEP": 2}
        settings.RECOMMENDER = {**settings.RECOMMENDER, "TRAINING": kept}
        assert versions.versions_thin("item-item") == ["m2", "m1"]
        assert [state(f"m{n}") for n in range(6)] == [
            *("ready", "retired", "retired", "ready", "ready", "active"),
        ]

    def test_deleting_an_item_takes_its_neighbours_along(self):
        frog, drum = item("frog"), item("drum")
        ready("one", {frog: {drum: 1.0}, drum: {frog: 1.0}})
        frog.delete()
        assert [row.item_id for row in ItemNeighbours.objects.all()] == [drum.pk]


@pytest.mark.django_db
class TestBuilding:
    def test_a_training_is_claimed_once(self):
        row = versions.version_create("ease")
        assert versions.version_claim(row.pk).attempts == 1
        assert versions.version_claim(row.pk) is None

    def test_one_training_of_an_algorithm_at_a_time(self):
        versions.version_create("ease")
        with pytest.raises(ModelConflict, match="training by ease is under way"):
            versions.version_create("ease", name="another")
        versions.version_create("item-knn")

    def test_names_are_checked(self):
        ready("one")
        with pytest.raises(ModelConflict, match="named 'one' exists"):
            versions.version_create("ease", name="one")
        with pytest.raises(ModelConflict, match="1 to 100 printable"):
            versions.version_create("ease", name=" x")

    def test_trainings_of_one_second_have_names_of_their_own(self, monkeypatch):
        second = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: second)
        names = []
        for _ in range(3):
            row = versions.version_create("ease")
            names.append(row.name)
            RecommenderModel.objects.filter(pk=row.pk).update(state="failed")
        assert names == [names[0], f"{names[0]} (2)", f"{names[0]} (3)"]

    def test_asking_wakes_a_worker(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            versions.version_ask("ease")
        assert redis_client().llen("train") == 1

    def test_a_worker_that_died_leaves_a_failed_version_and_nothing_stored(self):
        frog, drum = item("frog"), item("drum")
        row = ready("one", {frog: {drum: 1.0}})
        dead, alive = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(hours=1)
        RecommenderModel.objects.filter(pk=row.pk).update(state="building", leased_until=dead)
        other = versions.version_claim(versions.version_create("item-knn").pk)
        RecommenderModel.objects.filter(pk=other.pk).update(leased_until=alive)
        assert versions.versions_sweep(queue_empty=True) == 1
        row.refresh_from_db()
        assert (row.state, row.leased_until) == ("failed", None)
        assert "its worker died" in row.error
        assert not ItemNeighbours.objects.exists()
        assert state(other.name) == "building"

    def test_a_training_whose_message_was_lost_is_sent_again(self):
        row = versions.version_create("ease")
        assert versions.versions_sweep(queue_empty=True) == 0
        before = timezone.now() - timedelta(minutes=2)
        RecommenderModel.objects.filter(pk=row.pk).update(created_at=before)
        assert versions.versions_sweep(queue_empty=False) == 0
        assert versions.versions_sweep(queue_empty=True) == 1
        assert redis_client().llen("train") == 1
