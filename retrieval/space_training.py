"""A new embedding space from the catalog's own items: collect, measure on held-out items, train."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from catalog import selectors
from catalog.models import Item
from retrieval import encoders, outputs, spaces
from retrieval.augmented_outputs import augmented_outputs
from retrieval.evaluation import (
    confidence_intervals,
    evaluate_holdout,
    holdout_split,
    retrieval_metrics,
)
from retrieval.exceptions import TooFewItems
from retrieval.head import Head
from retrieval.index import Metric
from retrieval.models import EmbeddingSpace
from retrieval.outputs import ContentKey, Piece
from retrieval.preprocess.text import normalise
from retrieval.training import TrainingConfig, train_head
from retrieval.training.data import Anchors, Rows, TextRows, TrainingSet
from retrieval.types import MODALITIES, Modality, Vectors

CHUNK = 500
AUGMENTED = 128  # files between two reports; a dozen seconds
MIN_ITEMS = 20
# the head is fitted to at most so many items: the closed form is exact well before
MAX_ITEMS = 50_000
MAX_LANGUAGES = 8
MAX_QUERIES = 1_000  # a language; about 10 ms each
Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Collected:
    """A training set, and the titles that ask for items when it is measured."""

    data: TrainingSet
    queries: TextRows
    languages: tuple[str, ...]
    """Those with enough titles to measure, most frequent first."""


def space_train(
    name: str,
    *,
    profile: str,
    config: TrainingConfig,
    metric: Metric = "cosine",
    progress: Progress | None = None,
) -> EmbeddingSpace:
    """Train on every item that is embedded and make a building space; commits.

    The stored metrics are of a head trained on four fifths of the items and asked for the rest;
    the space's own head is then trained on all of them. A killed training goes on at the stage it
    was in. Raises TooFewItems; SpaceConflict, before anything is read, for a space that could not
    be made.
    """
    spaces.check_new(name, dim=config.dim, fusion=config.fusion)
    checkpoints = Path(settings.VAR) / "training"
    collected = collect(profile, config.seed, progress, augment=config.augment)
    metrics = measure(collected, config, checkpoints, progress)
    trained = train_head(collected.data, config, progress, checkpoints)
    metrics |= {"trained_on": len(collected.data.labels), "training": dict(trained.metrics)}
    return spaces.space_create(
        name,
        trained.head,
        profile=profile,
        trained=True,
        metrics=metrics,
        history=trained.history,
        metric=metric,
    )


def measure(
    collected: Collected,
    config: TrainingConfig,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Held-out text → image (and audio) metrics with 95 % intervals, by language.

    Its own training is told of in stages that begin with ``measure: ``.
    """
    found: dict[str, Any] = {}
    known: list[Head] = []

    def tell(entry: dict[str, Any]) -> None:
        if progress:
            progress({**entry, "stage": f"measure: {entry['stage']}"})

    def trained(data: TrainingSet, config: TrainingConfig) -> Head:
        """The same head answers for every target."""
        if not known:
            known.append(train_head(data, config, tell, checkpoints).head)
        return known[0]

    for target in ("image", "audio"):
        rows = collected.data.modality(target)
        if len(np.unique(rows.items)) < MIN_ITEMS * 5:
            continue  # a fifth of them would say nothing
        result = evaluate_holdout(
            collected.data,
            collected.queries,
            config.seed,
            config,
            target=target,
            languages=collected.languages,
            train=trained,
        )
        found[f"text_to_{target}"] = {
            language: {
                "queries": len(ranks),
                **{key: round(value, 4) for key, value in retrieval_metrics(ranks).items()},
                "r@10_interval": [round(bound, 4) for bound in confidence_intervals(ranks)["r@10"]],
            }
            for language, ranks in result.ranks.items()
            if len(ranks)
        }
    return {"held_out": found, "split_seed": config.seed}


def collect(
    profile: str, seed: int, progress: Progress | None = None, *, augment: int = 0
) -> Collected:
    """Every embedded item's encoder outputs, and those of ``augment`` augmented copies of each picture
    and sound. Raises TooFewItems below MIN_ITEMS of them.
    """
    ids = list(Item.objects.order_by("id").values_list("id", flat=True)[:MAX_ITEMS])
    found = _Rows()
    for start in range(0, len(ids), CHUNK):
        found.add(profile, ids[start : start + CHUNK])
        if progress:
            progress({"stage": "collect", "items": min(start + CHUNK, len(ids)), "of": len(ids)})
    if found.count < MIN_ITEMS:
        raise TooFewItems(
            f"{found.count} embedded items are too few to train on: it takes {MIN_ITEMS}. Import "
            "more (`manage.py import_catalog`) and embed them (`manage.py embed --wait`)."
        )
    if augment:
        found.augment(profile, seed, augment, progress)
    return found.collected(profile, seed, progress)


