"""Search by a question: its words are understood before they are looked for."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.fields import NamesField, StrictBooleanField, StrictCharField
from catalog.models import Item
from recommender.api import conditions
from recommender.llm import calls, rerank, understanding
from recommender.llm.understanding import THIS, Interpretation, Sort, Vocabulary, leaving_out
from recommender.llm.understanding.sorting import ordered
from recommender.popularity import most_used
from retrieval import filters, index, lexical, spaces
from retrieval.api import HITS_FIELDS, Meaning, SearchView
from retrieval.search import Hit
from retrieval.serializers import MAX_PARTS, SearchSerializer, UploadedSearchSerializer

INTERPRETATION = inline_serializer(
    "Interpretation",
    {
        "query": inline_serializer(
            "InterpretedPart",
            {
                "text": serializers.CharField(required=False),
                "item": serializers.CharField(required=False),
                "image": serializers.CharField(required=False),
                "audio": serializers.CharField(required=False),
                "weight": serializers.FloatField(),
            },
            many=True,
        ),
        "filter": serializers.JSONField(help_text="As `filter` takes it."),
        "without": serializers.ListField(
            child=serializers.CharField(),
            help_text="What is denied: items whose title, tags or categories say so are left out.",
        ),
        "sort": inline_serializer(
            "InterpretedSort",
            {
                "by": serializers.ChoiceField(choices=("price", "released", "popularity")),
                "order": serializers.ChoiceField(choices=("asc", "desc")),
            },
            allow_null=True,
        ),
        "language": serializers.CharField(),
        "source": serializers.ChoiceField(choices=("rules", "llm")),
        "degraded": serializers.BooleanField(
            help_text="A language model should have read the question, or put the first hits in order, and did not."
        ),
        "ignored": serializers.ListField(
            child=serializers.CharField(),
            help_text="What was understood and cannot be asked of this catalog, such as price.",
        ),
        "conditions": inline_serializer(
            "InterpretedCondition",
            {
                "key": serializers.CharField(help_text="What names it in `unread`."),
                "kind": serializers.ChoiceField(choices=("without", "filter", "not", "sort")),
                "field": serializers.CharField(allow_null=True),
                "value": serializers.JSONField(),
            },
            many=True,
        ),
    },
    required=False,
    help_text="With `understand`, of the first page: what was looked for.",
)
UNDERSTOOD_HITS = inline_serializer(
    "UnderstoodHits", {**HITS_FIELDS, "interpretation": INTERPRETATION}
)


class QuestionSerializer(SearchSerializer):
    """A search composed of parts, the text of which may be a question."""

    understand = StrictBooleanField(
        default=False,
        help_text="Read the text as a person means it: what is not wanted, prices, categories, brands, "
        "an order, `like this` for the query's item, picture or sound. One part may have text then.",
    )

    by_rules = StrictBooleanField(
        default=False,
        help_text="With `understand`: no language model is waited for, and words that ask for nothing beside "
        "what they are about, and words that are an item's title, stay as they are; the answer has no `interpretation` then.",
    )
    unread = NamesField(
        child=StrictCharField(max_length=600),
        max_length=20,
        default=list,
        help_text="With `understand`: conditions that are not meant, by their `key`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only one text can be a question."""
        texts = [part for part in attrs.get("query", []) if "text" in part]
        one = len(texts) == 1 and texts[0]["weight"] > 0
        if attrs["understand"] and not attrs["cursor"] and not one:
            raise serializers.ValidationError(
                {"understand": "Give exactly one part with text, of a weight above 0."}
            )
        return super().validate(attrs)


MODELS_S: Final = 2.0
"""That a search may wait for language models, all of them together."""
EXAMPLES: Final = 3
"""Items that are used most, for a question that only says what is not wanted."""
MOST_USED: Final = Sort("popularity", "desc")
MAX_LEFT_OUT: Final = 900
"""Of the 1,000 values that a filter takes."""


