"""Workbooks: read as CSV is, and refused with a reason where they are hostile or broken."""

import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from catalog.importers import xlsx
from catalog.importers.rows import ImportFileError, RawRow
from catalog.importers.xlsx import read_xlsx


def workbook(*rows, cells=()) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, value in cells:
        book.active[name] = value
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def read(content: bytes) -> list[RawRow]:
    return list(read_xlsx(io.BytesIO(content)))


def refusal(content: bytes) -> str:
    with pytest.raises(ImportFileError) as caught:
        read(content)
    return str(caught.value)


def rezipped(content: bytes, **changed: bytes | None) -> bytes:
    """The same zip with parts replaced, or left out for None."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = changed.get(name.rpartition("/")[2].partition(".")[0], old.read(name))
            if data is not None:
                new.writestr(name, data)
    return file.getvalue()


def test_cells_become_what_csv_would_say():
    rows = read(
        workbook(
            [
                "external_id",
                "title",
                "title.zh",
                "tags",
                "published",
                "published_at",
                "attributes.price",
            ],
            ["frog", "A frog", "青蛙", "green|small", True, dt.datetime(2026, 1, 31, 12, 30), 3],  # noqa: DTZ001 - a cell has no zone
            [],
            [7, "Seven", None, None, False, dt.datetime(2026, 2, 1), 2.5],  # noqa: DTZ001
        )
    )
    assert [row.line for row in rows] == [2, 4]
    assert rows[0].data == {
        "external_id": "frog",
        "published_at": "2026-01-31T12:30:00",
        "published": True,
        "title": {"en": "A frog", "zh": "青蛙"},
        "tags": ["green", "small"],
        "attributes": {"price": "3"},
    }
    assert rows[1].data["external_id"] == "7"
    assert rows[1].data["published_at"] == "2026-02-01"
    assert rows[1].data["attributes"] == {"price": "2.5"}


def test_formulas_and_errors_are_refused_by_their_row():
    content = workbook(
        ["external_id", "title"],
        ["a", "A"],
        cells=[("A3", "b"), ("B3", "=1+1"), ("A4", "c"), ("B4", "C"), ("A5", "d"), ("B5", "#REF!")],
    )
    assert [(row.line, row.problem) for row in read(content)] == [
        (2, ""),
        (3, "cell B3 is a formula: paste its value"),
        (4, ""),
        (5, "cell B5 is the error #REF!: paste its value"),
    ]


def test_too_many_cells_are_refused_by_their_row():
    rows = read(workbook(["external_id", "title"], ["a", "A", "more"], ["b"]))
    assert rows[0].problem == "has 3 cells; the header has 2"
    assert rows[1].data == {"external_id": "b"}


def test_a_header_that_is_not_ours_names_the_columns():
    assert refusal(workbook(["sku", "name"])).startswith(
        "Unknown column 'sku'; allowed: external_id"
    )
    assert (
        refusal(workbook(cells=[("A1", "=A2")]))
        == "The header: cell A1 is a formula: paste its value."
    )


def test_an_empty_sheet_has_no_rows():
    assert read(workbook()) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            b"external_id,title\nfrog,A frog\n",
            "The file is no XLSX file, or broken: File is not a zip file",
        ),
        (
            xlsx.OLE + bytes(600),
            "The file is protected by a password, or an .xls of old: save it as .xlsx",
        ),
        (b"", "The file is no XLSX file, or broken: File is not a zip file"),
        (workbook(["external_id"])[:-300], "The file is no XLSX file, or broken"),
    ],
)
def test_what_is_no_workbook_is_told(content, why):
    assert refusal(content).startswith(why)


def test_another_zip_is_no_workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refusal(file.getvalue()) == "The file is a zip, but no XLSX file."


def test_broken_xml_is_told():
    content = workbook(["external_id"], ["a"])
    assert refusal(rezipped(content, sheet1=b"<worksheet><sheetData><row>")).startswith(
        "The file is broken"
    )
    assert refusal(rezipped(content, workbook=b"no xml")).startswith("The file is broken")
    assert refusal(rezipped(content, workbook=None)).startswith("The file is broken")


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    content = workbook(["external_id"], ["a"])
    monkeypatch.setattr(xlsx, "MAX_UNPACKED_BYTES", 4 * 1024 * 1024)
    bomb = rezipped(content, sheet1=b"<worksheet>" + bytes(5 * 1024 * 1024))
    assert len(bomb) < 20_000
    assert refusal(bomb) == "The file would unpack to over 4 MiB: split it, or use CSV."
    monkeypatch.setattr(xlsx, "MAX_STRINGS_BYTES", 10)
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", b"<sst></sst>")
    assert refusal(file.getvalue()).startswith("The file's texts take over")


def test_entities_that_grow_are_refused():
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet/>'
    content = rezipped(workbook(["external_id"]), sheet1=laughs)
    assert refusal(content) == "The file declares XML entities, which no spreadsheet needs."


def test_a_huge_cell_costs_its_row_only(tmp_path):
    rows = read(workbook(["external_id", "title"], ["a", "x" * 32_767], ["b", "B"]))
    assert len(rows[0].data["title"]) == 32_767
    assert rows[1].data == {"external_id": "b", "title": "B"}
