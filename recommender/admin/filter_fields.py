"""A filter of a placement as lines of field, condition and value; what lines cannot say, as JSON."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django import forms

from recommender.admin.option_fields import OptionField, OptionWidget, listed
from retrieval.filters import Field, fields

CONDITIONS: Final = {
    "eq": "is",
    "in": "is one of",
    "gte": "is at least",
    "gt": "is more than",
    "lte": "is at most",
    "lt": "is less than",
    "exists": "is there",
    "absent": "is not there",
}
LINES: Final = 3
PARTS: Final = ("field", "condition", "value")
WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}


class Line(NamedTuple):
    """``price``, ``lt``, ``50``."""

    field: str = ""
    condition: str = "eq"
    value: str = ""


class FilterWidget(OptionWidget):
    """Lines that must all hold, or JSON."""

    template = "recommender/admin/option_filter.html"
    nothing = "No filter: every item may be shown"

    def parts(self, given: Any) -> dict[str, Any]:
        """Some empty lines more than are used."""
        given = given or {"lines": [], "json": ""}
        lines = [Line(*line) for line in given["lines"]]
        empty = max(LINES - len(lines), 1)
        return {
            "lines": [*lines, *[Line()] * empty],
            "json": given["json"],
            "fields": list(fields()),
            "conditions": CONDITIONS.items(),
        }

    def read(self, data: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        """Lines of which anything was filled in."""
        columns = [listed(data, f"{name}-{part}") for part in PARTS]
        lines = [list(line) for line in zip(*columns, strict=False) if line[0] or line[2].strip()]
        typed = data.get(f"{name}-json", "").strip()
        return {"lines": lines, "json": typed} if lines or typed else None


class FilterField(OptionField):
    """The filter language's JSON."""

    none = {}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=FilterWidget(), required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """As lines if that is all it says."""
        prepared = super().prepare_value(value)
        if prepared is value or prepared["given"] is None:
            return prepared
        lines = lines_of(value)
        as_json = "" if lines is not None else json.dumps(value, indent=1, ensure_ascii=False)
        return {"nothing": False, "given": {"lines": lines or [], "json": as_json}}

    def read(self, given: Any) -> Any:
        """Raises ValidationError for half a line, and for lines beside JSON."""
        if not given["json"]:
            return filter_of([Line(*line) for line in given["lines"]])
        if given["lines"]:
            raise forms.ValidationError("Use either the lines or JSON.")
        try:
            return json.loads(given["json"])
        except (ValueError, RecursionError) as err:
            raise forms.ValidationError(f"This is no JSON: {err}.") from err


def lines_of(given: Any) -> list[Line] | None:
    """The lines that say exactly this filter; None if there are none, as of "or" and "not"."""
    if not isinstance(given, Mapping):
        return None
    lines = []
    for name, asked in given.items():
        for condition, value in (asked if isinstance(asked, Mapping) else {"eq": asked}).items():
            absent = condition == "exists" and value is False
            lines.append(Line(name, "absent" if absent else condition, _text(condition, value)))
    try:
        same = json.dumps(filter_of(lines)) == json.dumps(given)
    except (forms.ValidationError, KeyError):
        return None
    return lines if same else None


def filter_of(lines: list[Line]) -> dict[str, Any]:
    """All lines of a field are one object, as one value must satisfy them. Raises ValidationError."""
    found: dict[str, Any] = {}
    for line in lines:
        asked = found.setdefault(line.field, {})
        condition, value = _asked(line)
        if condition in asked:
            raise forms.ValidationError(
                f"{line.field}: “{CONDITIONS[line.condition]}” is there twice."
            )
        asked[condition] = value
    short = {"eq"}
    return {name: asked["eq"] if asked.keys() == short else asked for name, asked in found.items()}


def _asked(line: Line) -> tuple[str, Any]:
    known = fields()
    if not line.field:
        raise forms.ValidationError(f"Choose what “{line.value}” is about.")
    if line.field not in known or line.condition not in CONDITIONS:
        raise forms.ValidationError(f"There is no field {line.field}: choose another.")
    if line.condition in ("exists", "absent"):
        return "exists", line.condition == "exists"
    if not line.value.strip():
        raise forms.ValidationError(f"{line.field}: say which value.")
    if line.condition == "in":
        parts = [part.strip() for part in line.value.split(",")]
        return "in", [_value(known[line.field], part) for part in parts if part]
    return line.condition, _value(known[line.field], line.value.strip())


def _value(field: Field, typed: str) -> Any:
    """As JSON has it; what is none of the field's type stays text, which the filter refuses."""
    if field.type == "boolean":
        return WORDS.get(typed.lower(), typed)
    if field.type == "number":
        for number in (int, float):
            try:
                return number(typed)
            except ValueError:
                continue
    return typed


def _text(condition: str, value: Any) -> str:
    if condition == "exists":
        return ""
    if isinstance(value, list):
        return ", ".join(_text("eq", each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
