"""Learning how much each modality counts: InfoNCE of queries against fused vectors.

The head's projections know the items they were fitted to, pictures' most of all; weights learned on
those would trust pictures too much. So ``cross_fitted`` projects every item by a head fitted to
others. torch is imported when it runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.fusion import Fusion, FusionMethod, Present, pool
from retrieval.head import Head
from retrieval.training.batches import TARGETS
from retrieval.training.contrastive import one_thread
from retrieval.training.data import TrainingSet
from retrieval.types import MODALITIES, Modality, Vectors

if TYPE_CHECKING:
    from torch import Tensor

MIN_ITEMS = 50
"""With at least two modalities: fewer cannot tell shares from noise, and equal ones are used."""
JUDGED_SHARE = 0.2
EQUAL: Mapping[Modality, float] = {"text": 1.0, "image": 1.0, "audio": 1.0}

Fit = Callable[[TrainingSet], Head]
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """Chosen on splits 10-13 of the demo catalog."""

    folds: int = 4
    epochs: int = 60
    """At most; it stops at the best held-back loss."""
    patience: int = 10
    batch: int = 512
    learning_rate: float = 0.03
    dropout: float = 0.3
    """Chance that a modality of an item is left out, so that every subset works; one stays."""
    other_queries: float = 0.25
    """Share of queries that are a picture or a sound of the item, looking for the rest of it."""
    share_pull: float = 0.01
    """Of the squared log shares, towards equal ones."""
    key_pull: float = 0.003
    """Of the squared keys, towards weights that do not depend on content."""
    inverse_temperature: float = 15.0


class Parts(NamedTuple):
    """Items as queries and as what is found; all rows projected."""

    queries: Vectors
    """(q, dim), words."""
    owners: NDArray[np.int64]
    """(q,), item of each query."""
    rest: Vectors
    """(q, dim): the item's other words, without the query's; its own where it has no others."""
    media: Mapping[Modality, Vectors]
    """(n, dim): mean of the item's pictures or sounds; zero where it has none."""
    media_queries: Mapping[Modality, Vectors]
    """(n, dim): the same as queries."""
    present: Present
    """(n,), text included."""
    labels: NDArray[np.int64]


def cross_fitted(
    data: TrainingSet, fit: Fit, folds: int, seed: int, report: Report = lambda entry: None
) -> Parts:
    """Every item's parts, projected by a head that was fitted to the other folds."""
    count = len(data.labels)
    fold_of = np.random.default_rng([seed, 3]).permutation(count) % folds
    asked: dict[str, list[NDArray[Any]]] = {"queries": [], "owners": [], "rest": []}
    found: dict[str, dict[Modality, Vectors]] = {"document": {}, "query": {}}
    for fold in range(folds):
        held = np.flatnonzero(fold_of == fold)
        head = fit(data.subset(np.flatnonzero(fold_of != fold)))
        for name in TARGETS:
            rows = data.modality(name)
            own = np.isin(rows.items, held)
            for role in ("query", "document"):
                vectors = head.project(name, rows.vectors[own], role=role)
                into = found[role].setdefault(name, np.zeros((count, head.dim), np.float32))
                into += pool(vectors, rows.items[own], count)
        text = data.text
        own = np.isin(text.items, held)
        documents = head.project("text", text.vectors[own])
        queries = head.project("text", text.vectors[own], role="query")
        asked["queries"].append(queries)
        asked["owners"].append(text.items[own])
        asked["rest"].append(_without_own(documents, text.items[own], text.languages[own], count))
        done = int((fold_of <= fold).sum())
        report({"stage": "fusion parts", "items": done, "of": count})
    present = {name: np.isin(np.arange(count), data.modality(name).items) for name in MODALITIES}
    joined = {name: np.concatenate(parts) for name, parts in asked.items()}
    return Parts(
        **joined,
        media=found["document"],
        media_queries=found["query"],
        present=present,
        labels=data.labels,
    )


def _without_own(
    vectors: Vectors, owners: NDArray[np.int64], languages: NDArray[np.str_], count: int
) -> Vectors:
    """(q, dim): of each row the mean of its item's rows in other languages, or its own mean."""
    _, codes = np.unique(languages, return_inverse=True)
    groups = owners * (codes.max(initial=0) + 1) + codes
    _, groups = np.unique(groups, return_inverse=True)
    totals = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(totals, owners, vectors)
    same = np.zeros((groups.max(initial=0) + 1, vectors.shape[1]), np.float32)
    np.add.at(same, groups, vectors)
    several = np.bincount(groups)[groups] < np.bincount(owners, minlength=count)[owners]
    rest = np.where(several[:, None], totals[owners] - same[groups], totals[owners])
    norms = np.linalg.norm(rest, axis=1, keepdims=True)
    return np.asarray(rest / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)


