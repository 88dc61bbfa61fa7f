"""A search as an address or a form says it, which scripts and pages without them share.

``q`` and ``item`` (any number), ``w`` their weights in this order (repeated, or with commas; empty ones
are 1), ``image_w`` and ``audio_w`` those of uploaded files, ``f.FIELD`` values and ``f.FIELD.gte`` (``lte``,
``gt``, ``lt``) bounds to filter by, ``by.text`` (``image``, ``audio``) how much each modality counts, ``mode``.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict

from catalog.parsers import parse_json
from retrieval.exceptions import InvalidQuery
from retrieval.filters.fields import ORDERED, fields
from retrieval.types import MODALITIES

MOST: Final = 2
"""How much a part or a modality can weigh here."""
FILES: Final = ("image", "audio")
PREFIX: Final = "f."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address says, as it says it; nothing is checked yet."""

    words: Sequence[tuple[str, str]]
    """(text, weight)"""
    items: Sequence[tuple[str, str]]
    """(external_id, weight)"""
    file_weights: Mapping[str, str]
    modalities: Mapping[str, str]
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of a field that is filtered by values."""
    bounds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of a field that is filtered by bounds."""
    mode: str = ""

    @property
    def filtered(self) -> bool:
        """Whether any filter is said."""
        return bool(self.values or self.bounds)


def wanted(said: QueryDict) -> Wanted:
    """What an address or a form says; empty words and items are left out with their weights."""
    words, items = said.getlist("q"), said.getlist("item")
    weights = [weight for one in said.getlist("w") for weight in one.split(",")]
    weights += [""] * (len(words) + len(items) - len(weights))
    pairs = [(text.strip(), weights[at].strip()) for at, text in enumerate((*words, *items))]
    values, bounds = _filters(said)
    return Wanted(
        words=[pair for pair in pairs[: len(words)] if pair[0]],
        items=[pair for pair in pairs[len(words) :] if pair[0]],
        file_weights={name: said.get(f"{name}_w", "").strip() for name in FILES},
        modalities={name: said.get(f"by.{name}", "").strip() for name in MODALITIES},
        values=values,
        bounds=bounds,
        mode=said.get("mode", "").strip(),
    )


def _filters(said: QueryDict) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    values: dict[str, list[str]] = {}
    bounds: dict[str, dict[str, str]] = {}
    for name, given in said.lists():
        texts = [text.strip() for text in given if text.strip()]
        if not name.startswith(PREFIX) or not texts:
            continue
        key, _, bound = name.removeprefix(PREFIX).rpartition(".")
        if key and bound in ORDERED:
            bounds.setdefault(key, {})[bound] = texts[-1]
        else:
            values[name.removeprefix(PREFIX)] = list(dict.fromkeys(texts))
    return values, bounds


def search_body(asked: Wanted, files: Mapping[str, Any]) -> dict[str, Any]:
    """The API's query; a part that weighs 0 is left out.

    Raises InvalidQuery naming every weight that is none, by its place in the address, and ValidationError for
    text that no query can hold.
    """
    problems: dict[str, str] = {}
    named = [({"text": text}, weight) for text, weight in asked.words]
    named += [({"item": name}, weight) for name, weight in asked.items]
    query = [
        part | {"weight": _weight(weight, -MOST, f"w[{at}]", next(iter(part.values())), problems)}
        for at, (part, weight) in enumerate(named)
    ]
    query += [
        {
            name: name,
            "weight": _weight(asked.file_weights[name], -MOST, f"{name}_w", name, problems),
        }
        for name in FILES
        if name in files
    ]
    body: dict[str, Any] = {"query": [part for part in query if part["weight"]]}
    weights = {
        name: _weight(said, 0, f"by.{name}", name, problems)
        for name, said in asked.modalities.items()
        if said
    }
    if problems:
        raise InvalidQuery(problems)
    if query and not body["query"]:
        raise InvalidQuery({"w": "every part weighs 0: let one count for something."})
    if weights and (len(weights) < len(MODALITIES) or len(set(weights.values())) > 1):
        body["modalities"] = {name: weight for name, weight in weights.items() if weight}
    if asked.filtered:
        body["filter"] = filter_said(asked)
    if asked.mode:
        body["mode"] = asked.mode
    checked: dict[str, Any] = parse_json(json.dumps(body).encode())
    return checked


def filter_said(asked: Wanted) -> dict[str, Any]:
    """The API's filter; what is no value of its field's type stays as it is, for the API to refuse."""
    types = {name: known.type for name, known in fields().items()}
    conditions: dict[str, Any] = {}
    for name, texts in asked.values.items():
        values = [_typed(text, types.get(name, "text")) for text in texts]
        conditions[name] = values[0] if len(values) == 1 else {"in": values}
    for name, said in asked.bounds.items():
        bounds = {bound: _typed(text, types.get(name, "text")) for bound, text in said.items()}
        if name in conditions:
            conditions = {"and": [{name: bounds}, conditions]}
        else:
            conditions[name] = bounds
    return conditions


def _weight(said: str, least: float, path: str, of: str, problems: dict[str, str]) -> float:
    """1 where nothing is said; 0, and a problem, for what is no weight."""
    if not said:
        return 1.0
    try:
        weight = float(said)
    except ValueError:
        weight = math.nan
    if not least <= weight <= MOST:  # NaN is not
        problems[path] = (
            f"The weight of {of[:40]!r} must be a number from {least} to {MOST}, not {said[:40]!r}."
        )
        return 0.0
    return weight


def _typed(text: str, type_: str) -> Any:
    if type_ == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_ == "number":
        try:
            number = float(text)
        except ValueError:
            return text
        if math.isfinite(number):
            return int(number) if number.is_integer() and "e" not in text.lower() else number
    return text
