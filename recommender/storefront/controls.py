"""Filters as controls of a form, with the counts of an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext

from recommender.storefront.address import Wanted
from recommender.storefront.fields import capital, field_label, shown_fields
from retrieval.filters.fields import Field

SHOWN = 12
"""Values of a field that a form offers, and all that are chosen."""
HUGE: Final = 10**15
"""From here on a number is shown by its power of ten: so many digits are no amount that somebody reads."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to tick."""

    value: str
    label: str
    count: int | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Control:
    """One field: values to tick, or bounds of a number or a date."""

    name: str
    label: str
    type: str
    choices: Sequence[Choice] = ()
    least: str = ""
    most: str = ""
    under: float | None = None
    """The smallest value of the items that something should be like."""


def controls(
    asked: Wanted,
    counts: Mapping[str, Sequence[Mapping[str, Any]]],
    wanted: Sequence[Mapping[str, Any]],
) -> list[Control]:
    """Those of the fields shown that have something to offer; ``wanted`` are the chosen items' attributes."""
    made = (_control(field, asked, counts.get(field.name, ()), wanted) for field in shown_fields())
    return [control for control in made if control is not None]


def _control(
    field: Field,
    asked: Wanted,
    counts: Sequence[Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]],
) -> Control | None:
    label = field_label(field.name)
    if field.type in ("number", "date"):
        said = asked.bounds.get(field.name, {})
        if not counts and not said:
            return None
        return Control(
            field.name,
            label,
            field.type,
            least=said.get("gte") or said.get("gt", ""),
            most=said.get("lte") or said.get("lt", ""),
            under=_smallest(field, wanted),
        )
    chosen = asked.values.get(field.name, ())
    choices = _choices(field, counts, chosen)
    alone = not chosen and (len(counts) < 2 or counts[0]["count"] < 2)
    return None if alone else Control(field.name, label, field.type, choices=choices)


def _choices(
    field: Field, counts: Sequence[Mapping[str, Any]], chosen: Sequence[str]
) -> list[Choice]:
    texts = {_text(each["value"]): each["count"] for each in counts}
    gone = [
        Choice(value, value_label(field.name, value), None, True)
        for value in chosen
        if value not in texts
    ]
    there = [
        Choice(value, value_label(field.name, value), count, value in chosen)
        for at, (value, count) in enumerate(texts.items())
        if at < SHOWN or value in chosen
    ]
    return gone + there


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_label(field: str, value: str) -> str:
    """What a value is called: a category by all the names of its path."""
    if field == "categories":
        return " › ".join(
            capital(name.replace("-", " ").replace("_", " ")) for name in value.split("/")
        )
    if value in ("true", "false"):
        return gettext("Yes") if value == "true" else gettext("No")
    return capital(value) if field == "kind" else value


def number_label(value: float) -> float | str:
    """A number to show: itself, a huge one as 1.00E+308."""
    return value if abs(value) < HUGE else f"{Decimal(value):.2E}"


def filters_said(asked: Wanted) -> list[str]:
    """Every condition of an address in words, such as "Kind: Stamp" and "Price: < 50"."""
    values = [
        f"{field_label(name)}: {value_label(name, value)}"
        for name, chosen in asked.values.items()
        for value in chosen
    ]
    return values + [
        f"{field_label(name)}: {said}"
        for name, bounds in asked.bounds.items()
        for said in bounds_said(bounds)
    ]


def bounds_said(bounds: Mapping[str, Any]) -> list[str]:
    """Such as "≥ 10" and "< 50"; what is no bound is left out."""
    signs = {"gte": "≥", "lte": "≤", "gt": ">", "lt": "<"}
    return [f"{signs[bound]} {value}" for bound, value in bounds.items() if bound in signs]


def _smallest(field: Field, wanted: Sequence[Mapping[str, Any]]) -> float | None:
    values = [
        value
        for attributes in wanted
        for value in _listed(attributes.get(field.name))
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return min(values, default=None)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
