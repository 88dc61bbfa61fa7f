"""From ranked candidates to positions: a literal list of steps. Pure.

What was decided by people comes last and so wins: a pinned item stands where it is pinned.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from recommender.types import Candidate, Placed, Placement, Rule
from retrieval.diversity import diversified


@dataclass(frozen=True)
class Situation:
    """What the steps know beside the candidates."""

    placement: Placement
    depth: int
    """How many positions are asked for."""
    rules: Sequence[Rule] = ()
    """Those that come before others first."""
    hidden: frozenset[int] = frozenset()
    """Items that the visitor is not shown again."""
    shown: Mapping[int, float] = field(default_factory=dict)
    """Item -> how fresh the visitor's memory of it is: 1 for what was shown just now."""
    draw: random.Random = field(default_factory=random.Random)
    start: int = 0
    """How many positions are filled already, by earlier parts of the same list."""


Step = Callable[[list[Placed], Situation], list[Placed]]
Watch = Callable[[str, Sequence[Placed]], None]
"""Told the name of each step and what it made."""


def rerank(
    candidates: Sequence[Candidate], situation: Situation, watch: Watch | None = None
) -> list[Placed]:
    """At most ``situation.depth`` candidates by position."""
    placed = [Placed(candidate, candidate.score) for candidate in candidates]
    for step in STEPS:
        placed = step(placed, situation)
        if watch is not None:
            watch(step.__name__, placed)
    return placed[: situation.depth]


def hide(placed: list[Placed], situation: Situation) -> list[Placed]:
    """Without what is ``withheld``."""
    pins = pinned(situation.rules)
    return [
        each
        for each in placed
        if not withheld(
            each.candidate.item_id,
            each.candidate.values.get("categories", ()),
            each.candidate.values.get("tags", ()),
            situation,
            pins,
        )
    ]


def withheld(
    item_id: int,
    categories: Iterable[str],
    tags: Iterable[str],
    situation: Situation,
    pins: Mapping[int, Rule],
) -> bool:
    """What a rule hides, unless a pin of the item comes before it; and what the visitor is done with,
    unless it is pinned. ``pins`` are those of ``pinned``.
    """
    pin = pins.get(item_id)
    for rule in situation.rules:
        if rule is pin:
            return False
        if rule.action == "hide" and rule.concerns(item_id, categories, tags):
            return True
    return item_id in situation.hidden


def rotate(placed: list[Placed], situation: Situation) -> list[Placed]:
    """What was just shown loses the placement's part of its score; less of it as that is forgotten."""
    rotation = situation.placement.rotation
    if not (rotation and situation.shown):
        return placed
    return [
        replace(each, score=_times(each.score, 1 - rotation * freshness)) if freshness else each
        for each in placed
        for freshness in [situation.shown.get(each.candidate.item_id, 0.0)]
    ]


def weigh(placed: list[Placed], situation: Situation) -> list[Placed]:
    """Boosts and buries: each rule's factor on the score."""
    rules = [rule for rule in situation.rules if rule.action in ("boost", "bury")]
    if not rules:
        return placed
    weighed = []
    for each in placed:
        score, by = each.score, list(each.rules)
        for rule in _concerning(each, rules):
            score, by = _times(score, rule.factor), [*by, rule.id]
        weighed.append(replace(each, score=score, rules=tuple(by)))
    return weighed


def diversify(placed: list[Placed], situation: Situation) -> list[Placed]:
    """By score, traded against being unlike what stands above: maximal marginal relevance."""
    ordered = sorted(placed, key=lambda each: (-each.score, each.candidate.item_id))
    if not situation.placement.diversity or len(ordered) < 2:
        return ordered
    vectors = np.stack([each.candidate.vector for each in ordered])
    scores = [each.score for each in ordered]
    order = diversified(scores, vectors, situation.placement.diversity, situation.depth)
    rest = sorted(set(range(len(ordered))) - set(order))
    return [ordered[place] for place in [*order, *rest]]


def cap(placed: list[Placed], situation: Situation) -> list[Placed]:
    """On each page at most so many of one category, tag, kind or attribute; what is too much moves on.

    Where nothing else is left a page is filled all the same.
    """
    if not situation.placement.caps:
        return placed
    taken, left = _filled(placed, situation, lambda of: 0)
    return [each for each, *_ in taken] + left


