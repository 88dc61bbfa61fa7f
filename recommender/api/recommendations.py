"""What to show to whom, and why: recommendations and composite rows."""

import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Item
from catalog.models.api_keys import Scope
from catalog.models.items import EXTERNAL_ID_PATTERN
from catalog.parsers import StrictJSONParser, query_fields
from catalog.serializers import ItemSummarySerializer, languages_wanted
from catalog.summaries import item_summaries
from recommender import explain, listing, rankers, ranking, rows
from recommender.api.waking import explanations_wake
from recommender.explain import Reason
from recommender.impressions import Answer, Shown, impression_log
from recommender.listing import Entry, Page
from recommender.llm import explanations
from recommender.pipeline import Asked
from recommender.placements import declared
from recommender.serializers import AskedSerializer, RowsAskedSerializer
from retrieval.filters import conditions
from retrieval.pages import digests

ROW_LIMIT = 12
SAID = ("visitor", "session", "placement", "items", "exclude", "filter", "modalities")
"""What a page shares with the one before it."""

REASON = inline_serializer(
    "Reason",
    {
        "code": serializers.ChoiceField(
            choices=(*explain.CODES.values(), explain.SEEN, "rule", "exploration"),
        ),
        "text": serializers.CharField(help_text="In the visitor's language."),
        "source": serializers.ChoiceField(
            choices=("llm",),
            required=False,
            help_text="Of a text that a language model wrote; it was checked against the items.",
        ),
        "share": serializers.FloatField(help_text="Of all that speaks for the item."),
        "item": serializers.CharField(
            required=False, help_text="external_id of the item behind it."
        ),
        "rule": serializers.IntegerField(required=False),
        "modalities": serializers.DictField(
            child=serializers.FloatField(),
            required=False,
            help_text="What the likeness consists of: shares that sum to 1.",
        ),
    },
    many=True,
)
RECOMMENDED = {
    "item": ItemSummarySerializer(),
    "score": serializers.FloatField(help_text="Higher is better; comparable within one answer."),
    "reasons": REASON,
    "sources": serializers.ListField(child=serializers.CharField()),
    "features": serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="With `explain`."
    ),
    "contributions": serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="What each adds to the score; by a learned ranker, to its log-odds.",
    ),
    "ranker": serializers.CharField(
        required=False, help_text="`formula`, or the name of the model; with `explain`."
    ),
    "propensity": serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="The probability of being shown there, null where a language model put it there; with "
        "`explain`.",
    ),
}
EXPERIMENT = inline_serializer(
    "Assigned",
    {"name": serializers.CharField(), "variant": serializers.CharField()},
    allow_null=True,
)
RECOMMENDATIONS = inline_serializer(
    "Recommendations",
    {
        "request_id": serializers.UUIDField(help_text="Send it back with events."),
        "took_ms": serializers.IntegerField(),
        "placement": serializers.CharField(),
        "experiment": EXPERIMENT,
        "items": inline_serializer("Recommended", RECOMMENDED, many=True),
        "next_cursor": serializers.CharField(allow_null=True),
        "degraded": serializers.BooleanField(
            help_text="A language model was to put the first items in order, and could not."
        ),
        "sources": inline_serializer(
            "SourceReport",
            {
                "name": serializers.CharField(),
                "found": serializers.IntegerField(),
                "took_ms": serializers.FloatField(),
                "error": serializers.CharField(allow_blank=True),
            },
            many=True,
            required=False,
        ),
    },
)
ROWS = inline_serializer(
    "Rows",
    {
        "took_ms": serializers.IntegerField(),
        "rows": inline_serializer(
            "Row",
            {
                "code": serializers.ChoiceField(
                    choices=("for_you", "because", "because_seen", "new_in", "trending", "new")
                ),
                "text": serializers.CharField(help_text="The row's title."),
                "item": serializers.CharField(required=False),
                "category": serializers.CharField(required=False),
                "request_id": serializers.UUIDField(),
                "items": inline_serializer("RowRecommended", RECOMMENDED, many=True),
                "next_cursor": serializers.CharField(allow_null=True),
            },
            many=True,
        ),
    },
)


