"""``manage.py import_events``."""

import json

import pytest
from django.core.management import CommandError, call_command

from recommender import importing
from recommender.models import Event
from tests.recommender.worlds import sent, stored

pytestmark = pytest.mark.django_db

AT = {"occurred_at": "2026-11-01T09:30:00Z"}


def run(path, capsys, **options):
    """Exit code and the lines that were printed."""
    try:
        call_command("import_events", str(path), **options)
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, capsys.readouterr().out.splitlines()


def summary(lines) -> str:
    return lines[-1].partition(" in ")[0]


@pytest.fixture
def jsonl(tmp_path):
    def write(*rows):
        path = tmp_path / "events.jsonl"
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return write


@pytest.fixture
def table(tmp_path):
    def write(*lines: bytes):
        path = tmp_path / "events.csv"
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return write


def test_again_stores_nothing_twice(jsonl, capsys):
    path = jsonl(sent("e1", **AT), sent(None, visitor="bert", **AT))

    assert run(path, capsys)[0] == 0
    code, lines = run(path, capsys)

    assert (code, summary(lines)) == (0, "0 stored, 2 known already, 0 failed")
    assert Event.objects.count() == 2


def test_bad_rows_have_their_lines_and_the_others_are_stored(jsonl, capsys, tmp_path):
    path = jsonl(
        sent("e1", **AT),
        b"",
        b"{",
        b"\xff",
        b"[" * 50_000,
        b'{"id": "a", "id": "b"}',
        sent("e1", type="view", **AT),
        sent("e2", type="gaze", **AT),
        b'"' + b"x" * (1024 * 1024) + b'"',
        sent("e3", **AT),
    )

    code, lines = run(path, capsys, errors=tmp_path / "errors.txt")

    assert code == 1
    assert summary(lines) == "2 stored, 0 known already, 7 failed"
    assert lines[:-1] == [
        "line 3: is not JSON: Expecting property name enclosed in double quotes at character 3",
        "line 4: is not UTF-8 (byte 1)",
        "line 5: is nested too deeply",
        "line 6: id: Is there twice in one object.",
        "line 7: id: 'e1' belongs to an event with another content; give every event its own id.",
        "line 8: type: Use one of view, click, like, dislike, cart, purchase, play, custom, withdraw.",
        "line 9: the line is over 1048576 bytes",
    ]
    assert (tmp_path / "errors.txt").read_text().splitlines() == [
        f"events.jsonl {line}" for line in lines[:-1]
    ]


def test_csv(table, capsys):
    path = table(
        b"\xef\xbb\xbfid,visitor,item,type,value,share,occurred_at",
        b"e1,anna,frog,like,,,2026-11-01T09:30:00Z",
        b"",
        b'e2,anna,"film",play,,0.5,2026-11-01T10:30:00+01:00',
        b"e3,bert,frog,purchase,12.5,,2026-11-01T09:30:00Z",
    )

    code, lines = run(path, capsys)

    assert (code, summary(lines)) == (0, "3 stored, 0 known already, 0 failed")
    assert [row[:3] for row in stored()] == [
        *(("e1", "anna", "frog"), ("e2", "anna", "film"), ("e3", "bert", "frog")),
    ]
    assert Event.objects.get(key="e2").share == 0.5
    assert Event.objects.get(key="e3").value == 12.5


def test_bad_csv_rows(table, capsys):
    path = table(
        b"id,visitor,item,type,value",
        b"e1,anna,frog,like,NaN",
        b"e2,anna,frog,like,true",
        b"e3,anna,frog,like,1_000",
        b"e4,anna,frog,like",
        b"e5,\xff,frog,like,1",
        b"e6," + b"a" * (1024 * 1024) + b",frog,like,1",
        b'e7,anna,"fr"og,like,1',
        b"e8,anna,frog,like,1",
    )

    code, lines = run(path, capsys)

    assert (code, summary(lines)) == (1, "1 stored, 0 known already, 7 failed")
    assert [line.split(":")[:2] for line in lines[:-1]] == [
        ["line 2", " value"],
        ["line 3", " value"],
        ["line 4", " value"],
        ["line 5", " has 4 cells; the header has 5"],
        ["line 6", " visitor"],
        ["line 7", " the line is over 1048576 bytes"],
        ["line 8", " is not CSV"],
    ]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"visitor,colour", "Unknown column 'colour'"),
        (b"visitor,\xff", "Unknown column"),
        (b"visitor,visitor", "is there twice"),
        (b'"visitor', "The header is not CSV"),
    ],
)
def test_a_header_that_is_wrong(table, header, why):
    with pytest.raises(CommandError, match=why):
        call_command("import_events", str(table(header, b"a,b")))


def test_batches(jsonl, capsys, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    rows = [sent(f"e{n}", **AT) for n in range(5)] + [sent("e0", **AT), sent("e9", type="x")]

    code, lines = run(jsonl(*rows), capsys)

    assert (code, summary(lines)) == (1, "5 stored, 1 known already, 1 failed")


def test_history(jsonl, capsys):
    path = jsonl(sent("e1", occurred_at="1997-09-20T00:00:00Z"))

    assert run(path, capsys)[0] == 1
    assert run(path, capsys, max_age_days=12_000)[0] == 0
    assert Event.objects.get().occurred_at.year == 1997


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_events", str(tmp_path / "none.jsonl"))
    with pytest.raises(CommandError, match="give --format jsonl or csv"):
        call_command("import_events", str(tmp_path / "none.txt"))
    with pytest.raises(CommandError, match="at most 73000"):
        call_command("import_events", str(tmp_path / "none.csv"), max_age_days=73_001)
    with pytest.raises(CommandError, match="Is a directory"):
        call_command("import_events", str(tmp_path), format="csv")
