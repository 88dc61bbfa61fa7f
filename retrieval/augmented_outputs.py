"""What encoders say of augmented pictures and sounds: further rows to train on, kept like the others."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np

from retrieval import encoders, outputs
from retrieval.augmentation import (
    ImageAugmentation,
    SoundAugmentation,
    augment_image,
    augment_sound,
)
from retrieval.exceptions import DecodeFailed, EncoderFailed
from retrieval.outputs import ContentKey, Piece
from retrieval.types import Content, Modality, Vectors

log = logging.getLogger(__name__)

BATCH = 32
"""Files decoded ahead and encoded together."""
REVISION = 1
"""Raised by hand when the code of ``retrieval.augmentation`` gives other copies."""
AUGMENT: Mapping[Modality, tuple[Callable[..., Any], Any]] = {
    "image": (augment_image, ImageAugmentation()),
    "audio": (augment_sound, SoundAugmentation()),
}


def augmented_outputs(
    profile: str, pieces: Iterable[Piece], *, copies: int, seed: int
) -> dict[ContentKey, Vectors]:
    """(copies, encoder's dim) of each picture and sound, stored ones first; commits new ones.

    A file that cannot be read any more, or one of whose copies the encoder refuses, is left out.
    Raises EncoderUnavailable.
    """
    pieces, found = list(pieces), dict[ContentKey, Vectors]()
    for modality in (name for name in encoders.modalities(profile) if name in AUGMENT):
        names = {
            piece.sha256: [_name(piece, copy, seed) for copy in range(copies)]
            for piece in pieces
            if piece.modality == modality
        }
        known = outputs.stored(
            encoders.encoder_for(modality, profile).fingerprint, chain.from_iterable(names.values())
        )
        missing = {
            piece.sha256: piece
            for piece in pieces
            if piece.modality == modality and not known.keys() >= set(names[piece.sha256])
        }
        todo = list(missing.values())
        for start in range(0, len(todo), BATCH):
            known |= _encoded(profile, modality, todo[start : start + BATCH], names)
        found |= {
            (modality, sha256): np.stack([known[name] for name in own])
            for sha256, own in names.items()
            if known.keys() >= set(own)
        }
    return found


def _name(piece: Piece, copy: int, seed: int) -> str:
    """What a copy is stored under, in place of the hash of its bytes; all its chance follows from it."""
    facts = (REVISION, AUGMENT[piece.modality][1], piece.modality, piece.sha256, seed, copy)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _encoded(
    profile: str, modality: Modality, pieces: Sequence[Piece], names: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    encoder, contents = encoders.encoder_for(modality, profile), {}
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as ahead:
        decoding = [ahead.submit(outputs.content_of, piece) for piece in pieces]
        for piece, parts in zip(pieces, decoding, strict=True):
            try:
                originals = parts.result()
            except DecodeFailed as err:
                log.warning("no copies of %s: %s", piece.file, err)
                continue
            for name in names[piece.sha256]:
                contents[name] = _copy(modality, originals, name)
    if not contents:
        return {}
    try:
        return outputs.encoded(encoder, modality, contents)
    except EncoderFailed as err:
        if len(pieces) == 1:
            log.warning("no copies of %s: %s", pieces[0].file, err)
            return {}
    alone = [_encoded(profile, modality, [piece], names) for piece in pieces]
    return dict(chain.from_iterable(one.items() for one in alone))


def _copy(modality: Modality, originals: Sequence[Content], name: str) -> list[Content]:
    chance = np.random.default_rng(int(name, 16))
    augment, config = AUGMENT[modality]
    return [augment(part, chance, config) for part in originals]
