"""Steps of the rerank, each against what it must do."""

import random
from collections import Counter

import numpy as np
import pytest

from recommender.ranking import FEATURES
from recommender.rerank import Situation, cap, diversify, explore, hide, pin, rerank, rotate, weigh
from recommender.types import Candidate, Placed, Placement, Rule

PLAIN = Placement("home", {"taste": 1.0}, diversity=0.0)


def candidate(
    item_id: int, score: float, vector=(1.0, 0.0), **values: tuple[str, ...]
) -> Candidate:
    row = np.asarray(vector, np.float32)
    return Candidate(item_id, {}, (0.0,) * len(FEATURES), score, row, values)


def placed(*scores: float, **values: tuple[str, ...]) -> list[Placed]:
    """Items 1, 2, 3 … with these scores."""
    return [Placed(candidate(n, score, **values), score) for n, score in enumerate(scores, 1)]


def situation(depth: int = 10, rules=(), **fields) -> Situation:
    options = {name: fields.pop(name) for name in list(fields) if hasattr(PLAIN, name)}
    from dataclasses import replace

    return Situation(replace(PLAIN, **options), depth, rules, **fields)


def ids(found: list[Placed]) -> list[int]:
    return [each.candidate.item_id for each in found]


def test_the_order_is_by_score_and_ties_by_item():
    found = rerank([candidate(2, 0.5), candidate(1, 0.5), candidate(3, 0.9)], situation())
    assert ids(found) == [3, 1, 2]


def test_no_more_than_asked_for():
    assert ids(rerank([candidate(n, 1 / n) for n in range(1, 6)], situation(depth=2))) == [1, 2]


def test_of_a_hide_and_a_pin_the_one_that_comes_before_decides():
    hides, pins = Rule(1, "hide", item_ids=frozenset({1})), Rule(2, "pin", item_ids=frozenset({1}))
    later = Rule(3, "hide", item_ids=frozenset({1}))
    both = [candidate(1, 1), candidate(2, 1)]
    assert ids(rerank(both, situation(rules=(pins, hides)))) == [1, 2]
    assert ids(rerank(both, situation(rules=(later, pins)))) == [2]


def test_hidden_items_and_those_a_rule_hides_are_left_out_but_for_pinned_ones():
    rules = (
        Rule(2, "pin", item_ids=frozenset({4}), position=1),
        Rule(1, "hide", category="animals"),
    )
    rows = [
        *placed(1, 1),
        Placed(candidate(3, 1, categories=("animals/birds",)), 1),
        Placed(candidate(4, 1, categories=("animals",)), 1),
        Placed(candidate(5, 1, categories=("animalsque",)), 1),
    ]
    assert ids(hide(rows, situation(rules=rules, hidden=frozenset({1, 4})))) == [2, 4, 5]


def test_what_was_shown_loses_by_how_fresh_it_is():
    found = rotate(placed(1.0, 1.0, -1.0, 1.0), situation(rotation=0.5, shown={1: 1, 3: 1, 4: 0.5}))
    assert [each.score for each in found] == [0.5, 1.0, -2.0, 0.75]


def test_full_rotation_takes_the_whole_score():
    assert [e.score for e in rotate(placed(1.0), situation(rotation=1.0, shown={1: 1}))] == [0.0]


def test_boosts_and_buries_multiply_and_are_remembered():
    rules = (
        Rule(7, "boost", tag="red", factor=2.0),
        Rule(8, "bury", item_ids=frozenset({1}), factor=0.1),
    )
    rows = [
        Placed(candidate(1, 1.0, tags=("red",)), 1.0),
        Placed(candidate(2, -1.0, tags=("red",)), -1.0),
    ]
    found = weigh(rows, situation(rules=rules))
    assert [(each.score, each.rules) for each in found] == [
        (pytest.approx(0.2), (7, 8)),
        (-0.5, (7,)),
    ]


def test_diversity_puts_what_is_unlike_second():
    rows = [
        Placed(candidate(1, 1.0), 1.0),
        Placed(candidate(2, 0.99), 0.99),
        Placed(candidate(3, 0.5, vector=(0.0, 1.0)), 0.5),
    ]
    assert ids(diversify(rows, situation(diversity=0.0))) == [1, 2, 3]
    assert ids(diversify(rows, situation(diversity=0.9))) == [1, 3, 2]


def test_caps_hold_on_each_page_and_nothing_is_lost():
    rows = [
        Placed(candidate(n, 1.0, categories=("a" if n <= 6 else "b",)), 1.0) for n in range(1, 10)
    ]
    found = ids(cap(rows, situation(caps={"categories": 2}, limit=4)))
    assert found == [1, 2, 7, 8, 3, 4, 9, 5, 6]
    assert sorted(found) == list(range(1, 10))


