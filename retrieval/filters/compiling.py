"""From conditions to SQL.

A condition may be NULL in SQL, of an item that lacks the attribute; AND, OR and WHERE take that for
false, and ``is_not_true`` does so for NOT. So every filter is true or false of every item.

Names of attributes come from the settings and are quoted as literals, because an index on an
expression is used only where the query has the same expression; values are always parameters.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q
from django.db.models import Value as Constant
from psycopg import sql

from catalog.models import Item, ItemText
from catalog.models.items import Category
from retrieval.filters.fields import Field
from retrieval.filters.values import Value, as_json

Bound = tuple[str, Any]
"""An operator of ``_SIGNS`` and what it compares with."""
_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_SQL_TYPES = {"number": "numeric", "date": "timestamptz"}
_COMPARE = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}
_JSON_TYPES = {"text": "string", "boolean": "boolean"}


@dataclass(slots=True)
class Wanted:
    """What one condition asks of a field. One value of the item must satisfy all of it."""

    named: Field
    groups: list[tuple[Any, ...]] = field(default_factory=list)
    """Values; it must be one of each group."""
    bounds: list[Bound] = field(default_factory=list)
    exists: bool | None = None


class _OnAttributes(Func):
    """A boolean of ``Item.attributes``, whose SQL ``write`` makes of that column's SQL."""

    output_field = BooleanField()

    def __init__(self) -> None:
        super().__init__(F("attributes"))

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: Any, **_: Any
    ) -> tuple[str, list[Any]]:
        """The SQL and its parameters."""
        column, _none = compiler.compile(self.get_source_expressions()[0])
        return self.write(column)

    def write(self, column: str) -> tuple[str, list[Any]]:
        """The SQL and its parameters."""
        raise NotImplementedError


class _Contains(_OnAttributes):
    """The attribute is one of these values, or a list with one of them; answered by a GIN index."""

    def __init__(self, name: str, values: Sequence[Value]) -> None:
        super().__init__()
        self.name, self.wanted = name, values

    def write(self, column: str) -> tuple[str, list[Any]]:
        key = as_json(self.name)
        texts = [as_json(value) for value in self.wanted]
        documents = [f"{{{key}: {form}}}" for text in texts for form in (text, f"[{text}]")]
        return " OR ".join([f"{column} @> %s::jsonb"] * len(documents)).join("()"), documents


class _Within(_OnAttributes):
    """The attribute, or an element of it, lies within one of these ranges."""

    def __init__(self, named: Field, ranges: Sequence[Sequence[Bound]]) -> None:
        super().__init__()
        self.named, self.ranges = named, ranges

    def write(self, column: str) -> tuple[str, list[Any]]:
        kind = _SQL_TYPES[self.named.type]
        parameters = [value for bounds in self.ranges for _, value in bounds]

        def holds(value: str) -> str:
            typed = value_sql(value, self.named)
            ranges = (
                " AND ".join(f"{typed} {_SIGNS[name]} %s::{kind}" for name, _ in bounds)
                for bounds in self.ranges
            )
            return " OR ".join(f"({each})" for each in ranges).join("()")

        text = _any_value(column, self.named, holds)
        return text, parameters * 2


class _Present(_OnAttributes):
    """The attribute has a value of its type."""

    def __init__(self, named: Field) -> None:
        super().__init__()
        self.named = named

    def write(self, column: str) -> tuple[str, list[Any]]:
        def holds(value: str) -> str:
            if (kind := _JSON_TYPES.get(self.named.type)) is not None:
                return f"jsonb_typeof({value}) = '{kind}'"
            return f"{value_sql(value, self.named)} IS NOT NULL"

        return _any_value(column, self.named, holds), []


def _any_value(column: str, named: Field, holds: Any) -> str:
    """``holds`` of the attribute or, if it is a list, of one of its elements.

    The CASE is not redundant: what Postgres evaluates first is its own choice, and taking a number
    for a list is an error.
    """
    value = key_sql(column, named.name)
    is_list = f"jsonb_typeof({value}) = 'array'"
    elements = f"jsonb_array_elements(CASE WHEN {is_list} THEN {value} END)"
    within = f"EXISTS (SELECT 1 FROM {elements} AS one(value) WHERE {holds('one.value')})"  # noqa: S608
    return f"({holds(value)} OR ({is_list} AND {within}))"


def key_sql(column: str, name: str) -> str:
    """The attribute as jsonb, for a statement with parameters."""
    literal = sql.Literal(name).as_string(None).strip()
    return f"({column} -> {literal.replace('%', '%%')})"


