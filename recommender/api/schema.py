"""What answers with recommendations look like, for the OpenAPI schema."""

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from catalog.serializers import ItemSummarySerializer
from recommender import explain

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
            help_text="Something that was to have a part in it was skipped, as it took too long or failed: "
            "`sources`, with `explain`, say what; or a language model was to put the first items in order, "
            "and could not."
        ),
        "sources": inline_serializer(
            "SourceReport",
            {
                "name": serializers.CharField(),
                "found": serializers.IntegerField(),
                "took_ms": serializers.FloatField(),
                "error": serializers.CharField(
                    allow_blank=True, help_text="Why it was skipped, if it was."
                ),
            },
            many=True,
            required=False,
            help_text="With `explain`: how each source did, and what else was skipped.",
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
        "degraded": serializers.BooleanField(
            help_text="Something that was to have a part in a row was skipped."
        ),
    },
)
