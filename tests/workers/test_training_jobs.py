"""Trainings asked for in the admin: claimed once, reported, failed with a reason, noticed when killed."""

import threading
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from catalog.broker import redis_client
from catalog.wake import workers_wake
from retrieval import claims, leases, services, spaces, training_jobs
from retrieval.exceptions import SpaceConflict
from retrieval.models import Embedding, EmbeddingSpace, TrainingJob
from tests.retrieval.conftest import make_item, png
from tests.workers.conftest import Processes, until
from workers import sweeper, tasks

ITEMS = 24


def make_catalog() -> list[int]:
    """Items of words and pictures, embedded in the first space."""
    space_id = spaces.ensure_active_space("fake", 64)
    ids = [
        make_item(f"i{n}", f"thing{n} kind{n % 5}", media=[png((9 * n, 90, 200 - 8 * n))]).pk
        for n in range(ITEMS)
    ]
    services.embed_items(space_id, ids)
    return ids


def ask(name: str = "asked", **fields) -> TrainingJob:
    options = {"profile": "fake", "fusion": "weighted", "metric": "cosine", "seed": 0}
    return training_jobs.job_create(name, **{**options, **fields})


def reread(job: TrainingJob) -> TrainingJob:
    return TrainingJob.objects.get(pk=job.pk)


@pytest.mark.django_db
class TestJobs:
    def test_a_job_becomes_a_building_space_with_its_plots(self):
        make_catalog()
        job = ask(fusion="attention", metric="euclidean", created_by="ada")
        row = training_jobs.job_run(job.pk)
        job = reread(job)
        assert (job.status, job.percent, job.error, job.space) == ("done", 100, "", row)
        assert (job.stage, job.note) == ("trained", "")  # nothing of the epoch it stopped at
        assert (row.name, row.state, row.trained) == ("asked", "building", True)
        assert (row.fusion, row.metric) == ("attention", "euclidean")
        assert row.history
        assert default_storage.exists(f"spaces/{row.pk}/strength.png")

    def test_a_second_delivery_of_the_message_does_nothing(self):
        make_catalog()
        job = ask()
        training_jobs.job_run(job.pk)
        assert training_jobs.job_run(job.pk) is None
        assert reread(job).attempts == 1
        assert EmbeddingSpace.objects.count() == 2

    def test_the_same_name_is_asked_for_once(self):
        ask()
        with pytest.raises(SpaceConflict, match="'asked' was asked for already"):
            ask()
        assert TrainingJob.objects.count() == 1

    def test_a_taken_name_is_refused(self):
        spaces.ensure_active_space("fake", 64)
        with pytest.raises(SpaceConflict, match="'untrained' exists"):
            ask("untrained")

    def test_a_name_taken_while_it_trains_is_written_into_the_job(self, monkeypatch):
        make_catalog()
        job = ask()
        training = training_jobs.space_training.train_head

        def taken_meanwhile(*arguments, **options):
            spaces.space_create_untrained("asked", profile="fake", dim=64)
            return training(*arguments, **options)

        monkeypatch.setattr(training_jobs.space_training, "train_head", taken_meanwhile)
        assert training_jobs.job_run(job.pk) is None
        job = reread(job)
        assert (job.status, job.error) == (
            "failed",
            "A space named 'asked' exists: choose another name.",
        )
        assert EmbeddingSpace.objects.get(name="asked").trained is False

    def test_what_is_wrong_is_written_into_the_job(self):
        spaces.ensure_active_space("fake", 64)
        make_item("one", "one")
        job = ask()
        assert training_jobs.job_run(job.pk) is None
        job = reread(job)
        assert job.status == "failed"
        assert "too few to train on" in job.error
        assert job.leased_until is None
        training_jobs.job_retry(job.pk)
        assert (reread(job).status, reread(job).error) == ("queued", "")

    def test_missing_weights_fail_the_job_and_leave_a_failed_space(self, settings):
        make_catalog()
        profiles = settings.RETRIEVAL["PROFILES"]
        absent = {**profiles, "absent": {"text": {"BACKEND": "tests.absent.Encoder"}}}
        settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": absent}
        job = ask(profile="absent")
        training_jobs.job_run(job.pk)
        assert "tests.absent.Encoder" in reread(job).error
        row = EmbeddingSpace.objects.get(name="asked")
        assert (row.state, row.trained) == ("failed", True)
        assert "tests.absent.Encoder" in row.error
        with pytest.raises(SpaceConflict, match="space train 'asked'"):
            spaces.space_resume(row.pk)
        TrainingJob.objects.filter(pk=job.pk).update(profile="fake")  # as if it was installed
        training_jobs.job_retry(job.pk)
        assert training_jobs.job_run(job.pk).state == "building"
        assert list(EmbeddingSpace.objects.filter(name="asked").values_list("state")) == [
            ("building",)
        ]

    def test_only_failed_and_interrupted_jobs_are_retried(self):
        job = ask()
        for status, until_s in (("queued", None), ("running", 60), ("done", None)):
            leased = until_s and timezone.now() + timedelta(seconds=until_s)
            TrainingJob.objects.filter(pk=job.pk).update(status=status, leased_until=leased)
            with pytest.raises(SpaceConflict, match="nothing to retry"):
                training_jobs.job_retry(job.pk)
            assert not training_jobs.interrupted(reread(job))
        late = timezone.now() - timedelta(seconds=1)
        TrainingJob.objects.filter(pk=job.pk).update(status="running", leased_until=late)
        assert training_jobs.interrupted(reread(job))
        training_jobs.job_retry(job.pk)
        assert reread(job).status == "queued"

    def test_the_sweeper_sends_a_job_whose_message_was_lost(self):
        spaces.ensure_active_space("fake", 64)
        job = ask()
        redis_client().flushdb()
        sweeper.sweep()
        assert redis_client().llen("train") == 0  # its message may still be on its way
        TrainingJob.objects.update(updated_at=timezone.now() - timedelta(minutes=2))
        sweeper.sweep()
        assert redis_client().llen("train") == 1
        sweeper.sweep()
        assert redis_client().llen("train") == 1
        assert reread(job).status == "queued"

    def test_the_sweeper_makes_filled_spaces_ready(self):
        ids = make_catalog()
        row = spaces.space_create_untrained("next", profile="fake", dim=16)
        sweeper.sweep()
        row.refresh_from_db()
        assert row.state == "building"
        services.embed_items(row.pk, ids)
        redis_client().flushdb()
        sweeper.sweep()
        row.refresh_from_db()
        assert row.state == "ready"


