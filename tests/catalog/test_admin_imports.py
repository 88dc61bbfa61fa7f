"""The import page and the exports: permitted to whom it should be, audited, and clear about what is wrong."""

import json
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog import import_runs
from catalog.models import ImportRun, Item
from tests.catalog.factories import ItemFactory, ItemTextFactory

pytestmark = pytest.mark.django_db

ADD = "/admin/catalog/importrun/add/"
ITEMS = "/admin/catalog/item/"
CONFIRMED = {"_form_submitted": "True"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def import_root(settings, tmp_path: Path) -> Path:
    settings.IMPORT_ROOT = tmp_path / "imports"
    return settings.IMPORT_ROOT


@pytest.fixture
def reader(client, django_user_model) -> Client:
    """May look at items and imports, and nothing else."""
    user = django_user_model.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_item", "view_importrun"])
    )
    client.force_login(user)
    return client


def upload(client: Client, content: bytes = b"external_id,title\nfrog,A frog\n", name="items.csv"):
    return client.post(ADD, {"rows_file": SimpleUploadedFile(name, content)}, follow=True)


def page(run: ImportRun, action: str = "change") -> str:
    if action == "change":
        return f"/admin/catalog/importrun/{run.pk}/change/"
    return f"/admin/catalog/importrun/{run.pk}/{action}/"


def text_of(answer) -> str:
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def test_a_file_is_imported_by_clicks(admin_client):
    answer = upload(admin_client)
    run = ImportRun.objects.get()
    assert answer.redirect_chain == [(page(run), 302)]
    assert 'hx-trigger="every 2s"' in answer.content.decode()
    import_runs.run_work(run.pk)
    refreshed = admin_client.get(f"/admin/catalog/importrun/{run.pk}/state/")
    assert refreshed.headers["HX-Refresh"] == "true"
    shown = admin_client.get(page(run)).content.decode()
    assert "Nothing was written yet." in shown
    assert '<span class="triad-big">1</span> would be created' in shown
    assert f'"{page(run, "start")}"' in shown
    assert Item.objects.count() == 0
    answer = admin_client.post(page(run, "start"), CONFIRMED, follow=True)
    assert [str(m) for m in answer.context["messages"]] == ["The import is queued."]
    import_runs.run_work(run.pk)
    assert Item.objects.get().external_id == "frog"
    entries = LogEntry.objects.order_by("pk").values_list("action_flag", "object_id")
    assert list(entries) == [(1, str(run.pk)), (2, str(run.pk))]


def test_a_get_starts_nothing(admin_client):
    upload(admin_client)
    run = ImportRun.objects.get()
    import_runs.run_work(run.pk)
    for name in ("start", "cancel", "retry"):
        assert admin_client.get(page(run, name)).status_code == 200  # the dialog
    run.refresh_from_db()
    assert run.status == "checked"


def test_only_what_can_be_done_has_a_button(admin_client):
    upload(admin_client)
    run = ImportRun.objects.get()

    def buttons() -> set[str]:
        shown = admin_client.get(page(run)).content.decode()
        return {name for name in ("start", "retry", "cancel") if f'"{page(run, name)}"' in shown}

    assert buttons() == {"cancel"}
    import_runs.run_work(run.pk)
    assert buttons() == {"start", "cancel"}
    ImportRun.objects.update(status="failed")
    assert buttons() == {"retry", "cancel"}
    ImportRun.objects.update(status="done")
    assert buttons() == set()
    answer = admin_client.post(page(run, "cancel"), CONFIRMED, follow=True)
    assert [str(m) for m in answer.context["messages"]] == [
        "Nothing was changed: The import has ended: there is nothing to cancel."
    ]


def test_who_may_only_look_gets_no_button_and_403(reader):
    run = ImportRun.objects.create(name="items.csv", file_format="csv", status="checked")
    assert reader.get(ADD).status_code == 403
    assert upload(reader).status_code == 403
    shown = reader.get(page(run)).content.decode()
    for name in ("start", "cancel", "retry"):
        assert page(run, name) not in shown
        assert reader.post(page(run, name), CONFIRMED).status_code == 403
    assert ADD not in reader.get("/admin/catalog/importrun/").content.decode()
    listed = reader.get(ITEMS).content.decode()
    assert "/admin/catalog/item/import_items/" not in listed
    assert "/admin/catalog/item/export-csv/" in listed
    run.refresh_from_db()
    assert run.status == "checked"


