"""Runs of reviews: one at a time, under a lease, and what becomes of those whose worker died."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from catalog.models import Item
from retrieval import leases, moderation, review_runs
from retrieval.exceptions import ReviewRunning
from retrieval.models import Case, DuplicatePair, Policy, ReviewRun
from tests.retrieval.conftest import make_item
from tests.retrieval.test_moderation import embed, policy
from tests.workers.conftest import until
from workers import sweeper, tasks

pytestmark = pytest.mark.django_db

Kind = ReviewRun.Kind
Status = ReviewRun.Status


@pytest.fixture
def knives(space) -> list[Item]:
    """Older than the policy that is against them."""
    items = [make_item(f"k{n}", "knife blade", kind="tool") for n in range(2)]
    embed(*items)
    policy()
    return items


def run(kind: Kind, **fields) -> ReviewRun:
    row = ReviewRun.objects.create(kind=kind, **fields)
    tasks.review_catalog(row.pk)
    row.refresh_from_db()
    return row


def test_a_run_of_the_policies_says_what_it_found_and_measures_them(knives):
    done = run(Kind.MODERATION)
    assert (done.status, done.percent, done.leased_until) == (Status.DONE, 100, None)
    assert done.found == {
        "items": 2,
        "matched": {"No knives": 2},
        "new": {"No knives": 2},
        "decided": 0,
        "examples": [],
    }
    assert Case.objects.count() == 2
    assert Policy.objects.get().quality["decided"] == 0


def test_a_rehearsal_of_one_policy(knives):
    row = policy("off", enabled=False)
    done = run(Kind.MODERATION, policy=row, rehearsal=True)
    assert done.found["matched"] == {"off": 2}
    assert [each["item"] for each in done.found["examples"]] == [item.pk for item in knives]
    assert not Case.objects.exists()


def test_a_run_of_duplicates(knives):
    done = run(Kind.DUPLICATES)
    assert (done.status, done.found["exact"], done.found["new"]) == (Status.DONE, 1, 1)
    assert DuplicatePair.objects.count() == 1


def test_empty_catalogs(space):
    policy()
    assert run(Kind.MODERATION).found["items"] == 0
    assert run(Kind.DUPLICATES).found["exact"] == 0


def test_without_a_space_the_run_says_what_to_do(db):
    policy()
    done = run(Kind.MODERATION)
    assert (done.status, done.error) == (
        Status.FAILED,
        "No embedding space is active yet: run `manage.py embed`.",
    )


def test_what_nobody_foresaw_is_written_and_raised(knives, monkeypatch):
    def broken(*_: object) -> dict:
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(review_runs.WORK, Kind.DUPLICATES, broken)
    row = ReviewRun.objects.create(kind=Kind.DUPLICATES)
    with pytest.raises(ZeroDivisionError):
        review_runs.run_execute(row.pk)
    row.refresh_from_db()
    assert (row.status, row.error) == (Status.FAILED, "ZeroDivisionError: by zero")


def test_a_doubled_message_does_nothing(knives):
    done = run(Kind.MODERATION)
    tasks.review_catalog(done.pk)
    assert ReviewRun.objects.get().attempts == 1


def test_one_run_of_a_kind_at_a_time(db):
    first = review_runs.run_create(Kind.DUPLICATES)
    review_runs.run_create(Kind.MODERATION)
    with pytest.raises(ReviewRunning) as caught:
        review_runs.run_create(Kind.DUPLICATES)
    assert caught.value.run_id == first.pk


class TestKilled:
    @pytest.fixture
    def dead(self, db) -> ReviewRun:
        """Its worker was killed: the lease ran out."""
        return ReviewRun.objects.create(
            kind=Kind.DUPLICATES,
            status=Status.RUNNING,
            attempts=1,
            leased_until=timezone.now() - timedelta(seconds=1),
        )

    def test_the_next_takes_its_place(self, dead):
        review_runs.run_create(Kind.DUPLICATES)
        dead.refresh_from_db()
        assert (dead.status, dead.error) == (Status.FAILED, review_runs.REPLACED)

    def test_the_sweep_begins_it_again(self, dead, runs_sent, monkeypatch):
        monkeypatch.setattr("workers.queues.depths", lambda: {"train": 0, "embed": 1})
        begun = timezone.now() - timedelta(minutes=5)
        ReviewRun.objects.filter(pk=dead.pk).update(stage="comparing", percent=40, updated_at=begun)
        sweeper.sweep()
        dead.refresh_from_db()
        assert (dead.status, dead.stage, dead.percent) == (Status.QUEUED, "", 0)
        assert runs_sent == [(("workers.tasks.review_catalog",), {"args": [dead.pk]})]

    def test_what_kills_every_worker_ends(self, dead, runs_sent, monkeypatch):
        monkeypatch.setattr("workers.queues.depths", lambda: {"train": 0, "embed": 1})
        ReviewRun.objects.filter(pk=dead.pk).update(attempts=review_runs.MAX_ATTEMPTS)
        sweeper.sweep()
        dead.refresh_from_db()
        assert (dead.status, dead.error) == (Status.FAILED, review_runs.KILLED)
        assert runs_sent == []

    def test_a_worker_that_lost_its_lease_writes_nothing_more(self, knives, monkeypatch):
        def robbed(row: ReviewRun, tell) -> dict:
            ReviewRun.objects.filter(pk=row.pk).update(status=Status.FAILED, error="robbed")
            tell("checking", 1, 2)
            pytest.fail("went on")

        monkeypatch.setitem(review_runs.WORK, Kind.MODERATION, robbed)
        row = ReviewRun.objects.create(kind=Kind.MODERATION)
        review_runs.run_execute(row.pk)
        row.refresh_from_db()
        assert (row.status, row.error) == (Status.FAILED, "robbed")

    def test_a_lost_message_is_sent_again(self, db, runs_sent, monkeypatch):
        old = timezone.now() - timedelta(minutes=5)
        lost = ReviewRun.objects.create(kind=Kind.DUPLICATES, updated_at=old)
        ReviewRun.objects.create(kind=Kind.MODERATION, updated_at=timezone.now())
        monkeypatch.setattr("workers.queues.depths", lambda: {"train": 0, "embed": 1})
        sweeper.sweep()
        assert runs_sent == [(("workers.tasks.review_catalog",), {"args": [lost.pk]})]


def ended_by_the_server() -> None:
    """What a restart of Postgres does to this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.django_db(transaction=True)