@pytest.mark.parametrize(
    ("entry", "percent", "note"),
    [
        ({"stage": "collect", "items": 250, "of": 1000}, 25, "items 250 of 1000"),
        ({"stage": "contrastive", "epoch": 3, "of": 20, "loss": 1.23456}, 15, "epoch 3 of 20, loss 1.235"),
        ({"stage": "image", "strength": 0.5, "mrr": 0.25}, 0, "strength 0.5, mrr 0.25"),
        ({"stage": "text"}, 0, ""),
        ({"stage": "collect", "items": 0, "of": 0}, 0, "items 0 of 0"),
    ],
)  # fmt: skip
def test_progress_in_words(entry, percent, note):
    assert (leases.percent_of(entry), leases.note_of(entry)) == (percent, note)


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_one_job_train_once():
    make_catalog()
    job = ask()
    made: list[object] = []

    def run() -> None:
        try:
            made.append(training_jobs.job_run(job.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row is None for row in made) == [False, True]
    assert EmbeddingSpace.objects.filter(name="asked").count() == 1


def test_a_killed_training_is_noticed_and_retried(processes: Processes):
    make_catalog()
    job = ask()
    training = ("worker", "-Q", "train", "-c", "1", "--max-tasks-per-child", "1")
    worker = processes.start(*training, TRAIN_LEASE_S="4")
    until(lambda: reread(job).stage != "", "the training is on its way")
    processes.kill(worker)
    assert reread(job).status == "running"
    until(lambda: training_jobs.interrupted(reread(job)), "its lease runs out", 30)
    training_jobs.job_retry(job.pk)
    processes.start(*training)
    processes.worker()
    until(lambda: reread(job).status in ("done", "failed"), "the second attempt ends")
    job = reread(job)
    assert (job.status, job.error, job.attempts) == ("done", "", 2)
    until(
        lambda: claims.progress(job.space_id)["ready"] == ITEMS,
        "the workers were sent the new space's items",
    )


def test_a_new_item_is_embedded_into_every_live_space_by_a_worker(processes: Processes):
    first = spaces.ensure_active_space("fake", 64)
    second = spaces.space_create_untrained("second", profile="fake", dim=24, fusion="concat").pk
    retired = spaces.space_create_untrained("retired", profile="fake", dim=16).pk
    failed = spaces.space_create_untrained("failed", profile="fake", dim=16).pk
    spaces.space_retire(retired)
    spaces.space_fail(failed, "The weights are missing.")
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    workers_wake([item.pk])
    processes.worker()
    until(lambda: Embedding.objects.filter(status="ready").count() == 2, "both spaces have it")
    rows = Embedding.objects.filter(item=item).order_by("space_id")
    assert [(row.space_id, len(row.fused)) for row in rows] == [(first, 64), (second, 72)]


@pytest.mark.django_db
def test_the_sweeper_looks_into_every_live_space():
    ids = make_catalog()
    second = spaces.space_create_untrained("second", profile="fake", dim=24).pk
    redis_client().flushdb()
    assert sweeper.sweep() == ITEMS  # due in the second only
    tasks.embed_items(ids)
    assert claims.progress(second)["ready"] == ITEMS
