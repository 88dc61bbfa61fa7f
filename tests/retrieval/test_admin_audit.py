"""What an audit found, in the admin: a list with a button, a filter and a panel."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse_lazy

from catalog.models import Item
from catalog.services import items_touch
from retrieval import audit
from retrieval.models import AuditFinding, AuditRun
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db

ITEMS = "/admin/catalog/item/"
FINDINGS = "/admin/retrieval/auditfinding/"
RUN = f"{FINDINGS}run/"
BUTTON = reverse_lazy("admin:retrieval_auditfinding_audit_now")
CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def odd() -> list[Item]:
    """Two items in the wrong script, one of which has changed since; a good one."""
    items = [
        make_item("odd", "青蛙在池塘里"),
        make_item("old", "青蛙在水里"),
        make_item("ok", "A frog"),
    ]
    audit.audit(["languages"])
    items_touch([items[1].pk])
    return items


@pytest.fixture
def sent(monkeypatch) -> list:
    """Messages to workers."""
    found: list = []
    monkeypatch.setattr(
        "retrieval.audit.runs.current_app.send_task", lambda *a, **k: found.append((a, k))
    )
    return found


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("any", {"odd"}), ("wrong_language", {"odd"}), ("blank_picture", set())],
)
def test_the_filter_lists_what_is_still_true(admin_client, odd, chosen, expected):
    rows = admin_client.get(ITEMS, {"quality": chosen}).context["cl"].result_list
    assert {row.external_id for row in rows} == expected


def test_the_items_page_says_what_was_found_and_whether_it_is_old(admin_client, odd):
    def page(item: Item) -> str:
        return admin_client.get(f"{ITEMS}{item.pk}/change/").content.decode()

    assert "is written in Cjk letters" in page(odd[0])
    assert "changed since" not in page(odd[0])
    assert "changed since" in page(odd[1])
    assert "found nothing odd here" in page(odd[2])
    assert "found by the last audit" not in admin_client.get(f"{ITEMS}add/").content.decode()


def test_the_list_shows_findings_with_links_in_the_same_queries_for_any_number(admin_client, odd):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(FINDINGS).status_code == 200
        return len(captured)

    page = admin_client.get(FINDINGS).content.decode()
    assert f"{ITEMS}{odd[0].pk}/change/" in page
    assert "changed since" in page
    two = queries()
    for n in range(8):
        make_item(f"more{n}", "青蛙在池塘里")
    audit.audit(["languages"])
    assert queries() == two


def test_the_button_queues_one_audit(admin_client, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(BUTTON, CONFIRMED, follow=True)
    run = AuditRun.objects.get()
    assert (run.status, run.created_by) == ("queued", "admin")
    assert sent == [(("workers.tasks.audit_catalog",), {"args": [run.pk]})]
    page = admin_client.post(BUTTON, CONFIRMED, follow=True).content.decode()
    assert AuditRun.objects.count() == 1
    assert "An audit goes on already" in page


def test_opening_the_dialog_changes_nothing(admin_client):
    assert admin_client.get(BUTTON).status_code == 200
    assert not AuditRun.objects.exists()


def test_the_panel_asks_again_until_the_audit_is_done(admin_client):
    assert "not audited from here yet" in admin_client.get(RUN).content.decode()
    run = AuditRun.objects.create(status="running", stage="languages", done=30, total=120)
    page = admin_client.get(RUN).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert 'aria-valuenow="25"' in page
    assert "languages: 30 of 120 items" in page
    AuditRun.objects.filter(pk=run.pk).update(status="done", found={"wrong_language": 3})
    page = admin_client.get(RUN).content.decode()
    assert "hx-trigger" not in page
    assert "<span>wrong language</span> 3" in page


def test_who_may_only_look_may_not_audit(client, sent):
    user = User.objects.create_user("eve", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_auditfinding"))
    client.force_login(user)
    assert client.get(FINDINGS).status_code == 200
    assert client.post(BUTTON, CONFIRMED).status_code == 403
    assert not AuditRun.objects.exists()
    stranger = User.objects.create_user("mallory", password="x", is_staff=True)
    client.force_login(stranger)
    assert client.get(RUN).status_code == 403


def test_an_item_with_findings_can_be_deleted_in_the_admin(admin_client, odd):
    admin_client.post(f"{ITEMS}{odd[0].pk}/delete/", {"post": "yes"})
    assert not Item.objects.filter(pk=odd[0].pk).exists()
    assert AuditFinding.objects.count() == 1
