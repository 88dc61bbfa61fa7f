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
from retrieval.filters.values import MAX_TEXT, Span, Value, as_json

Bound = tuple[str, Any]
"""An operator of ``_SIGNS`` and what it compares with."""
_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_SQL_TYPES = {"text": "text", "number": "numeric", "date": "timestamptz"}
# an item that no index rules out is compared with each of them, twice; beyond, by a hash
MAX_CONTAINED = 10
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


class _OneOf(_OnAttributes):
    """The attribute, or an element of it, is one of many values."""

    def __init__(self, named: Field, values: Sequence[Value]) -> None:
        super().__init__()
        self.named, self.wanted = named, values

    def write(self, column: str) -> tuple[str, list[Any]]:
        def holds(value: str) -> str:
            return f"{value_sql(value, self.named)} = ANY(%s::{_SQL_TYPES[self.named.type]}[])"

        return _any_value(column, self.named, holds), [list(self.wanted)] * 2


class _Within(_OnAttributes):
    """The attribute, or an element of it, lies within these bounds.

    ``spans``, a multirange, are the parts between them that count: reading a date takes longer than
    finding it in hundreds of spans, and so each value is read three times at most.
    """

    def __init__(self, named: Field, bounds: Sequence[Bound], spans: str | None = None) -> None:
        super().__init__()
        self.named, self.bounds, self.spans = named, bounds, spans

    def write(self, column: str) -> tuple[str, list[Any]]:
        kind = _SQL_TYPES[self.named.type]

        def holds(value: str) -> str:
            typed = value_sql(value, self.named)
            parts = [f"{typed} {_SIGNS[name]} %s::{kind}" for name, _ in self.bounds]
            if self.spans is not None:
                parts.append(f"{typed} <@ %s::tstzmultirange")
            return " AND ".join(parts).join("()")

        parameters = [value for _, value in self.bounds]
        parameters += [] if self.spans is None else [self.spans]
        return _any_value(column, self.named, holds), parameters * 2


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
    if named.type == "text":
        # nobody can ask for longer ones, and the index could not hold them
        return (
            f"(CASE WHEN jsonb_typeof({value}) = 'string' AND length({value} #>> '{{}}') <= {MAX_TEXT}"
            f" THEN {value} #>> '{{}}' END)"
        )
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
        return Q(_Within(named, wanted.bounds))
    first, *others = wanted.groups
    allowed = [
        value
        for value in dict.fromkeys(first)
        if all(value in group for group in others) and _satisfies(value, wanted.bounds)
    ]
    if not allowed:
        return Q(_Never())
    if named.attribute:
        few = len(allowed) <= MAX_CONTAINED
        return Q(_Contains(named.name, allowed) if few else _OneOf(named, allowed))
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
    # a day ends where the next one starts, so that only starts and ends need be compared
    bounds = [_of_span(name, span) for name, span in wanted.bounds]
    spans = _spans(wanted.groups, bounds) if wanted.groups else []
    if wanted.groups and not spans:
        return Q(_Never())
    if spans:
        bounds = [("gte", spans[0][0]), ("lt", spans[-1][1])]
    name = wanted.named.name
    if wanted.named.attribute:
        several = ",".join(f"[{start.isoformat()},{end.isoformat()})" for start, end in spans)
        return Q(_Within(wanted.named, bounds, f"{{{several}}}" if len(spans) > 1 else None))
    found = Q(*((f"{name}__{sign}", moment) for sign, moment in bounds))
    if len(spans) > 1:
        within = (Q((f"{name}__gte", start), (f"{name}__lt", end)) for start, end in spans)
        found &= Q(*within, _connector=Q.OR)
    return found


def _spans(
    groups: Sequence[Sequence[Span]], bounds: Sequence[Bound]
) -> list[tuple[datetime, datetime]]:
    """Where a moment may lie that is in one span of each group: disjoint, ascending."""
    starts = [moment for name, moment in bounds if name == "gte"]
    ends = [moment for name, moment in bounds if name == "lt"]
    chosen = (
        (
            max([*starts, *(span.start for span in spans)]),
            min([*ends, *(span.end for span in spans)]),
        )
        for spans in product(*groups)
    )
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(each for each in chosen if each[0] < each[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


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