class QuestionSearchView(SearchView):
    """Find items by what a question means."""

    body_serializer = QuestionSerializer
    looked_for: Sequence[str] = ("query", "understand", "by_rules", "unread")

    @extend_schema(
        request={
            "application/json": QuestionSerializer,
            "multipart/form-data": UploadedSearchSerializer,
        },
        responses=UNDERSTOOD_HITS,
        operation_id="search",
    )
    def post(self, request: Request) -> Response:
        """Search by a composed query; files come as multipart fields that the query names."""
        return super().post(request)

    def meaning(self, given: dict[str, Any]) -> Meaning:
        """With ``understand``: parts, filter and order that the text asks for."""
        if not given["understand"]:
            return super().meaning(given)
        asked = next(part for part in given["query"] if "text" in part)
        others = [part for part in given["query"] if "text" not in part]
        names = understanding.vocabulary()
        deadline = calls.Deadline.after(MODELS_S)
        meant = _read(given, asked["text"], others, names, deadline)
        if given["by_rules"] and (
            not conditions.says_more(meant, names) or lexical.is_title(asked["text"])
        ):
            return super().meaning(given)
        meant = conditions.left_out(meant, given["unread"], names)
        told: dict[str, Any] = {"conditions": conditions.told(meant)}
        allowed = _all(given["filter"], dict(meant.filter), _without(meant))
        query = _parts(meant, asked, others, allowed)
        if any("item" in part and part not in others for part in query):
            meant = replace(meant, sort=meant.sort or MOST_USED)
        told |= _told(meant, query)

        def order(hits: Sequence[Hit]) -> Sequence[Hit]:
            if meant.sort:
                return ordered(hits, [hit.item_id for hit in hits], meant, names)
            left_s = deadline.within(rerank.TIMEOUT_S)
            mixed, degraded = rerank.reordered(
                hits, _item_id, asked["text"], meant.language, left_s
            )
            told["degraded"] |= degraded
            return mixed

        by_model = calls.enabled(rerank.PURPOSE) and not given["by_rules"]
        return Meaning(
            query, allowed, order if meant.sort or by_model else None, {"interpretation": told}
        )


def _read(
    given: dict[str, Any],
    text: str,
    others: Sequence[dict[str, Any]],
    names: Vocabulary,
    deadline: calls.Deadline,
) -> Interpretation:
    read = understanding.by_rules
    if not given["by_rules"]:
        read = partial(understanding.understand, deadline=deadline)
    return read(text, language=given.get("lang"), reference=_reference(others), known=names)


def _item_id(hit: Hit) -> int:
    return hit.item_id


def _reference(others: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Attributes of the item that ``like this`` means: the only one of the query."""
    named = [part["item"] for part in others if "item" in part]
    if len(named) != 1:
        return None
    found = Item.objects.visible().filter(external_id=named[0]).values_list("attributes", flat=True)
    return found.first()


def _parts(
    meant: Interpretation,
    asked: dict[str, Any],
    others: Sequence[dict[str, Any]],
    allowed: Any,
) -> list[dict[str, Any]]:
    """What to look for. ``not like this`` turns the other parts around; there is always something:
    where only what is not wanted was said, what is used most of the rest."""
    away = any(like.which == THIS and like.weight < 0 for like in meant.like)
    parts = [{"text": part.text, "weight": part.weight * asked["weight"]} for part in meant.parts]
    parts += [part | {"weight": -abs(part["weight"])} if away else part for part in others]
    if not any(part["weight"] > 0 for part in parts):
        used = _used(allowed) if meant.without and not meant.subject else []
        weight = asked["weight"] / max(len(used), 1)
        found = [{"item": name, "weight": weight} for name in used]
        parts = [
            *(found or [{"text": meant.subject or asked["text"], "weight": asked["weight"]}]),
            *parts,
        ]
    return parts[:MAX_PARTS]


def _used(allowed: Any) -> list[str]:
    """external_ids of the items that are used most and can be searched for."""
    items: QuerySet[Item] = Item.objects.visible()
    if allowed is not None:
        items = filters.filter_items(items, allowed)
    ids = most_used(items, 4 * EXAMPLES)
    known = index.vectors(spaces.active_space().partition, ids, ("fused",))
    names = items.in_bulk([item_id for item_id in ids if item_id in known][:EXAMPLES])
    return [item.external_id for item in names.values()]


def _without(meant: Interpretation) -> dict[str, Any]:
    """Leaves out the items that say themselves that they are what is not wanted."""
    names = list(leaving_out.items_saying(meant.without, meant.language).values())
    return {"not": {"external_id": {"in": names[:MAX_LEFT_OUT]}}} if names else {}


def _all(*conditions: Any) -> Any:
    said = [each for each in conditions if each]
    return {"and": said} if len(said) > 1 else said[0] if said else None


def _told(meant: Interpretation, query: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ignored = [*meant.ignored]
    ignored += ["like what was shown"] * any(like.which != THIS for like in meant.like)
    return {
        "query": list(query),
        "filter": dict(meant.filter),
        "without": list(meant.without),
        "sort": {"by": meant.sort.by, "order": meant.sort.order} if meant.sort else None,
        "language": meant.language,
        "source": meant.source,
        "degraded": meant.degraded,
        "ignored": ignored,
    }
