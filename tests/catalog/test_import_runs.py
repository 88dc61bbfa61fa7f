"""Imports in the background: rehearsed, confirmed, gone on with after a death, cancelled, retried."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from catalog import import_runs
from catalog.broker import redis_client
from catalog.exceptions import ImportConflict
from catalog.importers import load
from catalog.models import ImportRun, Item, Media
from tests.catalog.factories import ItemFactory, ItemTextFactory, image_bytes

pytestmark = pytest.mark.django_db

CSV = b"external_id,title,tags\nfrog,A frog,green\nnewt,A newt,\n,No id,\nfrog!,Bad id,\n"


@pytest.fixture(autouse=True)
def import_root(settings, tmp_path: Path) -> Path:
    settings.IMPORT_ROOT = tmp_path / "imports"
    return settings.IMPORT_ROOT


def asked(content: bytes = CSV, name: str = "items.csv", media: bytes | None = None) -> ImportRun:
    zipped = SimpleUploadedFile("media.zip", media) if media is not None else None
    return import_runs.run_create(SimpleUploadedFile(name, content), zipped, "ada")


def worked(run: ImportRun) -> ImportRun:
    """Until nothing is left to do."""
    while run.status in ImportRun.WORK:
        import_runs.run_work(run.pk)
        run.refresh_from_db()
    return run


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.created, run.changed, run.unchanged, run.refused


def lines(count: int) -> bytes:
    return b"external_id,title\n" + b"".join(b"i%d,Item %d\n" % (n, n) for n in range(count))


def test_a_rehearsal_writes_no_item_and_says_what_would_be():
    ItemFactory(external_id="newt", title="An old newt")
    run = worked(asked())
    assert run.status == "checked"
    assert counts(run) == (1, 1, 0, 2)
    assert run.checked == {"rows": 4, "created": 1, "changed": 1, "unchanged": 0, "refused": 2}
    assert [(p.line, p.external_id, p.reason) for p in run.problems.all()] == [
        (4, "", "external_id: is missing"),
        (
            5,
            "frog!",
            "external_id: use 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone",
        ),
    ]
    assert list(Item.objects.values_list("external_id", "title")) == [("newt", "An old newt")]
    shown = {each["external_id"]: each for each in run.sample}
    assert shown["newt"]["fields"] == [["title.en", "An old newt", "A newt"]]
    assert ["title.en", "", "A frog"] in shown["frog"]["fields"]
    assert ["tags.en", "", "green"] in shown["frog"]["fields"]


def test_confirmed_it_is_imported_and_its_files_go(import_root):
    run = worked(asked())
    import_runs.run_confirm(run.pk)
    run.refresh_from_db()
    assert (run.status, run.rows, run.problems.count()) == ("import", 0, 0)
    assert worked(run).status == "done"
    assert counts(run) == (2, 0, 0, 2)
    assert run.problems.count() == 2
    assert sorted(Item.objects.values_list("external_id", flat=True)) == ["frog", "newt"]
    assert list(import_root.iterdir()) == []


def test_nothing_is_imported_that_was_not_checked():
    run = asked()
    with pytest.raises(ImportConflict, match="Only an import that was checked"):
        import_runs.run_confirm(run.pk)
    worked(run)
    import_runs.run_confirm(run.pk)
    with pytest.raises(ImportConflict, match="Only an import that was checked"):
        import_runs.run_confirm(run.pk)


def test_an_import_goes_on_slice_by_slice(monkeypatch):
    monkeypatch.setattr(load, "BATCH_ROWS", 10)
    run = asked(lines(35))
    import_runs.run_work(run.pk, slice_s=0)
    run.refresh_from_db()
    assert (run.status, run.rows, run.created) == ("check", 10, 10)
    assert 0 < run.percent < 100
    worked(run)
    assert (run.status, run.rows, run.created) == ("checked", 35, 35)
    import_runs.run_confirm(run.pk)
    import_runs.run_work(run.pk, slice_s=0)
    run.refresh_from_db()
    assert (run.status, run.percent, Item.objects.count()) == ("import", 0, 10)
    import_runs.run_work(run.pk, slice_s=0)
    run.refresh_from_db()
    assert (run.status, run.percent, Item.objects.count()) == ("import", 28, 20)
    worked(run)
    assert (run.status, run.created, Item.objects.count()) == ("done", 35, 35)


def test_a_dead_worker_is_followed_by_another(monkeypatch):
    """Killed between the commit of a batch and its note: the rows are compared again."""
    monkeypatch.setattr(load, "BATCH_ROWS", 10)
    run = worked(asked(lines(25)))
    import_runs.run_confirm(run.pk)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "_note", killed)
        with pytest.raises(KeyboardInterrupt):
            import_runs.run_work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.rows, Item.objects.count()) == ("importing", 0, 10)
    import_runs.run_work(run.pk)  # a second message finds it taken
    assert Item.objects.count() == 10
    ImportRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert import_runs.runs_sweep() == [run.pk]
    run.refresh_from_db()
    assert worked(run).status == "done"
    assert counts(run) == (15, 0, 10, 0)


def test_what_kills_every_worker_ends_failed():
    run = asked()
    late = timezone.now() - timedelta(seconds=1)
    ImportRun.objects.update(status="checking", attempts=3, leased_until=late)
    import_runs.run_work(run.pk)
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error.startswith("The worker died 3 times after row 0")
    import_runs.run_retry(run.pk)
    run.refresh_from_db()
    assert worked(run).status == "checked"


def test_cancelled_it_stops_before_the_next_batch(monkeypatch, import_root):
    monkeypatch.setattr(load, "BATCH_ROWS", 10)
    run = worked(asked(lines(35)))
    import_runs.run_confirm(run.pk)
    import_runs.run_work(run.pk, slice_s=0)
    import_runs.run_cancel(run.pk)
    import_runs.run_work(run.pk)
    run.refresh_from_db()
    assert (run.status, Item.objects.count()) == ("cancelled", 10)
    assert list(import_root.iterdir()) == []
    with pytest.raises(ImportConflict, match="has ended"):
        import_runs.run_cancel(run.pk)


def test_a_failed_one_is_given_up(import_root):
    run = worked(asked(b"no, such, columns", name="x.csv"))
    assert run.status == "failed"
    assert import_runs.run_cancel(run.pk).status == "cancelled"
    assert list(import_root.iterdir()) == []


def test_a_cancelled_worker_notices(monkeypatch):
    monkeypatch.setattr(load, "BATCH_ROWS", 10)
    run = worked(asked(lines(35)))
    import_runs.run_confirm(run.pk)
    noted = import_runs._note

    def cancelled_meanwhile(*arguments):
        import_runs.run_cancel(run.pk)
        return noted(*arguments)

    monkeypatch.setattr(import_runs, "_note", cancelled_meanwhile)
    import_runs.run_work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.rows, Item.objects.count()) == ("cancelled", 0, 10)


def test_the_sweeper_sends_what_lost_its_message():
    run = asked()
    redis_client().flushdb()
    assert import_runs.runs_sweep() == []  # it may still be on its way
    ImportRun.objects.update(updated_at=timezone.now() - timedelta(minutes=2))
    assert import_runs.runs_sweep() == [run.pk]
    assert redis_client().llen("default") == 1


def test_what_nobody_confirms_is_forgotten(import_root):
    run = worked(asked())
    ImportRun.objects.update(updated_at=timezone.now() - timedelta(days=8))
    import_runs.runs_sweep()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert list(import_root.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"sku;name\nx;y\n", "Unknown column 'sku;name'"),
        ("a.csv", "external_id,title\nä,b\n".encode("utf-16"), "The file is not UTF-8"),
        ("a.xlsx", b"no zip", "The file is no XLSX file"),
    ],
)
def test_a_file_that_is_none_fails_with_the_reason(name, content, why):
    run = worked(asked(content, name))
    assert run.status == "failed"
    assert run.error.startswith(why)


def test_a_name_without_a_format_is_refused(import_root):
    with pytest.raises(ImportConflict, match=r"must end in \.csv"):
        asked(name="items.pdf")
    assert ImportRun.objects.count() == 0


def media_zip(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_media_come_from_the_zip():
    rows = b"external_id,title,image\nfrog,A frog,pictures/frog.png\nnewt,A newt,missing.png\n"
    run = worked(asked(rows, media=media_zip(**{"pictures/frog.png": image_bytes()})))
    assert counts(run) == (1, 0, 0, 1)
    assert "missing.png: there is no such file" in run.problems.get().reason
    assert not Media.objects.exists()
    import_runs.run_confirm(run.pk)
    run.refresh_from_db()
    assert worked(run).status == "done"
    assert Media.objects.get().item.external_id == "frog"


def test_a_hostile_zip_fails_the_run():
    run = worked(asked(media=media_zip(**{"../../evil.png": image_bytes()})))
    assert run.status == "failed"
    assert run.error.endswith("in the zip of media leads out of its folder.")


def test_a_change_of_words_in_another_language_is_shown():
    item = ItemFactory(external_id="frog", title="A frog")
    ItemTextFactory(item=item, language="zh", title="青蛙")
    run = worked(asked("external_id,title,title.zh\nfrog,A frog,蛙\n".encode()))
    assert run.sample == [
        {
            "external_id": "frog",
            "outcome": "changed",
            "fields": [["title.zh", "青蛙", "蛙"]],
        }
    ]


def test_reasons_hold_what_the_database_takes():
    run = worked(asked(b"external_id,title\na\0b,x\n"))
    assert (run.status, run.refused) == ("checked", 1)
    assert run.problems.get().external_id == "a\\0b"


def test_an_attribute_that_goes_is_shown():
    ItemFactory(external_id="frog", attributes={"price": 3, "brand": "pond"})
    run = worked(
        asked(b'{"external_id": "frog", "attributes": {"price": 4, "new": [1]}}\n', "a.jsonl")
    )
    assert run.sample[0]["fields"] == [
        ["attributes.new", "", "[1]"],
        ["attributes.price", "3", "4"],
        ["attributes.brand", "pond", ""],
    ]