def explore(placed: list[Placed], situation: Situation) -> list[Placed]:
    """Epsilon-greedy: a position goes, with the placement's probability, to any candidate not above it
    that the caps let in.

    The probabilities are exact, given what stands above, so that they can be used to estimate what
    another ranking would have done. What is pinned has no part in it.
    """
    epsilon = situation.placement.exploration
    if not epsilon:
        return placed
    pins = pinned(situation.rules)
    free = [each for each in placed if each.candidate.item_id not in pins]
    apart = [each for each in placed if each.candidate.item_id in pins]

    def chosen(of: int) -> int:
        return situation.draw.randrange(of) if situation.draw.random() < epsilon else 0

    taken, left = _filled(free, situation, chosen)
    explored = [
        replace(
            each,
            explored=place != 0,
            propensity=epsilon / of + (1 - epsilon if place == 0 else 0),
        )
        for each, place, of in taken
    ]
    return explored + left + apart


def pin(placed: list[Placed], situation: Situation) -> list[Placed]:
    """Pinned items at their positions; of two for one position the older rule's comes after.

    One whose position is further down waits for the part of the list that has it.
    """
    by_item = {each.candidate.item_id: each for each in placed}
    pins = {
        item_id: rule for item_id, rule in pinned(situation.rules).items() if item_id in by_item
    }
    free = [each for each in placed if each.candidate.item_id not in pins]
    for item_id, rule in sorted(pins.items(), key=lambda pin: (pin[1].position or 1, -pin[1].id)):
        each = replace(
            by_item[item_id], rules=(*by_item[item_id].rules, rule.id), pinned=True,
            explored=False, propensity=1.0,
        )  # fmt: skip
        free.insert(max((rule.position or 1) - 1 - situation.start, 0), each)
    return free


STEPS: Final[tuple[Step, ...]] = (hide, rotate, weigh, diversify, cap, explore, pin)


def pinned(rules: Iterable[Rule]) -> dict[int, Rule]:
    """Item -> the rule that pins it; of several the first, which is the newest."""
    pins: dict[int, Rule] = {}
    for rule in rules:
        if rule.action == "pin":
            for item_id in rule.item_ids:
                pins.setdefault(item_id, rule)
    return pins


def _concerning(each: Placed, rules: Sequence[Rule]) -> list[Rule]:
    values = each.candidate.values
    categories, tags = values.get("categories", ()), values.get("tags", ())
    return [rule for rule in rules if rule.concerns(each.candidate.item_id, categories, tags)]


def _times(score: float, factor: float) -> float:
    """More for a factor above 1, whatever the sign."""
    return score * factor if score >= 0 or factor <= 0 else score / factor


def _filled(
    placed: Sequence[Placed], situation: Situation, choose: Callable[[int], int]
) -> tuple[list[tuple[Placed, int, int]], list[Placed]]:
    """Each position's candidate, its place among those that the caps let in there and how many these were;
    and the candidates that got none. ``choose`` is told how many there are; where the caps let none in, all are.
    """
    caps, page = situation.placement.caps, situation.placement.limit
    counts: Counter[tuple[str, str]] = Counter()
    left, let_in = list(range(len(placed))), list[int]()
    taken = list[tuple[Placed, int, int]]()
    while left and len(taken) < situation.depth:
        if len(taken) % page == 0:
            counts.clear()
            let_in = list(left)
        choice = let_in or left
        place = choose(len(choice))
        at = choice[place]
        taken.append((placed[at], place, len(choice)))
        left.remove(at)
        counts.update(keys := _capped(placed[at], caps))
        is_full = any(counts[key] >= caps[key[0]] for key in keys)
        let_in = [n for n in let_in if n != at and (not is_full or _fits(placed[n], caps, counts))]
    return taken, [placed[n] for n in left]


def _capped(each: Placed, caps: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, value) for name in caps for value in each.candidate.values.get(name, ())]


def _fits(each: Placed, caps: Mapping[str, int], counts: Counter[tuple[str, str]]) -> bool:
    return all(counts[key] < caps[key[0]] for key in _capped(each, caps))
