"""What a space holds of the catalog, read for measuring: vectors, labels, words by language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catalog import selectors
from catalog.models import Item
from retrieval import encoders, index, outputs, spaces
from retrieval.fusion import pool
from retrieval.models import EmbeddingSpace
from retrieval.types import MODALITIES, Modality, Vectors

CHUNK = 500
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Single texts or pictures of the items, projected: rows beside the items' pooled vectors."""

    items: NDArray[np.int64]
    """(n,), index of the owner in ``Stored.ids``."""
    vectors: Vectors
    """float32, (n, dim), unit rows."""
    marks: NDArray[np.str_]
    """(n,): a text's language; of a picture, the hash of its bytes."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The items of a space that are embedded; the first axis of every array is theirs, (n,)."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    """Equal where the titles are, whatever their case."""
    languages: NDArray[np.str_]
    """Each item's own."""
    unseen: NDArray[np.bool_]
    """Came after the space was trained."""
    titles: Sequence[dict[str, str]]
    """By language."""
    vectors: dict[Modality, Vectors]
    """(n, dim), unit rows; zeros where ``present`` is False."""
    present: dict[Modality, NDArray[np.bool_]]
    fused: Vectors
    texts: Pieces
    images: Pieces
    of: int
    """Embedded items in all: more than ``ids`` where the catalog is larger than the limit."""

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.ids)

    def texts_pooled(self, wanted: NDArray[np.bool_]) -> tuple[Vectors, NDArray[np.bool_]]:
        """Text vectors of the items made from some of their texts, and which items have any."""
        owners = self.texts.items[wanted]
        present = np.zeros(self.count, bool)
        present[owners] = True
        return pool(self.texts.vectors[wanted], owners, self.count), present


def read(space: spaces.Space, *, limit: int, seed: int, progress: Progress | None = None) -> Stored:
    """The embedded items of the space, at most ``limit`` of them drawn by ``seed``."""
    chosen = index.embedded_ids(space.partition)
    of = len(chosen)
    if of > limit:
        drawn = np.random.default_rng(seed).choice(of, limit, replace=False)
        chosen = [chosen[i] for i in np.sort(drawn)]
    return replace(read_items(space, chosen, progress), of=of)


def read_items(
    space: spaces.Space,
    item_ids: Sequence[int],
    progress: Progress | None = None,
    *,
    pieces: bool = True,
) -> Stored:
    """Those of the items that are embedded in the space; without ``pieces`` only their vectors."""
    rows = index.vectors(space.partition, item_ids)
    ids = np.array(sorted(rows), np.int64)
    items = Item.objects.only("title", "language", "created_at").in_bulk([int(i) for i in ids])
    ids = np.array([i for i in ids if int(i) in items], np.int64)
    created = EmbeddingSpace.objects.values_list("created_at", flat=True).get(pk=space.id)
    own = [items[int(i)] for i in ids]
    labels: dict[str, int] = {}
    vectors, present = _matrices([rows[int(i)] for i in ids], space.partition.dim)
    read_in = ids if pieces else ids[:0]
    titles, texts, images = _pieces(space, read_in, progress)
    return Stored(
        ids=ids,
        labels=np.array(
            [labels.setdefault(i.title.casefold(), len(labels)) for i in own], np.int64
        ),
        languages=np.array([item.language for item in own], str),
        unseen=np.array([item.created_at > created for item in own], bool),
        titles=titles,
        vectors=vectors,
        present=present,
        fused=np.stack([rows[int(i)]["fused"] for i in ids]).astype(np.float32)
        if len(ids)
        else np.zeros((0, space.partition.fused_dim), np.float32),
        texts=texts,
        images=images,
        of=len(ids),
    )


def _matrices(
    rows: Sequence[dict[str, NDArray[np.float16]]], dim: int
) -> tuple[dict[Modality, Vectors], dict[Modality, NDArray[np.bool_]]]:
    vectors = {name: np.zeros((len(rows), dim), np.float32) for name in MODALITIES}
    present = {name: np.zeros(len(rows), bool) for name in MODALITIES}
    for place, row in enumerate(rows):
        for name in MODALITIES:
            if name in row:
                vectors[name][place], present[name][place] = row[name], True
    return vectors, present


def _pieces(
    space: spaces.Space, ids: NDArray[np.int64], progress: Progress | None
) -> tuple[list[dict[str, str]], Pieces, Pieces]:
    """Titles by language; texts and pictures projected from what the encoders once said of them."""
    titles: list[dict[str, str]] = [{} for _ in ids]
    found: dict[Modality, list[tuple[int, str, Vectors]]] = {"text": [], "image": []}
    position = {int(item_id): place for place, item_id in enumerate(ids)}
    for start in range(0, len(ids), CHUNK):
        readable = encoders.modalities(space.profile)
        documents = selectors.documents([int(i) for i in ids[start : start + CHUNK]])
        pieces = {document.item_id: outputs.pieces_of(document) for document in documents}
        for document in documents:
            titles[position[document.item_id]] = {t.language: t.title for t in document.texts}
        for modality, rows in found.items():
            if modality not in readable:
                continue
            own = [
                (position[item_id], piece)
                for item_id, all_pieces in pieces.items()
                for piece in all_pieces
                if piece.modality == modality
            ]
            fingerprint = encoders.encoder_for(modality, space.profile).fingerprint
            known = outputs.stored(fingerprint, {piece.sha256 for _, piece in own})
            rows += [
                (place, piece.language or piece.sha256, known[piece.sha256])
                for place, piece in own
                if piece.sha256 in known
            ]
        if progress:
            progress("reading", min(start + CHUNK, len(ids)), len(ids))
    return (
        titles,
        _projected(space, "text", found["text"]),
        _projected(space, "image", found["image"]),
    )


def _projected(
    space: spaces.Space, modality: Modality, rows: Sequence[tuple[int, str, Vectors]]
) -> Pieces:
    owners = np.array([place for place, _, _ in rows], np.int64)
    marks = np.array([mark for _, mark, _ in rows], str)
    if not rows:
        return Pieces(owners, np.zeros((0, space.head.dim), np.float32), marks)
    vectors = space.head.project(modality, np.stack([vector for _, _, vector in rows]))
    return Pieces(owners, vectors, marks)
