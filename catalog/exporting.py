"""Items as the rows that an import reads: what goes out comes back unchanged.

Media are left out, and a row without them leaves them as they are.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from django.db.models import Prefetch, QuerySet

from catalog.importers.csv import SEPARATOR
from catalog.importers.escaping import escaped
from catalog.models import Category, Item, ItemText

Row: TypeAlias = dict[str, Any]

CHUNK: Final = 1_000
"""Items read at once."""
MAX_XLSX_ROWS: Final = 1_048_575
"""Of a sheet, its header left out."""
MAX_XLSX_CELL: Final = 32_767
WORDS: Final = ("title", "description", "tags")


class ExportError(Exception):
    """What was asked for does not fit into the format; the message says what does."""


def rows(items: QuerySet[Item]) -> Iterator[Row]:
    """Each item in the order of identifiers, read in chunks."""
    texts = Prefetch("texts", ItemText.objects.order_by("language"))
    categories = Prefetch("categories", Category.objects.order_by("path"))
    chosen = items.order_by("external_id").prefetch_related(None)
    for item in chosen.prefetch_related(texts, categories).iterator(chunk_size=CHUNK):
        yield row(item)


def row(item: Item) -> Row:
    """One item, with words by language where it has several."""
    texts: list[Item | ItemText] = [item, *item.texts.all()]
    words: Row = {}
    for name in WORDS:
        values = {text.language: getattr(text, name) for text in texts}
        words[name] = values if len(texts) > 1 else values[item.language]
    return {
        "external_id": item.external_id,
        "kind": item.kind,
        "language": item.language,
        **words,
        "categories": [category.path for category in item.categories.all()],
        "attributes": item.attributes,
        "published": item.published,
        "published_at": item.published_at.isoformat(),
        "expires_at": item.expires_at.isoformat() if item.expires_at else None,
    }


def jsonl(items: QuerySet[Item]) -> Iterator[str]:
    """A line an item."""
    for each in rows(items):
        yield json.dumps(each, ensure_ascii=False) + "\n"


def csv_lines(items: QuerySet[Item]) -> Iterator[str]:
    """A header, then a record an item."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    languages = _languages(items)
    writer.writerow(columns(languages))
    for each in rows(items):
        writer.writerow(cells_of(each, languages))
        if buffer.tell() > 64 * 1024:
            yield _taken(buffer)
    yield _taken(buffer)


def xlsx(items: QuerySet[Item], path: Path) -> None:
    """Write a workbook of one sheet, row by row. Raises ``ExportError``."""
    from openpyxl import Workbook

    if items.count() > MAX_XLSX_ROWS:
        raise ExportError(f"A sheet has {MAX_XLSX_ROWS:,} rows at most: export CSV or JSON Lines.")
    languages = _languages(items)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("items")
    try:
        sheet.append(columns(languages))
        for each in rows(items):
            sheet.append(_xlsx_cells(sheet, each, languages))
    except BaseException:
        sheet.close()
        raise
    book.save(path)


def _xlsx_cells(sheet: Any, each: Row, languages: list[str]) -> list[Any]:
    """Texts, whatever they look like. Raises ``ExportError`` for what Excel does not take."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    written = []
    for text in cells_of(each, languages):
        if len(text) > MAX_XLSX_CELL:
            raise ExportError(
                f"{each['external_id']} has a cell of {len(text):,} characters, and Excel takes "
                f"{MAX_XLSX_CELL:,}: export CSV or JSON Lines."
            )
        try:
            cell = WriteOnlyCell(sheet, text)
        except IllegalCharacterError as err:
            raise ExportError(
                f"{each['external_id']} has control characters, which Excel does not take: export "
                "CSV or JSON Lines."
            ) from err
        cell.data_type = "s"  # and no formula
        written.append(cell)
    return written


def columns(languages: list[str]) -> list[str]:
    """The header: words once for the item's own language, then for each that occurs."""
    others = [f"{name}.{language}" for name in WORDS for language in languages]
    return [
        *("external_id", "kind", "language", *WORDS, *others),
        *("categories", "attributes", "published", "published_at", "expires_at"),
    ]


def cells_of(each: Row, languages: list[str]) -> list[str]:
    """A row's cells in the order of ``columns``; none is a formula."""
    own = each["language"]
    cells = [each["external_id"], each["kind"], own]
    cells += [_cell(_of(each[name], own, own)) for name in WORDS]
    cells += [
        "" if language == own else _cell(_of(each[name], language, own))
        for name in WORDS
        for language in languages
    ]
    cells += [
        _cell(each["categories"]),
        json.dumps(each["attributes"], ensure_ascii=False) if each["attributes"] else "",
        "true" if each["published"] else "false",
        each["published_at"],
        each["expires_at"] or "",
    ]
    return [escaped(cell) for cell in cells]


def _of(words: Any, language: str, own: str) -> Any:
    if isinstance(words, dict):
        return words.get(language, "")
    return words if language == own else ""


def _cell(value: str | list[str]) -> str:
    """A list as the import reads it: as JSON where a part would be taken apart."""
    if isinstance(value, str):
        return value
    if any(SEPARATOR in part or part.startswith("[") for part in value):
        return json.dumps(value, ensure_ascii=False)
    return SEPARATOR.join(value)


def _languages(items: QuerySet[Item]) -> list[str]:
    """Every language of a translation."""
    found = ItemText.objects.filter(item__in=items.order_by().values("pk")).order_by("language")
    return list(found.values_list("language", flat=True).distinct())


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
