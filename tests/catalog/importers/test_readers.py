"""Files that people wrote: JSON Lines and CSV, good and broken."""

import io
from typing import Any

import pytest

from catalog.importers import lines
from catalog.importers.csv import read_csv
from catalog.importers.jsonl import read_jsonl
from catalog.importers.rows import ImportFileError


def jsonl(content: bytes) -> list[tuple[int, Any]]:
    return [(row.line, row.data or row.problem) for row in read_jsonl(io.BytesIO(content))]


def csv(content: str | bytes) -> list[tuple[int, Any]]:
    data = content.encode() if isinstance(content, str) else content
    return [(row.line, row.data or row.problem) for row in read_csv(io.BytesIO(data))]


def test_jsonl_reads_a_byte_order_mark_blank_lines_and_a_last_line_without_end():
    assert jsonl(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": "\xe9\x9d\x92"}') == [
        (1, {"a": 1}),
        (4, {"a": "青"}),
    ]


def test_jsonl_reports_each_broken_line_and_goes_on():
    content = [
        b'{"a": ',
        b'{"a": "\xff"}',
        b"[1]",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": 1}',
        b'{"title": "A", "title": "B"}',
        b'{"attributes": {"a": [' + b"1" * 4000 + b"]}}",
    ]
    found = jsonl(b"\n".join(content))
    assert found[0] == (1, "is not JSON: Expecting value at character 8")
    assert found[1] == (2, "is not UTF-8 (byte 8)")
    assert found[2] == (3, "must be one JSON object")
    assert found[3] == (
        4,
        "a: Use a finite number that fits 64 bits: JSON has no NaN and no Infinity.",
    )
    assert found[4] == (5, "is nested too deeply")
    assert found[5][1].startswith("is not JSON: Exceeds the limit")
    assert found[6] == (7, {"a": 1})
    assert found[7] == (8, "holds the key 'title' twice in one object")
    assert found[8] == (9, "attributes.a[0]: The number does not fit 64 bits.")


def test_a_line_that_never_ends_is_not_kept_in_memory(monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 12)
    content = b'{"a": 1}\n' + b"x" * 35 + b'\n{"b": 2}\n'
    assert [row.line for row in read_jsonl(io.BytesIO(content)) if row.problem] == [2]
    assert jsonl(content)[2] == (3, {"b": 2})
    assert [row.line for row in read_csv(io.BytesIO(b"external_id\n" + b"x" * 35 + b"\ny\n"))] == [
        2,
        3,
    ]


def test_csv_gives_the_same_objects_as_jsonl():
    assert csv(
        "\ufeffexternal_id,title,title.zh,title.fr,description,tags,tags.zh,categories,"
        "attributes,attributes.size,published,image,audio,video,language,expires_at\r\n"
        'a,"Frog, green",青蛙,,,x| y ,绿,animals/frogs|pond,"{""n"": 1}",big,no,a.png|b.png,'
        "c.wav,d.mp4,,\r\n"
    ) == [
        (
            2,
            {
                "external_id": "a",
                "title": {"en": "Frog, green", "zh": "青蛙"},
                "description": "",
                "tags": {"en": ["x", "y"], "zh": ["绿"]},
                "categories": ["animals/frogs", "pond"],
                "attributes": {"n": 1, "size": "big"},
                "published": False,
                "expires_at": None,
                "media": [
                    {"modality": "image", "path": "a.png"},
                    {"modality": "image", "path": "b.png"},
                    {"modality": "audio", "path": "c.wav"},
                    {"modality": "video", "path": "d.mp4"},
                ],
            },
        )
    ]


def test_csv_empty_cells_and_missing_columns():
    assert csv("external_id,title,published,image,tags\na,,,,\n") == [
        (2, {"external_id": "a", "media": [], "tags": []})
    ]
    assert csv("external_id\na\n") == [(2, {"external_id": "a"})]


def test_csv_counts_lines_as_an_editor_does():
    found = csv('external_id,title\na,"two\nlines"\n\nb,x,y\nc,Toad\n')
    assert found == [
        (2, {"external_id": "a", "title": "two\nlines"}),
        (5, "has 3 cells; the header has 2"),
        (6, {"external_id": "c", "title": "Toad"}),
    ]


