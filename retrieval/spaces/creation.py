"""Spaces are made, and those that failed are resumed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.conf import settings
from django.db import connection, transaction

from retrieval import claims, encoders, index
from retrieval.exceptions import EncoderUnavailable, SpaceConflict
from retrieval.fusion import Fusion, FusionMethod, fused_width
from retrieval.head import Head
from retrieval.models import EmbeddingSpace
from retrieval.spaces.loading import active_id, check_encoders, encoder_facts, loaded, partition_of
from retrieval.spaces.locks import partitions_changing
from retrieval.spaces.switching import space_activate
from retrieval.types import MODALITIES, Modality

State = EmbeddingSpace.State

MAX_NAME = 100  # characters; the column takes no more
LEAST_WEIGHT = 1e-6
"""What a weight of 0 is: the modality counts where an item has nothing else."""
FIRST_SPACE_LOCK = 0x7472696164  # "triad": of several processes that start at once one makes it


def check_name(name: str) -> None:
    """Raises SpaceConflict for a name that no space may have, with what is allowed."""
    fits = 1 <= len(name) <= MAX_NAME and name == name.strip() and name.isprintable()
    if not fits:
        raise SpaceConflict(
            f"A space cannot be named {name[: MAX_NAME + 1]!r}: a name has 1 to {MAX_NAME} printable "
            "characters, on one line and without white space at its ends."
        )


def check_new(name: str, *, dim: int, fusion: FusionMethod) -> None:
    """Raises SpaceConflict if no such space could be made: to be asked before work goes into it.

    A failed space that has no head yet leaves its name free.
    """
    check_name(name)
    if (
        EmbeddingSpace.objects.filter(name=name)
        .exclude(state=State.FAILED, head_sha256="")
        .exists()
    ):
        raise SpaceConflict(f"A space named {name!r} exists: choose another name.")
    index.check_indexable(fused_width(fusion, dim))


def weights_checked(
    fusion: FusionMethod, weights: Mapping[Modality, float]
) -> dict[Modality, float]:
    """Fusion weights as they are used: of every modality, positive, summing to 1.

    Raises SpaceConflict for a fusion without such weights, a missing modality, a negative weight or
    none above 0.
    """
    if fusion != "weighted":
        raise SpaceConflict(
            f"The fusion {fusion!r} learns its weights: give weights to 'weighted', or none."
        )
    if set(weights) != set(MODALITIES):
        raise SpaceConflict(
            f"Give a fusion weight to each of {', '.join(MODALITIES)} (0 counts only where an item "
            "has nothing else), or none, to learn them."
        )
    total = sum(weights.values())
    if min(weights.values()) < 0 or not 0 < total < math.inf:
        raise SpaceConflict(
            f"Fusion weights are at least 0 and not all 0, not "
            f"{', '.join(f'{name} {weights[name]:g}' for name in MODALITIES)}."
        )
    return {name: max(weights[name] / total, LEAST_WEIGHT) for name in MODALITIES}


def space_create(
    name: str,
    head: Head,
    *,
    profile: str,
    trained: bool,
    metrics: dict[str, Any] | None = None,
    history: Sequence[dict[str, Any]] | None = None,
    metric: index.Metric = "cosine",
) -> EmbeddingSpace:
    """A building space with its partition; commits.

    Takes the place of a failed space that has no head yet. Raises SpaceConflict if the name is
    taken, be it at this very moment, or not allowed, or the head's fused vectors are too long to
    index.
    """
    facts = encoder_facts(profile)
    with partitions_changing():
        check_new(name, dim=head.dim, fusion=head.fusion.method)
        EmbeddingSpace.objects.filter(name=name, state=State.FAILED, head_sha256="").delete()
        row = EmbeddingSpace.objects.create(
            name=name,
            profile=profile,
            encoders=facts,
            trained=trained,
            metrics=metrics or {},
            history=list(history or []),
            metric=metric,
            **_head_fields(head),
        )
        index.partition_create(partition_of(row))
    return row


def _head_fields(head: Head) -> dict[str, Any]:
    return {
        "fusion": head.fusion.method,
        "dim": head.dim,
        "fused_dim": head.fused_dim,
        "head": head.to_bytes(),
        "head_sha256": head.fingerprint,
    }


def space_create_untrained(
    name: str,
    *,
    profile: str,
    dim: int | None = None,
    fusion: FusionMethod = "weighted",
    metric: index.Metric = "cosine",
    weights: Mapping[Modality, float] | None = None,
) -> EmbeddingSpace:
    """A building space with random projections to ``dim`` (``RETRIEVAL["DIM"]``); commits.

    They keep likeness within a modality, so text finds text and pictures find pictures before
    anything is trained. ``weights`` of the fusion are equal unless given. Raises SpaceConflict;
    EncoderUnavailable, and leaves a failed space that says so.
    """
    shares = weights_checked(fusion, weights) if weights else None
    dim = settings.RETRIEVAL["DIM"] if dim is None else dim
    check_new(name, dim=dim, fusion=fusion)
    try:
        head = _untrained_head(profile, dim, fusion)
    except EncoderUnavailable as err:
        space_create_failed(
            name,
            str(err),
            profile=profile,
            trained=False,
            fusion=fusion,
            metric=metric,
            dim=dim,
            metrics=_weights_facts(shares),
        )
        raise
    if shares:
        head = head.with_fusion(Fusion(fusion, shares))
    facts = _weights_facts(shares)
    return space_create(name, head, profile=profile, trained=False, metrics=facts, metric=metric)


def _weights_facts(shares: Mapping[Modality, float] | None) -> dict[str, Any]:
    """For the space's metrics."""
    return {"fusion_weights": dict(shares)} if shares else {}


