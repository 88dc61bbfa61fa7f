"""How many of some items have each value of a field: one query, however many items and facets.

Every value is what a filter takes: ``{name: value}`` lets through as many of these items as ``count``
says. Values of numbers and dates are ranges.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from retrieval.exceptions import InvalidQuery
from retrieval.filters.compiling import key_sql, value_sql
from retrieval.filters.fields import Field, fields
from retrieval.filters.reading import instead
from retrieval.filters.values import MAX_NUMBER

MAX_VALUES = 50
MAX_FACETS = 20
CANDIDATES = 400
"""The best so many are counted, whatever the page: as many as a page of 100 hits is chosen from."""
RANGES = 5
"""Into how many ranges of about as many items a number is cut; fewer where values repeat."""
NOT_COUNTED = ("external_id",)


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value, and how many of the items have it."""

    value: Any
    """Text, true or false, or a range such as ``{"gte": 10, "lte": 20}``."""
    count: int


def check_names(names: object, path: str = "facets") -> list[str]:
    """The names, each once. Raises InvalidQuery for anything but a list of names of facets."""
    if not isinstance(names, list | tuple):
        raise InvalidQuery({path: "must be a list of names of fields."})
    allowed = [name for name in fields() if name not in NOT_COUNTED]
    problems = {
        f"{path}[{at}]": f"There is no such facet{instead(name, allowed)}."
        for at, name in enumerate(names[:MAX_FACETS])
        if not isinstance(name, str) or name not in allowed
    }
    if len(names) > MAX_FACETS:
        problems[path] = f"has {len(names)} names; the limit is {MAX_FACETS}."
    if problems:
        raise InvalidQuery(problems)
    return list(dict.fromkeys(names))


def facets(item_ids: Sequence[int], names: Sequence[str]) -> dict[str, list[FacetCount]]:
    """Of each name the values that these items have, at most MAX_VALUES.

    The most frequent first, ties by value; ranges ascending. Raises InvalidQuery for a name that is
    no facet.
    """
    found: dict[str, list[FacetCount]] = {name: [] for name in check_names(names)}
    if not found or not item_ids:
        return found
    known = fields()
    statement = " UNION ALL ".join(_counted(known[name]) for name in found)
    with connection.cursor() as cursor:
        cursor.execute(f"{_CHOSEN} {statement}", [list(item_ids), *found])
        for name, value, count in cursor.fetchall():
            found[name].append(FacetCount(_value(json.loads(value)), count))
    return found


_CHOSEN = (
    "WITH chosen AS MATERIALIZED (SELECT id, kind, language, tags, attributes, published_at"
    " FROM catalog_item WHERE id = ANY(%s))"
)
_OWN = {
    "kind": "SELECT id, kind::text FROM chosen",
    "language": "SELECT id, language::text FROM chosen UNION SELECT item_id, language::text"
    " FROM catalog_itemtext WHERE item_id IN (SELECT id FROM chosen)",
    "tags": "SELECT id, unnest(tags)::text FROM chosen",
    "published_at": "SELECT id, published_at FROM chosen",
    # a category and all above it
    "categories": "SELECT link.item_id, array_to_string(names[:depth], '/')"
    " FROM catalog_item_categories link JOIN catalog_category c ON c.id = link.category_id,"
    " string_to_array(c.path, '/') AS names, generate_series(1, cardinality(names)) AS depth"
    " WHERE link.item_id IN (SELECT id FROM chosen)",
}
"""(item id, value) of the item's own fields."""


def _pairs(named: Field) -> str:
    """(item id, value) of what has the field's type; NULL for what has not."""
    if not named.attribute:
        return _OWN[named.name]
    key = key_sql("attributes", named.name)
    one = "one.value"
    boolean = f"(CASE WHEN jsonb_typeof({one}) = 'boolean' THEN {one} = 'true' END)"
    typed = boolean if named.type == "boolean" else value_sql(one, named)
    return (
        f"SELECT id, {typed} FROM chosen, jsonb_array_elements("  # noqa: S608 - quoted by key_sql
        f"CASE jsonb_typeof({key}) WHEN 'array' THEN {key} ELSE jsonb_build_array({key}) END"
        ") AS one(value)"
    )


def _counted(named: Field) -> str:
    """(name, value as JSON, items); the name is the only parameter."""
    pairs = f"(SELECT * FROM ({_pairs(named)}) AS pair(id, value) WHERE value IS NOT NULL) pair"  # noqa: S608
    if named.type == "number":
        # ranks, so that equal values share a range; then no range begins within another
        ranked = (
            f"SELECT *, (rank() OVER (ORDER BY value) - 1) * {RANGES} / count(*) OVER () AS part"
        )
        return (
            "(SELECT %s, jsonb_build_object('gte', min(value), 'lte', max(value)),"  # noqa: S608 - names quoted by key_sql
            f" count(DISTINCT id) FROM ({ranked} FROM {pairs}) ranked GROUP BY part ORDER BY part)"
        )
    if named.type == "date":
        year = "extract(year FROM value AT TIME ZONE 'UTC')"
        return (
            "(SELECT %s, jsonb_build_object('gte', year || '-01-01', 'lte', year || '-12-31'), items"  # noqa: S608 - names quoted by key_sql
            f" FROM (SELECT {year} AS year, count(DISTINCT id) AS items FROM {pairs}"
            f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MAX_VALUES}) years ORDER BY year)"
        )
    order = "value" if named.type == "boolean" else 'value COLLATE "C"'
    return (
        f"(SELECT %s, to_jsonb(value), count(DISTINCT id) FROM {pairs}"  # noqa: S608 - names quoted by key_sql
        f" GROUP BY value ORDER BY 3 DESC, {order} LIMIT {MAX_VALUES})"
    )


def _value(value: Any) -> Any:
    """As a filter takes it: Postgres gives 1e30 back as a whole number, too long for 64 bits."""
    if isinstance(value, dict):
        return {name: _value(each) for name, each in value.items()}
    too_long = isinstance(value, int) and abs(value) >= MAX_NUMBER
    return float(value) if too_long else value
