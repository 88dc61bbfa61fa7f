"""From any JSON value to a condition, or to a message for every path that is wrong."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from django.db.models import Q

from retrieval.exceptions import InvalidQuery
from retrieval.filters.compiling import Wanted, is_not_true, of_field
from retrieval.filters.fields import TREES, Field
from retrieval.filters.values import Refused, Value, kind_of, read

MAX_DEPTH = 8
MAX_CONDITIONS = 100
MAX_VALUES = 1_000
MAX_PROBLEMS = 20
MAX_SHOWN = 50
# what others call them
_SPOKEN = {"=": "eq", "==": "eq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "!": "not"}
_SPOKEN |= {
    "ne": "not",
    "!=": "not",
    "nin": "not",
    "must": "and",
    "should": "or",
    "must_not": "not",
}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,49}")


class _Enough(Exception):
    """No use in reading on."""


@dataclass(slots=True)
class Reader:
    """Reads one filter. Work is bounded by the limits above, whatever comes."""

    fields: Mapping[str, Field]
    problems: dict[str, str] = field(default_factory=dict)
    conditions: int = 0
    values: int = 0

    def read(self, given: object, path: str) -> Q:
        """The condition. Raises InvalidQuery."""
        try:
            found = self._tree(given, path, depth=1)
        except _Enough:
            found = Q()
        if self.problems:
            raise InvalidQuery(self.problems)
        return found

    def _tree(self, given: object, path: str, depth: int) -> Q:
        """All keys of an object must hold."""
        if not isinstance(given, dict):
            return self._refuse(path, f"must be an object, not {kind_of(given)}")
        if depth > MAX_DEPTH:
            return self._refuse(path, f"is nested deeper than {MAX_DEPTH} levels")
        if depth > 1 and not given:
            return self._refuse(path, "has no conditions")
        found = Q()
        for key, value in given.items():
            below = f"{path}{_step(key)}"
            if key == "not":
                found &= Q(is_not_true(self._tree(value, below, depth + 1)))
            elif key in ("and", "or"):
                connector = Q.AND if key == "and" else Q.OR
                found &= Q(*self._branches(value, below, depth + 1), _connector=connector)
            elif isinstance(key, str) and key in self.fields:
                found &= self._condition(self.fields[key], value, below)
            else:
                known = (*self.fields, *TREES)
                self._refuse(below, f"There is no such field{instead(key, known)}")
        return found

    def _branches(self, given: object, path: str, depth: int) -> list[Q]:
        if not isinstance(given, list) or not given:
            self._refuse(path, f"must be a list of objects, not {_kind_or_empty(given)}")
            return []
        return [self._tree(each, f"{path}[{at}]", depth) for at, each in enumerate(given)]

    def _condition(self, named: Field, given: object, path: str) -> Q:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            self._refuse(path, f"is one more than {MAX_CONDITIONS} conditions")
            raise _Enough
        wanted = Wanted(named)
        if isinstance(given, list):
            return self._refuse(path, 'must be one value, not a list: for several use {"in": […]}')
        if not isinstance(given, dict):
            wanted.groups += self._values(named, [given], [path])
            return of_field(wanted)
        if not given:
            return self._refuse(path, f"has no operator; use {', '.join(named.operators)}")
        for operator, value in given.items():
            self._operator(wanted, operator, value, f"{path}{_step(operator)}")
        return of_field(wanted)

    def _operator(self, wanted: Wanted, operator: object, value: object, path: str) -> None:
        named = wanted.named
        if operator not in named.operators:
            self._refuse(
                path, f"{named.name} has no such operator{instead(operator, named.operators)}"
            )
        elif operator == "exists":
            if not isinstance(value, bool):
                self._refuse(path, f"must be true or false, not {kind_of(value)}")
            wanted.exists = value is True
        elif operator == "in":
            if not isinstance(value, list) or not value:
                self._refuse(path, f"must be a list of values, not {_kind_or_empty(value)}")
            else:
                paths = (f"{path}[{at}]" for at in range(len(value)))
                wanted.groups += self._values(named, value, paths)
        else:
            for group in self._values(named, [value], [path]):
                if operator == "eq":
                    wanted.groups.append(group)
                else:
                    wanted.bounds.append((str(operator), group[0]))

    def _values(
        self, named: Field, given: list[Any], paths: Iterable[str]
    ) -> list[tuple[Value, ...]]:
        """One group of values, or none of them if one is wrong."""
        self.values += len(given)
        found = []
        for value, path in zip(given, paths, strict=True):
            if self.values > MAX_VALUES:
                self._refuse(path, f"There may be at most {MAX_VALUES} values in a filter")
                raise _Enough
            try:
                found.append(read(named, value))
            except Refused as err:
                self._refuse(path, str(err))
        return [tuple(found)] if len(found) == len(given) else []

    def _refuse(self, path: str, problem: str) -> Q:
        self.problems[path] = f"{problem}."
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Enough
        return Q()


def _step(key: object) -> str:
    """A key in a path: cut, and without characters that an answer cannot hold."""
    shown = str(key)
    if _PLAIN.fullmatch(shown):
        return f".{shown}"
    return f"[{json.dumps(shown[:MAX_SHOWN])}]"


def instead(key: object, allowed: Sequence[str]) -> str:
    """What to write instead of an unknown key: the likeliest, and all that there are."""
    near: list[str] = []
    if isinstance(key, str) and len(key) <= MAX_SHOWN:
        near = get_close_matches(_SPOKEN.get(key, key.lower()), allowed, 1)
    guess = f": did you mean {near[0]!r}?" if near else "."
    return f"{guess} Use one of {', '.join(allowed)}"


def _kind_or_empty(value: object) -> str:
    return "an empty one" if value == [] else kind_of(value)