def value_sql(value: str, named: Field) -> str:
    """A jsonb value as the field's type, NULL if it is of another one; immutable, raises nothing."""
    if named.type == "date":
        return f"catalog_moment({value})"
    return f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN {value}::numeric END)"


class _IsNotTrue(Func):
    template = "(%(expressions)s) IS NOT TRUE"
    output_field = BooleanField()


class _SharesTag(Func):
    """Not Django's ``overlap``, whose cast to varchar(100)[] cuts what is longer and then finds it."""

    template = "%(expressions)s::varchar[]"
    arg_joiner = " && "
    output_field = BooleanField()

    def __init__(self, tags: Sequence[Any]) -> None:
        super().__init__(F("tags"), Constant(list(tags)))


class _Never(Func):
    template = "FALSE"
    output_field = BooleanField()


def is_not_true(condition: Q) -> Func:
    """The negation of a condition that may be NULL."""
    return _IsNotTrue(condition)


def of_field(wanted: Wanted) -> Q:
    """The condition; may be NULL in SQL."""
    found = Q()
    if wanted.groups or wanted.bounds:
        found &= _matching(wanted)
    if wanted.exists is not None:
        present = _present(wanted.named)
        found &= present if wanted.exists else Q(is_not_true(present))
    return found


def _present(named: Field) -> Q:
    if named.name == "categories":
        return _in_category(Q())
    if named.name == "tags":
        return ~Q(tags=[])
    return Q(_Present(named))


def _matching(wanted: Wanted) -> Q:
    named = wanted.named
    if named.type == "date":
        return _within_dates(wanted)
    if named.name == "categories":
        return _in_category(*(_below(group) for group in wanted.groups))
    if not wanted.groups:
        return Q(_Within(named, [wanted.bounds]))
    first, *others = wanted.groups
    allowed = [
        value
        for value in dict.fromkeys(first)
        if all(value in group for group in others) and _satisfies(value, wanted.bounds)
    ]
    if not allowed:
        return Q(_Never())
    if named.attribute:
        return Q(_Contains(named.name, allowed))
    if named.name == "tags":
        return Q(_SharesTag(allowed))
    own = Q((f"{named.name}__in", allowed))
    if named.name == "language":
        return own | Q(
            Exists(ItemText.objects.filter(item_id=OuterRef("pk"), language__in=allowed))
        )
    return own


def _satisfies(value: Any, bounds: Sequence[Bound]) -> bool:
    return all(_COMPARE[name](value, bound) for name, bound in bounds)


def _within_dates(wanted: Wanted) -> Q:
    ranges = _date_ranges(wanted)
    if not ranges:
        return Q(_Never())
    if wanted.named.attribute:
        return Q(_Within(wanted.named, ranges))
    spans = [
        Q(*((f"{wanted.named.name}__{name}", moment) for name, moment in each)) for each in ranges
    ]
    return Q(*spans, _connector=Q.OR)


def _date_ranges(wanted: Wanted) -> list[list[Bound]]:
    """Where the moment may lie. None of them: nowhere."""
    # a day ends where the next one starts, so that only starts and ends need be compared
    bounds = [_of_span(name, span) for name, span in wanted.bounds]
    if not wanted.groups:
        return [bounds]
    starts = [moment for name, moment in bounds if name == "gte"]
    ends = [moment for name, moment in bounds if name == "lt"]
    chosen = (
        (
            max([*starts, *(span.start for span in spans)]),
            min([*ends, *(span.end for span in spans)]),
        )
        for spans in product(*wanted.groups)
    )
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(each for each in chosen if each[0] < each[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return [[("gte", start), ("lt", end)] for start, end in merged]


def _of_span(name: str, span: Any) -> Bound:
    return {
        "lt": ("lt", span.start),
        "lte": ("lt", span.end),
        "gt": ("gte", span.end),
        "gte": ("gte", span.start),
    }[name]


def _below(paths: Sequence[Any]) -> Q:
    """Categories at one of these paths or below."""
    return Q(
        *(each for path in paths for each in (("path", path), ("path__startswith", f"{path}/"))),
        _connector=Q.OR,
    )


def _in_category(*conditions: Q) -> Q:
    """In a category of which all of it holds."""
    links: Any = Item.categories.through.objects
    chosen = Category.objects.filter(*conditions).order_by()
    return Q(Exists(links.filter(item_id=OuterRef("pk"), category__in=chosen)))
