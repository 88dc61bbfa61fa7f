"""The page of the jobs: what waits and failed, tried again, paused until somebody lets it go on."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from catalog.broker import redis_client
from catalog.models import ImportRun, QueuePause
from catalog.wake import workers_wake
from recommender.llm.providers import tickets
from recommender.models import RecommenderModel, Suggestion
from retrieval import claims, services, spaces, training_jobs
from retrieval.exceptions import ReviewConflict
from retrieval.models import AuditRun, Embedding, ReviewRun, TrainingJob
from tests.retrieval.conftest import make_item
from tests.workers.conftest import Processes, until
from workers import heartbeat, jobs, pauses, sweeper, tasks
from workers.queues import QUEUES

LIST = "/admin/catalog/queuepause/"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def space_id(db) -> int:
    return spaces.ensure_active_space("fake", 64)


@pytest.fixture
def looker(client, django_user_model) -> Client:
    """May look at the jobs, and nothing else."""
    user = django_user_model.objects.create_user("looker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_queuepause"))
    client.force_login(user)
    return client


def failed_item(space_id: int, name: str, why: str = "The file is broken.") -> int:
    item = make_item(name, name)
    claim = claims.claim(space_id, [item.pk])[0]
    claims.fail(space_id, claim, "undecodable", why)
    return item.pk


def state(name: str) -> jobs.QueueState:
    return next(each for each in jobs.queue_states() if each.name == name)


class TestStates:
    def test_an_idle_installation_has_nothing_to_do(self, space_id):
        found = jobs.queue_states()
        assert [each.name for each in found] == list(QUEUES)
        assert [(each.waiting, each.due, each.running, each.failed) for each in found] == [
            (0, 0, [], 0)
        ] * len(QUEUES)
        assert [each.name for each in found if each.pausable] == [
            "profiles",
            "embed",
            "train",
            "llm",
        ]

    def test_items_pending_at_work_and_failed(self, space_id):
        items = [make_item(f"i{n}", "thing").pk for n in range(3)]
        claims.claim(space_id, items[:2])
        failed = failed_item(space_id, "broken")
        found = state("embed")
        assert (found.due, found.running) == (3, ["2 items are being embedded"])
        assert [(f.key, f.why, f.admin) for f in found.failures] == [
            (
                f"embedding:{space_id}:{failed}",
                "undecodable: The file is broken.",
                ("catalog_item_change", failed),
            )
        ]

    def test_an_item_that_changed_since_is_due_and_no_failure(self, space_id):
        item_id = failed_item(space_id, "broken")
        Embedding.objects.filter(item_id=item_id).update(attempted_version=0)
        assert (state("embed").failed, state("embed").due) == (0, 1)

    def test_trainings_audits_texts_and_imports(self, space_id):
        late = timezone.now() - timedelta(seconds=1)
        job = TrainingJob.objects.create(
            name="spring", status="failed", error="too few to train on"
        )
        dead = TrainingJob.objects.create(name="summer", status="running", leased_until=late)
        TrainingJob.objects.create(
            name="old", status="failed", updated_at=timezone.now() - timedelta(days=31)
        )
        for name in ("ease-1", "ease-2"):
            model = RecommenderModel.objects.create(
                name=name, kind="item-item", algorithm="ease", state="failed", error="no events"
            )
        audit = AuditRun.objects.create(status="failed", error="killed")
        for kind, how in (
            ("duplicates", {"status": "failed", "error": "older"}),
            ("duplicates", {"status": "failed", "error": "OperationalError: gone"}),
            ("moderation", {"status": "failed", "error": "asked for again since"}),
            ("moderation", {"status": "running", "stage": "comparing", "percent": 40}),
        ):
            ReviewRun.objects.create(kind=kind, **how)
        review = ReviewRun.objects.get(error="OperationalError: gone")
        item = make_item("frog", "A frog")
        text = Suggestion.objects.create(
            item=item, kind="tags", language="en", status="failed", problem="why"
        )
        run = ImportRun.objects.create(
            name="a.csv", file_format="csv", status="failed", error="broken"
        )
        assert [(f.key, f.what, f.why) for f in state("train").failures] == [
            (f"training:{dead.pk}", "training of space summer", "Its worker died."),
            (f"training:{job.pk}", "training of space spring", "too few to train on"),
            (f"model:{model.pk}", "training of model ease-2", "no events"),
            (f"audit:{audit.pk}", "audit of the catalog", "killed"),
            (f"suggestion:{text.pk}", "tags of A frog", "why"),
            (f"review:{review.pk}", "search for near duplicates", "OperationalError: gone"),
        ]
        assert state("train").failed == 6
        assert state("train").running == [
            "space summer: waiting",
            "check by the policies: comparing, 40 %",
        ]
        assert [(f.key, f.why) for f in state("default").failures] == [
            (f"import:{run.pk}", "broken")
        ]

    def test_the_number_of_statements_does_not_grow(self, space_id, django_assert_num_queries):
        failed_item(space_id, "one")
        with django_assert_num_queries(18):
            jobs.queue_states()
        for n in range(30):
            failed_item(space_id, f"more{n}")
            TrainingJob.objects.create(name=f"t{n}", status="failed")
        with django_assert_num_queries(18):
            found = jobs.queue_states()
        assert [(each.failed, each.hidden) for each in found if each.failed] == [(31, 11), (30, 10)]


class TestRetry:
    def test_one_item_and_all_items(self, space_id):
        one, two, three = (failed_item(space_id, name) for name in ("a", "b", "c"))
        jobs.failure_retry(f"embedding:{space_id}:{one}", "ada")
        assert [f.key for f in state("embed").failures] == [
            f"embedding:{space_id}:{each}" for each in (two, three)
        ]
        assert jobs.queue_retry("embed", "ada") == (2, [])
        assert state("embed").failed == 0
        services.embed_items(space_id, [one, two, three])
        assert claims.progress(space_id)["ready"] == 3

    def test_trainings(self, space_id):
        job = TrainingJob.objects.create(name="spring", status="failed", profile="fake")
        model = RecommenderModel.objects.create(
            name="ease-1", kind="item-item", algorithm="ease", state="failed", seed=7
        )
        text = Suggestion.objects.create(
            item=make_item("frog", "frog"), kind="tags", language="en", status="failed", attempts=3
        )
        assert jobs.queue_retry("train", "ada") == (3, [])
        job.refresh_from_db()
        text.refresh_from_db()
        assert (job.status, text.status, text.attempts) == ("queued", "asked", 0)
        again = RecommenderModel.objects.exclude(pk=model.pk).get()
        assert (again.state, again.algorithm, again.seed, again.created_by) == (
            "building",
            "ease",
            7,
            "ada",
        )
        assert state("train").failed == 0

    def test_reviews(self, space_id):
        ReviewRun.objects.create(kind="moderation", status="failed", rehearsal=True)
        assert jobs.queue_retry("train", "ada") == (1, [])
        again = ReviewRun.objects.get(status="queued")
        assert (again.kind, again.rehearsal, again.created_by) == ("moderation", True, "ada")
        assert state("train").failed == 0

    @pytest.mark.parametrize("since", ["queued", "running", "done", "failed"])
    def test_a_review_that_was_run_again_since_is_not_tried_again(self, db, since):
        old = ReviewRun.objects.create(kind="moderation", status="failed")
        ReviewRun.objects.create(kind="duplicates", status="failed")
        ReviewRun.objects.create(kind="moderation", status=since)
        with pytest.raises(ReviewConflict, match="run again since: there is nothing to retry"):
            jobs.failure_retry(f"review:{old.pk}", "ada")
        assert ReviewRun.objects.count() == 3

    @pytest.mark.parametrize("status", ["queued", "running", "done"])
    def test_a_review_that_did_not_fail_is_not_tried_again(self, db, status):
        run = ReviewRun.objects.create(kind="moderation", status=status)
        with pytest.raises(ReviewConflict, match="queued, running or done"):
            jobs.failure_retry(f"review:{run.pk}", "ada")
        assert ReviewRun.objects.count() == 1

    def test_a_second_tab_does_not_start_the_same_again(self, space_id):
        """What one tab tried again is queued; the other tab still shows the failure."""
        how = {"kind": "item-item", "algorithm": "ease", "state": "failed"}
        model = RecommenderModel.objects.create(name="ease-1", **how)
        audit = AuditRun.objects.create(status="failed")
        item = make_item("frog", "frog")
        text = Suggestion.objects.create(item=item, kind="tags", language="en", status="failed")
        keys = [f"model:{model.pk}", f"audit:{audit.pk}", f"suggestion:{text.pk}"]
        for key in keys:
            jobs.failure_retry(key, "ada")
            with pytest.raises(jobs.ERRORS, match="there is nothing to retry"):
                jobs.failure_retry(key, "bob")
        counts = [each.objects.count() for each in (RecommenderModel, AuditRun, Suggestion)]
        assert counts == [2, 2, 1]

    def test_what_cannot_be_tried_again_says_why(self, space_id):
        run = ImportRun.objects.create(name="a.csv", file_format="csv", status="failed")
        assert jobs.queue_retry("default", "ada") == (
            0,
            ["import of a.csv: The import's files are gone: upload them again."],
        )
        item = make_item("frog", "frog")
        Suggestion.objects.create(item=item, kind="tags", language="en", status="failed")
        Suggestion.objects.create(item=item, kind="tags", language="en", status="asked")
        assert jobs.queue_retry("train", "ada") == (
            0,
            ["tags of frog: The same text was asked for again already."],
        )
        assert ImportRun.objects.get().pk == run.pk

    @pytest.mark.parametrize(
        "key", ["", "x:1", "embedding", "embedding:a:b", "import:-1", "import:²", "a" * 500]
    )
    def test_a_key_that_is_none_is_refused(self, key, db):
        with pytest.raises(ValueError, match="names no failure"):
            jobs.failure_retry(key, "ada")


class TestPauses:
    def test_a_paused_queue_drops_messages_and_gets_none(self, space_id):
        item = make_item("frog", "a frog")
        pauses.queue_pause("embed", "ada")
        tasks.embed_items([item.pk])
        assert claims.progress(space_id)["pending"] == 1
        redis_client().flushdb()
        tasks.sweep()
        assert redis_client().llen("embed") == 0
        swept = redis_client().llen("default")
        pauses.queue_resume("embed")
        assert redis_client().llen("default") == swept + 1  # a sweep, at once
        assert sweeper.sweep() == 1
        tasks.embed_items([item.pk])
        assert claims.progress(space_id)["ready"] == 1

    def test_what_was_dropped_is_found_however_old_it_is(self, space_id):
        """The sweep between two full ones looks at recent changes only."""
        tasks.sweep()  # a full one
        item = make_item("frog", "a frog")
        type(item).objects.update(content_changed_at=timezone.now() - timedelta(days=1))
        redis_client().delete("embed")
        pauses.queue_pause("embed")
        tasks.embed_items([item.pk])
        assert sweeper.sweep() == 0
        pauses.queue_resume("embed")
        assert sweeper.sweep() == 1

    def test_trainings_wait_and_get_their_messages_back(self, space_id):
        pauses.queue_pause("train")
        job = training_jobs.job_create("spring", profile="fake", fusion="weighted", metric="cosine")
        audit = AuditRun.objects.create()
        tasks.space_train(job.pk)
        tasks.audit_catalog(audit.pk)
        long_ago = timezone.now() - timedelta(minutes=2)
        TrainingJob.objects.update(updated_at=long_ago)
        AuditRun.objects.update(updated_at=long_ago)
        redis_client().flushdb()
        tasks.sweep()
        assert redis_client().llen("train") == 0
        job.refresh_from_db()
        audit.refresh_from_db()
        assert (job.status, audit.status) == ("queued", "queued")
        pauses.queue_resume("train")
        tasks.sweep()
        assert redis_client().llen("train") == 2

    def test_who_waits_when_it_is_paused_is_told(self, db):
        pauses.queue_pause("llm")
        tasks.answer_llm("ticket")
        assert b"paused" in redis_client().lpop(tickets.SAID + "ticket")

    @pytest.mark.parametrize("queue", ["query", "default", "", "nothing"])
    def test_what_must_go_on_cannot_be_paused(self, queue, db):
        for act in (pauses.queue_pause, pauses.queue_resume):
            with pytest.raises(pauses.NotPausable, match="these can: profiles, embed, train, llm"):
                act(queue)

    def test_a_second_pause_keeps_who_was_first(self, db):
        pauses.queue_pause("embed", "ada")
        assert pauses.queue_pause("embed", "bob").paused_by == "ada"
        assert pauses.queue_resume("embed")
        assert not pauses.queue_resume("embed")


class TestPage:
    def test_buttons_retry_pause_and_resume_and_are_logged(self, admin_client, space_id):
        item_id = failed_item(space_id, "broken", EVIL)
        shown = admin_client.get(LIST).content.decode()
        assert "undecodable: &lt;script&gt;" in shown
        assert EVIL not in shown
        key = f"embedding:{space_id}:{item_id}"
        assert admin_client.post(f"{LIST}retry/", {"key": key}, follow=True).redirect_chain == [
            (LIST, 302)
        ]
        assert state("embed").failed == 0
        admin_client.post(f"{LIST}pause/", {"queue": "embed"})
        assert QueuePause.objects.get().paused_by == "admin"
        assert "paused by admin since" in admin_client.get(f"{LIST}state/").content.decode()
        admin_client.post(f"{LIST}resume/", {"queue": "embed"})
        assert not QueuePause.objects.exists()
        admin_client.post(f"{LIST}retry-all/", {"queue": "embed"})
        said = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
        assert list(said) == [
            (key, "It is tried again."),
            ("embed", "embed is paused: its workers finish what they do and take on nothing."),
            ("embed", "embed goes on."),
            ("embed", "Tried all failures again."),
        ]

    @pytest.mark.parametrize(
        ("name", "data"),
        [("pause", {"queue": "query"}), ("pause", {"queue": "a\0b"}), ("resume", {"queue": "a\0b"}),
         ("resume", {"queue": "query"}), ("retry", {"key": "x"}), ("retry", {"key": "import:99"}),
         ("retry-all", {"queue": EVIL})],
    )  # fmt: skip
    def test_what_cannot_be_done_says_why_and_is_not_logged(self, admin_client, name, data):
        answer = admin_client.post(f"{LIST}{name}/", data, follow=True)
        assert str(next(iter(answer.context["messages"]))).startswith("Nothing was changed: ")
        assert EVIL not in answer.content.decode()
        assert not LogEntry.objects.exists()

    def test_a_get_does_nothing(self, admin_client):
        for name in ("pause", "resume", "retry", "retry-all"):
            assert admin_client.get(f"{LIST}{name}/", {"queue": "embed"}).status_code == 405

    def test_a_forged_form_is_refused(self, admin_user):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert client.post(f"{LIST}pause/", {"queue": "embed"}).status_code == 403
        assert not QueuePause.objects.exists()

    def test_who_may_only_look_gets_no_button_and_403(self, looker, space_id):
        failed_item(space_id, "broken")
        shown = looker.get(LIST).content.decode()
        assert "The file is broken." in shown
        for name in ("pause", "resume", "retry", "retry-all"):
            assert f"{LIST}{name}/" not in shown
            assert looker.post(f"{LIST}{name}/", {"queue": "embed"}).status_code == 403

    def test_failures_lead_only_where_somebody_may_look(
        self, admin_client, django_user_model, space_id
    ):
        item_id = failed_item(space_id, "broken")
        for kind in ("duplicates", "moderation"):
            ReviewRun.objects.create(kind=kind, status="failed")
        pages = [
            f"/admin/catalog/item/{item_id}/change/",
            "/admin/retrieval/case/",
            "/admin/retrieval/duplicatepair/",
        ]
        user = django_user_model.objects.create_user("somebody", is_staff=True)
        may = Permission.objects.filter(codename__in=("view_queuepause", "view_item"))
        user.user_permissions.set(may)
        operator = Client()
        operator.force_login(user)
        links = {
            who: [page for page in pages if f'href="{page}"' in each.get(LIST).content.decode()]
            for who, each in (("admin", admin_client), ("operator", operator))
        }
        assert links == {"admin": pages, "operator": pages[:1]}
        shown = operator.get(f"{LIST}state/").content.decode()
        assert "check by the policies" in shown
        assert "search for near duplicates" in shown

    def test_who_may_not_look_gets_403(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
        assert client.get(LIST).status_code == 403
        assert client.get(f"{LIST}state/").status_code == 403

    def test_whether_beat_lives(self, admin_client, space_id, settings):
        assert "There was no sweep yet" in admin_client.get(LIST).content.decode()
        tasks.sweep()
        assert "Beat is alive: last swept at" in admin_client.get(LIST).content.decode()
        assert heartbeat.last().late is False
        assert heartbeat.Beat(timezone.now(), 5, 61).late is True


def test_a_pause_holds_for_workers_that_start_later(processes: Processes):
    space_id = spaces.ensure_active_space("fake", 64)
    item = make_item("frog", "a frog")
    pauses.queue_pause("embed")
    workers_wake([item.pk])
    processes.worker()
    until(lambda: redis_client().llen("embed") == 0, "the message was taken")
    until(lambda: redis_client().hlen("unacked") == 0, "and done with")
    assert claims.progress(space_id)["pending"] == 1
    pauses.queue_resume("embed")
    until(lambda: claims.progress(space_id)["ready"] == 1, "the sweep brought it back")
