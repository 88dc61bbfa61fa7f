"""Items become embeddings: steps 3 to 6 of the one flow."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import IntegrityError
from numpy.typing import NDArray

from catalog import selectors
from catalog import services as catalog
from catalog.models import Media
from retrieval import claims, encoders, index, outputs, spaces
from retrieval.claims import Claim
from retrieval.exceptions import (
    EncoderFailed,
    EncoderUnavailable,
    SpaceBroken,
    SpaceConflict,
    SpaceGone,
)
from retrieval.fusion import pool
from retrieval.outputs import Outputs, Piece
from retrieval.types import MODALITIES, Modality, Vectors

log = logging.getLogger(__name__)


BATCH = 32
"""Items embedded together: while a worker is at it, a search by picture waits."""


@dataclass(slots=True)
class EmbedReport:
    """What one call did: numbers of items."""

    embedded: int = 0
    unchanged: int = 0
    failed: int = 0


def embed_some(item_ids: Sequence[int]) -> list[int]:
    """In every live space confirm what did not change, and embed the first BATCH of what is due.

    Returns the rest of what is due, for other workers to share. Confirming is quick, so it takes the
    whole of a large message.
    """
    due: set[int] = set(item_ids)
    if len(item_ids) > BATCH:
        due = set()
        for space_id in spaces.live_spaces():
            try:
                due.update(_due_after_confirming(space_id, item_ids))
            except (EncoderUnavailable, SpaceBroken, SpaceConflict):
                due.update(item_ids)  # said, and held against the space, where it is embedded
    ordered = sorted(due)
    embed_everywhere(ordered[:BATCH])
    return ordered[BATCH:]


def _due_after_confirming(space_id: int, item_ids: Sequence[int]) -> list[int]:
    space = spaces.space(space_id)
    spaces.check_encoders(space)
    _confirm_unchanged(space, item_ids, EmbedReport())
    return claims.due_among(space_id, item_ids)


def embed_everywhere(item_ids: Sequence[int]) -> None:
    """``embed_items`` in every live space. One that cannot be worked in does not stop the others."""
    for space_id in spaces.live_spaces():
        try:
            embed_items(space_id, item_ids)
        except (EncoderUnavailable, SpaceBroken, SpaceConflict) as err:
            log.error("nothing was embedded in space %d: %s", space_id, err)  # noqa: TRY400 - expected


def embed_items(space_id: int, item_ids: Sequence[int]) -> EmbedReport:
    """Embed what is due among the items: claim, preprocess, encode, project, fuse, store.

    Idempotent: items that are not due, or that another worker holds, are left alone. A broken
    media file costs its item that file; content no encoder can take makes the item ``failed``.
    Raises EncoderUnavailable and SpaceBroken, which make the space ``failed`` unless it is the active
    one or the fault may pass by itself, and SpaceConflict if the installed encoders are not the space's.
    """
    report = EmbedReport()
    try:
        space = spaces.space(space_id)
        spaces.check_encoders(space)
        rest = set(item_ids) - _confirm_unchanged(space, item_ids, report)
        while rest and (claimed := claims.claim(space_id, sorted(rest))):
            rest -= _embed_or_release(space, claimed, report)
    except (EncoderUnavailable, SpaceBroken) as err:
        if not (isinstance(err, EncoderUnavailable) and err.transient):
            spaces.space_fail(space_id, str(err))
        raise
    except (SpaceGone, IntegrityError):
        if spaces.is_live(space_id):
            raise
        log.info("space %d was retired meanwhile", space_id)
    else:
        if space.error:
            spaces.space_worked(space_id)
    return report


def _confirm_unchanged(
    space: spaces.Space, item_ids: Sequence[int], report: EmbedReport
) -> frozenset[int]:
    """Items whose content is what their vectors were made from, though their version rose.

    Nothing is read but their words and the hashes of their files. An item with a file that is new
    or could not be decoded is left to be tried.
    """
    documents = selectors.documents(claims.outdated(space.id, item_ids))
    readable = encoders.modalities(space.profile)
    known = [
        document
        for document in documents
        if all(media.status == Media.Status.READY for media in document.media)
    ]
    hashes = {
        document.item_id: _content_hash(
            space, [piece for piece in outputs.pieces_of(document) if piece.modality in readable]
        )
        for document in known
    }
    versions = {document.item_id: document.content_version for document in known}
    confirmed = claims.confirm_unclaimed(space.id, versions, hashes) if hashes else frozenset()
    report.unchanged += len(confirmed)
    return confirmed


def _embed_or_release(
    space: spaces.Space, claimed: Sequence[Claim], report: EmbedReport
) -> set[int]:
    """The items that need not be claimed again."""
    try:
        _embed_claimed(space, claimed, report)
    except EncoderFailed as err:
        if len(claimed) > 1:
            claims.release(space.id, claimed, str(err))  # they come back one at a time
            return set()
        claims.fail(space.id, claimed[0], err.code, str(err))
        report.failed += 1
    except EncoderUnavailable as err:
        claims.release(space.id, claimed, str(err), counted=False)  # not the items' fault
        raise
    except Exception as err:
        claims.release(space.id, claimed, f"{type(err).__name__}: {err}")
        raise
    return {claim.item_id for claim in claimed}


def _embed_claimed(space: spaces.Space, claimed: Sequence[Claim], report: EmbedReport) -> None:
    versions = {claim.item_id: claim.content_version for claim in claimed}
    pieces = {doc.item_id: outputs.pieces_of(doc) for doc in selectors.documents(list(versions))}
    found = outputs.encoder_outputs(space.profile, [p for own in pieces.values() for p in own])
    _mark_media(pieces, found)
    usable = {
        item_id: [piece for piece in own if piece.key in found.vectors]
        for item_id, own in pieces.items()
    }
    hashes = {item_id: _content_hash(space, own) for item_id, own in usable.items()}
    unchanged = claims.confirm(space.id, versions, hashes)
    rest = [item_id for item_id in usable if item_id not in unchanged]
    vectors, present = _project(space, [usable[item_id] for item_id in rest], found)
    fused, weights = space.head.fuse(
        vectors, present, normalised=space.partition.metric == "cosine"
    )
    index.store(
        space.partition,
        [
            index.EmbeddedItem(
                item_id=item_id,
                content_version=versions[item_id],
                content_hash=hashes[item_id],
                modalities={m: vectors[m][row] for m in vectors if present[m][row]},
                fused=fused[row] if fused[row].any() else None,
                weights={
                    m: round(float(weights[row, column]), 6)
                    for column, m in enumerate(MODALITIES)
                    if weights[row, column] > 0
                },
            )
            for row, item_id in enumerate(rest)
        ],
    )
    report.embedded += len(rest)
    report.unchanged += len(unchanged)


def _mark_media(pieces: Mapping[int, list[Piece]], found: Outputs) -> None:
    media = [piece for own in pieces.values() for piece in own if piece.media_id]
    good = [piece.media_id for piece in media if piece.key in found.vectors]
    catalog.media_mark(good, Media.Status.READY)
    for media_id, err in found.failures.items():
        catalog.media_mark([media_id], Media.Status.FAILED, err.code, str(err))


def _content_hash(space: spaces.Space, pieces: Sequence[Piece]) -> str:
    """Of everything the vectors follow from: the head and every piece, in any order."""
    keys = sorted(f"{piece.modality}:{piece.sha256}" for piece in pieces)
    return hashlib.sha256("\n".join([space.head.fingerprint, *keys]).encode()).hexdigest()


def _project(
    space: spaces.Space, items: Sequence[Sequence[Piece]], found: Outputs
) -> tuple[dict[Modality, Vectors], dict[Modality, NDArray[np.bool_]]]:
    """Of each modality the items' vectors (n, dim), unit rows, and which rows are real (n,).

    Several pieces of one modality (texts in all languages, pictures, sounds) become the mean of
    their projections, as in training.
    """
    vectors: dict[Modality, Vectors] = {}
    present: dict[Modality, NDArray[np.bool_]] = {}
    for modality in space.head.modalities:
        owned = [
            (row, found.vectors[piece.key])
            for row, pieces in enumerate(items)
            for piece in pieces
            if piece.modality == modality
        ]
        vectors[modality] = np.zeros((len(items), space.head.dim), np.float32)
        present[modality] = np.zeros(len(items), bool)
        if not owned:
            continue
        owners = np.array([row for row, _ in owned])
        features = np.stack([feature for _, feature in owned])
        present[modality][owners] = True
        projected = space.head.project(modality, features)
        vectors[modality] = pool(projected, owners, len(items))
    return vectors, present