def train_fusion(
    parts: Parts,
    method: FusionMethod,
    key_size: int,
    config: FusionConfig,
    seed: int,
    report: Report,
) -> Fusion:
    """Shares, and for ``attention`` keys of ``key_size``, that find held-back items best.

    Equal shares if fewer than MIN_ITEMS items have words and anything else.
    """
    import torch

    several = sum(has.astype(int) for has in parts.present.values()) > 1
    items = np.flatnonzero(several & parts.present["text"])
    if len(items) < MIN_ITEMS:
        return Fusion(method, EQUAL)
    rng = np.random.default_rng([seed, 4])
    items = rng.permutation(items)
    judged, kept = np.split(items, [int(len(items) * JUDGED_SHARE)])
    model = _Model(method, key_size, config)
    optimizer = torch.optim.Adam(model.parameters, lr=config.learning_rate)
    best, chosen, chosen_epoch = np.inf, model.fusion(), 0
    with one_thread():
        for epoch in range(config.epochs + 1):
            losses = []
            for batch in np.array_split(rng.permutation(kept), -(-len(kept) // config.batch)):
                if epoch == 0:  # the start is judged as well
                    break
                optimizer.zero_grad()
                loss = model.loss(_draw(parts, batch, config, rng)) + model.pull()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            with torch.no_grad():  # the same draw each time: the losses can be compared
                judge = np.random.default_rng([seed, 5])
                held_back = model.loss(_draw(parts, judged, config, judge)).item()
            entry = {"stage": "fusion", "epoch": epoch, "of": config.epochs}
            if losses:
                entry["loss"] = round(float(np.mean(losses)), 4)
            report(entry | {"held_back_loss": round(held_back, 4)})
            if held_back < best:
                best, chosen, chosen_epoch = held_back, model.fusion(), epoch
            elif epoch - chosen_epoch >= config.patience:
                break
    return chosen


class _Batch(NamedTuple):
    queries: Vectors
    vectors: dict[Modality, Vectors]
    present: dict[Modality, NDArray[np.bool_]]
    labels: NDArray[np.int64]


def _draw(
    parts: Parts, items: NDArray[np.int64], config: FusionConfig, rng: np.random.Generator
) -> _Batch:
    """One query an item, and the item without what asks for it, thinned."""
    order = np.argsort(parts.owners, kind="stable")
    counts = np.bincount(parts.owners, minlength=len(parts.labels))
    starts = np.cumsum(counts) - counts
    rows = order[starts[items] + (rng.random(len(items)) * counts[items]).astype(int)]
    queries = parts.queries[rows].copy()
    vectors: dict[Modality, Vectors] = {"text": parts.rest[rows]}
    vectors |= {name: media[items] for name, media in parts.media.items()}
    present = {name: parts.present[name][items].copy() for name in MODALITIES}
    for name, media in parts.media_queries.items():
        asks = (rng.random(len(items)) < config.other_queries) & present[name] & present["text"]
        queries[asks] = media[items[asks]]
        present[name] &= ~asks
    luck = {name: rng.random(len(items)) * has for name, has in present.items()}
    most = np.max(list(luck.values()), axis=0)
    kept = {
        name: has & ((luck[name] >= config.dropout) | (luck[name] == most))
        for name, has in present.items()
    }
    return _Batch(queries, vectors, kept, parts.labels[items])


class _Model:
    """The same arithmetic as ``Fusion``, in torch (a test compares them)."""

    def __init__(self, method: FusionMethod, key_size: int, config: FusionConfig) -> None:
        import torch

        self._method, self._config = method, config
        self._shares = torch.zeros(len(MODALITIES), requires_grad=True)
        self._keys = torch.zeros(len(MODALITIES), key_size, requires_grad=method == "attention")
        self._scale = torch.tensor(float(np.log(config.inverse_temperature)), requires_grad=True)

    @property
    def parameters(self) -> "list[Tensor]":
        keys = [self._keys] if self._method == "attention" else []
        return [self._shares, self._scale, *keys]

    def pull(self) -> "Tensor":
        config = self._config
        return config.share_pull * (self._shares**2).sum() + config.key_pull * (self._keys**2).sum()

    def loss(self, batch: _Batch) -> "Tensor":
        """InfoNCE of the queries against the batch's fused vectors; equal labels are positives."""
        import torch

        queries, fused = self.fused(batch)
        scores = self._scale.exp().clamp(1, 100) * queries @ fused.T
        same = torch.from_numpy((batch.labels[:, None] == batch.labels[None]).astype(np.float32))
        wanted = same / same.sum(1, keepdim=True)
        return -(wanted * torch.log_softmax(scores, 1)).sum(1).mean()

    def fused(self, batch: _Batch) -> "tuple[Tensor, Tensor]":
        """Queries as they are compared, and unit fused rows."""
        import torch

        shape = (len(MODALITIES), *batch.queries.shape)
        rows = torch.zeros(shape)
        there = torch.zeros(shape[:2], dtype=torch.bool)
        for column, name in enumerate(MODALITIES):
            if name in batch.vectors:
                rows[column] = torch.from_numpy(batch.vectors[name])
                there[column] = torch.from_numpy(batch.present[name])
        scores = self._shares[:, None].expand(shape[:2])
        if self._method == "attention":
            keys = self._keys[:, None]
            scores = scores + (rows[..., : keys.shape[-1]] * keys).sum(-1)
        weights = torch.softmax(scores.masked_fill(~there, float("-inf")), 0)[..., None]
        queries = torch.from_numpy(batch.queries)
        if self._method == "concat":
            fused = torch.cat(list(weights.clamp_min(1e-12).sqrt() * rows * there[..., None]), 1)
            roots = torch.softmax(self._shares, 0).sqrt()
            return torch.cat([root * queries for root in roots], 1), fused
        fused = (weights * rows).sum(0)
        return queries, torch.nn.functional.normalize(fused, dim=1)

    def fusion(self) -> Fusion:
        """As it is now."""
        shares = np.exp(self._shares.detach().numpy().astype(float))
        keys = self._keys.detach().numpy().copy()
        return Fusion(
            self._method,
            {name: float(share) for name, share in zip(MODALITIES, shares, strict=True)},
            dict(zip(MODALITIES, keys, strict=True)) if self._method == "attention" else {},
        )
