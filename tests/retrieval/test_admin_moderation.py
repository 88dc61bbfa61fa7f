"""Moderation in the admin: the queue, one case, policies with their examples, who may do what."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Item
from retrieval import contents, moderation
from retrieval.models import Case, Policy, PolicyExample, ReviewRun
from tests.catalog.factories import video_bytes
from tests.clients import wav
from tests.retrieval.conftest import make_item, png
from tests.retrieval.test_moderation import embed, held, policy

pytestmark = pytest.mark.django_db

CASES = "/admin/retrieval/case/"
POLICIES = "/admin/retrieval/policy/"
CONFIRMED = {"_form_submitted": "True"}
HOSTILE = "<script>alert('x')</script>"
State = Case.State


@pytest.fixture
def knife(space) -> Item:
    """Found by a policy."""
    policy()
    item = make_item("knife", "knife blade", media=[png((9, 9, 9)), png((8, 8, 8), size=20)])
    embed(item)
    return item


def staff(*codenames: str, name: str = "eve") -> Client:
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def page_of(case: Case) -> str:
    return f"{CASES}{case.pk}/change/"


def decide(client: Client, case: Case, decision: str, **given):
    content = contents.fingerprints([case.item_id]).get(case.item_id, "")
    form = {"decision": decision, "content": content, **given}
    return client.post(page_of(case), form, follow=True)


class TestQueue:
    def test_the_list_shows_what_is_open_unless_asked(self, admin_client, knife):
        other = make_item("blade", "knife blade")
        embed(other)
        moderation.case_decide(Case.objects.get(item=other).pk, State.DISMISSED, by="mo")

        def shown(**query) -> set[str]:
            rows = admin_client.get(CASES, query).context["cl"].result_list
            return {case.item.external_id for case in rows}

        assert shown() == {"knife"}
        assert shown(state="dismissed") == {"blade"}
        assert shown(state="all") == {"knife", "blade"}

    def test_the_list_takes_the_same_queries_for_any_number(self, admin_client, knife):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert admin_client.get(CASES).status_code == 200
            return len(captured)

        one = queries()
        for n in range(12):
            make_item(f"more{n}", "knife blade", media=[png((n, 0, 0))])
        embed(*Item.objects.filter(external_id__startswith="more"))
        assert Case.objects.count() == 13
        assert queries() == one <= 20

    def test_the_case_shows_the_item_and_what_matched(self, admin_client, knife):
        case = Case.objects.get()
        page = admin_client.get(page_of(case)).text
        assert "<q>knife blade</q>" in page
        assert "example&#x27;s words against the item&#x27;s words" in page
        for media in knife.media.all():
            assert f'src="/media/{media.file.name}"' in page
        assert f"{case.score:.2f}" in page

    def test_hostile_words_are_text(self, admin_client, space):
        item = make_item("bad", HOSTILE, description=HOSTILE, tags=(HOSTILE,), kind=HOSTILE[:60])
        row = policy(HOSTILE, texts=[HOSTILE], description=HOSTILE)
        embed(item)
        moderation.case_flag(item.pk, HOSTILE, HOSTILE)
        for address in (
            *(CASES, POLICIES, f"{POLICIES}{row.pk}/change/"),
            *(page_of(case) for case in Case.objects.all()),
        ):
            page = admin_client.get(address).text
            assert "alert(" in page
            assert "<script>alert" not in page


class TestDeciding:
    def test_upholding_hides_the_item_and_goes_to_the_next(self, admin_client, knife):
        other = make_item("blade", "knife blade")
        embed(other)
        case = Case.objects.get(item=knife)
        response = decide(admin_client, case, "upheld", note="sharp")
        assert held(knife)
        page = admin_client.get(reverse("admin:catalog_item_change", args=[knife.pk])).text
        assert "Moderation keeps it from being shown, published or not" in page
        assert (
            admin_client.get(
                reverse("admin:retrieval_policy_delete", args=[case.policy_id])
            ).status_code
            == 403
        )
        assert response.redirect_chain[-1][0] == page_of(Case.objects.get(item=other))
        assert "upheld, it is not shown any more" in response.text
        case.refresh_from_db()
        assert (case.decided_by, case.note) == ("admin", "sharp")
        entry = LogEntry.objects.get(content_type__model="case")
        assert (entry.object_id, entry.change_message) == (str(case.pk), "Upheld. sharp")
        own = LogEntry.objects.get(content_type__model="item")
        assert (own.object_id, own.change_message) == (
            str(case.item_id),
            f"Moderation: upheld, {case.policy}.",
        )

    def test_the_last_decision_leads_back_to_the_queue(self, admin_client, knife):
        response = decide(admin_client, Case.objects.get(), "dismissed")
        assert response.redirect_chain[-1][0] == CASES

    def test_the_second_to_decide_is_told(self, admin_client, knife):
        case = Case.objects.get()
        other = staff("view_case", "moderate", name="ann")
        decide(other, case, "dismissed", note="a toy")
        response = decide(admin_client, case, "upheld")
        assert "Nothing was changed: It was dismissed by ann meanwhile: a toy." in response.text
        assert not held(knife)
        assert LogEntry.objects.filter(content_type__model="case").count() == 1

    def test_what_changed_since_it_was_looked_at_is_not_decided(self, admin_client, knife):
        case = Case.objects.get()
        response = decide(admin_client, case, "upheld", content="0" * 64)
        assert "The item was changed meanwhile" in response.text
        assert Case.objects.get().state == State.OPEN

    def test_a_decision_can_be_asked_for_again(self, admin_client, knife):
        case = Case.objects.get()
        decide(admin_client, case, "upheld")
        assert "Ask again" in admin_client.get(page_of(case)).text
        decide(admin_client, case, "reopen")
        assert Case.objects.get().state == State.OPEN

    def test_nothing_but_the_decisions_there_are(self, admin_client, knife):
        response = decide(admin_client, Case.objects.get(), "burn")
        assert "Choose to uphold or to dismiss" in response.text
        assert Case.objects.get().state == State.OPEN

    def test_several_at_once(self, admin_client, knife):
        others = [make_item(f"b{n}", "knife blade") for n in range(3)]
        embed(*others)
        done = Case.objects.get(item=others[0])
        moderation.case_decide(done.pk, State.DISMISSED, by="ann")
        chosen = list(Case.objects.values_list("pk", flat=True))
        form = {"action": "uphold_selected", "_selected_action": chosen}
        page = admin_client.post(f"{CASES}?state=all", form, follow=True).text
        assert "3 cases upheld." in page
        assert "1 case left as they were: It was dismissed by ann meanwhile" in page
        assert [held(each) for each in (knife, *others)] == [True, False, True, True]
        assert LogEntry.objects.filter(content_type__model="case").count() == 3
        assert LogEntry.objects.filter(content_type__model="item").count() == 3


class TestPermissions:
    def test_who_may_only_look_sees_no_buttons_and_gets_403(self, knife):
        case = Case.objects.get()
        client = staff("view_case")
        page = client.get(page_of(case)).text
        assert 'name="decision"' not in page
        assert decide(client, case, "upheld").status_code == 403
        assert "uphold_selected" not in client.get(CASES).text
        client.post(CASES, {"action": "uphold_selected", "_selected_action": [case.pk]})
        assert Case.objects.get().state == State.OPEN
        button = reverse("admin:retrieval_case_check_catalog")
        assert client.post(button, CONFIRMED).status_code == 403
        assert not ReviewRun.objects.exists()

    def test_strangers_see_nothing(self, knife):
        case, example = Case.objects.get(), PolicyExample.objects.get()
        client = staff("view_item", name="mallory")
        for address in (
            *(CASES, page_of(case), f"{CASES}run/", POLICIES),
            f"{POLICIES}examples/{example.pk}/file/",
        ):
            assert client.get(address).status_code == 403

    def test_a_post_without_a_token_is_refused(self, knife, admin_user):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert client.post(page_of(Case.objects.get()), {"decision": "upheld"}).status_code == 403
        assert not held(knife)

    def test_who_deletes_items_may_delete_one_with_a_case(self, knife):
        client = staff("view_item", "delete_item", "delete_media")
        client.post(f"/admin/catalog/item/{knife.pk}/delete/", {"post": "yes"})
        assert not Item.objects.filter(pk=knife.pk).exists()


class TestFlagging:
    def flag(self, client: Client, item: Item, reason: str = HOSTILE):
        url = reverse("admin:catalog_item_flag", args=[item.pk])
        return client.post(url, {**CONFIRMED, "reason": reason}, follow=True)

    def test_an_editor_flags_from_the_items_page(self, space):
        item = make_item("a", "a")
        editor = staff("view_item", "change_item", "add_case")
        response = self.flag(editor, item)
        assert "Flagged: moderators will look at it." in response.text
        case = Case.objects.get()
        assert (case.flagged_by, case.reason) == ("eve", HOSTILE)
        assert "Somebody flagged it already" in self.flag(editor, item).text
        assert Case.objects.count() == 1

    def test_without_the_permission_there_is_no_button(self, space):
        item = make_item("a", "a")
        client = staff("view_item", "change_item")
        url = reverse("admin:catalog_item_flag", args=[item.pk])
        assert url not in client.get(f"/admin/catalog/item/{item.pk}/change/").text
        assert self.flag(client, item).status_code == 403
        assert not Case.objects.exists()


class TestPolicies:
    def form(self, **given) -> dict:
        return {
            "name": "No knives",
            "description": "",
            "enabled": "on",
            "action": "hold",
            "threshold": "5",
            "kind": "",
            "category": "",
            "examples-TOTAL_FORMS": "1",
            "examples-INITIAL_FORMS": "0",
            "examples-0-positive": "on",
            **given,
        }

    def test_written_with_a_text(self, admin_client, space):
        form = self.form(**{"examples-0-text": " knife   blade "})
        response = admin_client.post(f"{POLICIES}add/", form, follow=True)
        assert response.status_code == 200
        row = Policy.objects.get()
        assert (row.name, row.action, row.threshold) == ("No knives", "hold", 5.0)
        example = row.examples.get()
        assert (example.kind, example.text, example.positive) == ("text", "knife blade", True)

    @pytest.mark.parametrize(
        ("data", "name", "kind"),
        [(png((1, 2, 3)).read(), "x.png", "image"), (wav(), "x.wav", "audio")],
    )
    def test_written_with_a_file_that_is_not_public(
        self, admin_client, client, space, data, name, kind, django_capture_on_commit_callbacks
    ):
        file = SimpleUploadedFile(name, data, f"{kind}/{name[-3:]}")
        form = self.form(**{"examples-0-file": file})
        admin_client.post(f"{POLICIES}add/", form)
        example = PolicyExample.objects.get()
        assert (example.kind, len(example.sha256)) == (kind, 64)
        address = f"{POLICIES}examples/{example.pk}/file/"
        answer = admin_client.get(address)
        assert b"".join(answer.streaming_content) == data
        assert answer["Content-Type"].startswith(kind)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert client.get(f"/media/{example.file.name}").status_code == 404
        assert address in admin_client.get(f"{POLICIES}{example.policy_id}/change/").text
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(f"{POLICIES}examples/{example.pk}/remove/")
        assert not PolicyExample.objects.exists()
        assert not default_storage.exists(example.file.name)

    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("x.png", b"\x89PNG\r\n\x1a\nbroken", "header"),
            ("x.png", b"<html>", "format"),
            ("x.jpg", png((1, 2, 3)).read(), "but the bytes are PNG"),
            ("x.mp4", video_bytes(), "A film is no example"),
        ],
    )
    def test_files_that_are_not_what_they_say_are_refused(
        self, admin_client, space, name, data, said
    ):
        form = self.form(**{"examples-0-file": SimpleUploadedFile(name, data, "")})
        page = admin_client.post(f"{POLICIES}add/", form).text
        assert said in page
        assert not PolicyExample.objects.exists()

    def test_an_example_is_one_thing(self, admin_client, space):
        file = SimpleUploadedFile("x.png", png((1, 2, 3)).read(), "image/png")
        both = self.form(**{"examples-0-file": file, "examples-0-text": "a"})
        assert "Give one of these" in admin_client.post(f"{POLICIES}add/", both).text
        assert not PolicyExample.objects.exists()

    def test_the_page_shows_precision_and_recall(self, admin_client, knife):
        moderation.case_decide(Case.objects.get().pk, State.UPHELD, by="mo")
        moderation.qualities_measure()
        page = admin_client.get(f"{POLICIES}{Policy.objects.get().pk}/change/").text
        assert "on 1 decided case and 0 examples" in page
        assert "5.0 (set)" in page

    def test_who_may_only_look_sees_no_buttons(self, knife):
        client = staff("view_policy")
        row, example = Policy.objects.get(), PolicyExample.objects.get()
        page = client.get(f"{POLICIES}{row.pk}/change/").text
        remove = f"{POLICIES}examples/{example.pk}/remove/"
        assert remove not in page
        assert client.post(remove).status_code == 403
        assert reverse("admin:retrieval_policy_rehearse", args=[row.pk]) not in page
        assert PolicyExample.objects.exists()

    def test_a_get_removes_nothing(self, admin_client, knife):
        example = PolicyExample.objects.get()
        assert admin_client.get(f"{POLICIES}examples/{example.pk}/remove/").status_code == 403
        assert PolicyExample.objects.exists()

    def test_a_policy_with_cases_is_switched_off_not_deleted(self, admin_client, knife):
        row = Policy.objects.get()
        page = admin_client.post(f"{POLICIES}{row.pk}/delete/", {"post": "yes"}).text
        assert Policy.objects.exists(), page


class TestRuns:
    def test_a_button_queues_one_run(
        self, admin_client, runs_sent, django_capture_on_commit_callbacks
    ):
        button = reverse("admin:retrieval_case_check_catalog")
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(button, CONFIRMED)
        run = ReviewRun.objects.get()
        assert (run.kind, run.status, run.created_by) == ("moderation", "queued", "admin")
        assert runs_sent == [(("workers.tasks.review_catalog",), {"args": [run.pk]})]
        assert (
            "Such a run goes on already" in admin_client.post(button, CONFIRMED, follow=True).text
        )
        assert ReviewRun.objects.count() == 1

    def test_a_policy_is_rehearsed_from_its_page(self, admin_client, runs_sent, knife):
        row = Policy.objects.get()
        url = reverse("admin:retrieval_policy_rehearse", args=[row.pk])
        assert admin_client.get(url).status_code == 200
        assert not ReviewRun.objects.exists()
        admin_client.post(url, CONFIRMED)
        run = ReviewRun.objects.get()
        assert (run.policy, run.rehearsal) == (row, True)

    def test_the_panel_asks_again_until_the_run_is_done(self, admin_client, knife):
        address = f"{CASES}run/"
        assert "not looked through from here yet" in admin_client.get(address).text
        run = ReviewRun.objects.create(
            kind="moderation", status="running", stage="checking items", percent=25
        )
        page = admin_client.get(address).text
        assert 'hx-trigger="every 2s"' in page
        assert 'aria-valuenow="25"' in page
        found = {
            "items": 9,
            "matched": {HOSTILE: 1},
            "examples": [{"policy": HOSTILE, "item": knife.pk, "score": 7.5}],
        }
        ReviewRun.objects.filter(pk=run.pk).update(status="done", found=found, rehearsal=True)
        page = admin_client.get(address).text
        assert "hx-trigger" not in page
        assert "<span>items</span> 9" in page
        assert f"/admin/catalog/item/{knife.pk}/change/" in page
        assert "<script>alert" not in page