class RecommendationsView(APIView):
    """What a visitor may like next."""

    parser_classes = [StrictJSONParser]
    required_scopes = {"GET": Scope.READ, "POST": Scope.READ}

    @extend_schema(
        parameters=[AskedSerializer],
        responses=RECOMMENDATIONS,
        operation_id="recommendations",
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """Items for a visitor and a placement, each with its reasons.

        A visitor nobody knows gets what is popular and new. What is shown is logged: send `request_id`
        back with the events that follow.
        """
        return self._answer(request, query_fields(request))

    @extend_schema(
        request=AskedSerializer,
        responses=RECOMMENDATIONS,
        operation_id="recommendations_composed",
        tags=["recommendations"],
    )
    def post(self, request: Request) -> Response:
        """The same with a session's items, exclusions, a filter and modality weights."""
        return self._answer(request, request.data)

    def _answer(self, request: Request, data: Any) -> Response:
        started = time.perf_counter()
        given = _validated(AskedSerializer, data, from_url=request.method == "GET")
        now = timezone.now()
        if given["filter"] is not None:
            conditions(given["filter"])
        if given["cursor"]:
            said = {name: digest for name, digest in _said(given).items() if name in data}
            page = listing.following(given["cursor"], given.get("limit"), now, said)
        else:
            page = listing.first(_asked(given, now))
        request_id = str(uuid.uuid4())
        texts = _Texts(request, given, [page])
        answer = {
            "request_id": request_id,
            "took_ms": 0,
            "placement": page.listing.asked.placement,
            "experiment": _experiment(page),
            "items": texts.items(page),
            "next_cursor": page.next_cursor,
            "degraded": page.listing.degraded,
        }
        if given["explain"]:
            answer["sources"] = [
                {
                    "name": each.name,
                    "found": each.found,
                    "took_ms": each.took_ms,
                    "error": each.error,
                }
                for each in page.listing.reports
            ]
        if not given["preview"]:
            _log(page, request_id, now)
        answer["took_ms"] = _took_ms(started)
        return Response(answer)


class RowsView(APIView):
    """A whole page: rows with titles."""

    required_scopes = {"GET": Scope.READ}

    @extend_schema(
        parameters=[RowsAskedSerializer],
        responses=ROWS,
        operation_id="recommendation_rows",
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """For you, because you liked X, new in Y, trending, new: no item twice."""
        started = time.perf_counter()
        given = _validated(RowsAskedSerializer, query_fields(request), from_url=True)
        now = timezone.now()
        given.setdefault("limit", ROW_LIMIT)
        made = rows.rows(_asked(given, now), given["rows"], now)
        texts = _Texts(request, given, [row.page for row in made], [row.item_id for row in made])
        answers = []
        for row in made:
            request_id = str(uuid.uuid4())
            if not given["preview"]:
                _log(row.page, request_id, now)
            answers.append(texts.row(row) | {"request_id": request_id})
        return Response({"took_ms": _took_ms(started), "rows": answers})


class _Texts:
    """Items and reasons of some pages in the languages that the client wants; one statement, and one
    more to explain what a learned ranker says.
    """

    def __init__(
        self,
        request: Request,
        given: Mapping[str, Any],
        pages: Sequence[Page],
        besides: Iterable[int | None] = (),
    ) -> None:
        self.languages = (given["lang"],) if "lang" in given else languages_wanted(request)
        self.explain = given["explain"]
        host = request.build_absolute_uri("/")[:-1]
        entries = [entry for page in pages for entry in page.entries]
        learned = {entry.ranker_id for entry in entries} if self.explain else ()
        self.rankers = rankers.rankers_of(learned)
        behind = {reason.item_id for entry in entries for reason in entry.reasons}
        wanted = {entry.item_id for entry in entries} | behind | set(besides)
        self.shown = item_summaries(
            sorted(item_id for item_id in wanted if item_id is not None),
            self.languages,
            lambda url: host + url if url.startswith("/") else url,
        )
        self.sentences = self._sentences(entries)

    def _sentences(self, entries: Sequence[Entry]) -> dict[explanations.Asked, str]:
        """What a language model wrote of the first reasons; a worker is asked for what is missing."""
        asked = [self._asked(entry.item_id, entry.reasons[0]) for entry in entries if entry.reasons]
        if missing := explanations.missing(asked, self.shown):
            explanations_wake(missing)
        return explanations.known(asked, self.shown)

    def _asked(self, item_id: int, reason: Reason) -> explanations.Asked:
        language = explain.spoken(self.languages)
        return explanations.Asked(item_id, reason.code, reason.item_id, language)

    def items(self, page: Page) -> list[dict[str, Any]]:
        """Without those deleted since."""
        return [self._item(entry) for entry in page.entries if entry.item_id in self.shown]

    def _item(self, entry: Entry) -> dict[str, Any]:
        answer = {
            "item": self.shown[entry.item_id],
            "score": round(entry.score, 6),
            "reasons": [self._reason(reason, entry.item_id) for reason in entry.reasons],
            "sources": list(entry.sources),
        }
        if self.explain:
            answer["features"] = dict(
                zip(ranking.FEATURES, (round(each, 6) for each in entry.features), strict=True)
            )
            if by := self.rankers.get(entry.ranker_id):
                answer["ranker"] = by.name
                answer["contributions"] = {
                    name: round(value, 6)
                    for name, value in by.ranker.contributions(entry.features).items()
                }
            likely = entry.propensity
            answer["propensity"] = None if likely is None else round(likely, 6)
        return answer

    def _reason(self, reason: Reason, item_id: int) -> dict[str, Any]:
        behind = self.shown.get(reason.item_id or 0)
        title = behind["title"] if behind else None
        written = self.sentences.get(self._asked(item_id, reason))
        answer: dict[str, Any] = {
            "code": reason.code,
            "text": written or explain.sentence(reason.code, title, self.languages),
            "share": round(reason.share, 4),
        }
        if written:
            answer["source"] = "llm"
        if behind:
            answer["item"] = behind["external_id"]
        if reason.rule_id is not None:
            answer["rule"] = reason.rule_id
        if reason.modalities:
            answer["modalities"] = {k: round(v, 4) for k, v in reason.modalities.items()}
        return answer

    def row(self, row: rows.Row) -> dict[str, Any]:
        """Its title and items."""
        behind = self.shown.get(row.item_id or 0)
        name = behind["title"] if behind else _category_name(row.category)
        answer = {
            "code": row.code,
            "text": explain.row_title(row.code, name, self.languages),
            "items": self.items(row.page),
            "next_cursor": row.page.next_cursor,
        }
        if behind:
            answer["item"] = behind["external_id"]
        if row.category:
            answer["category"] = row.category
        return answer


def _category_name(path: str) -> str:
    """ "animals/sea-birds" is called Sea birds."""
    name = re.sub("[-_]+", " ", path.rpartition("/")[2])
    return name[:1].upper() + name[1:]


def _validated(
    serializer_class: type[serializers.Serializer[Any]], data: Any, *, from_url: bool
) -> dict[str, Any]:
    return dict(serializer_class(context={"from_url": from_url}).run_validation(data))


def _asked(given: Mapping[str, Any], now: datetime) -> Asked:
    """Items that are not in the catalog are left out: a basket may hold what is gone."""
    limit = given.get("limit")
    named = [*given.get("items", ()), *given.get("exclude", ())]
    known: dict[str, int] = {}
    if shaped := [name for name in named if re.fullmatch(EXTERNAL_ID_PATTERN, name)]:
        known = dict(Item.objects.filter(external_id__in=shaped).values_list("external_id", "pk"))
    return Asked(
        placement=given["placement"],
        now=now,
        visitor=given.get("visitor", ""),
        session=given.get("session", ""),
        items=tuple(known[name] for name in given.get("items", ()) if name in known),
        exclude=tuple(known[name] for name in given.get("exclude", ()) if name in known),
        filter=given.get("filter"),
        modalities=given.get("modalities") or {},
        limit=limit,
        depth=limit or declared(given["placement"]).limit,
        seed=str(uuid.uuid4()),
        language=given.get("lang", "en"),
        said=_said(given),
    )


def _said(given: Mapping[str, Any]) -> dict[str, str]:
    return digests({name: given.get(name) for name in SAID})


def _experiment(page: Page) -> dict[str, str] | None:
    assigned = page.listing.assignment
    return None if assigned is None else {"name": assigned.experiment, "variant": assigned.variant}


def _log(page: Page, request_id: str, now: datetime) -> None:
    """Features only of what the placement's own sources found: a ranker is to learn from those."""
    asked = page.listing.asked
    impression_log(
        Answer(
            request_id=request_id,
            placement=asked.placement,
            shown=[
                Shown(
                    entry.item_id,
                    entry.sources,
                    entry.propensity,
                    () if asked.sources else entry.features,
                )
                for entry in page.entries
            ],
            shown_at=now,
            visitor=asked.visitor,
            session=asked.session,
            assignment=page.listing.assignment,
            start=page.start,
        )
    )


def _took_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
