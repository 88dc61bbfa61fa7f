"""The shape of queries and hits."""

import math
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from rest_framework import serializers

from catalog.fields import (
    FiniteField,
    JSONValueField,
    NamesField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from retrieval.preprocess.text import normalise
from retrieval.scoring import SIMILARITIES
from retrieval.search import MODES
from retrieval.types import MODALITIES

MAX_PARTS = 10
MAX_TEXT_CHARS = 2_000
MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_FACETS = 10
MAX_WEIGHT = 100
STRATEGIES = ("average", "sum", "best")
SOURCES = ("text", "image", "audio", "item")


class QueryTextField(StrictCharField):
    """Words that an encoder can read: something visible is left after cleaning."""

    def to_internal_value(self, data: Any) -> str:
        """Raises ValidationError for invisible characters only, and for NUL."""
        value = super().to_internal_value(data)
        ProhibitNullCharactersValidator()(value)
        if not normalise(value):
            self.fail("blank")
        return value


class LimitSerializer(StrictSerializer):
    """How many hits to return."""

    limit = StrictIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    lang = StrictCharField(
        required=False, max_length=16, help_text="Language of the titles; Accept-Language else."
    )


class ModalityWeightsField(JSONValueField):
    """How much each modality counts: an object of numbers from 0, not all of them 0."""

    def to_internal_value(self, data: Any) -> dict[str, float]:
        """Raises ValidationError naming what is wrong."""
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError('Use an object such as {"image": 0.7, "text": 0.3}.')
        for name, weight in value.items():
            if name not in MODALITIES:
                raise serializers.ValidationError(
                    {str(name): [f"There is no such modality; use {', '.join(MODALITIES)}."]}
                )
            if (
                isinstance(weight, bool)
                or not isinstance(weight, int | float)
                or not math.isfinite(weight)
                or not 0 <= weight <= MAX_WEIGHT
            ):
                raise serializers.ValidationError({name: [f"Use a number, 0 to {MAX_WEIGHT}."]})
        if not sum(value.values()) > 1 / MAX_WEIGHT:
            raise serializers.ValidationError(f"Let one weigh at least {1 / MAX_WEIGHT}.")
        return {name: float(weight) for name, weight in value.items()}


class RankingSerializer(LimitSerializer):
    """What any ranking of items can be asked for."""

    similarity = serializers.ChoiceField(
        choices=SIMILARITIES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Instead of the space's own metric. normalised: the inner product with an item's fused "
        "vector over the root of the sum of those with its modalities, at most 10 in size; the others "
        "in [-1, 1].",
    )
    modalities = ModalityWeightsField(
        required=False,
        allow_null=True,
        default=None,
        help_text='How much each counts, e.g. {"image": 0.7, "text": 0.3}; as the space fuses them else.',
    )
    filter = JSONValueField(
        required=False,
        allow_null=True,
        default=None,
        help_text='What hits must be, e.g. {"categories": "animals", "price": {"lt": 50}}.',
    )
    diversity = FiniteField(
        min_value=0,
        max_value=1,
        default=0.0,
        help_text="0: by score alone; 1: by difference alone.",
    )
    min_score = FiniteField(
        required=False, allow_null=True, default=None, help_text="Leave out what scores lower."
    )
    facets = NamesField(
        child=StrictCharField(max_length=100),
        max_length=MAX_FACETS,
        default=list,
        help_text="Fields whose values to count among the candidates.",
    )
    explain = StrictBooleanField(
        default=False, help_text="What each part and modality brought to the score."
    )
    cursor = StrictCharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=500,
        help_text="`next_cursor` of the page before. The query and its options may be left out then; what is "
        "said must be as it was.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The normalised similarity has no place for weights."""
        if attrs["similarity"] == "normalised" and attrs["modalities"]:
            raise serializers.ValidationError(
                {"modalities": "The similarity normalised takes no modality weights."}
            )
        return attrs


MODE = serializers.ChoiceField(
    choices=MODES,
    default="hybrid",
    help_text="dense: by what things are; lexical: by their words; hybrid: by the ranks in both.",
)


LEXICAL_SHARE = FiniteField(
    min_value=0,
    max_value=1,
    required=False,
    allow_null=True,
    default=None,
    help_text="How much the words count in a hybrid score; as the deployment says else.",
)


class SuggestSerializer(LimitSerializer):
    """The beginning of what somebody types."""

    q = QueryTextField(max_length=200, help_text="What was typed so far.")
    limit = StrictIntegerField(min_value=1, max_value=20, default=8)


class TextSearchSerializer(RankingSerializer):
    """A search by words in the URL."""

    mode = MODE
    lexical_share = LEXICAL_SHARE
    q = QueryTextField(
        max_length=MAX_TEXT_CHARS,
        required=False,
        help_text="Words in any language; may be left out with a cursor only.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A cursor stands for its query."""
        if "q" not in attrs and not attrs["cursor"]:
            raise serializers.ValidationError({"q": "This field is required."})
        return super().validate(attrs)


class PartSerializer(StrictSerializer):
    """One part of a query: exactly one of text, image, audio and item."""

    text = QueryTextField(required=False, max_length=MAX_TEXT_CHARS)
    image = StrictCharField(required=False, help_text="Name of the multipart field with the file.")
    audio = StrictCharField(required=False, help_text="Name of the multipart field with the file.")
    item = StrictCharField(required=False, help_text="external_id of an item.")
    weight = FiniteField(
        default=1.0,
        min_value=-MAX_WEIGHT,
        max_value=MAX_WEIGHT,
        help_text="Negative: less like this.",
    )

    def validate_weight(self, value: float) -> float:
        """A part that weighs nothing is a mistake."""
        if value == 0:
            raise serializers.ValidationError("Use a number other than 0.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one source."""
        given = [name for name in SOURCES if name in attrs]
        if len(given) != 1:
            raise serializers.ValidationError(f"Give exactly one of {', '.join(SOURCES)}.")
        return attrs


class SearchSerializer(RankingSerializer):
    """A search composed of parts."""

    query = serializers.ListField(
        child=PartSerializer(), allow_empty=False, max_length=MAX_PARTS, required=False
    )
    mode = MODE
    lexical_share = LEXICAL_SHARE

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A cursor stands for its query."""
        if "query" not in attrs and not attrs["cursor"]:
            raise serializers.ValidationError({"query": "This field is required."})
        return super().validate(attrs)

    def validate_query(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """At least one part has to say what is wanted."""
        if sum(len(part.get("text", "")) for part in value) > MAX_TEXT_CHARS:
            raise serializers.ValidationError(
                f"All texts together may have at most {MAX_TEXT_CHARS} characters."
            )
        if not any(part["weight"] > 0 for part in value):
            raise serializers.ValidationError("At least one part needs a weight above 0.")
        return value


class ExampleSerializer(StrictSerializer):
    """An item to be like, or unlike."""

    item = StrictCharField(help_text="external_id of an item.")
    weight = FiniteField(default=1.0, min_value=1 / MAX_WEIGHT, max_value=MAX_WEIGHT)


class SimilarSerializer(RankingSerializer):
    """Items like some and unlike others."""

    positive = serializers.ListField(
        child=ExampleSerializer(), allow_empty=False, max_length=MAX_PARTS, required=False
    )
    negative = serializers.ListField(child=ExampleSerializer(), max_length=MAX_PARTS, default=list)
    strategy = serializers.ChoiceField(
        choices=STRATEGIES,
        default="average",
        help_text="average: near the mean of the examples, away from that of the others; sum: by the sum "
        "of the similarities; best: by the most similar example.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A cursor stands for its query."""
        if "positive" not in attrs and not attrs["cursor"]:
            raise serializers.ValidationError({"positive": "This field is required."})
        return super().validate(attrs)


class UploadedSearchSerializer(serializers.Serializer[Any]):
    """The multipart form of a search; each file is a field of its own, named in the body."""

    body = serializers.CharField(help_text='JSON, e.g. {"query":[{"image":"file0"}],"limit":5}')
    file0 = serializers.FileField(required=False)