def test_what_a_hostile_file_says_is_text(admin_client):
    upload(admin_client, f"external_id,title\nfrog,{EVIL}\n{EVIL},x\n".encode(), f"{EVIL[:20]}.csv")
    run = ImportRun.objects.get()
    import_runs.run_work(run.pk)
    ImportRun.objects.update(error=EVIL)
    shown = admin_client.get(page(run)).content.decode()
    assert shown.count("&lt;script&gt;alert(1)") >= 3
    assert "<script>alert(1)" not in shown
    assert "<script>alert(1)" not in admin_client.get("/admin/catalog/importrun/").content.decode()


@pytest.mark.parametrize("name", ["items.pdf", "items", ".csv.exe"])
def test_a_name_without_a_format_is_told_by_the_form(admin_client, name):
    answer = upload(admin_client, name=name)
    assert "The name must end in .csv, .jsonl, .ndjson or .xlsx." in answer.content.decode()
    assert not ImportRun.objects.exists()


def test_too_large_uploads_are_told_by_the_form(admin_client, settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_IMPORT_BYTES": 1024 * 1024}
    answer = upload(admin_client, b"x" * (1024 * 1024 + 1))
    assert "Together they have over 1 MiB: import in several parts." in answer.content.decode()
    assert not ImportRun.objects.exists()


def test_refused_rows_come_as_csv_without_formulas(admin_client):
    upload(admin_client, b"external_id,title\n=cmd,x\n,y\n")
    run = ImportRun.objects.get()
    import_runs.run_work(run.pk)
    answer = admin_client.get(page(run, "errors_csv"))
    assert (
        answer.headers["Content-Disposition"]
        == f'attachment; filename="import-{run.pk}-refused.csv"'
    )
    assert text_of(answer).splitlines() == [
        "line,external_id,reason",
        '2,\'=cmd,"external_id: use 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone"',
        "3,,external_id: is missing",
    ]


class TestExport:
    def test_what_the_filter_shows_is_exported_and_logged(self, admin_client):
        ItemFactory(external_id="book", kind="book")
        ItemTextFactory(item=ItemFactory(external_id="film", kind="film", title="A film"))
        listed = admin_client.get(ITEMS, {"kind": "film", "q": "film"}).content.decode()
        assert f"{ITEMS}export-jsonl/?kind=film&amp;q=film" in listed
        answer = admin_client.get(f"{ITEMS}export-jsonl/", {"kind": "film"})
        assert [json.loads(line)["external_id"] for line in text_of(answer).splitlines()] == [
            "film"
        ]
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.change_message) == ("1 item as jsonl", "Exported.")

    def test_a_search_that_joins_texts_exports_each_item_once(self, admin_client):
        item = ItemFactory(external_id="frog", title="frog")
        for language in ("de", "zh"):
            ItemTextFactory(item=item, language=language, title="frog")
        answer = admin_client.get(f"{ITEMS}export-csv/", {"q": "frog"})
        assert len(text_of(answer).splitlines()) == 2

    def test_a_workbook_comes_whole(self, admin_client):
        ItemFactory()
        answer = admin_client.get(f"{ITEMS}export-xlsx/")
        assert b"".join(answer.streaming_content)[:2] == b"PK"

    def test_what_excel_does_not_take_is_told(self, admin_client):
        ItemFactory(external_id="bell", title="a\x07b")
        answer = admin_client.get(f"{ITEMS}export-xlsx/", follow=True)
        assert "bell has control characters" in str(next(iter(answer.context["messages"])))

    def test_who_may_not_see_items_exports_none(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
        for name in ("csv", "jsonl", "xlsx"):
            assert client.get(f"{ITEMS}export-{name}/").status_code == 403
