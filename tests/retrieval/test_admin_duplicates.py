"""Near duplicates in the admin: the queue, one pair, the merge with its preview."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Item
from retrieval import duplicates
from retrieval.models import DuplicatePair, ReviewRun
from tests.retrieval.conftest import make_item
from tests.retrieval.test_admin_moderation import CONFIRMED, HOSTILE, staff
from tests.retrieval.test_duplicates import file, scene

pytestmark = pytest.mark.django_db

PAIRS = "/admin/retrieval/duplicatepair/"
State = DuplicatePair.State


@pytest.fixture
def pair(db) -> DuplicatePair:
    """Two items of one picture; the newer has more to say."""
    make_item("a", "A frog", media=[file(scene(1))])
    make_item("b", "A toad", media=[file(scene(1))], texts={"zh": "蛤蟆"}, tags=(HOSTILE,))
    duplicates.find_duplicates()
    return DuplicatePair.objects.get()


def page_of(pair: DuplicatePair) -> str:
    return f"{PAIRS}{pair.pk}/change/"


def merge_of(pair: DuplicatePair, kept_id: int) -> str:
    return reverse("admin:retrieval_duplicatepair_merge", args=[pair.pk, kept_id])


def decide(client: Client, pair: DuplicatePair, decision: str, **given):
    form = {"decision": decision, "content": duplicates.content_now(pair), **given}
    return client.post(page_of(pair), form, follow=True)


def published() -> dict[str, bool]:
    return dict(Item.objects.values_list("external_id", "published"))


def test_the_pair_shows_both_items_and_what_they_share(admin_client, pair):
    page = admin_client.get(page_of(pair)).text
    assert page.count(f'src="/media/{pair.left.media.get().file.name}"') == 2
    assert "equal files" in page
    assert "A frog" in page
    assert "蛤蟆" in page
    assert "<script>alert" not in page


def test_the_list_takes_the_same_queries_for_any_number(admin_client, pair):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(PAIRS).status_code == 200
        return len(captured)

    one = queries()
    for n in range(6):
        make_item(f"more{n}", f"{HOSTILE} {n}", media=[file(scene(1))])
    duplicates.find_duplicates()
    assert DuplicatePair.objects.count() == 7
    assert queries() == one <= 20
    page = admin_client.get(PAIRS).text
    assert "alert(" in page
    assert "<script>alert" not in page


def test_keeping_both_goes_to_the_queue_when_nothing_is_left(admin_client, pair):
    response = decide(admin_client, pair, "keep", note="two sizes")
    assert response.redirect_chain[-1][0] == PAIRS
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by, pair.note) == (State.KEPT, "admin", "two sizes")
    assert LogEntry.objects.get().change_message == "Both are kept."
    assert admin_client.get(PAIRS).context["cl"].result_count == 0
    assert admin_client.get(PAIRS, {"state": "kept"}).context["cl"].result_count == 1


@pytest.mark.parametrize(
    ("decision", "shown"),
    [("hide_left", {"a": False, "b": True}), ("hide_right", {"a": True, "b": False})],
)
def test_hiding_one(admin_client, pair, decision, shown):
    decide(admin_client, pair, decision)
    assert published() == shown


def test_the_second_to_decide_is_told(admin_client, pair):
    decide(staff("view_duplicatepair", "review_duplicates", name="ann"), pair, "keep")
    response = decide(admin_client, pair, "hide_left")
    assert "Nothing was changed: It was decided meanwhile by ann: both kept." in response.text
    assert published() == {"a": True, "b": True}


def test_what_changed_meanwhile_and_what_nobody_offered(admin_client, pair):
    assert "changed meanwhile" in decide(admin_client, pair, "keep", content="0" * 64).text
    assert "Choose what shall become" in decide(admin_client, pair, "burn").text
    assert DuplicatePair.objects.get().state == State.OPEN


def test_a_merge_is_previewed_then_done(admin_client, pair, django_capture_on_commit_callbacks):
    address = merge_of(pair, pair.left_id)
    page = admin_client.get(address).text
    assert "蛤蟆" in page
    assert "&lt;script&gt;" in page
    assert "<dt>Events</dt><dd>0</dd>" in page
    assert DuplicatePair.objects.get().state == State.OPEN
    form = {"after": "hide", "content": duplicates.content_now(pair)}
    response = admin_client.post(address, form, follow=True)
    assert "A toad (b) is merged into A frog (a) and hidden." in response.text
    kept = Item.objects.get(external_id="a")
    assert (kept.tags, kept.texts.get().title) == ([HOSTILE], "蛤蟆")
    assert published() == {"a": True, "b": False}
    told = LogEntry.objects.filter(content_type__model="item")
    assert dict(told.values_list("object_id", "change_message"))[str(pair.right_id)] == (
        "Hidden: merged into A frog (a)."
    )
    assert (told.count(), LogEntry.objects.count()) == (2, 3)
    assert "Ask again" in admin_client.get(page_of(pair)).text


def test_a_merge_may_delete_the_other_with_the_permission(admin_client, pair):
    form = {"after": "delete", "content": duplicates.content_now(pair)}
    reviewer = staff("view_duplicatepair", "review_duplicates")
    assert "Merge and delete" not in reviewer.get(merge_of(pair, pair.left_id)).text
    assert reviewer.post(merge_of(pair, pair.left_id), form).status_code == 403
    response = admin_client.post(merge_of(pair, pair.right_id), form, follow=True)
    assert "A frog (a) is merged into A toad (b) and deleted." in response.text
    assert list(published()) == ["b"]


def test_several_at_once(admin_client, pair):
    for n in range(2):
        make_item(f"more{n}", f"title {n}", media=[file(scene(1))])
    duplicates.find_duplicates()
    chosen = list(DuplicatePair.objects.values_list("pk", flat=True))
    form = {"action": "hide_newer_selected", "_selected_action": chosen}
    assert "3 pairs decided." in admin_client.post(PAIRS, form, follow=True).text
    assert published() == {"a": True, "b": False, "more0": False, "more1": False}


def test_who_may_only_look_sees_no_buttons_and_gets_403(pair):
    client = staff("view_duplicatepair")
    page = client.get(page_of(pair)).text
    assert 'name="decision"' not in page
    assert merge_of(pair, pair.left_id) not in page
    assert decide(client, pair, "keep").status_code == 403
    assert client.get(merge_of(pair, pair.left_id)).status_code == 403
    button = reverse("admin:retrieval_duplicatepair_find")
    assert button not in client.get(PAIRS).text
    assert client.post(button, CONFIRMED).status_code == 403
    assert DuplicatePair.objects.get().state == State.OPEN
    stranger = staff("view_item", name="mallory")
    for address in (PAIRS, page_of(pair), f"{PAIRS}run/"):
        assert stranger.get(address).status_code == 403


def test_the_button_queues_one_run(admin_client, runs_sent, django_capture_on_commit_callbacks):
    button = reverse("admin:retrieval_duplicatepair_find")
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(button, CONFIRMED)
    run = ReviewRun.objects.get()
    assert run.kind == "duplicates"
    assert runs_sent == [(("workers.tasks.review_catalog",), {"args": [run.pk]})]
