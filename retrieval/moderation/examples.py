"""The examples of policies as vectors of a space, and what is usual in the catalog."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from django.db import transaction
from django.db.models import F
from numpy.typing import NDArray

from retrieval import index, outputs, queries, spaces
from retrieval.exceptions import DecodeFailed, EncoderFailed, InvalidQuery
from retrieval.models import Embedding, Policy, PolicyExample
from retrieval.moderation.scoring import Probe, Usual, usual
from retrieval.types import MODALITIES, Modality, Vectors

log = logging.getLogger(__name__)

Kind = PolicyExample.Kind
SAMPLE: Final = 2_000
"""Items that tell what is usual: a median of so many is off by .03 deviations."""
SAMPLE_S: Final = 600.0
_samples: dict[tuple[int, str], tuple[float, dict[Modality, Vectors]]] = {}


@dataclass(frozen=True, slots=True)
class Held:
    """What items are held against for one policy."""

    policy: Policy
    probes: Sequence[Probe]
    usually: Usual


def held_against(space: spaces.Space, policies: Sequence[Policy]) -> list[Held]:
    """Of each policy with a positive example that can be encoded. ``examples`` are prefetched.

    Raises EncoderUnavailable.
    """
    sample = catalog_sample(space)
    found = []
    for policy in policies:
        probes = [probe for each in policy.examples.all() for probe in probes_of(space, each)]
        if any(probe.positive for probe in probes):
            found.append(Held(policy, probes, usual(probes, sample)))
    return found


def probes_of(space: spaces.Space, example: PolicyExample) -> list[Probe]:
    """One example's; none, with a line in the log, where it cannot be encoded."""
    try:
        vectors = _vectors(space, example)
    except (DecodeFailed, EncoderFailed, InvalidQuery) as err:
        log.warning("%s of policy %d is left out: %s", example, example.policy_id, err)
        return []
    return [
        Probe(example.pk, example.positive, shown, against, vector)
        for shown, vector in vectors.items()
        for against in _held_against(space, Kind(example.kind), shown)
    ]


def _held_against(space: spaces.Space, kind: Kind, shown: Modality) -> tuple[Modality, ...]:
    """An item is compared modality by modality; a text, picture or sound with all of an item, once the
    space has learned what they have in common.
    """
    if kind == Kind.ITEM or not space.head.metadata.get("trained", True):
        return (shown,)
    return space.head.modalities


def _vectors(space: spaces.Space, example: PolicyExample) -> Mapping[Modality, NDArray[np.float32]]:
    """Unit rows (dim,). Raises DecodeFailed, EncoderFailed, InvalidQuery, EncoderUnavailable."""
    if example.kind == Kind.TEXT:
        return {"text": queries.text_vector(space, example.text)}
    if example.kind == Kind.ITEM:
        rows = index.vectors(space.partition, [example.item_id or 0], MODALITIES)
        own = rows.get(example.item_id or 0, {})
        return {m: own[m].astype(np.float32) for m in MODALITIES if m in own}
    modality = cast("Modality", str(example.kind))
    if modality not in space.head.modalities:
        return {}
    piece = outputs.Piece(modality, example.sha256, media_id=-example.pk, file=example.file.name)
    found = outputs.encoder_outputs(space.profile, [piece])
    for failure in found.failures.values():
        raise failure
    return {modality: space.head.project(modality, found.vectors[piece.key][None])[0]}


def catalog_sample(space: spaces.Space) -> dict[Modality, Vectors]:
    """Vectors of SAMPLE items, (n, dim) by modality; drawn again every SAMPLE_S. Raises SpaceGone."""
    key = (space.id, space.head.fingerprint)
    known = _samples.get(key)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    ids = np.array(index.embedded_ids(space.partition), np.int64)
    if len(ids) > SAMPLE:
        ids = np.random.default_rng(0).choice(ids, SAMPLE, replace=False)
    rows = index.vectors(space.partition, [int(each) for each in ids], MODALITIES)
    sample = {
        m: np.stack([row[m] for row in rows.values() if m in row]).astype(np.float32)
        for m in MODALITIES
        if any(m in row for row in rows.values())
    }
    if len(ids) >= SAMPLE:  # of few items the next one changes what is usual
        _samples.clear()
        _samples[key] = (time.monotonic() + SAMPLE_S, sample)
    return sample


def embedded_now(space: spaces.Space, item_ids: Sequence[int]) -> dict[int, int]:
    """Those of the items whose vectors are of their present content, with its version."""
    rows = Embedding.objects.filter(
        space_id=space.id,
        item__in=item_ids,
        fused__isnull=False,
        content_version__gte=F("item__content_version"),
    )
    return dict(rows.values_list("item_id", "content_version"))


def file_release(instance: PolicyExample, **_: Any) -> None:
    """Receiver of ``post_delete``: after commit the file goes, which no other row names."""
    if instance.file:
        storage, name = instance.file.storage, instance.file.name
        transaction.on_commit(lambda: storage.delete(name), robust=True)
