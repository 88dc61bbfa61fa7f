"""What is held out, and that nothing of it is learned from."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from recommender.evaluation import protocols
from recommender.evaluation.datasets import Dataset
from tests.recommender.evaluation.worlds import N_ITEMS, VISITORS, topics


def by_visitor(world: Dataset) -> dict[int, list[tuple[float, int]]]:
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    assert world.at is not None
    for visitor, item, at in zip(world.visitors, world.items, world.at, strict=True):
        found[int(visitor)].append((float(at), int(item)))
    return {visitor: sorted(rows) for visitor, rows in found.items()}


def test_leave_last_holds_out_the_latest_of_each() -> None:
    world = topics()
    split = protocols.split(world, "leave-last", 0)
    for visitor, rows in by_visitor(world).items():
        assert split.test[visitor].indices.tolist() == [rows[-1][1]]
        assert split.train[visitor].indices.tolist() == sorted(item for _, item in rows[:-1])
        places = dict(zip(split.places[visitor].indices, split.places[visitor].data, strict=True))
        latest_first = [item for _, item in rows[-2::-1]]
        assert [places[item] for item in latest_first] == list(range(1, len(rows)))
        times = dict(zip(split.times[visitor].indices, split.times[visitor].data, strict=True))
        assert times == {item: at + 1 for at, item in rows[:-1]}


def test_whoever_did_one_thing_is_learned_from_only() -> None:
    world = topics()
    lone = replace(
        world,
        visitors=np.append(world.visitors, VISITORS),
        items=np.append(world.items, 3),
        at=np.append(world.at, 0.0),
        n_visitors=VISITORS + 1,
    )
    split = protocols.split(lone, "leave-last", 0)
    assert split.test[VISITORS].nnz == 0
    assert split.train[VISITORS].indices.tolist() == [3]


def test_of_one_moment_chance_says_which_is_last() -> None:
    world = topics()
    at_once = replace(world, at=np.zeros(len(world.items)))
    held = [protocols.leave_last(at_once, seed) for seed in (0, 0, 1)]
    assert np.array_equal(held[0], held[1])
    assert not np.array_equal(held[0], held[2])
    assert [int(each.sum()) for each in held] == [VISITORS] * 3


def test_time_split_learns_from_what_was_before() -> None:
    world = topics()
    held = protocols.time_split(world, 0)
    assert world.at is not None
    assert world.at[held].min() > world.at[~held].max()
    assert held.mean() == pytest.approx(protocols.HELD_OUT, abs=0.01)


def test_random_holds_out_a_fifth_and_needs_no_times() -> None:
    world = topics(timed=False)
    split = protocols.split(world, "random", 0)
    assert split.test.nnz == round(0.2 * len(world.items))
    assert split.train.nnz + split.test.nnz == len(world.items)
    assert split.train.multiply(split.test).nnz == 0
    assert not split.timed
    assert split.candidates.all()


def test_cold_items_are_nowhere_in_what_is_learned_from() -> None:
    split = protocols.split(topics(), "cold-items", 0)
    assert split.candidates.sum() == round(0.2 * N_ITEMS)
    assert split.train[:, split.candidates].nnz == 0
    assert split.test[:, ~split.candidates].nnz == 0


@pytest.mark.parametrize("protocol", ["leave-last", "time-split", "random", "cold-items"])
def test_validation_never_sees_the_test(protocol: str) -> None:
    world = topics()
    test = protocols.split(world, protocol, 0).test
    chosen_on = protocols.validation_split(world, protocol, 0)
    assert chosen_on.test.nnz > 0
    assert test.multiply(chosen_on.train).nnz == 0
    assert test.multiply(chosen_on.test).nnz == 0


@pytest.mark.parametrize("protocol", ["leave-last", "time-split"])
def test_without_times_the_error_says_what_to_do(protocol: str) -> None:
    with pytest.raises(protocols.CannotSplit, match="use --protocol random"):
        protocols.split(topics(timed=False), protocol, 0)


def test_too_little_is_refused() -> None:
    world = topics()
    one = replace(world, visitors=world.visitors[:1], items=world.items[:1], at=np.zeros(1))
    with pytest.raises(protocols.CannotSplit, match="too few interactions"):
        protocols.split(one, "leave-last", 0)
