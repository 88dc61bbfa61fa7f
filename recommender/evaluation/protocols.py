"""What is held out of a dataset, and what is left to learn from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.evaluation.datasets import Dataset

HELD_OUT: Final = 0.2
"""Share of the interactions (of time-split: the latest; of cold-items: share of the items)."""

Held = NDArray[np.bool_]


class CannotSplit(ValueError):
    """The protocol does not fit the dataset; the message says which does."""


@dataclass(frozen=True, slots=True)
class Split:
    """Matrices are (n_visitors, n_items); an item that is held out altogether has an empty column."""

    train: csr_matrix
    """float32: 1 where there was something to learn from."""
    test: csr_matrix
    """1 where it was held out."""
    places: csr_matrix
    """Of what is in ``train``, its place in the visitor's history from the latest, which is 1; all of
    one moment where nothing is known of times, and then it is empty."""
    times: csr_matrix
    """Of what is in ``train``, seconds since 1970 + 1; empty where nothing is known of times."""
    candidates: NDArray[np.bool_]
    """(n_items,): what may be recommended."""

    @property
    def timed(self) -> bool:
        """Whether the order of a history is known."""
        return self.places.nnz > 0


def leave_last(dataset: Dataset, seed: int) -> Held:
    """Each visitor's last interaction, if there is one before; of one moment, one by chance."""
    at = _times(dataset, "leave-last")
    order = np.lexsort((np.random.default_rng(seed).random(len(at)), at, dataset.visitors))
    visitors = dataset.visitors[order]
    last = np.r_[visitors[1:] != visitors[:-1], True]
    held = np.zeros(len(at), bool)
    held[order[last]] = True
    return (
        held & (np.bincount(dataset.visitors, minlength=dataset.n_visitors) > 1)[dataset.visitors]
    )


def time_split(dataset: Dataset, seed: int) -> Held:
    """What came after the moment before which four fifths of all came."""
    at = _times(dataset, "time-split")
    return np.asarray(at > np.quantile(at, 1 - HELD_OUT))


def random_split(dataset: Dataset, seed: int) -> Held:
    """A fifth of the interactions."""
    count = len(dataset.items)
    return np.asarray(np.random.default_rng(seed).permutation(count) < round(HELD_OUT * count))


def cold_items(dataset: Dataset, seed: int) -> Held:
    """All that was done with a fifth of the items; only those are candidates."""
    drawn = np.random.default_rng(seed).permutation(dataset.n_items)
    return np.asarray((drawn < round(HELD_OUT * dataset.n_items))[dataset.items])


PROTOCOLS: Final[dict[str, Callable[[Dataset, int], Held]]] = {
    "leave-last": leave_last,
    "time-split": time_split,
    "random": random_split,
    "cold-items": cold_items,
}


def split(dataset: Dataset, protocol: str, seed: int) -> Split:
    """Raises ``CannotSplit`` where the protocol needs times and there are none, or nothing is left."""
    held = PROTOCOLS[protocol](dataset, seed)
    if not held.any() or held.all():
        raise CannotSplit(
            f"{dataset.name!r} has too few interactions for {protocol}: {len(held)}, of which "
            f"{int(held.sum())} would be held out. Record more events first."
        )
    test = _matrix(dataset, held, np.ones(len(held)))
    train = _matrix(dataset, ~held, np.ones(len(held)))
    candidates = np.ones(dataset.n_items, bool)
    if protocol == "cold-items":
        candidates = np.asarray(test.sum(0)).ravel() > 0
    nothing = csr_matrix(train.shape, dtype=np.float32)
    if dataset.at is None:
        return Split(train, test, nothing, nothing, candidates)
    places = _matrix(dataset, ~held, _places(dataset, ~held, seed))
    return Split(train, test, places, _matrix(dataset, ~held, dataset.at + 1), candidates)


def validation_split(dataset: Dataset, protocol: str, seed: int, fold: int = 1) -> Split:
    """A split of what ``split`` leaves to learn from: settings are chosen on it, never on the test.

    ``fold`` 2 splits what the first leaves, and so on: of leave-last each visitor's last but two.
    """
    for step in range(fold):
        kept = ~PROTOCOLS[protocol](dataset, seed + step)
        dataset = replace(
            dataset,
            visitors=dataset.visitors[kept],
            items=dataset.items[kept],
            at=None if dataset.at is None else dataset.at[kept],
        )
    return split(dataset, protocol, seed + fold)


def _times(dataset: Dataset, protocol: str) -> NDArray[np.float64]:
    if dataset.at is None:
        raise CannotSplit(
            f"{dataset.name!r} knows no times, which {protocol} needs: use --protocol random."
        )
    return dataset.at


def _places(dataset: Dataset, kept: Held, seed: int) -> NDArray[np.float64]:
    """Of each kept interaction, from the visitor's latest (1) on; of one moment, by chance."""
    at = _times(dataset, "order")
    chance = np.random.default_rng([seed, 1]).random(len(at))
    order = np.lexsort((chance, at, kept, dataset.visitors))
    counts = np.bincount(dataset.visitors, minlength=dataset.n_visitors)
    places = np.zeros(len(at))
    places[order] = np.repeat(np.cumsum(counts), counts) - np.arange(len(at))
    return places


def _matrix(dataset: Dataset, mask: Held, values: NDArray[np.float64]) -> csr_matrix:
    """float64 where float32 could not hold the values."""
    at = (dataset.visitors[mask], dataset.items[mask])
    made = csr_matrix((values[mask], at), shape=(dataset.n_visitors, dataset.n_items))
    made.sort_indices()
    return made if values.max() > 2**24 else made.astype(np.float32)
