"""Which pairs of items are worth a look: never all with all.

Equal bytes and equal words come from counting; alike pictures, sounds and words from hashing by random
planes (``hashing``); what is close in the space from its index.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from catalog import selectors
from catalog.models import Item
from catalog.selectors import ItemDocument
from retrieval import contents, encoders, index, outputs, spaces
from retrieval.duplicates import grading
from retrieval.duplicates.hashing import near_pairs
from retrieval.duplicates.prints import prints_of, sound_vector, views
from retrieval.outputs import Piece
from retrieval.preprocess.text import normalise

Progress = Callable[[str, int, int], None]
Pair = tuple[int, int]

CHUNK: Final = 500
WORD: Final = re.compile(r"\w+")
SHARED_BY: Final = 10
"""Items that show one file: of more, it is a placeholder, and their oldest stands for the pairs."""
OWNERS: Final = 3
"""Items of one file that are compared with those of another: the others are pairs by the file itself."""
TRIPLES_DIM: Final = 256
WORDS_COSINE: Final = 0.8
"""Of counted letter triples; what they have in common is then counted exactly."""
MIN_TRIPLES: Final = 8
"""Shorter words coincide: *sun* is a star and a lamp."""
NEIGHBOURS: Final = 4
BATCH: Final = 64
EF_SEARCH: Final = 40
CLOSE: Final = 2.0
"""Deviations by which a neighbour is nearer than neighbours usually are."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an item is compared."""

    files: frozenset[str]
    pictures: tuple[str, ...]
    sounds: tuple[str, ...]
    words: Mapping[str, str]
    """By language: title and description, folded."""
    content: str


@dataclass(slots=True)
class Catalog:
    """All items that are compared, small copies of what they show, and what the encoder says of those that
    may be alike.
    """

    items: dict[int, Shape] = field(default_factory=dict)
    prints: dict[tuple[str, str], bytes] = field(default_factory=dict)
    looks: dict[str, NDArray[np.float16]] = field(default_factory=dict)


def read(items: QuerySet[Item], progress: Progress) -> Catalog:
    """Every item's shape; files that have no print yet are decoded. Commits prints."""
    ids = list(items.order_by("pk").values_list("pk", flat=True))
    found = Catalog()
    for start in range(0, len(ids), CHUNK):
        progress("reading items", start, len(ids))
        documents = selectors.documents(ids[start : start + CHUNK])
        pieces = {each.item_id: outputs.pieces_of(each) for each in documents}
        flat = [piece for own in pieces.values() for piece in own]
        found.prints |= prints_of(flat)
        found.items |= {each.item_id: _shape(each, pieces[each.item_id]) for each in documents}
    progress("reading items", len(ids), len(ids))
    return found


def looks_read(catalog: Catalog, space: spaces.Space | None, pairs: Iterable[Pair]) -> None:
    """What the image encoder once said of the pictures of these pairs: of all it would be gigabytes."""
    if space is None or "image" not in encoders.modalities(space.profile):
        return
    ids = {item_id for pair in pairs for item_id in pair}
    hashes = sorted({sha for item_id in ids for sha in catalog.items[item_id].pictures})
    fingerprint = encoders.encoder_for("image", space.profile).fingerprint
    for start in range(0, len(hashes), CHUNK):
        known = outputs.stored(fingerprint, hashes[start : start + CHUNK])
        catalog.looks |= {sha256: row.astype(np.float16) for sha256, row in known.items()}


def _shape(document: ItemDocument, pieces: Sequence[Piece]) -> Shape:
    return Shape(
        files=frozenset(media.sha256 for media in document.media),
        pictures=tuple(piece.sha256 for piece in pieces if piece.modality == "image"),
        sounds=tuple(piece.sha256 for piece in pieces if piece.modality == "audio"),
        words={
            text.language: folded(f"{text.title} {text.description}") for text in document.texts
        },
        content=contents.fingerprint(document),
    )


def pairs(
    catalog: Catalog, space: spaces.Space | None, progress: Progress
) -> tuple[set[Pair], dict[Pair, tuple[float, bool]]]:
    """Pairs that may be the same, the older item first; and of those that are neighbours in the space the
    cosine, and whether they are close. Raises SpaceGone.
    """
    steps: Sequence[tuple[str, Callable[[Catalog], set[Pair]]]] = (
        ("equal files and words", _equal),
        ("alike pictures", _pictures),
        ("alike sounds", _sounds),
        ("alike words", _words),
    )
    found: set[Pair] = set()
    for done, (stage, step) in enumerate(steps):
        progress(stage, done, len(steps))
        found |= step(catalog)
    near = {} if space is None else _neighbours(catalog, space, progress)
    found |= {pair for pair, (_, close) in near.items() if close}
    return found, near


def _equal(catalog: Catalog) -> set[Pair]:
    groups: dict[tuple[str, object], list[int]] = defaultdict(list)
    for item_id, shape in catalog.items.items():
        for sha256 in shape.files:
            groups["file", sha256].append(item_id)
        if shape.files:
            groups["files", shape.files].append(item_id)
        else:
            groups["all words", frozenset(shape.words.items())].append(item_id)
        if len(triples_of(text := _own_words(shape))) >= MIN_TRIPLES:
            groups["words", text].append(item_id)
    found: set[Pair] = set()
    for (kind, _), ids in groups.items():
        if kind == "file" and len(ids) > SHARED_BY:
            continue
        found |= {(ids[0], other) for other in ids[1:]}  # ids ascend: the oldest is in every pair
    return found