def test_csv_reports_bad_bytes_and_bad_cells_and_goes_on():
    content = (
        b'external_id,title,attributes,published\na,\xff,,\nb,x,{,\nc,x,,maybe\nd,"x"y,,\ne,x,,1\n'
    )
    found = csv(content)
    assert found[0] == (2, "is not UTF-8")
    assert found[1][1].startswith("attributes: is not JSON: ")
    assert found[2] == (4, "published: 'maybe': use one of true, yes, 1, false, no, 0")
    assert found[3][0] == 5
    assert found[3][1].startswith("is not CSV: ")
    assert found[4] == (6, {"external_id": "e", "title": "x", "attributes": {}, "published": True})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("external_id,colour", "Unknown column 'colour'; allowed: external_id, kind"),
        ("external_id,image.en", "Unknown column 'image.en'"),
        ("external_id,title,title", "The column 'title' is there twice"),
        ("title", "The column external_id is missing"),
    ],
)
def test_csv_refuses_a_header_it_does_not_know(header, message):
    with pytest.raises(ImportFileError, match=message):
        csv(f"{header}\nx,y,z\n")


def test_csv_refuses_two_values_for_one_language():
    assert csv("external_id,title,title.en\na,Frog,Toad\n") == [(2, "title: title.en is given too")]


def rows_of(n: int, start: int = 0) -> str:
    return "".join(f"r{i},Frog {i}\n" for i in range(start, n))


def test_csv_a_quote_that_is_never_closed_costs_one_line():
    found = csv('external_id,title\nq,"broken\n' + rows_of(9000))  # longer than a cell may be
    assert [line for line, row in found if isinstance(row, str)] == [2]
    assert found[0][1] == (
        "is not CSV: field larger than field limit (131072); is a quote open? "
        "The next lines are read by themselves"
    )
    assert found[1:] == [
        (i + 3, {"external_id": f"r{i}", "title": f"Frog {i}"}) for i in range(9000)
    ]


@pytest.mark.parametrize(
    ("rest", "reported", "loaded"),
    [
        ("r0,x\nr1,y\n", [2], ["r0", "r1"]),  # the file ends inside the quote
        ("r0,x\nr1,y", [2], ["r0", "r1"]),
        ('r0,x\nr1,"y"\nr2,z\n', [2], ["r0", "r1", "r2"]),  # what comes after the quote is wrong
        ('r0,x\nr1,y",z\nr2,z\n', [2, 4], ["r0", "r2"]),  # closed elsewhere: cells too many
        ('r0,x\nq2,"broken\nr1,y\n', [2, 4], ["r0", "r1"]),
        ('\nr0,"two\nlines"\nr1,"broken\nr2,z\n', [2, 6], ["r0", "r2"]),
        ('r0,"two\nlines"\nr1,\udcff\n', [2, 5], ["r0"]),
    ],
)
def test_csv_goes_on_with_the_line_after_an_open_quote(rest, reported, loaded):
    content = f'external_id,title\nq,"broken\n{rest}'.encode(errors="surrogateescape")
    found = csv(content)
    assert [line for line, row in found if isinstance(row, str)] == reported
    assert [row["external_id"] for _, row in found if isinstance(row, dict)] == loaded


def test_csv_keeps_no_more_than_one_record(monkeypatch):
    monkeypatch.setattr("catalog.importers.csv.MAX_LINE_BYTES", 40)
    assert csv(f'external_id,title\nq,"broken\n{rows_of(9)}')[0][1].startswith(
        "is not CSV: the record is over 40 bytes; is a quote open?"
    )


def test_csv_lines_that_each_open_a_quote_take_no_longer_than_others():
    found = csv('external_id,title\nq,"\n' + 'x","\n' * 20_000 + "r0,x\n")
    assert found[0][1].startswith("is not CSV: the record has more cells than the header; is a")
    assert [line for line, row in found if isinstance(row, str)] == list(range(2, 20_003))
    assert found[-1] == (20_003, {"external_id": "r0", "title": "x"})


def test_csv_quotes_and_commas_in_cells_over_several_lines():
    text = '",\n' * 50 + 'a "b", "c",\n",'
    cell = text.replace('"', '""')
    assert csv(f'external_id,title,kind\na,"{cell}",5"\nb,",","x\ny"\n') == [
        (2, {"external_id": "a", "title": text.strip(), "kind": '5"'}),
        (54, {"external_id": "b", "title": ",", "kind": "x\ny"}),
    ]


def test_csv_a_line_that_never_ends_does_not_end_in_an_open_quote(monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 30)
    found = csv('external_id,title\nq,"broken\nr0,x\n' + "y" * 50 + "\nr1,z\n")
    assert [(line, isinstance(row, str)) for line, row in found] == [
        (2, True),
        (3, False),
        (4, True),
        (5, False),
    ]