def test_an_attribute_can_be_capped_too():
    rows = [Placed(candidate(n, 1.0, **{"attributes.seller": ("x",)}), 1.0) for n in (1, 2)]
    rows.append(Placed(candidate(3, 0.1, **{"attributes.seller": ("y",)}), 0.1))
    assert ids(cap(rows, situation(caps={"attributes.seller": 1}, limit=2))) == [1, 3, 2]


def test_without_exploration_nothing_is_left_to_chance():
    rows = placed(3, 2, 1)
    assert explore(rows, situation()) == rows


def test_propensities_are_how_often_an_item_is_shown_there():
    rounds, epsilon = 20_000, 0.4
    draw = random.Random(1)  # noqa: S311
    first = Counter()
    said = {}
    for _ in range(rounds):
        found = explore(placed(3, 2, 1), situation(exploration=epsilon, draw=draw, depth=1))
        first[found[0].candidate.item_id] += 1
        said[found[0].candidate.item_id] = found[0].propensity
    assert said == {
        1: pytest.approx(0.6 + 0.4 / 3),
        2: pytest.approx(0.4 / 3),
        3: pytest.approx(0.4 / 3),
    }
    for item_id, propensity in said.items():
        assert first[item_id] / rounds == pytest.approx(propensity, abs=0.015)
    assert sum(said.values()) == pytest.approx(1.0)


def test_propensities_beside_a_pin_are_of_those_that_are_drawn():
    """The pinned best is no choice: of the two left each is shown first as often as it says."""
    rounds, first, said = 5_000, Counter(), {}
    draw = random.Random(2)  # noqa: S311
    rules = (Rule(1, "pin", item_ids=frozenset({1}), position=1),)
    for _ in range(rounds):
        found = rerank(
            [each.candidate for each in placed(3, 2, 1)],
            situation(depth=2, exploration=0.4, draw=draw, rules=rules),
        )
        assert (found[0].candidate.item_id, found[0].propensity, found[0].pinned) == (1, 1.0, True)
        first[found[1].candidate.item_id] += 1
        said[found[1].candidate.item_id] = found[1].propensity
    assert said == {2: pytest.approx(0.8), 3: pytest.approx(0.2)}
    assert first[3] / rounds == pytest.approx(0.2, abs=0.02)


def test_exploration_keeps_to_the_caps_and_its_propensities_to_what_they_let_in():
    rows = [
        Placed(candidate(n, 10 - n, categories=("birds" if n < 4 else f"c{n}",)), 10 - n)
        for n in range(1, 8)
    ]
    said = {}
    for seed in range(300):
        draw = random.Random(seed)  # noqa: S311
        found = explore(
            rows, situation(exploration=0.5, draw=draw, depth=5, caps={"categories": 1}, limit=5)
        )
        shown = [each.candidate.values["categories"][0] for each in found[:5]]
        assert len(set(shown)) == 5
        if ids(found)[0] == 1:
            said[ids(found)[1]] = found[1].propensity
    # beside a bird four are left that are none
    best, others = 0.5 + 0.5 / 4, 0.5 / 4
    assert said == {4: best, 5: others, 6: others, 7: others}


def test_the_best_is_never_called_explored():
    for seed in range(50):
        draw = random.Random(seed)  # noqa: S311
        found = explore(placed(2, 1), situation(exploration=1.0, draw=draw))
        assert found[0].explored == (found[0].candidate.item_id == 2)


def test_pins_stand_where_they_are_pinned():
    rules = (
        Rule(1, "pin", item_ids=frozenset({4}), position=2),
        Rule(2, "pin", item_ids=frozenset({3}), position=1),
        Rule(3, "pin", item_ids=frozenset({99}), position=1),  # not among the candidates
    )
    found = pin(placed(4, 3, 2, 1), situation(rules=rules))
    assert ids(found) == [3, 4, 1, 2]
    assert [(each.pinned, each.rules) for each in found[:2]] == [(True, (2,)), (True, (1,))]


def test_a_pin_beyond_the_end_comes_last():
    rules = (Rule(1, "pin", item_ids=frozenset({1}), position=50),)
    assert ids(pin(placed(3, 2, 1), situation(rules=rules))) == [2, 3, 1]


def test_a_pin_waits_for_the_part_of_a_list_that_has_its_position():
    rules = (Rule(1, "pin", item_ids=frozenset({1}), position=8),)
    rows = placed(*range(10, 0, -1))
    assert ids(rerank(list(map(of, rows)), situation(depth=5, rules=rules))) == [2, 3, 4, 5, 6]
    found = rerank(list(map(of, rows)), situation(depth=5, start=5, rules=rules))
    assert ids(found) == [2, 3, 1, 4, 5]  # the third after five is the eighth
    assert ids(pin(rows, situation(start=20, rules=rules)))[0] == 1


def of(each: Placed) -> Candidate:
    return each.candidate


def test_nothing_makes_nothing():
    assert rerank([], situation(diversity=0.5, exploration=0.5, caps={"kind": 1})) == []