def _pictures(catalog: Catalog) -> set[Pair]:
    """Every view of every picture, and mirrored ones of the whole, in one search."""
    owners = _owners(catalog, "image")
    found: set[Pair] = set()
    sizes = {len(data) for (m, _), data in catalog.prints.items() if m == "image" and data}
    for size in sorted(sizes):
        keys = [sha for sha in owners if len(catalog.prints.get(("image", sha), b"")) == size]
        rows = [_searched(catalog.prints["image", sha]) for sha in keys]
        if not rows:
            continue
        each = len(rows[0])
        near = near_pairs(np.concatenate(rows), grading.PICTURE_TOO)
        for a, b in {(a // each, b // each) for a, b in near if a // each != b // each}:
            found |= _of_owners(owners, keys[a], keys[b])
    return found


def _searched(data: bytes) -> NDArray[np.float16]:
    return np.concatenate([views(data), views(data, mirrored=True)[:2]]).astype(np.float16)


def _sounds(catalog: Catalog) -> set[Pair]:
    owners = _owners(catalog, "audio")
    keys = [sha for sha in owners if catalog.prints.get(("audio", sha))]
    if not keys:
        return set()
    rows = np.stack([sound_vector(catalog.prints["audio", sha]) for sha in keys])
    near = near_pairs(rows, grading.SOUND)
    return {pair for a, b in near for pair in _of_owners(owners, keys[a], keys[b])}


def _owners(catalog: Catalog, modality: str) -> dict[str, list[int]]:
    """Items by the hash of what they show; the oldest few."""
    found: dict[str, list[int]] = defaultdict(list)
    for item_id, shape in catalog.items.items():
        for sha256 in shape.pictures if modality == "image" else shape.sounds:
            if len(found[sha256]) < OWNERS:
                found[sha256].append(item_id)
    return found


def _of_owners(owners: Mapping[str, Sequence[int]], left: str, right: str) -> set[Pair]:
    return {(min(a, b), max(a, b)) for a in owners[left] for b in owners[right] if a != b}


def _words(catalog: Catalog) -> set[Pair]:
    """By the words of the item's own language, each text once: who has the very same is a pair by that."""
    owners: dict[str, list[int]] = defaultdict(list)
    for item_id, shape in catalog.items.items():
        own = owners[_own_words(shape)]
        if len(own) < OWNERS:
            own.append(item_id)
    texts = [text for text in owners if len(triples_of(text)) >= MIN_TRIPLES]
    if not texts:
        return set()
    near = near_pairs(np.stack([_counted(text) for text in texts]), WORDS_COSINE)
    return {
        pair
        for a, b in near
        if shared_triples(texts[a], texts[b]) >= grading.WORDS
        for pair in _of_owners(owners, texts[a], texts[b])
    }


def _own_words(shape: Shape) -> str:
    return next(iter(shape.words.values()), "")


def _counted(text: str) -> NDArray[np.float32]:
    row = np.zeros(TRIPLES_DIM, np.float32)
    for triple in triples_of(text):
        row[zlib.crc32(triple.encode()) % TRIPLES_DIM] += 1
    return row / np.float32(np.linalg.norm(row))


def shared_triples(left: str, right: str) -> float:
    """Jaccard's share of the letter triples of two texts."""
    a, b = triples_of(left), triples_of(right)
    return len(a & b) / len(a | b)


def folded(text: str) -> str:
    """Words without case and punctuation; of a text without words, what is visible."""
    seen = normalise(text).casefold()
    return " ".join(WORD.findall(seen)) or seen


def triples_of(text: str) -> frozenset[str]:
    """Runs of three letters, word borders included."""
    padded = f" {text} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def words_alike(left: Shape, right: Shape) -> tuple[float, bool]:
    """Jaccard's share of the letter triples in common, mean of the languages that both have (0 for none);
    and whether all words are the same.
    """
    both = left.words.keys() & right.words.keys()
    shares = [shared_triples(left.words[language], right.words[language]) for language in both]
    return (float(np.mean(shares)) if shares else 0.0), left.words == right.words


def _neighbours(
    catalog: Catalog, space: spaces.Space, progress: Progress
) -> dict[Pair, tuple[float, bool]]:
    """Cosine of neighbours, and whether each is among the other's nearest and nearer than usual."""
    ids = [i for i in index.embedded_ids(space.partition) if i in catalog.items]
    among = Item.objects.filter(published=True)
    nearest: dict[int, dict[int, float]] = {}
    for start in range(0, len(ids), BATCH):
        progress("neighbours in the space", start, len(ids))
        part = ids[start : start + BATCH]
        rows = index.vectors(space.partition, part, ("fused",))
        own = [item_id for item_id in part if item_id in rows]
        if not own:
            continue
        vectors = np.stack([rows[i]["fused"] for i in own]).astype(np.float32)
        near = index.nearest_each(
            space.partition, vectors, NEIGHBOURS + 1, items=among, ef_search=EF_SEARCH
        )
        for item_id, hits in zip(own, near, strict=True):
            nearest[item_id] = {hit: score for hit, score in hits if hit != item_id}
    best = np.array([max(hits.values()) for hits in nearest.values() if hits], np.float64)
    if not len(best):
        return {}
    middle = float(np.median(best))
    usual = 1.4826 * float(np.median(np.abs(best - middle)))
    found: dict[Pair, tuple[float, bool]] = {}
    for item_id, close_by in nearest.items():
        for other, score in close_by.items():
            mutual = item_id in nearest.get(other, {})
            close = mutual and score >= middle + CLOSE * usual
            pair = (min(item_id, other), max(item_id, other))
            found[pair] = (score, close)
    return found
