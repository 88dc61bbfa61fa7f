"""Search and similar items over HTTP."""

import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from numpy import float32
from numpy.typing import NDArray
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item, Media
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import (
    BoundedMultiPartParser,
    StrictJSONParser,
    parse_json,
    query_fields,
)
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.summaries import item_summaries
from catalog.uploads import check_upload
from retrieval import facets, lexical, pages, probes, queries, spaces
from retrieval.exceptions import InvalidQuery, SpaceGone
from retrieval.filters import conditions
from retrieval.scoring import Contributions, Part
from retrieval.search import MODES, Query, average_part, item_part
from retrieval.serializers import (
    RankingSerializer,
    SearchSerializer,
    SimilarSerializer,
    SuggestSerializer,
    TextSearchSerializer,
    UploadedSearchSerializer,
)
from retrieval.types import Modality

CONTRIBUTIONS = inline_serializer(
    "Contributions",
    {
        "parts": serializers.ListField(
            child=serializers.FloatField(), help_text="Of the query, in its order."
        ),
        "modalities": serializers.DictField(child=serializers.FloatField()),
    },
    required=False,
    help_text="With `explain`. The parts sum to the score, and so do the modalities.",
)
HITS_FIELDS: dict[str, Any] = {
    "request_id": serializers.UUIDField(),
    "took_ms": serializers.IntegerField(),
    "mode": serializers.ChoiceField(
        choices=MODES,
        help_text="What found the hits: dense also where no item has the words.",
    ),
    "hits": inline_serializer(
        "Hit",
        {
            "item": ItemSummarySerializer(),
            "score": serializers.FloatField(
                help_text="Higher is better; in [-1, 1] unless `similarity` is `normalised`. In "
                "hybrid mode by the ranks: 1 is the first by words and by vectors."
            ),
            "contributions": CONTRIBUTIONS,
        },
        many=True,
    ),
    "facets": serializers.DictField(
        child=inline_serializer(
            "FacetCount",
            {"value": serializers.JSONField(), "count": serializers.IntegerField()},
            many=True,
        ),
        required=False,
        help_text=f"Counts among the best {facets.CANDIDATES}, most frequent first.",
    ),
    "next_cursor": serializers.CharField(allow_null=True),
}
HITS = inline_serializer("Hits", HITS_FIELDS)
SUGGESTIONS = inline_serializer(
    "Suggestions",
    {
        "suggestions": inline_serializer(
            "Suggestion",
            {
                "text": serializers.CharField(),
                "kind": serializers.ChoiceField(choices=("title", "category", "tag")),
                "external_id": serializers.CharField(allow_null=True),
            },
            many=True,
        )
    },
)


OPTIONS = ("mode", "similarity", "modalities", "filter", "diversity", "min_score", "lexical_share")
"""What a page shares with the one before it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a body asks for: parts as ``PartSerializer`` gives them, and the filter.

    ``order`` puts the candidates, best first, into another order. ``told`` is added to the answer.
    """

    query: Sequence[dict[str, Any]]
    filter: Any
    order: pages.Order | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


class SearchView(APIView):
    """Find items by words, a picture, a sound, an item, or several of them at once."""

    parser_classes: Sequence[type[BaseParser]] = [StrictJSONParser, BoundedMultiPartParser]
    required_scopes = {"GET": "read", "POST": "read"}
    body_serializer: type[SearchSerializer] = SearchSerializer
    looked_for: Sequence[str] = ("query",)
    """Names in the body that hold what it looks for."""

    def meaning(self, given: dict[str, Any]) -> Meaning:
        """What a validated body asks for; here, what it says. For views that read more in its words."""
        return Meaning(given.get("query") or [], given["filter"])

    @extend_schema(parameters=[TextSearchSerializer], responses=HITS, operation_id="search_by_text")
    def get(self, request: Request) -> Response:
        """Search by words in the URL."""
        started = time.perf_counter()
        said = query_fields(request)
        given = _validated(TextSearchSerializer, said, from_url=True)

        def parts(space: spaces.Space) -> list[Part]:
            return [_text_part(space, given["q"])]

        page = _page(given, said, parts, ("q",))
        return Response(_answer(request, page, given, started))

    @extend_schema(
        request={
            "application/json": SearchSerializer,
            "multipart/form-data": UploadedSearchSerializer,
        },
        responses=HITS,
        operation_id="search",
    )
    def post(self, request: Request) -> Response:
        """Search by a composed query; files come as multipart fields that the query names."""
        started = time.perf_counter()
        body: Any = request.data
        files: dict[str, Any] = {}
        if request.content_type.startswith("multipart/"):
            body, files = _multipart(request)
        return Response(search_answer(request, body, files, started, view=self))


