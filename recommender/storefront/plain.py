"""The storefront without scripts: the same searches and items, as forms and links."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext, override
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.models import Item
from catalog.parsers import BoundedMultiPartParser, query_fields
from catalog.selectors import category_descendants, items_for_api
from catalog.serializers import languages_wanted, words_for
from catalog.tree import category_tree
from recommender.api import QuestionSearchView
from recommender.storefront.address import FILES, Wanted, search_body, wanted
from recommender.storefront.cards import (
    card,
    cards,
    counts,
    details,
    items_named,
    speaks_for,
    why,
    with_item,
)
from recommender.storefront.controls import controls, filters_said, value_label
from recommender.storefront.fields import shown_fields
from recommender.storefront.pages import MODALITIES, page, page_language
from recommender.storefront.understood import reading, understood
from retrieval.api import search_answer, similar_answer

PER_PAGE = 24
KIN = 12
AGAINST = "-0.5"
"""What an item weighs that something should be less like."""
ROWS = 2
"""Rows for words that a form has at least; one of them is always empty."""


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the query in the form."""

    value: str
    weight: str
    title: str = ""


class PlainView(APIView):
    """A page that is rendered here; errors are pages too.

    Nobody is signed in here: what is read is what anybody may read, and a form that is sent stores
    nothing.
    """

    authentication_classes: Sequence[Any] = []
    renderer_classes = [TemplateHTMLRenderer]
    parser_classes = [BoundedMultiPartParser]
    required_scopes = {"GET": "read", "POST": "read"}
    schema = None

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """The problem that the API would answer, with the form as it was filled in."""
        answer = super().handle_exception(exc)
        problem = json.loads(answer.content)
        shown = self.problem_page({"problem": problem}, answer.status_code)
        for name in ("Retry-After", "Allow"):
            if name in answer:
                shown[name] = answer[name]
        return shown

    def problem_page(self, context: Mapping[str, Any], status: int) -> HttpResponse:
        """Where a problem is shown."""
        shown = {**self.form(problem_with=True), **context}
        return page(self.request._request, "storefront/plain.html", shown, status)

    def said(self) -> QueryDict:
        """What the address or the form says; nothing if it cannot be read."""
        given = QueryDict(mutable=True)
        if self.request.method == "POST":
            given.update(self.request.POST)
        else:
            given.update(self.request.query_params)
        return given

    def form(self, problem_with: bool = False) -> dict[str, Any]:
        """What fills the form in; of an address with problems no more than what it says."""
        try:
            said = self.said()
        except Exception:
            if not problem_with:
                raise
            said = QueryDict()
        asked = wanted(said)
        items = {} if problem_with else items_named(self.request, [name for name, _ in asked.items])
        rows = [Row(text, weight or "1") for text, weight in asked.words]
        return {
            "said": asked,
            "mode": asked.mode or "hybrid",
            "rows": rows + [Row("", "1")] * max(1, ROWS - len(rows)),
            "items": [
                Row(name, weight or "1", items[name]["title"] if name in items else name)
                for name, weight in asked.items
            ],
            "weights": [(name, word, asked.modalities[name] or "1") for name, word in MODALITIES],
            "image_w": asked.file_weights["image"] or "1",
            "audio_w": asked.file_weights["audio"] or "1",
            "controls": controls(asked, {}, []),
            "lang": said.get("lang", ""),
        }

    def languages(self) -> tuple[str, ...]:
        """Of the titles."""
        return languages_wanted(self.request)


