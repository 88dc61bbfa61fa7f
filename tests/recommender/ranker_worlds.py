"""Answers and what becomes of them, where what is relevant and how far people look is known."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from catalog.models import Item
from recommender import ranking, versions
from recommender.event_input import EventReader
from recommender.events import events_record
from recommender.models import Impression, RecommenderModel, Visitor
from recommender.ranking import LogisticRanker
from recommender.ranking_training import ShownTable

F = len(ranking.FEATURES)
TRUTH: Mapping[str, float] = {
    "taste": 1.0,
    "session": 3.0,
    "collaborative": 1.0,
    "trending": 2.0,
    "disliked": -3.0,
}
"""Quite unlike ranking.WEIGHTS: who is here for something wants that."""
BIAS = -3.0


def relevance(features: NDArray[np.float32], pair: float = 0.0) -> NDArray[np.float64]:
    """The chance that whoever looks takes it up."""
    row = np.array([TRUTH.get(name, 0.0) for name in ranking.FEATURES])
    both = features[..., 0] * features[..., 7]  # taste x new
    return ranking.sigmoid(features @ row + pair * both + BIAS)


def features(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """As sources give them: many zeros, the rest anywhere up to 1; dislikes are rare."""
    drawn = rng.random((*shape, F)) * (rng.random((*shape, F)) < 0.6)
    drawn[..., -1] *= rng.random(shape) < 0.2
    return drawn.astype(np.float32)


def true_ndcg(ranker: ranking.Ranker) -> float:
    """Of the ten best of fresh lists of fifty, by the relevance that nobody sees."""
    x = features(np.random.default_rng(99), 500, 50)
    relevant = relevance(x)
    scores = ranker.scores(x.reshape(-1, F)).reshape(500, 50)
    best = np.argsort(-scores, axis=1)[:, :10]
    discounts = 1 / np.log2(np.arange(2, 12))
    got = np.take_along_axis(relevant, best, axis=1) @ discounts
    ideal = -np.sort(-relevant, axis=1)[:, :10] @ discounts
    return float((got / ideal).mean())


def shown(
    answers: int,
    *,
    size: int = 10,
    seed: int = 0,
    pair: float = 0.0,
    bias: bool = True,
    mixed: float = 0.3,
) -> ShownTable:
    """Lists ordered by the weighted formula, a little mixed; position k is looked at by 1 / k."""
    rng = np.random.default_rng(seed)
    x = features(rng, answers, size)
    noisy = ranking.weighted(x.reshape(-1, F)).reshape(answers, size)
    noisy = noisy + mixed * rng.standard_normal((answers, size))
    x = np.take_along_axis(x, np.argsort(-noisy, axis=1)[..., None], axis=1)
    looked_at = rng.random((answers, size)) < (1 / np.arange(1, size + 1) if bias else 1.0)
    taken = looked_at & (rng.random((answers, size)) < relevance(x, pair))
    return table(x, taken.astype(np.float64))


def table(x: NDArray[np.float32], strength: NDArray[np.float64]) -> ShownTable:
    """Of (answers, size) items each, to one visitor each, at one placement."""
    answers, size = strength.shape
    return ShownTable(
        features=x.reshape(-1, F),
        answer=np.repeat(np.arange(answers), size),
        item=np.tile(np.arange(size), answers),
        position=np.tile(np.arange(1, size + 1), answers),
        strength=strength.ravel(),
        placement=np.zeros(answers, np.int64),
        unit=np.arange(answers),
        placements=("home",),
    )


def store(given: ShownTable, items: Sequence[Item], *, prefix: str = "v") -> None:
    """The same as impressions of the last two days and clicks that name them, ten seconds later."""
    visitors = Visitor.objects.bulk_create(
        [Visitor(external_id=f"{prefix}{unit}") for unit in range(int(given.unit.max()) + 1)]
    )
    first, names = (
        timezone.now() - timedelta(days=2),
        [f"{prefix}-r{n}" for n in range(given.answers)],
    )
    times = [first + timedelta(seconds=n) for n in range(given.answers)]
    rows = [np.flatnonzero(given.answer == n) for n in range(given.answers)]
    Impression.objects.bulk_create(
        Impression(
            request_id=names[n],
            visitor=visitors[given.unit[n]],
            placement=given.placements[given.placement[n]],
            shown_at=times[n],
            item_ids=[items[place].pk for place in given.item[own]],
            propensities=[1.0] * len(own),
            sources=[["taste"]] * len(own),
            features=given.features[own].tolist(),
        )
        for n, own in enumerate(rows)
    )
    reader = EventReader()
    sent = [
        {
            "id": f"{names[n]}-{given.item[row]}",
            "visitor": visitors[given.unit[n]].external_id,
            "item": items[given.item[row]].external_id,
            "type": "click" if given.strength[row] > 0 else "dislike",
            "request_id": names[n],
            "occurred_at": (times[n] + timedelta(seconds=10)).isoformat(),
        }
        for n, own in enumerate(rows)
        for row in own
        if given.strength[row]
    ]
    for start in range(0, len(sent), 500):
        events_record([reader.read(each) for each in sent[start : start + 500]])


def version(
    name: str, weights: Mapping[str, float], *, parameters: str = "", active: bool = True
) -> RecommenderModel:
    """A ranker that says so."""
    row = versions.version_create("logistic", name=name)
    learned = (parameters or LogisticRanker(weights, BIAS).to_json()).encode()
    RecommenderModel.objects.filter(pk=row.pk).update(
        state="ready", parameters=learned, trained_at=timezone.now()
    )
    return versions.version_activate(row.pk) if active else RecommenderModel.objects.get(pk=row.pk)