class SimilarView(APIView):
    """Items like one item."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        parameters=[RankingSerializer, OpenApiParameter("external_id", str, OpenApiParameter.PATH)],
        responses=HITS,
        operation_id="similar_items",
    )
    def get(self, request: Request, external_id: str) -> Response:
        """The visible items most like this one."""
        started = time.perf_counter()
        return Response(similar_answer(request, external_id, query_fields(request), started))


class SimilarToSeveralView(APIView):
    """Items like some and unlike others."""

    required_scopes = {"POST": "read"}

    @extend_schema(request=SimilarSerializer, responses=HITS, operation_id="similar_to_several")
    def post(self, request: Request) -> Response:
        """The visible items most like the positive and least like the negative ones."""
        started = time.perf_counter()
        given = _validated(SimilarSerializer, request.data)
        examples = [
            (f"{sign}[{position}]", example["item"], factor * example["weight"])
            for sign, factor in (("positive", 1), ("negative", -1))
            for position, example in enumerate(given.get(sign, []))
        ]
        items = {} if given["cursor"] else _visible(examples)

        def parts(space: spaces.Space) -> list[Part]:
            found = [
                item_part(space, items[name], weight, f"The item {name!r}")
                for _, name, weight in examples
            ]
            return [average_part(found)] if given["strategy"] == "average" else found

        names = ("positive", "negative", "strategy")
        page = _page(given, request.data, parts, names, excluded=list(items.values()))
        return Response(_answer(request, page, given, started))


class SuggestView(APIView):
    """Completions of what somebody types."""

    required_scopes = {"GET": "read"}

    @extend_schema(parameters=[SuggestSerializer], responses=SUGGESTIONS, operation_id="suggest")
    def get(self, request: Request) -> Response:
        """Titles, tags and categories that begin like this, in any of the catalog's languages."""
        given = _validated(SuggestSerializer, query_fields(request), from_url=True)
        found = lexical.suggest(given["q"], given["limit"], language=given.get("lang"))
        return Response({"suggestions": [asdict(each) for each in found]})


def search_answer(
    request: Request,
    body: Any,
    files: Mapping[str, Any],
    started: float,
    *,
    view: SearchView | None = None,
    space: spaces.Space | None = None,
) -> dict[str, Any]:
    """The answer to a composed query, see ``SearchSerializer``; ``files`` by the names in its parts.

    ``request`` says the language of the titles, where the query does not, and the host of addresses;
    ``started`` is when it came, by ``time.perf_counter``. ``view`` says what bodies look like and mean.
    ``space`` answers in place of the active one.
    """
    view = view or SearchView()
    given = _validated(view.body_serializer, body)
    query = given.get("query")
    if query and not given["cursor"]:
        _check_files(query, files)
    if given["mode"] == "lexical" and query and not any("text" in part for part in query):
        raise InvalidQuery({"mode": "lexical reads words: add a part with text, or use dense."})
    meant = Meaning([], None) if given["cursor"] else view.meaning(given)

    def parts(space: spaces.Space) -> list[Part]:
        return [
            _part(space, part, files, f"query[{position}]", started)
            for position, part in enumerate(meant.query)
        ]

    page = _page(given, body, parts, view.looked_for, meant=meant, space=space)
    return _answer(request, page, given, started, meant.told)