class _Rows:
    """Encoder outputs as they are read, chunk by chunk."""

    def __init__(self) -> None:
        self.count = 0
        self._labels: dict[str, int] = {}
        self._label_of: list[int] = []
        self._titles: list[tuple[int, str, str]] = []
        self._owners: dict[Modality, list[int]] = {name: [] for name in MODALITIES}
        self._vectors: dict[Modality, list[NDArray[np.float32]]] = {name: [] for name in MODALITIES}
        self._languages: list[str] = []
        self._media: list[tuple[int, Piece]] = []
        self._further: dict[Modality, Rows] = {}

    def add(self, profile: str, item_ids: Sequence[int]) -> None:
        """Those of the items that have at least one stored output."""
        documents = selectors.documents(item_ids)
        pieces = {document.item_id: outputs.pieces_of(document) for document in documents}
        known = _stored(profile, chain.from_iterable(pieces.values()))
        for document in documents:
            own = [piece for piece in pieces[document.item_id] if piece.key in known]
            if own:
                self._add_item(document, own, known)

    def _add_item(
        self,
        document: selectors.ItemDocument,
        own: Sequence[Piece],
        known: Mapping[ContentKey, NDArray[np.float32]],
    ) -> None:
        item, self.count = self.count, self.count + 1
        label = document.texts[0].title.casefold()
        self._label_of.append(self._labels.setdefault(label, len(self._labels)))
        self._titles += [(item, text.language, text.title) for text in document.texts]
        for piece in own:
            self._owners[piece.modality].append(item)
            self._vectors[piece.modality].append(known[piece.key])
            if piece.modality == "text":
                self._languages.append(piece.language)
            else:
                self._media.append((item, piece))

    def augment(self, profile: str, seed: int, copies: int, progress: Progress | None) -> None:
        """Encode copies of the pictures and sounds of what was added."""
        owners: dict[Modality, list[NDArray[np.int64]]] = defaultdict(list)
        vectors: dict[Modality, list[Vectors]] = defaultdict(list)
        for start in range(0, len(self._media), AUGMENTED):
            part = self._media[start : start + AUGMENTED]
            found = augmented_outputs(
                profile, [piece for _, piece in part], copies=copies, seed=seed
            )
            for item, piece in part:
                if piece.key in found:
                    owners[piece.modality].append(np.full(copies, item, np.int64))
                    vectors[piece.modality].append(found[piece.key])
            if progress:
                progress({"stage": "augment", "items": part[-1][0] + 1, "of": self.count})
        self._further = {
            name: Rows(np.concatenate(owners[name]), np.concatenate(vectors[name]))
            for name in owners
        }

    def collected(self, profile: str, seed: int, progress: Progress | None) -> Collected:
        """All of it as arrays; titles of held-out items are encoded as queries here."""
        data = TrainingSet(
            labels=np.array(self._label_of, np.int64),
            text=TextRows(*self._rows(profile, "text"), np.array(self._languages)),
            image=Rows(*self._rows(profile, "image")),
            audio=Rows(*self._rows(profile, "audio")),
            anchors={name: Anchors(*pair) for name, pair in encoders.anchors_for(profile).items()},
            further=self._further,
        )
        _, held = holdout_split(self.count, seed)
        asked = _evenly(self._titles, {int(item) for item in held})
        if progress:
            progress({"stage": "titles", "queries": len(asked)})
        languages = tuple(dict.fromkeys(language for _, language, _ in asked))
        vectors = encoders.encoder_for("text", profile).encode(
            "text", [normalise(title) for _, _, title in asked], role="query"
        )
        owners = np.array([item for item, _, _ in asked], np.int64)
        spoken = np.array([language for _, language, _ in asked])
        return Collected(data, TextRows(owners, vectors, spoken), languages)

    def _rows(self, profile: str, name: Modality) -> tuple[NDArray[np.int64], Vectors]:
        owners = np.array(self._owners[name], np.int64)
        if len(owners):
            return owners, np.stack(self._vectors[name])
        dim = encoders.encoder_for(name, profile).dim if name in encoders.modalities(profile) else 1
        return owners, np.zeros((0, dim), np.float32)


def _stored(profile: str, pieces: Iterable[Piece]) -> dict[ContentKey, NDArray[np.float32]]:
    wanted: dict[Modality, set[str]] = {name: set() for name in encoders.modalities(profile)}
    for piece in pieces:
        if piece.modality in wanted:
            wanted[piece.modality].add(piece.sha256)
    return {
        (name, sha256): vector
        for name, hashes in wanted.items()
        for sha256, vector in outputs.stored(
            encoders.encoder_for(name, profile).fingerprint, hashes
        ).items()
    }


def _evenly(titles: Sequence[tuple[int, str, str]], held: set[int]) -> list[tuple[int, str, str]]:
    """Titles of held-out items in the MAX_LANGUAGES most frequent languages, each capped."""
    asked = [row for row in titles if row[0] in held]
    frequent = [language for language, _ in Counter(row[1] for row in asked).most_common()]
    kept: list[tuple[int, str, str]] = []
    for language in frequent[:MAX_LANGUAGES]:
        kept += [row for row in asked if row[1] == language][:MAX_QUERIES]
    return kept
