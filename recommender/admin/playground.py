"""The search playground: the API's search with its workings shown, in one space or in two."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.http import HttpRequest, QueryDict
from django.template.response import TemplateResponse
from rest_framework.request import Request
from rest_framework.settings import api_settings

from catalog.admin.cards import card, items_pictured
from catalog.models import Item
from catalog.parsers import parse_json
from recommender.storefront.address import FILES, MOST, Wanted, search_body, wanted
from recommender.storefront.cards import items_named, with_item
from retrieval import spaces
from retrieval.api import search_answer
from retrieval.models import EmbeddingSpace
from retrieval.search import MODES
from retrieval.types import MODALITIES

SHOWN: Final = 12
ROWS: Final = 2
"""Of words and of items that the form has at least; one of each is always empty."""
AGAINST: Final = "-0.5"
"""What an item weighs that something should be less like."""
STATES: Final = (EmbeddingSpace.State.ACTIVE, EmbeddingSpace.State.READY)
"""Of spaces that have vectors to answer from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the query in the form."""

    value: str
    weight: str


@dataclass(slots=True)
class Column:
    """What one space answers."""

    title: str
    hits: list[dict[str, Any]] = field(default_factory=list)
    mode: str = ""
    took_ms: int = 0
    problem: dict[str, Any] | None = None


def playground(request: HttpRequest, site: AdminSite) -> TemplateResponse:
    """The form, and what it finds; ``request`` was let in. A problem is said, with the form as it was."""
    said = request.POST if request.method == "POST" else request.GET
    files = {name: file for name, file in request.FILES.items() if name in FILES and file}
    asked = wanted(said)
    rows = _spaces()
    columns = []
    if asked.words or asked.items or files:
        chosen = [_title(rows[0])] if rows else ["the active space"]
        columns = [_column(request, said, asked, files, chosen[0], None)]
        other = next((row for row in rows if str(row.pk) == said.get("with")), None)
        if other is not None and columns[0].problem is None:
            columns.append(_column(request, said, asked, files, _title(other), other.pk))
    context = {
        **site.each_context(request),
        "title": "Search playground",
        "opts": Item._meta,
        "columns": columns,
        "others": rows[1:],
        "with": said.get("with", ""),
        **_form(asked, said),
    }
    status = next((each.problem["status"] for each in columns if each.problem), 200)
    return TemplateResponse(request, "recommender/admin/playground.html", context, status=status)


def _spaces() -> list[EmbeddingSpace]:
    """Those that can answer, the active one first; without their heads."""
    rows = EmbeddingSpace.objects.filter(state__in=STATES).only("name", "state")
    return sorted(rows, key=lambda row: (row.state != EmbeddingSpace.State.ACTIVE, row.pk))


def _title(row: EmbeddingSpace) -> str:
    return f"{row.name} ({row.state})"


def _column(
    request: HttpRequest,
    said: QueryDict,
    asked: Wanted,
    files: Mapping[str, Any],
    title: str,
    space_id: int | None,
) -> Column:
    """One space's answer; whatever goes wrong is the problem that the API would answer."""
    started = time.perf_counter()
    column = Column(title)
    try:
        body = _body(said, asked, files)
        space = None if space_id is None else spaces.space(space_id)
        answer = search_answer(Request(request), body, files, started, space=space)
    except Exception as err:  # the API's handler logs what nobody foresaw
        handler: Any = api_settings.EXCEPTION_HANDLER
        column.problem = json.loads(handler(err, {"request": request, "view": None}).content)
        return column
    column.mode, column.took_ms = answer["mode"], answer["took_ms"]
    column.hits = _hits(request, answer, _names(request, asked, files, body["query"]))
    return column


def _body(said: QueryDict, asked: Wanted, files: Mapping[str, Any]) -> dict[str, Any]:
    """The API's query. Raises InvalidQuery, ParseError."""
    body = search_body(asked, files)
    if text := said.get("filter", "").strip():
        more = parse_json(text.encode(errors="surrogatepass"))
        body["filter"] = {"and": [body["filter"], more]} if "filter" in body else more
    if "mode" not in body:
        # words are looked up where there are any
        body["mode"] = "hybrid"
    return {**body, "limit": SHOWN, "explain": True}


def _names(
    request: HttpRequest,
    asked: Wanted,
    files: Mapping[str, Any],
    query: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What each part of the query is, for people."""
    titles = items_named(Request(request), [name for name, _ in asked.items])
    names = []
    for part in query:
        if "text" in part:
            names.append(f"“{part['text']}”")
        elif "item" in part:
            names.append(titles[part["item"]]["title"] if part["item"] in titles else part["item"])
        else:
            names.append(next(files[name].name for name in FILES if name in part))
    return names


def _hits(
    request: HttpRequest, answer: Mapping[str, Any], names: Sequence[str]
) -> list[dict[str, Any]]:
    ids = dict(
        Item.objects.filter(
            external_id__in=[hit["item"]["external_id"] for hit in answer["hits"]]
        ).values_list("external_id", "pk")
    )
    items = items_pictured(ids.values())
    hits = [hit for hit in answer["hits"] if hit["item"]["external_id"] in ids]
    sizes = [abs(value) for hit in hits for value in _values(hit)]
    largest = max(sizes, default=0.0) or 1.0
    return [
        {
            "card": card(items, ids[hit["item"]["external_id"]], score=hit["score"]),
            "parts": _bars(zip(names, _parts(hit), strict=False), largest),
            "modalities": _bars(_modalities(hit).items(), largest),
            "more": _with_item(request, hit, "1"),
            "less": _with_item(request, hit, AGAINST),
        }
        for hit in hits
    ]


def _with_item(request: HttpRequest, hit: Mapping[str, Any], weight: str) -> str:
    """The address of the same search with the hit as a part of it; files are left out."""
    _, _, query = with_item(Request(request), hit["item"]["external_id"], weight).partition("?")
    return f"?{query}"


def _parts(hit: Mapping[str, Any]) -> list[float]:
    return list(hit.get("contributions", {}).get("parts", ()))


def _modalities(hit: Mapping[str, Any]) -> dict[str, float]:
    return dict(hit.get("contributions", {}).get("modalities", {}))


def _values(hit: Mapping[str, Any]) -> list[float]:
    return [*_parts(hit), *_modalities(hit).values()]


def _bars(values: Any, largest: float) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": value, "percent": round(100 * abs(value) / largest)}
        for name, value in values
    ]


def _form(asked: Wanted, said: QueryDict) -> dict[str, Any]:
    """What fills the form in, as it was said."""
    return {
        "words": _rows(asked.words),
        "items": _rows(asked.items),
        "files": [(name, asked.file_weights[name] or "1") for name in FILES],
        "modalities": [(name, asked.modalities[name] or "1") for name in MODALITIES],
        "modes": MODES,
        "mode": asked.mode or "hybrid",
        "category": (asked.values.get("categories") or [""])[0],
        "filter": said.get("filter", ""),
        "most": MOST,
    }


def _rows(given: Sequence[tuple[str, str]]) -> list[Row]:
    rows = [Row(value, weight or "1") for value, weight in given]
    return rows + [Row("", "1")] * max(1, ROWS - len(rows))