def similar_answer(
    request: Request, external_id: str, said: Mapping[str, Any], started: float
) -> dict[str, Any]:
    """The items most like one, as ``said`` in an address; see ``search_answer``.

    Raises Http404 for an item that is not there.
    """
    given = _validated(RankingSerializer, said, from_url=True)
    if not re.fullmatch(EXTERNAL_ID_PATTERN, external_id):
        raise Http404(external_id)
    item = get_object_or_404(Item.objects.visible(), external_id=external_id)

    def parts(space: spaces.Space) -> list[Part]:
        return [item_part(space, item.pk)]

    like = {"item": external_id}
    page = _page(given | like, {**said, **like}, parts, ("item",), excluded=[item.pk])
    return _answer(request, page, given, started)


def _page(
    given: Mapping[str, Any],
    said: Collection[str],
    parts: Callable[[spaces.Space], list[Part]],
    looked_for: Sequence[str],
    *,
    excluded: Sequence[int] = (),
    meant: Meaning | None = None,
    space: spaces.Space | None = None,
) -> pages.Page:
    """The page that a validated request asks for.

    ``said`` are the names that the request has, ``looked_for`` those that hold what it looks for,
    ``meant`` what it asks for where that is more than it says.
    """
    meant = meant or Meaning([], given["filter"])
    facets.check_names(given["facets"])
    if given["filter"] is not None:
        conditions(given["filter"])
    candidates = facets.CANDIDATES if given["facets"] or meant.order else 0
    asked = pages.digests({name: given.get(name) for name in (*looked_for, *OPTIONS)})
    if given["cursor"]:
        asked = {name: digest for name, digest in asked.items() if name in said}
        return pages.following(given["cursor"], given["limit"], asked=asked, candidates=candidates)

    def find(space: spaces.Space) -> pages.Page:
        query = Query(
            parts=tuple(parts(space)),
            mode=given.get("mode", "dense"),
            lexical_share=given.get("lexical_share"),
            similarity=given["similarity"],
            modalities=given["modalities"] or {},
            strategy="best" if given.get("strategy") == "best" else "sum",
            diversity=given["diversity"],
            min_score=given["min_score"],
        )
        return pages.first(
            space,
            query,
            given["limit"],
            filter=meant.filter,
            excluded=excluded,
            asked=asked,
            candidates=candidates,
            order=meant.order,
        )

    return _in_active_space(find) if space is None else find(space)


def _visible(examples: Sequence[tuple[str, str, float]]) -> dict[str, int]:
    """Ids of the items by name. Raises InvalidQuery naming every one that is not there."""
    names = [name for _, name, _ in examples]
    found = dict(
        Item.objects.visible().filter(external_id__in=names).values_list("external_id", "pk")
    )
    missing = {
        f"{path}.item": f"There is no item {name!r}."
        for path, name, _ in examples
        if name not in found
    }
    if missing:
        raise InvalidQuery(missing)
    return found


def _in_active_space(find: Callable[[spaces.Space], pages.Page]) -> pages.Page:
    """What ``find`` finds in the active space, which is read once: no answer mixes two spaces.

    Should that space be retired meanwhile, another is active: the search starts over there. Raises
    SpaceGone if it happens again.
    """
    try:
        return find(spaces.active_space())
    except SpaceGone:
        return find(spaces.active_space())


def _validated(
    serializer_class: type[serializers.Serializer[Any]], data: Any, *, from_url: bool = False
) -> dict[str, Any]:
    return dict(_validator(serializer_class, from_url).run_validation(data))


@lru_cache(maxsize=16)
def _validator(
    serializer_class: type[serializers.Serializer[Any]], from_url: bool
) -> serializers.Serializer[Any]:
    """One for all requests: it keeps nothing of what it checks, and its fields take long to copy."""
    return serializer_class(context={"from_url": from_url})


