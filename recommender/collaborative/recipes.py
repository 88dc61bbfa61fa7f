"""How a version learns, and what that is worth on what happened later."""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.collaborative.content import content_of
from recommender.collaborative.ease import MAX_ITEMS, Ease
from recommender.collaborative.event_table import EventTable
from recommender.collaborative.factorization import MatrixFactorization
from recommender.collaborative.holdout import Holdout, Scorer
from recommender.collaborative.interactions import Interactions, ItemItem, Progress
from recommender.collaborative.item_knn import ItemKnn
from recommender.collaborative.stored import NEIGHBOURS
from recommender.collaborative.two_tower import TwoTower
from recommender.exceptions import ModelConflict
from recommender.models import RecommenderModel
from recommender.ranking_training import Options
from retrieval import index, spaces

log = logging.getLogger(__name__)

Algorithm = RecommenderModel.Algorithm

HELD_OUT: Final = 0.1
"""Of the events, the latest: models are measured by what happened after they learned."""
MEASURED: Final = 5_000
"""Visitors at most; half of one's hits is then ± .007."""
LEAST_MEASURED: Final = 10
"""With fewer visitors a measurement says nothing."""
MODELS: Final[Mapping[str, type[Any]]] = {
    Algorithm.EASE: Ease,
    Algorithm.ITEM_KNN: ItemKnn,
    Algorithm.FACTORIZATION: MatrixFactorization,
    Algorithm.TWO_TOWER: TwoTower,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a version learns."""

    algorithm: str
    config: Mapping[str, Any]
    seed: int
    space: spaces.Space | None
    """What a two-tower model knows items by; None: by events alone."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A fitted model."""

    model: Any
    algorithm: str
    """EASE becomes item-kNN where the items are too many for it."""
    config: Mapping[str, Any]


def check_config(algorithm: str, config: Mapping[str, Any]) -> None:
    """Raises ModelConflict for an option that the algorithm does not have."""
    options = Options if algorithm == Algorithm.LOGISTIC else MODELS[algorithm]
    known = {each.name for each in dataclasses.fields(options) if each.init} - {"seed"}
    if unknown := sorted(config.keys() - known):
        raise ModelConflict(
            f"{algorithm} has no option {unknown[0]!r}; it has {', '.join(sorted(known))}."
        )
    if options is Options:
        try:
            Options(**config)
        except ValueError as err:
            raise ModelConflict(f"{algorithm}: {err}.") from err


def learn(recipe: Recipe, interactions: Interactions, progress: Progress | None) -> Learned:
    """A model of the interactions. Raises NothingToLearn."""
    algorithm, count = recipe.algorithm, len(interactions.item_ids)
    if algorithm == Algorithm.EASE and count > recipe.config.get("max_items", MAX_ITEMS):
        log.warning("%d items are too many for EASE: item-kNN learns instead", count)
        return learn(Recipe(Algorithm.ITEM_KNN, {}, recipe.seed, None), interactions, progress)
    seeded = algorithm in (Algorithm.FACTORIZATION, Algorithm.TWO_TOWER)
    model = MODELS[algorithm](**recipe.config, **({"seed": recipe.seed} if seeded else {}))
    if algorithm == Algorithm.TWO_TOWER:
        content = None
        if recipe.space:
            content = content_of(recipe.space.partition, interactions.item_ids.tolist())
        model.fit(interactions, content, progress)
    else:
        model.fit(interactions, progress)
    return Learned(model, algorithm, recipe.config)


@dataclass(frozen=True, slots=True)
class Split:
    """Events before a moment to learn from, and what followed."""

    train: Interactions
    held: Holdout
    columns: NDArray[np.intp]
    """Of the items learned from, among all that compete."""


def hold_out(table: EventTable, space: spaces.Space | None, *, seed: int) -> Split | None:
    """The latest HELD_OUT of the events, of at most MEASURED visitors who were there before; None if fewer
    than LEAST_MEASURED were.

    All items compete that anybody used before or after, and those of the space.
    """
    moment = float(np.quantile(table.at, 1 - HELD_OUT))
    train = table.where(table.at < moment).interactions(moment)
    later = table.where(table.at >= moment).interactions()
    people, before, after = np.intersect1d(
        np.asarray(train.visitor_ids), np.asarray(later.visitor_ids), return_indices=True
    )
    embedded = index.embedded_ids(space.partition) if space else []
    items = np.unique(np.concatenate([train.item_ids, later.item_ids, embedded])).astype(np.int64)
    history = _spread(train.visitors[before], train.item_ids, items)
    wanted = _spread(later.visitors[after], later.item_ids, items)
    wanted.data[:] = 1
    wanted -= wanted.multiply(history > 0)
    wanted.eliminate_zeros()
    chosen = np.flatnonzero(np.diff(wanted.indptr))
    if len(chosen) > MEASURED:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MEASURED, replace=False))
    if len(chosen) < LEAST_MEASURED or not len(people):
        return None
    held = Holdout(history[chosen], wanted[chosen], items)
    return Split(train, held, np.searchsorted(items, train.item_ids))


def _spread(x: csr_matrix, own: NDArray[np.int64], items: NDArray[np.int64]) -> csr_matrix:
    """The same rows, with a column for each of more items."""
    columns = np.searchsorted(items, own)[x.indices]
    return csr_matrix((x.data.copy(), columns, x.indptr.copy()), shape=(x.shape[0], len(items)))


def scorer(recipe: Recipe, split: Split, progress: Progress | None) -> Scorer:
    """A model of the events before, as it would be served; what it cannot place is never shown."""
    model = learn(recipe, split.train, progress).model
    columns, n = split.columns, len(split.held.item_ids)
    if not isinstance(model, TwoTower):
        weights = cast("ItemItem", model).neighbours(NEIGHBOURS)
        return lambda history: _widened((history[:, columns] @ weights).toarray(), columns, n)
    placed, vectors = columns, model.towers.vectors
    if recipe.space:
        new = np.setdiff1d(np.arange(n), columns)
        content = content_of(recipe.space.partition, split.held.item_ids[new].tolist())
        there = content.any(axis=1)
        placed = np.concatenate([columns, new[there]])
        vectors = np.concatenate([vectors, model.place(content[there]).vectors])
    return lambda history: _widened(model.visitors(history[:, columns]) @ vectors.T, placed, n)


def _widened(scores: NDArray[np.float32], columns: NDArray[np.intp], n: int) -> NDArray[np.float32]:
    wide = np.full((len(scores), n), -np.inf, np.float32)
    wide[:, columns] = scores
    return wide
