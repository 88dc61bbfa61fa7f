"""The import loop and ``manage.py import_catalog``."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog import upserts
from catalog.importers import load as loading
from catalog.importers.load import load
from catalog.importers.rehearsal import Rehearsal
from catalog.importers.rows import RawRow
from catalog.models import Item, Media
from tests.catalog.factories import image_bytes, video_bytes, wav_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    """The ids that the command would have sent to the workers."""
    ids: list[int] = []
    monkeypatch.setattr("catalog.management.commands.import_catalog.workers_wake", ids.extend)
    return ids


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture and a sound."""
    path = tmp_path / "input"
    path.mkdir()
    (path / "a.png").write_bytes(image_bytes())
    (path / "a.wav").write_bytes(wav_bytes())
    return path


def write(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "items.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("\n".join(lines) + "\n")
    return path


def run(path: Path, capsys, **options: Any) -> tuple[int, str]:
    """Exit code and what was printed."""
    try:
        call_command("import_catalog", str(path), **options)
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, capsys.readouterr().out


def frog(**fields: Any) -> dict[str, Any]:
    media = [{"modality": "image", "path": "a.png"}, {"modality": "audio", "path": "a.wav"}]
    return {"external_id": "frog", "title": {"en": "Frog", "zh": "青蛙"}, "media": media, **fields}


def row(line: int, **data: Any) -> RawRow:
    return RawRow(line, data)


def test_import_takes_videos(folder, woken, capsys):
    (folder / "a.webm").write_bytes(video_bytes("webm"))
    path = write(folder, frog(media=[{"modality": "video", "path": "a.webm"}]))
    code, output = run(path, capsys)
    assert (code, "1 created, 0 changed, 0 unchanged, 0 failed" in output) == (0, True)
    (video,) = Item.objects.get(external_id="frog").media.all()
    assert (video.modality, video.content_type, video.width, video.height) == (
        *("video", "video/webm"),
        *(64, 48),
    )


def test_import_creates_then_compares_then_changes(folder, woken, capsys):
    path = write(folder, frog(), {"external_id": "toad", "title": "Toad"})
    code, output = run(path, capsys)
    assert code == 0
    assert "2 created, 0 changed, 0 unchanged, 0 failed" in output
    item = Item.objects.get(external_id="frog")
    assert [(m.modality, m.position) for m in item.media.all()] == [("image", 0), ("audio", 1)]
    assert sorted(woken) == sorted(Item.objects.values_list("pk", flat=True))
    woken.clear()
    before = list(Item.objects.values())

    code, output = run(path, capsys)
    assert "0 created, 0 changed, 2 unchanged, 0 failed" in output
    assert list(Item.objects.values()) == before
    assert woken == []

    (folder / "a.png").write_bytes(image_bytes())
    code, output = run(path, capsys)
    assert "0 created, 1 changed, 1 unchanged, 0 failed" in output
    item.refresh_from_db()
    assert (item.content_version, woken) == (2, [item.pk])


def test_bad_rows_are_reported_and_the_others_loaded(folder, woken, capsys, tmp_path):
    path = write(
        folder,
        {"external_id": "a", "title": "A"},
        "{broken",
        "",
        {"external_id": "b"},
        {"external_id": "c", "title": "C", "colour": "red"},
        {"external_id": "d", "title": "D", "media": [{"modality": "image", "path": "no.png"}]},
        {"external_id": "e", "title": "E", "media": [{"modality": "image", "path": "a.wav"}]},
        {"external_id": "f", "title": "F"},
    )
    errors = tmp_path / "errors.txt"
    code, output = run(path, capsys, errors=errors)
    assert code == 1
    assert "2 created, 0 changed, 0 unchanged, 5 failed" in output
    assert sorted(Item.objects.values_list("external_id", flat=True)) == ["a", "f"]
    lines = errors.read_text().splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"items.jsonl line {number}" for number in (2, 4, 5, 6, 7)
    ]
    assert "b: title: is required for a new item" in lines[1]
    assert "unknown field 'colour'" in lines[2]
    assert "no.png: there is no such file below the media root" in lines[3]
    assert "a.wav: The file is WAV (audio), but image was asked for" in lines[4]
    assert "line 5: c: unknown field 'colour'" in output