def _multipart(request: Request) -> tuple[Any, dict[str, Any]]:
    if "body" not in request.data or not isinstance(request.data["body"], str):
        raise ValidationError({"body": ["Put the query's JSON into the text field `body`."]})
    if unknown := sorted(set(request.POST) - {"body"}):
        message = (
            "Unknown field; put the query's JSON into `body`, and files that it names beside it."
        )
        raise ValidationError({name: [message] for name in unknown})
    return parse_json(request.data["body"].encode(errors="surrogatepass")), request.FILES.dict()


def _check_files(query: list[dict[str, Any]], files: Mapping[str, Any]) -> None:
    """Every file named must have come, and every file that came must be named."""
    problems = {
        f"query[{position}].{modality}": f"No file came in the field {part[modality]!r}."
        for position, part in enumerate(query)
        for modality in ("image", "audio")
        if modality in part and part[modality] not in files
    }
    named = {part.get("image") or part.get("audio") for part in query}
    problems |= {
        name: "No part of the query names this file." for name in files if name not in named
    }
    if problems:
        raise InvalidQuery(problems)


def _part(
    space: spaces.Space, part: dict[str, Any], files: Mapping[str, Any], path: str, started: float
) -> Part:
    weight = part["weight"]
    if "text" in part:
        return _text_part(space, part["text"], weight)
    if "item" in part:
        name = part["item"]
        items = _visible([(path, name, weight)])
        return item_part(space, items[name], weight, f"The item {name!r}")
    modality: Modality = "image" if "image" in part else "audio"
    vector = _media_vector(space, modality, files[part[modality]], started)
    return Part(vector, modality, weight)


def _text_part(space: spaces.Space, text: str, weight: float = 1.0) -> Part:
    return Part(queries.text_vector(space, text), "text", weight, words=text)


def _media_vector(
    space: spaces.Space, modality: Modality, file: Any, started: float
) -> NDArray[float32]:
    check_upload(
        file, claimed_type=file.content_type, name=file.name, modality=Media.Modality(modality)
    )
    file.seek(0)
    return queries.media_vector(space, modality, file.read(), started=started)


def _answer(
    request: Request,
    page: pages.Page,
    given: dict[str, Any],
    started: float,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    languages = (given["lang"],) if "lang" in given else languages_wanted(request)
    host = request.build_absolute_uri("/")[:-1]
    shown = item_summaries(
        [hit.item_id for hit in page.hits],
        languages,
        lambda url: host + url if url.startswith("/") else url,
    )
    hits = [hit for hit in page.hits if hit.item_id in shown]  # else deleted since it was found
    why = page.listing.explained(hits) if given["explain"] else {}
    answer: dict[str, Any] = {
        "request_id": str(uuid.uuid4()),
        "took_ms": round((time.perf_counter() - started) * 1000),
        "mode": page.listing.mode,
        "hits": [
            {"item": shown[hit.item_id], "score": round(hit.score, 6)}
            | ({"contributions": _contributions(why[hit.item_id])} if hit.item_id in why else {})
            for hit in hits
        ],
        "next_cursor": page.next_cursor,
        **(told or {}),
    }
    if given["facets"]:
        ids = [hit.item_id for hit in page.listing.hits[: facets.CANDIDATES]]
        answer["facets"] = {
            name: [asdict(count) for count in counts]
            for name, counts in facets.facets(ids, given["facets"]).items()
        }
    name = request.resolver_match.url_name if request.resolver_match else None
    probes.took(name or "search", time.perf_counter() - started)
    return answer


def _contributions(found: Contributions) -> dict[str, Any]:
    return {
        "parts": [round(value, 6) for value in found.parts],
        "modalities": {name: round(value, 6) for name, value in found.modalities.items()},
    }
