"""Alignment of the modalities: a ``fusion.Head`` from a catalog's own items, in closed form.

1. Text is whitened by how the same item differs between its languages (within-class covariance
   normalisation, Hatch et al. 2006): what distinguishes languages shrinks, what distinguishes
   items stays, and a query needs no language detection.
2. Every other modality is mapped to the mean text of its items by ridge regression, together with
   the concepts its encoder can name (its classifier's classes: DeViSE, Frome et al. 2013); the
   strength is chosen on an inner split of the items.
3. All are rotated onto the leading ``dim`` directions of the text.
4. ``retrieval.training.contrastive`` refines the result where held-back items prove that it helps. On the
   demo catalog it does not: contrastive training (InfoNCE) memorises 1,110 items. Unregularised,
   on leave-one-out vectors, R@10 fell from .658 to .617 in English, from .612 to .539 in Chinese
   (4 splits); regularised, MRR gained .004, which is within the noise.
5. Pictures and sounds that are near everything are taken down (``head.Hubs``), and each modality's
   own details are put beside what all share (``retrieval.training.details``).
6. ``retrieval.training.fusing`` learns how much each modality counts in the fused vector.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Fusion, FusionMethod, pool, unit
from retrieval.head import DIM, Head, Projection
from retrieval.training.batches import TARGETS
from retrieval.training.checkpoints import Checkpoints
from retrieval.training.contrastive import ContrastiveConfig, choose, refine
from retrieval.training.data import Rows, TextRows, TrainingSet
from retrieval.training.details import fit_details
from retrieval.training.fusing import EQUAL, FusionConfig, cross_fitted, train_fusion
from retrieval.types import MODALITIES, Modality, Vectors

Progress = Callable[[dict[str, Any]], None]
_Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Inputs (n, d) and targets (n, d_text) of a regression."""

LANDMARKS = 1_000
"""Items whose words stand for queries when hubness is measured: a megabyte of the head."""
HUB_ROWS = 5_000
FUSION_ITEMS = 4_000
"""At most so many items teach the fusion its few numbers."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Chosen on splits 10-13 of the demo catalog; the reported splits are others."""

    dim: int = DIM
    seed: int = 0
    within_ratio: float = 1.0
    """Ridge of the whitening, in mean eigenvalues: en R@10 .620 with 1/3, .625 with 1 and 3."""
    anchor_weight: float = 0.9
    """MRR en .358 without anchors, .407 with .6, .413 with 1; zh .332, .346, .343."""
    strengths: tuple[float, ...] = (0.5, 1.5, 5.0)
    """Ridge strengths tried, features being unit rows; fewer items want more. Finer or weaker ones
    only let the inner split's noise in: with .25 offered, mean quality fell from .445 to .440."""
    augment: int = 0
    """Augmented copies of each picture and sound that ``space_training.collect`` adds."""
    augment_weight: float = 0.5
    """Of an augmented copy in the regression, an original being 1. On split 10 R@10 en, zh .744, .733
    without copies; one of each at 1 .726, .718, at .5 .755, .745, at .25 .758, .737."""
    fusion: FusionMethod = "weighted"
    fusion_weights: Mapping[Modality, float] | None = None
    """Given, they are used as they are; else they are learned."""
    fusion_training: FusionConfig = field(default_factory=FusionConfig)
    detail: Mapping[Modality, float] = field(default_factory=lambda: {"image": 0.0, "audio": 1.0})
    """Share of a random projection mixed in, 1 being half. A hundred sounds teach too little of
    what they mean, and alone lose what they are: a cut, re-encoded one found itself first for .87
    without, .92 with. Pictures keep their detail anyway."""
    validation_share: float = 0.2
    validation_items: int = 1_500
    """At most so many items judge a strength: the score matrix is quadratic."""
    contrastive: ContrastiveConfig | None = field(default_factory=ContrastiveConfig)
    """None: the closed form alone."""


class TrainedHead(NamedTuple):
    """``metrics``: MRR of text looking for each other modality, on the inner validation split, and
    how many ``contrastive_epochs`` held-back items asked for: 0 is the closed form. The MRR after
    each epoch is in ``history`` and, as ``contrastive_curve``, in the head's metadata.
    """

    head: Head
    metrics: dict[str, float]
    history: list[dict[str, Any]]


