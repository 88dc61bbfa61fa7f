"""Fields for what anyone may send: JSON of another type is refused, not turned into theirs.

In a URL all is text: fields that say so read what they take from it.
"""

import math
import re
from typing import Any, Final

from rest_framework import serializers

from catalog.parsers import parse_json

INTEGER: Final = re.compile("-?[0-9]+")
NUMBER: Final = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


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


def from_url(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """That what a field takes is text of a URL and not JSON: in URLs there are no types."""
    return bool(field.context.get("from_url"))


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean, or one of the words for it in a URL."""

    def to_internal_value(self, data: Any) -> bool:
        """Raises ValidationError for words and numbers in JSON."""
        if not from_url(self) and not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(super().to_internal_value(data))


class StrictIntegerField(serializers.IntegerField):
    """A JSON whole number, or its digits in a URL."""

    def to_internal_value(self, data: Any) -> int:
        """Raises ValidationError for booleans, fractions and other scripts' digits too."""
        written = isinstance(data, str) and from_url(self) and INTEGER.fullmatch(data)
        if not written and (isinstance(data, bool) or not isinstance(data, int)):
            self.fail("invalid")
        return super().to_internal_value(data)


class FiniteField(serializers.FloatField):
    """A JSON number, or its digits in a URL; no NaN, no infinity, no boolean."""

    def to_internal_value(self, data: Any) -> float:
        """Raises ValidationError for anything else."""
        written = isinstance(data, str) and from_url(self) and NUMBER.fullmatch(data)
        if not written and (isinstance(data, bool) or not isinstance(data, int | float)):
            self.fail("invalid")
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class JSONValueField(serializers.JSONField):
    """Any JSON value; in a URL, its text."""

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for a text that is not JSON."""
        if not from_url(self):
            return data
        try:
            return parse_json(data.encode(errors="surrogatepass"))
        except serializers.ValidationError as err:
            places = err.detail if isinstance(err.detail, dict) else {}
            raise serializers.ValidationError(places.get("body", err.detail)) from err
        except Exception as err:
            raise serializers.ValidationError(f"Use JSON: {err}") from err


class NamesField(serializers.ListField):
    """A list of names; in a URL, joined by commas."""

    def to_internal_value(self, data: Any) -> list[str]:
        """Raises ValidationError for anything but strings."""
        if isinstance(data, str) and from_url(self):
            data = [name for name in data.split(",") if name]
        return list(dict.fromkeys(super().to_internal_value(data)))