def _untrained_head(profile: str, dim: int, fusion: FusionMethod) -> Head:
    dims = {name: fact["dim"] for name, fact in encoder_facts(profile).items()}
    return Head.untrained(dims, dim, joint=encoders.joint_modalities(profile), method=fusion)


def space_create_from(
    source: EmbeddingSpace,
    name: str,
    *,
    fusion: FusionMethod | None = None,
    metric: index.Metric | None = None,
    weights: Mapping[Modality, float] | None = None,
) -> EmbeddingSpace:
    """A building space with another one's encoders and projections; commits.

    Fusion, its weights and metric are the source's unless given. Raises SpaceConflict.
    """
    given = loaded(source)
    head, was = given.head, given.head.fusion
    shares = weights_checked(fusion or was.method, weights) if weights else None
    if shares:
        head = head.with_fusion(Fusion("weighted", shares))
    elif fusion and fusion != was.method:
        head = head.with_fusion(
            Fusion(fusion, was.shares, was.keys if fusion == "attention" else {})
        )
    return space_create(
        name,
        head,
        profile=source.profile,
        trained=source.trained,
        metrics={"made_from": source.name, **_weights_facts(shares)},
        metric=metric or given.partition.metric,
    )


def space_create_failed(
    name: str,
    error: str,
    *,
    profile: str,
    trained: bool,
    fusion: str,
    metric: str,
    dim: int,
    metrics: dict[str, Any] | None = None,
) -> None:
    """A failed space without head or partition, whose ``error`` says what to repair; commits.

    Does nothing if the name is taken by any other. Raises SpaceConflict for one that is not allowed.
    """
    check_name(name)
    values = {"profile": profile, "trained": trained, "fusion": fusion, "metric": metric}
    values |= {"dim": dim, "fused_dim": 0, "head": b"", "head_sha256": ""}
    values["metrics"] = metrics or {}
    with partitions_changing():
        row, _ = EmbeddingSpace.objects.get_or_create(
            name=name, defaults={**values, "state": State.FAILED}
        )
        if row.state == State.FAILED and not row.head_sha256:
            EmbeddingSpace.objects.filter(pk=row.pk).update(error=error, **values)


def space_resume(space_id: int) -> EmbeddingSpace:
    """Make a failed space building again, its failed items due again; commits.

    Live spaces stay as they are. Raises EncoderUnavailable or SpaceBroken if the repair is still
    to be made, SpaceConflict for a retired space or one whose encoders are others now.
    """
    row = EmbeddingSpace.objects.defer("head").get(pk=space_id)
    if row.state == State.RETIRED:
        raise SpaceConflict(f"Space {row.name!r} is retired: `manage.py space create` a new one.")
    if row.state == State.FAILED:
        if not row.head_sha256:
            return _finish(row)
        check_encoders(loaded(row))
        row.state, row.error = State.BUILDING, ""
        row.save(update_fields=["state", "error"])
    claims.failed_retry(space_id)
    return row


def _finish(row: EmbeddingSpace) -> EmbeddingSpace:
    """What its creation could not do."""
    if row.trained:
        raise SpaceConflict(
            f"Space {row.name!r} was never trained ({row.error}): `manage.py space train "
            f"{row.name!r}` once that is repaired."
        )
    fusion, metric = cast("FusionMethod", row.fusion), cast("index.Metric", row.metric)
    return space_create_untrained(
        row.name,
        profile=row.profile,
        dim=row.dim,
        fusion=fusion,
        metric=metric,
        weights=row.metrics.get("fusion_weights"),
    )


def ensure_active_space(profile: str, dim: int) -> int:
    """The active space's id; the first call makes an untrained one."""
    if found := active_id():  # without the lock, at which all workers would meet for every message
        return found
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_SPACE_LOCK])
        if found := active_id():
            return found
        row = space_create(
            "untrained", _untrained_head(profile, dim, "weighted"), profile=profile, trained=False
        )
        return space_activate(row.pk, force=True).pk