def train_head(
    data: TrainingSet,
    config: TrainingConfig | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> TrainedHead:
    """Half a minute for the demo catalog on one core; the same for the same data and config.

    A modality without rows, or a catalog without texts to align with, keeps a random projection
    of its centred features: search within the modality works all the same. With a folder for
    ``checkpoints``, the same call after a kill goes on at the stage that was interrupted.
    """
    config = config or TrainingConfig()
    kept = Checkpoints(checkpoints, data, json.dumps(_plain(config), sort_keys=True))
    done = kept.load()
    history = done.history if done else []
    metrics = done.metrics if done else {}

    def report(entry: dict[str, Any]) -> None:
        history.append(entry)
        if progress:
            progress(entry)

    if done is None:
        head = _closed_form(data, config, report, metrics)
        kept.save("aligned", head, metrics, history)
    else:
        head = done.head
        report({"stage": "resumed", "after": done.stage})
    if config.contrastive and (done is None or done.stage == "aligned"):
        head = _refined(head, data, config, config.contrastive, report, metrics)
        kept.save("refined", head, metrics, history)
    details = fit_details(data)
    head = _finished(head, data, details, config.seed)
    head = head.with_fusion(_fusion(data, config, details, report, metrics))
    kept.forget()
    info = {**head.metadata, "trained": True, "config": _plain(config), "metrics": metrics}
    return TrainedHead(replace(head, metadata=info), metrics, history)


def _finished(
    head: Head, data: TrainingSet, details: Mapping[Modality, NDArray[np.float32]], seed: int
) -> Head:
    """With hubs taken down and details put in."""
    if not len(data.text.items):
        return head.with_details(details)
    rng = np.random.default_rng([seed, 6])
    items = rng.permutation(np.unique(data.text.items))[:LANDMARKS]
    chosen = np.isin(data.text.items, items)
    words, _ = head.projections["text"](data.text.vectors[chosen], "document")
    position = np.zeros(len(data.labels), np.int64)
    position[items] = np.arange(len(items))
    landmarks = pool(words, position[data.text.items[chosen]], len(items))
    rows = {name: data.modality(name).vectors[:HUB_ROWS] for name in TARGETS}
    with_hubs = head.with_hubs(landmarks, {name: own for name, own in rows.items() if len(own)})
    return with_hubs.with_details(details)


def _fusion(
    data: TrainingSet,
    config: TrainingConfig,
    details: Mapping[Modality, NDArray[np.float32]],
    report: Progress,
    metrics: dict[str, float],
) -> Fusion:
    if config.fusion_weights is not None:
        return Fusion(config.fusion, config.fusion_weights)
    if not len(data.text.items):
        return Fusion(config.fusion, EQUAL)
    rng = np.random.default_rng([config.seed, 7])
    items = np.sort(rng.permutation(len(data.labels))[:FUSION_ITEMS])
    sample = data.subset(items)
    strengths = _strengths(metrics)

    def fit(kept: TrainingSet) -> Head:
        head = _closed_form(kept, config, lambda entry: None, {}, strengths)
        return _finished(head, kept, details, config.seed)

    training = config.fusion_training
    parts = cross_fitted(sample, fit, training.folds, config.seed, report)
    return train_fusion(parts, config.fusion, config.dim, training, config.seed, report)


def _strengths(metrics: Mapping[str, float]) -> dict[Modality, float]:
    """Those that the inner split chose."""
    return {name: metrics[key] for name in MODALITIES if (key := f"{name}_strength") in metrics}


def _refined(
    head: Head,
    data: TrainingSet,
    config: TrainingConfig,
    contrastive: ContrastiveConfig,
    report: Progress,
    metrics: dict[str, float],
) -> Head:
    """As many epochs as held-back items ask for, on all of them; the head itself if that is 0."""

    def start(kept: TrainingSet) -> Head:
        return _closed_form(kept, config, lambda entry: None, {}, _strengths(metrics))

    choice = choose(data, start, contrastive, config.seed, report)
    report({"stage": "contrastive", "chosen_epochs": choice.epochs})
    metrics["contrastive_epochs"] = choice.epochs
    if choice.curve:
        metrics["contrastive_start_mrr"] = choice.curve[0]
        metrics["contrastive_best_mrr"] = max(choice.curve)
    steps = refine(head, data, contrastive, choice.epochs, config.seed, choice.moving)
    for epoch, (refined, _) in enumerate(steps, 1):
        head = refined
        report({"stage": "refine", "epoch": epoch, "of": choice.epochs})
    return replace(head, metadata={"contrastive_curve": [round(mrr, 4) for mrr in choice.curve]})


def _closed_form(
    data: TrainingSet,
    config: TrainingConfig,
    report: Progress,
    metrics: dict[str, float],
    strengths: Mapping[Modality, float] | None = None,
) -> Head:
    """``strengths`` are the ridge's, if they are known."""
    dims = {name: data.modality(name).vectors.shape[1] for name in MODALITIES}
    centres = {name: _centre(data.modality(name).vectors) for name in MODALITIES}
    start = Head.untrained(dims, config.dim, config.seed, centres)
    projections = dict(start.projections)
    if len(data.text.items):
        report({"stage": "text", "rows": len(data.text.items)})
        space = _TextSpace.of(data, config)
        projections["text"] = _projection(space.centre, space.whitening @ space.basis)
        for name in ("image", "audio"):
            weight = _aligned(data, name, space, config, report, metrics, strengths or {})
            if weight is not None:
                inputs = data.modality(name).vectors - centres[name]
                mixed = _mixed(
                    inputs,
                    weight @ space.basis,
                    start.projections[name].weight,
                    config.detail.get(name, 0.0),
                )
                projections[name] = _projection(centres[name], mixed)
    return Head(projections, Fusion("weighted", EQUAL))


class _TextSpace(NamedTuple):
    centre: NDArray[np.float32]
    whitening: NDArray[np.float32]
    basis: NDArray[np.float32]
    """(d_text, dim): orthonormal columns, then zeros if dim is larger."""
    targets: Vectors
    """(n_items, d_text), unit rows; zero for an item without text."""

    @classmethod
    def of(cls, data: TrainingSet, config: TrainingConfig) -> "_TextSpace":
        text = data.text
        by_language = [text.vectors[text.languages == name] for name in np.unique(text.languages)]
        # Each language counts once: the mean must not be that of the best covered one.
        centre = np.mean([rows.mean(0) for rows in by_language], axis=0)
        whitening = _whitening(text, len(data.labels), config.within_ratio)
        whitened = unit((text.vectors - centre) @ whitening)
        targets = pool(whitened, text.items, len(data.labels))
        named = [_spread(anchors.texts) @ whitening for anchors in data.anchors.values()]
        everything = np.concatenate([whitened, *(unit(texts) for texts in named)])
        _, _, directions = np.linalg.svd(everything, full_matrices=False)
        leading = directions[: config.dim].T
        basis = np.pad(leading, ((0, 0), (0, config.dim - leading.shape[1])))
        return cls(*(part.astype(np.float32) for part in (centre, whitening, basis, targets)))


def _whitening(text: TextRows, count: int, ratio: float) -> NDArray[np.float32]:
    """Inverse root of the covariance of an item's texts around their mean; symmetric."""
    sizes = np.maximum(np.bincount(text.items, minlength=count), 1)
    means = np.zeros((count, text.vectors.shape[1]))
    np.add.at(means, text.items, text.vectors)
    spread = text.vectors - (means / sizes[:, None])[text.items]
    covariance = spread.T @ spread / len(spread)
    values, vectors = np.linalg.eigh(covariance)
    mean = max(float(values.mean()), 0.0)
    if mean < np.finfo(np.float32).eps:  # one text an item: nothing to be invariant to
        return np.eye(len(values), dtype=np.float32)
    scale = np.sqrt(mean / (np.maximum(values, 0) + ratio * mean))
    return ((vectors * scale) @ vectors.T).astype(np.float32)


def _aligned(
    data: TrainingSet,
    name: Modality,
    space: _TextSpace,
    config: TrainingConfig,
    report: Progress,
    metrics: dict[str, float],
    strengths: Mapping[Modality, float],
) -> NDArray[np.float32] | None:
    """(d, d_text), or None if too few items have both text and this modality."""
    rows = data.modality(name)
    named = np.linalg.norm(space.targets[rows.items], axis=1) > 0
    owners, vectors = rows.items[named], rows.vectors[named]
    if len(np.unique(owners)) < 3:
        return None
    inputs = (vectors - _centre(rows.vectors)).astype(np.float64)
    targets = space.targets[owners].astype(np.float64)
    anchors = _anchor_pairs(data, name, space, config)
    extra = _joined(anchors, _augmented_pairs(data, name, space, config, owners))
    if name in strengths:
        return _Ridge(inputs, targets, extra).weight(strengths[name]).astype(np.float32)
    kept, judged = _inner_split(owners, config)
    seen = _joined(anchors, _augmented_pairs(data, name, space, config, owners[kept]))
    ridge = _Ridge(inputs[kept], targets[kept], seen)
    scores: dict[float, float] = {}
    for strength in config.strengths:
        found = unit(inputs[judged] @ ridge.weight(strength)) @ targets[judged].T
        scores[strength] = _mrr(found.T, data.labels[owners[judged]])
        report({"stage": name, "strength": strength, "mrr": round(scores[strength], 4)})
    best = max(scores, key=lambda strength: scores[strength])
    metrics[f"text_to_{name}_mrr"] = scores[best]
    metrics[f"{name}_strength"] = best
    return _Ridge(inputs, targets, extra).weight(best).astype(np.float32)


def _inner_split(
    owners: NDArray[np.int64], config: TrainingConfig
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows to fit and rows to judge by; all rows of an item are on one side."""
    items = np.random.default_rng(config.seed).permutation(np.unique(owners))
    size = min(max(1, int(len(items) * config.validation_share)), config.validation_items)
    judged = np.isin(owners, items[:size])
    return ~judged, judged


def _anchor_pairs(
    data: TrainingSet, name: Modality, space: _TextSpace, config: TrainingConfig
) -> _Pairs:
    if name not in data.anchors:
        return (
            np.zeros((0, data.modality(name).vectors.shape[1])),
            np.zeros((0, len(space.centre))),
        )
    anchors = data.anchors[name]
    texts = unit(_spread(anchors.texts) @ space.whitening)
    weight = config.anchor_weight
    return weight * anchors.features.astype(np.float64), weight * texts.astype(np.float64)


def _augmented_pairs(
    data: TrainingSet,
    name: Modality,
    space: _TextSpace,
    config: TrainingConfig,
    items: NDArray[np.int64],
) -> _Pairs:
    """Augmented copies that belong to the items."""
    rows = data.modality(name)
    more = data.further.get(name, Rows(rows.items[:0], rows.vectors[:0]))
    own, weight = np.isin(more.items, items), config.augment_weight
    inputs = (more.vectors[own] - _centre(rows.vectors)).astype(np.float64)
    return weight * inputs, weight * space.targets[more.items[own]].astype(np.float64)


def _joined(first: _Pairs, second: _Pairs) -> _Pairs:
    return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])


class _Ridge:
    """Ridge regression of targets on inputs and ``extra`` pairs, for any strength; in whichever of
    the two equal forms has the smaller matrix."""

    def __init__(
        self,
        inputs: NDArray[np.float64],
        targets: NDArray[np.float64],
        extra: _Pairs,
    ) -> None:
        self._rows = np.concatenate([inputs, extra[0]])
        wanted = np.concatenate([targets, extra[1]])
        self._dual = len(self._rows) < self._rows.shape[1]
        rows = self._rows
        self._gram = rows @ rows.T if self._dual else rows.T @ rows
        self._right = wanted if self._dual else rows.T @ wanted

    def weight(self, strength: float) -> NDArray[np.float64]:
        """(d, d_text)."""
        gram = self._gram.copy()
        gram[np.diag_indices_from(gram)] += strength
        solved = np.linalg.solve(gram, self._right)
        return np.asarray(self._rows.T @ solved if self._dual else solved, dtype=np.float64)


def _mixed(
    inputs: Vectors, aligned: NDArray[np.float32], random: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Both weights at the scale where they give these inputs rows of mean norm 1."""
    sizes = [np.linalg.norm(inputs @ weight, axis=1).mean() for weight in (aligned, random)]
    if min(sizes) == 0:
        return random
    return aligned / sizes[0] + share * random / sizes[1]


def _mrr(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Of square scores: row i looks for column i, or another with its label."""
    relevant = labels[:, None] == labels[None]
    best = np.where(relevant, scores, -np.inf).max(1, keepdims=True)
    return float((1 / (1 + ((scores >= best) & ~relevant).sum(1))).mean())


def _spread(texts: Vectors) -> Vectors:
    """Around their own mean: names of concepts are not spread as the catalog's titles are."""
    return texts - texts.mean(0)


def _centre(vectors: Vectors) -> NDArray[np.float32]:
    return vectors.mean(0) if len(vectors) else np.zeros(vectors.shape[1], np.float32)


def _projection(centre: NDArray[np.float32], weight: NDArray[np.float32]) -> Projection:
    centre = centre.astype(np.float32)
    return Projection(weight.astype(np.float32), {"query": centre, "document": centre})


def _plain(config: TrainingConfig) -> dict[str, Any]:
    return asdict(config)
