"""The shape of queries and hits."""

import math
from typing import Any

from rest_framework import serializers

from retrieval.preprocess.text import normalise
from retrieval.search import SIMILARITIES

MAX_PARTS = 10
MAX_TEXT_CHARS = 2_000
MAX_LIMIT = 100
DEFAULT_LIMIT = 20
SOURCES = ("text", "image", "audio", "item")


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know instead of ignoring them."""

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError naming every unknown field."""
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            allowed = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: [f"Unknown field; use {allowed}."] for name in unknown}
            )
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A JSON string: numbers and booleans are not turned into words."""

    def to_internal_value(self, data: Any) -> str:
        """Raises ValidationError for anything but a string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A JSON whole number, or its digits in a URL."""

    def to_internal_value(self, data: Any) -> int:
        """Raises ValidationError for booleans and fractions too."""
        if isinstance(data, bool | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class QueryTextField(StrictCharField):
    """Words that an encoder can read: something visible is left after cleaning."""

    def to_internal_value(self, data: Any) -> str:
        """Raises ValidationError for invisible characters only."""
        value = super().to_internal_value(data)
        if not normalise(value):
            self.fail("blank")
        return value


class LimitSerializer(StrictSerializer):
    """How many hits to return."""

    limit = StrictIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    lang = StrictCharField(
        required=False, max_length=16, help_text="Language of the titles; Accept-Language else."
    )


class TextSearchSerializer(LimitSerializer):
    """A search by words in the URL."""

    q = QueryTextField(max_length=MAX_TEXT_CHARS, help_text="Words in any language.")


class PartSerializer(StrictSerializer):
    """One part of a query: exactly one of text, image, audio and item."""

    text = QueryTextField(required=False, max_length=MAX_TEXT_CHARS)
    image = StrictCharField(required=False, help_text="Name of the multipart field with the file.")
    audio = StrictCharField(required=False, help_text="Name of the multipart field with the file.")
    item = StrictCharField(required=False, help_text="external_id of an item.")
    weight = serializers.FloatField(
        default=1.0, min_value=-100, max_value=100, help_text="Negative: less like this."
    )

    def validate_weight(self, value: float) -> float:
        """A part that weighs nothing is a mistake."""
        if not math.isfinite(value) or value == 0:
            raise serializers.ValidationError("Use a number other than 0.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one source."""
        given = [name for name in SOURCES if name in attrs]
        if len(given) != 1:
            raise serializers.ValidationError(f"Give exactly one of {', '.join(SOURCES)}.")
        return attrs


class SearchSerializer(LimitSerializer):
    """A search composed of parts."""

    query = serializers.ListField(child=PartSerializer(), allow_empty=False, max_length=MAX_PARTS)
    similarity = serializers.ChoiceField(
        choices=SIMILARITIES,
        default="fused",
        help_text="fused: the space's metric against an item's fused vector, in [-1, 1]. normalised: "
        "the inner product with it over the root of the sum of those with the item's modalities, at "
        "most 10 in size.",
    )

    def validate_query(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """At least one part has to say what is wanted."""
        if sum(len(part.get("text", "")) for part in value) > MAX_TEXT_CHARS:
            raise serializers.ValidationError(
                f"All texts together may have at most {MAX_TEXT_CHARS} characters."
            )
        if not any(part["weight"] > 0 for part in value):
            raise serializers.ValidationError("At least one part needs a weight above 0.")
        return value


class UploadedSearchSerializer(serializers.Serializer[Any]):
    """The multipart form of a search; each file is a field of its own, named in the body."""

    body = serializers.CharField(help_text='JSON, e.g. {"query":[{"image":"file0"}],"limit":5}')
    file0 = serializers.FileField(required=False)