def test_only_the_first_errors_are_shown(folder, woken, capsys):
    path = write(folder, *["{"] * 30)
    code, output = run(path, capsys)
    assert code == 1
    assert output.count("is not JSON") == 20
    assert "and 10 more; --errors FILE writes them all" in output


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/passwd", "link.png", "sub/../../secret.png"]
)
def test_media_stay_inside_the_media_root(path, folder, media_root):
    (folder.parent / "secret.png").write_bytes(image_bytes())
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    data = frog(media=[{"modality": "image", "path": path}])
    [report] = load([row(1, **data)], media_root=folder)
    assert "is outside the media root" in report.problems[0].reason
    assert not media_root.exists()


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, ".", "loop"])
def test_odd_paths_are_problems_of_their_row(path, folder):
    (folder / "loop").symlink_to("loop")
    data = frog(media=[{"modality": "image", "path": path}])
    [report] = load([row(1, **data)], media_root=folder)
    assert len(report.problems) == 1
    assert not Item.objects.exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_counts_an_id_that_comes_again_as_the_import_does(folder, dry_run):
    rows = [
        row(1, external_id="frog", title="Frog"),
        row(2, external_id="frog", title="Frog"),
        row(3, external_id="toad", title="Toad"),
        row(4, external_id="frog", title="Green frog"),
        row(5, external_id="frog", title=""),
    ]
    seen = Rehearsal()
    reports = list(load(rows, media_root=folder, dry_run=dry_run, watcher=seen))
    counts = [sum(getattr(each, name) for each in reports) for name in ("created", "changed")]
    assert (counts, sum(each.unchanged for each in reports)) == ([2, 1], 1)
    assert [problem.line for each in reports for problem in each.problems] == [5]
    made = [each["external_id"] for each in seen.sample if each["outcome"] == "created"]
    assert made == ["frog", "toad"]
    assert Item.objects.count() == (0 if dry_run else 2)


def test_a_dry_run_counts_and_writes_nothing(folder, woken, media_root, capsys):
    path = write(folder, frog(), "{")
    code, output = run(path, capsys, dry_run=True)
    assert code == 1
    assert "Nothing was written. Would be: 1 created" in output
    assert not Item.objects.exists()
    assert not media_root.exists()
    assert woken == []


def test_a_repeated_id_is_applied_in_order(folder):
    rows = [row(n, external_id="a", title=f"A{n}") for n in (1, 2, 3)]
    reports = list(load(rows, media_root=folder))
    assert [(r.created, r.changed) for r in reports] == [(1, 0), (0, 1), (0, 1)]
    assert Item.objects.get().title == "A3"


def test_a_row_that_the_database_refuses_does_not_take_its_batch_along(folder, settings):
    settings.CATALOG = {**settings.CATALOG, "MAX_MEDIA_PER_ITEM": 1}
    rows = [
        row(1, external_id="a", title="A"),
        row(2, **frog()),
        row(3, external_id="c", title="C"),
    ]
    [report] = load(rows, media_root=folder)
    assert (report.created, [p.line for p in report.problems]) == (2, [2])
    assert "has 2 media; the limit is 1" in report.problems[0].reason


def test_an_interrupted_import_is_resumed(folder, monkeypatch):
    monkeypatch.setattr(loading, "BATCH_ROWS", 2)
    rows = [row(n, external_id=f"i{n}", title=f"Item {n}") for n in range(6)]
    first = load(rows, media_root=folder)
    next(first)
    next(first)
    first.close()
    assert Item.objects.count() == 4
    reports = list(load(rows, media_root=folder))
    assert [(r.created, r.unchanged) for r in reports] == [(0, 2), (0, 2), (2, 0)]


def test_queries_do_not_grow_with_the_batch(folder, django_assert_num_queries):
    def rows(number: int, title: str) -> list[RawRow]:
        return [
            row(
                n, external_id=f"i{n}", title={"en": f"{title} {n}", "zh": "东西"}, categories=["a"]
            )
            for n in range(number)
        ]

    list(load(rows(1, "x"), media_root=folder))
    with django_assert_num_queries(9):  # two savepoints' four, categories, items, three relations
        list(load(rows(1, "x"), media_root=folder))
    list(load(rows(40, "x"), media_root=folder))
    with django_assert_num_queries(9):
        list(load(rows(40, "x"), media_root=folder))


def test_unchanged_media_are_not_written_again(folder, monkeypatch):
    list(load([row(1, **frog())], media_root=folder))
    monkeypatch.setattr(upserts, "file_store", lambda upload: pytest.fail("written again"))
    monkeypatch.setattr(loading, "file_store", lambda upload: pytest.fail("written again"))
    [report] = load([row(1, **frog())], media_root=folder)
    assert (report.unchanged, Media.objects.count()) == (1, 2)


def test_files_that_cannot_be_imported_at_all(folder, capsys):
    for name, message in [
        ("items.txt", "the name does not say the format; give --format jsonl or csv"),
        ("", "is a folder; name a file in it"),
        ("missing.jsonl", "missing.jsonl: No such file or directory"),
    ]:
        with pytest.raises(CommandError, match=message):
            call_command("import_catalog", str(folder / name))
    path = folder / "items.csv"
    path.write_text("external_id,colour\n")
    with pytest.raises(CommandError, match="Unknown column 'colour'"):
        call_command("import_catalog", str(path))
    with pytest.raises(CommandError, match="There is no media folder"):
        call_command("import_catalog", str(path), media_root=folder / "no")


def test_csv_by_the_command(folder, woken, capsys):
    path = folder / "items.csv"
    path.write_text("external_id,title,title.zh,image\nfrog,Frog,青蛙,a.png\n,x,,\n")
    code, output = run(path, capsys)
    assert code == 1
    assert "line 3: external_id: is missing" in output
    assert Item.objects.get().texts.get().title == "青蛙"