class PlainSearch(PlainView):
    """The form, and what it finds; without a query, things to look at."""

    def get(self, request: Request) -> HttpResponse:
        """A search, a category, or the first page."""
        query_fields(request)
        said = request.query_params
        if said.get("category"):
            return self.category(request, said["category"])
        if said.get("similar"):
            return PlainItem.as_view()(request._request, external_id=said["similar"])
        asked = wanted(said)
        if asked.words or asked.items or said.get("cursor"):
            return self.search(request, asked, {})
        return self.first_page(request)

    def post(self, request: Request) -> HttpResponse:
        """A search with files."""
        files = {name: file for name, file in request.FILES.items() if name in FILES and file}
        asked = wanted(request.POST)
        if not (asked.words or asked.items or files):
            return self.first_page(request)
        return self.search(request, asked, files)

    def search(self, request: Request, asked: Wanted, files: Mapping[str, Any]) -> HttpResponse:
        """The hits, with the filters that they offer."""
        started = time.perf_counter()
        options: dict[str, Any] = {"limit": PER_PAGE, "explain": True}
        query = search_body(asked, files)
        query |= reading(asked, self.said())
        if cursor := request.query_params.get("cursor"):
            body = options | {"cursor": cursor}
        else:
            names = [field.name for field in shown_fields()]
            body = options | {"facets": names} | query
        answer = search_answer(request, body, files, started, view=QuestionSearchView())
        with override(page_language(request._request)):
            context = self.form() | self.found(request, asked, files, answer)
        return page(request._request, "storefront/plain.html", context)

    def found(
        self, request: Request, asked: Wanted, files: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The hits of an answer with why they are there, and where to go from them."""
        compared = answer.get("interpretation", {}).get("query", ())
        names = [name for name, _ in asked.items]
        items = items_named(request, names + [part["item"] for part in compared if "item" in part])
        parts = self.parts(asked, files, items, answer)
        chosen = [
            items[name]["attributes"] for name, w in asked.items if name in items and speaks_for(w)
        ]
        following = request.query_params.copy()
        following["cursor"] = answer["next_cursor"] or ""
        return {
            "hits": [
                {
                    "card": card(hit["item"], request),
                    "score": hit["score"],
                    "why": why(hit.get("contributions"), parts),
                    "more": with_item(request, hit["item"]["external_id"], "1"),
                    "less": with_item(request, hit["item"]["external_id"], AGAINST),
                }
                for hit in answer["hits"]
            ],
            "searched": True,
            "understood": understood(answer, self.said()),
            "filtered": filters_said(asked),
            "took_ms": answer["took_ms"],
            "controls": controls(asked, answer.get("facets", {}), chosen),
            "files_sent": [files[name].name for name in FILES if name in files],
            "next": f"?{following.urlencode()}" if answer["next_cursor"] else "",
        }

    def parts(
        self,
        asked: Wanted,
        files: Mapping[str, Any],
        items: Mapping[str, Any],
        answer: Mapping[str, Any],
    ) -> list[str]:
        """What each part is called that the hits were compared with."""
        if "interpretation" in answer:
            query = answer["interpretation"]["query"]
        else:
            said = [({"text": text}, weight) for text, weight in asked.words]
            said += [({"item": name}, weight) for name, weight in asked.items]
            said += [({name: name}, asked.file_weights[name]) for name in FILES if name in files]
            query = [part for part, weight in said if counts(weight)]
        return [_part_name(part, files, items) for part in query]

    def first_page(self, request: Request) -> HttpResponse:
        """Categories, and what came last."""
        newest = Item.objects.visible().order_by("-pk").values_list("pk", flat=True)[:PER_PAGE]
        context = self.form() | {
            "categories": [
                (node.path, value_label("categories", node.path), node.items + node.items_below)
                for node in category_tree()
                if node.items + node.items_below
            ],
            "cards": cards(request, list(newest), self.languages()),
            "cards_title": gettext("New"),
        }
        return page(request._request, "storefront/plain.html", context)

    def category(self, request: Request, path: str) -> HttpResponse:
        """What is in a category or below it, a page at a time by ``after``."""
        after = request.query_params.get("after", "0")
        found = (
            Item.objects.visible()
            .filter(categories__in=category_descendants(path.replace("\0", "")))
            .filter(pk__gt=int(after) if after.isdecimal() and len(after) < 18 else 0)
            .order_by("pk")
            .distinct()
            .values_list("pk", flat=True)[: PER_PAGE + 1]
        )
        ids = list(found)
        lang = request.query_params.get("lang")
        here = {"category": path} | ({"lang": lang} if lang else {})
        context = self.form() | {
            "cards": cards(request, ids[:PER_PAGE], self.languages()),
            "cards_title": value_label("categories", path),
            "next": f"?{urlencode(here | {'after': ids[PER_PAGE - 1]})}"
            if len(ids) > PER_PAGE
            else "",
        }
        return page(request._request, "storefront/plain.html", context)


def _part_name(part: Mapping[str, Any], files: Mapping[str, Any], items: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    if "item" in part:
        name = part["item"]
        return str(items[name]["title"] if name in items else name)
    return str(next(files[name].name for name in FILES if name in part))


class PlainItem(PlainView):
    """One item and its kin."""

    def get(self, request: Request, external_id: str) -> HttpResponse:
        """The item, and what is like it by everything or by the modalities that the address weighs."""
        started = time.perf_counter()
        said = query_fields(request)
        weights = search_body(wanted(request.query_params), {}).get("modalities")
        options = {"limit": str(KIN)} | ({"lang": said["lang"]} if "lang" in said else {})
        if weights:
            options["modalities"] = json.dumps(weights)
        answer = similar_answer(request, external_id, options, started)
        item = items_for_api().get(external_id=external_id)
        words = words_for(item, self.languages())
        media = [medium for medium in item.media.all() if medium.status != "failed"]
        modalities = {medium.modality for medium in media} | {"text"}
        context = self.form() | {
            "item": item,
            "words": words,
            "texts": [item, *item.texts.all()],
            "media": media,
            "details": details(item.attributes),
            "paths": [
                (one.path, value_label("categories", one.path)) for one in item.categories.all()
            ],
            "by": [
                (name, word, (weights or {}).get(name))
                for name, word in MODALITIES
                if name in modalities
            ],
            "weighed": bool(weights),
            "cards": [card(hit["item"], request) for hit in answer["hits"]],
            "cards_title": gettext("More like this"),
        }
        return page(request._request, "storefront/plain_item.html", context)
