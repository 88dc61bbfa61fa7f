"""Two spaces measured on the same items, the same of which ask: the stored vectors, as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval import spaces
from retrieval.evaluation.catalog import SAMPLE, TaskResult, World
from retrieval.evaluation.metrics import intervals, means
from retrieval.evaluation.stored import Progress, Stored, read_items
from retrieval.types import MODALITIES

MAX_ITEMS = 5_000
"""Candidates are at most so many items: two spaces are then read and ranked in some 10 s."""
DIRECTIONS = (
    *("text → image", "text → audio", "image → text", "audio → text"),
    *("text → fused without these words", "image → fused without image"),
)
"""The last two tell fusions apart: what is left of an item when what asks is taken out of it."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction in both spaces; a side is None where too few items can be asked with or for."""

    name: str
    sides: tuple[TaskResult | None, TaskResult | None]

    def figures(self) -> dict[str, tuple[float | None, float | None]]:
        """Each metric's mean in either space."""
        first, second = (means(side.values) if side else {} for side in self.sides)
        return {name: (first.get(name), second.get(name)) for name in {**first, **second}}

    def gains(self, seed: int) -> dict[str, tuple[float, float, float]]:
        """The second's mean less the first's, and its bounds, over the queries both were asked."""
        first, second = self.sides
        if first is None or second is None or not np.array_equal(first.items, second.items):
            return {}
        gain = {name: second.values[name] - first.values[name] for name in first.values}
        bounds = intervals(gain, seed)
        return {name: (float(gain[name].mean()), *bounds[name]) for name in gain}

    def as_json(self, seed: int) -> dict[str, Any]:
        """Rounded to what it means."""
        asked = next((side for side in self.sides if side), None)
        return {
            "direction": self.name,
            "language": "all",
            "queries": len(asked.items) if asked else 0,
            "candidates": asked.candidates if asked else 0,
            "metrics": {
                name: [None if value is None else round(value, 4) for value in values]
                for name, values in self.figures().items()
            },
            "gain": {
                name: {"mean": round(mean, 4), "interval": [round(low, 4), round(high, 4)]}
                for name, (mean, low, high) in self.gains(seed).items()
            },
        }


@dataclass(frozen=True, slots=True)
class PairResult:
    """``seen``: how many of the ``items`` came before each space, if it was trained."""

    items: int
    of: int
    """Items both hold: more than ``items`` above MAX_ITEMS."""
    seen: tuple[int, int]
    directions: Sequence[Direction]


def evaluate_pair(
    pair: tuple[spaces.Space, spaces.Space],
    item_ids: Sequence[int],
    *,
    trained: tuple[bool, bool],
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress | None = None,
) -> PairResult:
    """Both spaces in every one of DIRECTIONS, on items that both hold; at most ``sample`` ask.

    An item's words are those of all its languages together. Relevant is what has an equal title. An
    item that lacks a modality in one of the spaces is asked with or for it in neither, unless that
    space lacks it altogether.
    """
    tell = progress or (lambda what, done, of: None)
    rng = np.random.default_rng(seed)
    chosen = np.array(sorted(item_ids), np.int64)
    if len(chosen) > MAX_ITEMS:
        chosen = np.sort(rng.choice(chosen, MAX_ITEMS, replace=False))
    held = []
    for done, space in enumerate(pair):
        tell("reading vectors", done, len(pair))
        held.append(read_items(space, [int(i) for i in chosen], pieces=False))
    tell("reading vectors", len(pair), len(pair))
    both = np.intersect1d(held[0].ids, held[1].ids)  # some may have gone meanwhile
    stored = _alike(*(_only(each, np.isin(each.ids, both)) for each in held))
    order = rng.permutation(len(both))
    found: list[dict[str, TaskResult]] = []
    for space, each in zip(pair, stored, strict=True):
        tell("ranking", len(found), len(pair))
        tasks = World(space, each, sample, order).tasks({}, None, DIRECTIONS)
        found.append({task.name: task for task in tasks})
    tell("ranking", len(pair), len(pair))
    return PairResult(
        items=len(both),
        of=len(item_ids),
        seen=_seen(stored, trained),
        directions=[Direction(n, (found[0].get(n), found[1].get(n))) for n in DIRECTIONS],
    )


def _only(stored: Stored, kept: NDArray[np.bool_]) -> Stored:
    if kept.all():
        return stored
    return replace(
        stored,
        ids=stored.ids[kept],
        labels=stored.labels[kept],
        languages=stored.languages[kept],
        unseen=stored.unseen[kept],
        vectors={name: rows[kept] for name, rows in stored.vectors.items()},
        present={name: has[kept] for name, has in stored.present.items()},
        fused=stored.fused[kept],
    )


def _alike(first: Stored, second: Stored) -> tuple[Stored, Stored]:
    """With the same items lacking a modality, where both spaces know it at all."""
    present = (dict(first.present), dict(second.present))
    for name in MODALITIES:
        if first.present[name].any() and second.present[name].any():
            present[0][name] = present[1][name] = first.present[name] & second.present[name]
    return replace(first, present=present[0]), replace(second, present=present[1])


def _seen(stored: Sequence[Stored], trained: Sequence[bool]) -> tuple[int, int]:
    first, second = (
        int((~each.unseen).sum()) if was else 0 for each, was in zip(stored, trained, strict=True)
    )
    return first, second
