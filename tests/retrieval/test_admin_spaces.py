"""The life of spaces from the admin: asked first, done once, permitted to whom it should be."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from PIL import Image

from catalog.broker import redis_client
from retrieval import claims, plots, services, spaces
from retrieval.models import Embedding, EmbeddingSpace, TrainingJob
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db

LIST = "/admin/retrieval/embeddingspace/"
CONFIRMED = {"_form_submitted": "True"}
NEW = {**CONFIRMED, "name": "spring", "profile": "fake", "fusion": "weighted", "metric": "cosine"}
ITEMS = 12


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:retrieval_embeddingspace_{name}", args=arguments)


def messages_of(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def states() -> dict[str, str]:
    return dict(EmbeddingSpace.objects.values_list("name", "state"))


@pytest.fixture
def filled(space) -> spaces.Space:
    """The active space, with items."""
    ids = [make_item(f"i{n}", f"thing{n} kind{n % 3}").pk for n in range(ITEMS)]
    services.embed_items(space.id, ids)
    return space


@pytest.fixture
def another(filled) -> EmbeddingSpace:
    """A filled space beside the active one."""
    row = spaces.space_create_untrained("next", profile="fake", dim=24)
    services.embed_items(row.pk, [e.item_id for e in Embedding.objects.filter(space_id=filled.id)])
    spaces.space_ready(row.pk)
    row.refresh_from_db()
    return row


@pytest.fixture
def clerk(client, django_user_model) -> Client:
    """May look at spaces, and nothing else."""
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_embeddingspace"))
    client.force_login(user)
    return client


class TestSwitching:
    def test_a_decision_on_an_older_view_is_refused(self, admin_client, filled, another):
        third = spaces.space_create_untrained("third", profile="fake", dim=16)
        spaces.space_activate(third.pk, force=True)  # by somebody else, after the page was loaded
        form = {**CONFIRMED, "expected": filled.id}
        answer = admin_client.post(url("activate", another.pk), form, follow=True)
        assert messages_of(answer) == [
            (
                "Nothing was changed: 'third' was activated meanwhile, by somebody else: nothing was "
                "switched. Look again, then choose."
            )
        ]
        assert states()["third"] == "active"

    def test_the_dialog_carries_what_its_reader_saw(self, admin_client, filled, another):
        html = admin_client.get(url("activate", another.pk)).content.decode()
        assert f'name="expected" value="{filled.id}"' in html
        assert "Active now: untrained." in html
        assert 'name="force"' not in html

    def test_a_second_click_changes_nothing(self, admin_client, filled, another):
        form = {**CONFIRMED, "expected": filled.id}
        for _ in range(2):
            answer = admin_client.post(url("activate", another.pk), form, follow=True)
            assert messages_of(answer) == ["next is active."]
        assert states() == {"untrained": "ready", "next": "active"}

    def test_an_unfinished_space_asks_for_force(self, admin_client, filled):
        row = spaces.space_create_untrained("empty", profile="fake", dim=16)
        html = admin_client.get(url("activate", row.pk)).content.decode()
        assert f"{ITEMS} items are not embedded in this space yet." in html
        assert 'name="force"' in html
        answer = admin_client.post(url("activate", row.pk), CONFIRMED, follow=True)
        assert f"{ITEMS} of {ITEMS} items are not embedded there yet" in messages_of(answer)[0]
        assert states()["empty"] == "building"
        admin_client.post(url("activate", row.pk), {**CONFIRMED, "force": "on"})
        assert states()["empty"] == "active"

    def test_rollback_goes_back_once_and_says_where_to(self, admin_client, filled, another):
        html = admin_client.get(url("rollback")).content.decode()
        assert "No other space was active before." in html
        spaces.space_activate(another.pk)
        html = admin_client.get(url("rollback")).content.decode()
        assert "From next back to untrained." in html
        form = {**CONFIRMED, "expected": another.pk}
        answer = admin_client.post(url("rollback"), form, follow=True)
        assert messages_of(answer) == ["untrained is active again."]
        answer = admin_client.post(url("rollback"), form, follow=True)  # a second click
        assert "'untrained' was activated meanwhile" in messages_of(answer)[0]
        assert states() == {"untrained": "active", "next": "ready"}


class TestMaking:
    def test_create_makes_a_building_space_and_wakes_the_workers(
        self, admin_client, filled, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            answer = admin_client.post(
                url("create"), {**NEW, "fusion": "concat", "metric": "euclidean"}, follow=True
            )
        assert messages_of(answer) == ["spring is being filled."]
        row = EmbeddingSpace.objects.get(name="spring")
        assert (row.state, row.fusion, row.metric) == ("building", "concat", "euclidean")
        assert row.fused_dim == 3 * 64
        assert redis_client().llen("embed") == 1

    def test_create_from_another_takes_its_head(self, admin_client, filled):
        admin_client.post(url("create"), {**NEW, "source": filled.id, "metric": "inner_product"})
        row = EmbeddingSpace.objects.get(name="spring")
        assert (row.head_sha256, row.metric) == (filled.head.fingerprint, "inner_product")

    def test_create_takes_fusion_weights(self, admin_client, filled):
        weights = {"text_weight": "3", "image_weight": "1", "audio_weight": "0"}
        admin_client.post(url("create"), {**NEW, **weights, "source": filled.id})
        row = EmbeddingSpace.objects.get(name="spring")
        assert row.metrics == {
            "made_from": "untrained",
            "fusion_weights": {"text": 0.75, "image": 0.25, "audio": 1e-6},
        }
        shares = spaces.space(row.pk).head.fusion.shares
        assert shares == pytest.approx(row.metrics["fusion_weights"])

    @pytest.mark.parametrize(
        ("weights", "fusion", "problem"),
        [
            (("1", "", ""), "weighted", "Give a fusion weight to each of text, image, audio"),
            (("0", "0", "0"), "weighted", "at least 0 and not all 0, not text 0, image 0, audio 0"),
            (("1", "-1", "1"), "weighted", "greater than or equal to 0"),
            (("1", "1", "1"), "attention", "The fusion 'attention' learns its weights"),
        ],
    )
    def test_wrong_fusion_weights_are_refused(self, admin_client, filled, weights, fusion, problem):
        named = dict(zip(("text_weight", "image_weight", "audio_weight"), weights, strict=True))
        answer = admin_client.post(url("create"), {**NEW, **named, "fusion": fusion})
        assert escape(problem) in answer.content.decode()
        assert states() == {"untrained": "active"}

    @pytest.mark.parametrize("dialog", ["create", "train"])
    def test_a_name_that_no_space_may_have_is_refused(self, admin_client, filled, dialog):
        html = admin_client.post(url(dialog), {**NEW, "name": "a\tb", "seed": 0}).content.decode()
        assert "a name has 1 to 100 printable characters, on one line" in html
        assert states() == {"untrained": "active"}
        assert not TrainingJob.objects.exists()

    def test_create_from_a_space_of_another_profile_is_refused(self, admin_client, filled):
        form = {**NEW, "source": filled.id, "profile": "words"}
        html = admin_client.post(url("create"), form).content.decode()
        assert "The space untrained has the profile fake." in html
        assert states() == {"untrained": "active"}

    def test_a_taken_name_is_refused_in_the_form(self, admin_client, space):
        html = admin_client.post(url("create"), {**NEW, "name": "untrained"}).content.decode()
        assert "A space with this name exists." in html
        assert EmbeddingSpace.objects.count() == 1

    def test_train_queues_one_job_however_often_it_is_clicked(
        self, admin_client, filled, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            answer = admin_client.post(url("train"), {**NEW, "seed": 7}, follow=True)
            again = admin_client.post(url("train"), {**NEW, "seed": 7}, follow=True)
        assert messages_of(answer) == [
            "The training of spring is queued; its progress is shown below."
        ]
        assert "was asked for already" in messages_of(again)[0]
        job = TrainingJob.objects.get()
        assert (job.name, job.seed, job.created_by, job.status) == ("spring", 7, "admin", "queued")
        assert redis_client().llen("train") == 1
        assert "waiting for a worker of the queue train" in again.content.decode()

    def test_what_cannot_be_made_is_a_message_and_a_failed_space(
        self, admin_client, space, settings
    ):
        profiles = {**settings.RETRIEVAL["PROFILES"], "absent": {"text": {"BACKEND": "no.Such"}}}
        settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
        answer = admin_client.post(url("create"), {**NEW, "profile": "absent"}, follow=True)
        assert "'no.Such' cannot be imported" in messages_of(answer)[0]
        assert states() == {"untrained": "active", "spring": "failed"}
        page = admin_client.get(reverse("admin:retrieval_embeddingspace_change", args=[
            EmbeddingSpace.objects.get(name="spring").pk]))  # fmt: skip
        assert "cannot be imported" in page.content.decode()


class TestJobsPanel:
    @staticmethod
    def job(**fields) -> TrainingJob:
        defaults = {"name": "spring", "profile": "fake", "fusion": "weighted", "metric": "cosine"}
        return TrainingJob.objects.create(**{**defaults, **fields})

    def test_shows_stage_and_percent_and_asks_again(self, admin_client, space):
        soon = timezone.now() + timedelta(minutes=1)
        self.job(status="running", stage="contrastive", percent=15, note="epoch 3 of 20, loss 1.2",
                 leased_until=soon)  # fmt: skip
        html = admin_client.get(url("jobs")).content.decode()
        assert "contrastive 15 % · epoch 3 of 20, loss 1.2" in html
        assert f'hx-get="{LIST}jobs/" hx-trigger="every 2s"' in html
        assert "Retry" not in html
        assert html.strip() in admin_client.get(LIST).content.decode()

    def test_a_killed_worker_is_shown_and_its_training_retried(self, admin_client, space):
        late = timezone.now() - timedelta(seconds=1)
        job = self.job(status="running", stage="image", leased_until=late)
        html = admin_client.get(url("jobs")).content.decode()
        assert "interrupted" in html
        assert "The worker that trained it was killed." in html
        assert "hx-trigger" not in html  # nothing will change by itself
        html = admin_client.post(url("job_retry", job.pk)).content.decode()
        assert "waiting for a worker" in html
        job.refresh_from_db()
        assert job.status == "queued"
        html = admin_client.post(url("job_retry", job.pk)).content.decode()  # a second click
        assert "there is nothing to retry" in html

    def test_shows_why_a_training_failed(self, admin_client, space):
        self.job(status="failed", error="12 embedded items are too few")
        self.job(status="failed", error="long ago", updated_at=timezone.now() - timedelta(days=8))
        html = admin_client.get(url("jobs")).content.decode()
        assert "12 embedded items are too few" in html
        assert "long ago" not in html

    def test_retry_is_a_post(self, admin_client, space):
        job = self.job(status="failed")
        assert admin_client.get(url("job_retry", job.pk)).status_code == 405
        assert admin_client.post(url("job_retry", 987)).status_code == 404


class TestFilling:
    def test_backfill_resumes_a_failed_space(
        self, admin_client, another, django_capture_on_commit_callbacks
    ):
        spaces.space_fail(another.pk, "The weights are missing.")
        html = admin_client.get(url("backfill", another.pk)).content.decode()
        assert "The space failed; is this repaired? The weights are missing." in html
        make_item("new", "something new")
        with django_capture_on_commit_callbacks(execute=True):
            answer = admin_client.post(url("backfill", another.pk), CONFIRMED, follow=True)
        assert messages_of(answer) == ["Workers were asked to fill next."]
        another.refresh_from_db()
        assert (another.state, another.error) == ("building", "")
        assert redis_client().llen("embed") == 1

    def test_progress_asks_again_only_while_it_grows(self, admin_client, another):
        assert "hx-trigger" not in admin_client.get(url("progress", another.pk)).content.decode()
        row = spaces.space_create_untrained("empty", profile="fake", dim=16)
        html = admin_client.get(url("progress", row.pk)).content.decode()
        assert f"0 ready · {ITEMS} pending · 0 failed" in html
        assert f'hx-get="{LIST}{row.pk}/progress/" hx-trigger="every 3s"' in html


class TestRetiring:
    def test_says_how_much_goes_then_drops_it(self, admin_client, another):
        html = admin_client.get(url("retire", another.pk)).content.decode()
        assert f"{ITEMS} items&#x27; vectors: 0." in html
        assert states()["next"] == "ready"
        answer = admin_client.post(url("retire", another.pk), CONFIRMED, follow=True)
        assert messages_of(answer) == ["next is retired."]
        assert states()["next"] == "retired"
        assert not Embedding.objects.filter(space=another).exists()
        answer = admin_client.post(url("retire", another.pk), CONFIRMED, follow=True)
        assert "retired already" in messages_of(answer)[0]

    def test_the_active_space_is_refused(self, admin_client, filled):
        assert (
            "activate another first" in admin_client.get(url("retire", filled.id)).content.decode()
        )
        answer = admin_client.post(url("retire", filled.id), CONFIRMED, follow=True)
        assert "activate another first" in messages_of(answer)[0]
        assert claims.progress(filled.id)["ready"] == ITEMS


class TestComparing:
    def test_shows_both_side_by_side(self, admin_client, filled, another):
        page = admin_client.get(url("compare", filled.id))
        assert f'<option value="{another.pk}">next (ready)</option>' in page.content.decode()
        page = admin_client.get(url("compare", filled.id), {"with": another.pk})
        names = [row[0] for row in page.context["rows"]]
        assert names[:4] == ["state", "profile", "fusion, metric", "dimensions"]
        assert page.context["overlap"].items == ITEMS
        html = page.content.decode()
        assert "<td>64</td><td>24</td><td>0.38</td>" in html
        assert (
            "catalog, unseen · text → fused without these words · r@10" not in names
        )  # 12 of words
        notes = page.context["notes"]
        assert notes[0].startswith("catalog: 12 items that both hold")
        assert notes[1] == (
            "untrained: held-out figures not measured: only training stores them, and it was not "
            "trained."
        )
        assert notes[3].startswith(
            "text → image: not measured in untrained and next: fewer than 10"
        )
        assert all(escape(note) in html for note in notes)

    def test_shows_how_well_each_finds_the_catalog(self, admin_client, space):
        ids = [make_item(f"i{n}", f"t{n}", media=[png((20 * n, 0, 9))]).pk for n in range(ITEMS)]
        row = spaces.space_create_untrained("next", profile="fake", dim=24)
        for space_id in (space.id, row.pk):
            services.embed_items(space_id, ids)
        page = admin_client.get(url("compare", space.id), {"with": row.pk})
        names = [row[0] for row in page.context["rows"]]
        assert [name for name in names if name.startswith("catalog, unseen · text → image")] == [
            f"catalog, unseen · text → image · {metric}" for metric in ("r@1", "r@10", "mrr")
        ]

    def test_says_why_two_cannot_be_compared(self, admin_client, filled):
        row = spaces.space_create_untrained("empty", profile="fake", dim=16)
        html = admin_client.get(url("compare", filled.id), {"with": row.pk}).content.decode()
        assert "hold 0 items in common" in html
        for odd in ("", "x", "987654", str(filled.id)):
            assert admin_client.get(url("compare", filled.id), {"with": odd}).status_code == 200


class TestPlots:
    HISTORY = [{"stage": "contrastive", "epoch": n, "loss": 3 - n} for n in range(3)]

    def test_the_page_shows_the_stored_pngs(self, admin_client, space):
        row = spaces.space_create(
            "trained", space.head, profile="fake", trained=True, history=self.HISTORY
        )
        page = reverse("admin:retrieval_embeddingspace_change", args=[row.pk])
        assert "<img" not in admin_client.get(page).content.decode()
        plots.plots_store(row)
        source = url("plot", row.pk, "loss")
        assert (
            f'<img src="{source}" alt="Loss" width="800" height="450"'
            in admin_client.get(page).content.decode()
        )
        answer = admin_client.get(source)
        assert answer.headers["Content-Type"] == "image/png"
        assert "private" in answer.headers["Cache-Control"]
        image = Image.open(io.BytesIO(answer.content))
        assert (image.format, image.size) == ("PNG", (800, 450))
        for name in ("recall", "nothing"):
            assert admin_client.get(url("plot", row.pk, name)).status_code == 404


class TestPermissions:
    def test_who_may_look_may_do_nothing_else(self, clerk, filled, another):
        assert clerk.get(LIST).status_code == 200
        assert clerk.get(url("compare", filled.id)).status_code == 200
        assert clerk.get(url("jobs")).status_code == 200
        job = TestJobsPanel.job(status="failed")
        assert "Retry" not in clerk.get(url("jobs")).content.decode()
        for name, arguments in (
            ("train", ()),
            ("create", ()),
            ("rollback", ()),
            ("activate", (another.pk,)),
            ("backfill", (another.pk,)),
            ("retire", (another.pk,)),
            ("job_retry", (job.pk,)),
        ):
            assert clerk.post(url(name, *arguments), NEW).status_code == 403, name
        assert states() == {"untrained": "active", "next": "ready"}
        assert TrainingJob.objects.count() == 1

    @pytest.mark.parametrize("name", ["jobs", "progress", "plot", "compare"])
    def test_who_may_not_look_sees_nothing(self, client, django_user_model, filled, name):
        arguments = {"progress": [filled.id], "plot": [filled.id, "loss"], "compare": [filled.id]}
        address = url(name, *arguments.get(name, []))
        assert client.get(address).status_code == 302  # to the login
        client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
        assert client.get(address).status_code == 403

    def test_each_permission_opens_its_own_actions(self, client, django_user_model, another):
        user = django_user_model.objects.create_user("keeper", is_staff=True)
        for codename in ("view_embeddingspace", "delete_embeddingspace"):
            user.user_permissions.add(Permission.objects.get(codename=codename))
        client.force_login(user)
        assert client.post(url("activate", another.pk), CONFIRMED).status_code == 403
        assert client.post(url("retire", another.pk), CONFIRMED).status_code == 302
        assert states()["next"] == "retired"