class TestDatabaseAway:
    def test_the_run_is_begun_again_and_finds_everything(self, knives, monkeypatch):
        find = review_runs.WORK[Kind.DUPLICATES]
        seen: list[str] = []

        def interrupted_once(row: ReviewRun, tell) -> dict:
            seen.append(row.status)
            if len(seen) == 1:
                ended_by_the_server()
            return find(row, tell)

        monkeypatch.setitem(review_runs.WORK, Kind.DUPLICATES, interrupted_once)
        row = ReviewRun.objects.create(kind=Kind.DUPLICATES)
        tasks.review_catalog.apply(args=[row.pk])  # retries at once
        row.refresh_from_db()
        assert seen == [Status.RUNNING, Status.RUNNING]
        assert (row.status, row.error, row.attempts) == (Status.DONE, "", 2)
        assert row.leased_until is None
        assert (row.found["exact"], DuplicatePair.objects.count()) == (1, 1)

    def test_a_run_that_always_loses_it_fails_with_what_was_said(self, knives, monkeypatch):
        def interrupted(row: ReviewRun, tell) -> dict:
            ended_by_the_server()
            return {}

        monkeypatch.setitem(review_runs.WORK, Kind.DUPLICATES, interrupted)
        row = ReviewRun.objects.create(kind=Kind.DUPLICATES)
        tasks.review_catalog.apply(args=[row.pk])
        row.refresh_from_db()
        assert (row.status, row.attempts) == (Status.FAILED, review_runs.MAX_ATTEMPTS)
        assert row.error.startswith("OperationalError: terminating connection")

    def test_the_lease_is_renewed_after_its_connection_was_ended(self, db, settings):
        settings.RETRIEVAL = {**settings.RETRIEVAL, "TRAIN_LEASE_S": 1}
        row = ReviewRun.objects.create(kind=Kind.DUPLICATES, status=Status.RUNNING)
        mine = ReviewRun.objects.filter(pk=row.pk)

        def renewed() -> bool:
            leased = mine.get().leased_until
            return leased is not None and leased > timezone.now()

        with leases.Lease(mine, review_runs.RunLost()) as lease:
            until(renewed, "the lease is renewed")
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert cursor.fetchall() == [(True,)]
            mine.update(leased_until=None)
            until(renewed, "the lease is renewed again")
            lease.report({"stage": "comparing", "items": 1, "of": 2})
        assert mine.get().percent == 50


def test_the_embedding_task_checks_what_it_embedded(space):
    policy(action=Policy.Action.HOLD)
    item = make_item("new", "knife blade")
    tasks.embed_items([item.pk])
    assert Case.objects.get().item == item
    item.refresh_from_db()
    assert item.held


def test_the_sweep_sends_what_was_embedded_but_not_checked(space, monkeypatch):
    policy()
    item = make_item("new", "knife blade")
    tasks.embed_items([item.pk])
    Case.objects.all().delete()
    item.screening.delete()
    sent: list[int] = []
    monkeypatch.setattr("workers.sweeper.workers_wake", sent.extend)
    monkeypatch.setattr("workers.queues.depths", lambda: {"train": 1, "embed": 0})
    sweeper.sweep()
    assert sent == [item.pk]
    assert moderation.items_screen(sent).new == {"No knives": 1}


class TestCommands:
    def test_moderate(self, knives, capsys):
        call_command("moderate", "--dry-run", "--limit", "1")
        said = capsys.readouterr().out
        assert "2 items checked." in said
        assert "No knives: 2 found\n" in said
        assert said.count("knife blade (k") == 1
        assert not Case.objects.exists()
        call_command("moderate", "--policy", "No knives")
        assert "No knives: 2 found, 2 new cases" in capsys.readouterr().out
        assert Case.objects.count() == 2

    def test_moderate_says_what_to_do(self, db):
        with pytest.raises(CommandError, match="write one in the admin"):
            call_command("moderate")
        policy()
        with pytest.raises(CommandError, match="There is no policy 'x'; there are: 'No knives'"):
            call_command("moderate", "--policy", "x")
        with pytest.raises(CommandError, match="No embedding space is active"):
            call_command("moderate")

    def test_find_duplicates(self, knives, capsys, tmp_path):
        call_command("find_duplicates", "--dry-run", "--json", str(tmp_path / "pairs.json"))
        said = capsys.readouterr().out
        assert "exact: 1" in said
        assert "k0 knife blade  =  k1 knife blade" in said
        assert '"class": "exact"' in (tmp_path / "pairs.json").read_text()
        assert not DuplicatePair.objects.exists()
        call_command("find_duplicates")
        assert "1 new, 0 reopened, 0 not found any more." in capsys.readouterr().out
        assert DuplicatePair.objects.count() == 1
        with pytest.raises(CommandError, match="cannot be written"):
            call_command("find_duplicates", "--json", str(tmp_path / "no" / "pairs.json"))
