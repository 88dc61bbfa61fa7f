"""JSON from anyone, of a request or an import file, read strictly."""

import json
import math
import re
from typing import Any, Final

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**63 - 1


class RepeatedKey(ValueError):
    """A key is twice in one object; readers differ in which of the values counts."""


class RefusedValue(ValueError):
    """JSON, but not to be stored; ``place`` is as ``query[0].text``, empty for the whole."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem


def strict_json(text: str) -> Any:
    """The value; raises for whatever Postgres, or a careful reader, would refuse.

    ``JSONDecodeError``; ``RepeatedKey``; ``RecursionError`` and ``ValueError`` for what Python itself
    refuses: far too deep, an integer of more than 4,300 digits. ``RefusedValue``: NUL characters, lone
    surrogates, NaN and Infinity, numbers beyond 64 bits, nesting deeper than MAX_DEPTH.
    """
    value = json.loads(text, object_pairs_hook=_unique_keys)
    _check_values(value)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise RepeatedKey(f"holds the key {twice[:100]!a} twice in one object")
    return found


def _check_values(value: Any) -> None:
    """Raises RefusedValue naming the first place that is refused."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                deeper += one.keys()
                deeper += one.values()
            elif isinstance(one, list):
                deeper += one
            elif _problem(one):
                raise RefusedValue(*_first_problem(value))
        if not deeper:
            return
        level = deeper
    raise RefusedValue(*_first_problem(value))


def _problem(value: Any) -> str | None:
    """What is wrong with a scalar."""
    if isinstance(value, str):
        if "\0" in value:
            return "The text holds a NUL character (\\u0000)."
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            return "The text holds half of a surrogate pair."
    elif isinstance(value, float):
        if not math.isfinite(value):
            return "Use a finite number that fits 64 bits: JSON has no NaN and no Infinity."
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "The number does not fit 64 bits."
    return None


def _first_problem(value: Any) -> tuple[str, str]:
    """The place of what is wrong, as ``query[0].text``, "" for the whole, and what it is."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, one, depth = waiting.pop()
        if depth > MAX_DEPTH:
            top = re.split(r"[.\[]", path)[0]
            return top, f"It is nested deeper than {MAX_DEPTH} levels."
        if isinstance(one, dict):
            for key in one:
                if problem := _problem(key):
                    return path, f"In the name of a field: {problem}"
            inside = [(f"{path}.{key}" if path else key, each) for key, each in one.items()]
        elif isinstance(one, list):
            inside = [(f"{path}[{at}]", each) for at, each in enumerate(one)]
        elif problem := _problem(one):
            return path, problem
        else:
            continue
        waiting += [(where, each, depth + 1) for where, each in reversed(inside)]
    raise AssertionError("nothing is wrong")
