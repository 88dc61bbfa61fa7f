"""What can be filtered by: the item's own fields, and the attributes that a deployment declares."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from django.conf import settings

FieldType: TypeAlias = Literal["text", "number", "boolean", "date"]
TYPES: tuple[FieldType, ...] = get_args(FieldType)
Operator: TypeAlias = Literal["eq", "in", "lt", "lte", "gt", "gte", "exists"]
ORDERED: tuple[Operator, ...] = ("lt", "lte", "gt", "gte")
TREES = ("and", "or", "not")

_OPERATORS: dict[FieldType, tuple[Operator, ...]] = {
    "text": ("eq", "in"),
    "boolean": ("eq", "in"),
    "number": ("eq", "in", *ORDERED),
    "date": ("eq", "in", *ORDERED),
}
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a condition can name."""

    name: str
    type: FieldType
    operators: tuple[Operator, ...]
    attribute: bool = False
    """Whether it is a key of ``Item.attributes`` rather than the item's own."""


BUILT_IN: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("external_id", "text", ("eq", "in")),
        Field("kind", "text", ("eq", "in")),
        Field("categories", "text", ("eq", "in", "exists")),
        Field("tags", "text", ("eq", "in", "exists")),
        Field("language", "text", ("eq", "in")),
        Field("published_at", "date", ("eq", "in", *ORDERED)),
    )
}


def fields() -> dict[str, Field]:
    """Every field by its name, the item's own first."""
    return {**BUILT_IN, **{field.name: field for field in declared()}}


def declared() -> list[Field]:
    """The attributes of ``RETRIEVAL["FILTERS"]``; what is none the system check tells."""
    return [
        Field(name, kind, (*_OPERATORS[kind], "exists"), attribute=True)
        for name, kind in settings.RETRIEVAL["FILTERS"].items()
        if isinstance(name, str) and kind in _OPERATORS
    ]


def declaration_problems(given: Any) -> list[str]:
    """What is wrong with a declaration, a sentence each."""
    if not isinstance(given, dict):
        return ["It must be a dict of attribute names and types."]
    taken = (*BUILT_IN, *TREES)
    problems = []
    for name, kind in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(f"{name!r}: use a name of 1 to 100 characters without control codes.")
        elif name in taken:
            problems.append(f"{name!r} means something in filters already: rename the attribute.")
        if kind not in TYPES:
            problems.append(f"{name!r} has the type {kind!r}: use one of {', '.join(TYPES)}.")
    return problems
