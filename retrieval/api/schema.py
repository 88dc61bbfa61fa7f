"""What the answers look like, for the OpenAPI schema."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from catalog.serializers import ItemSummarySerializer
from retrieval import facets
from retrieval.search import MODES

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
