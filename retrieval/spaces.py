"""Life of embedding spaces: which one answers, how another takes its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from django.db import connection, transaction
from django.utils import timezone

from retrieval import claims, encoders, index
from retrieval.exceptions import NoActiveSpace, SpaceConflict
from retrieval.head import Head
from retrieval.models import EmbeddingSpace
from retrieval.types import Modality

State = EmbeddingSpace.State

FIRST_SPACE_LOCK = 0x7472696164  # "triad": of several processes that start at once one makes it


@dataclass(frozen=True, slots=True)
class Space:
    """What work in a space needs: its place in the index, its head, its encoders' fingerprints."""

    id: int
    name: str
    profile: str
    partition: index.Partition
    head: Head
    fingerprints: dict[Modality, str]


def active_space() -> Space:
    """The space that answers queries. Raises NoActiveSpace before the first one exists."""
    row = EmbeddingSpace.objects.defer("head").filter(state=State.ACTIVE).first()
    if row is None:
        raise NoActiveSpace
    return _loaded(row)


def space(space_id: int) -> Space:
    """One space. Raises EmbeddingSpace.DoesNotExist."""
    return _loaded(EmbeddingSpace.objects.defer("head").get(pk=space_id))


def live_spaces() -> list[int]:
    """Ids of the spaces that new content is embedded into, the active one first."""
    rows = EmbeddingSpace.objects.filter(state__in=EmbeddingSpace.LIVE)
    return [pk for pk, state in sorted(rows.values_list("id", "state"), key=_active_first)]


def _active_first(row: tuple[int, str]) -> tuple[bool, int]:
    return (row[1] != State.ACTIVE, row[0])


def partition_of(row: EmbeddingSpace) -> index.Partition:
    """Where the space's embeddings are."""
    return index.Partition(row.pk, row.dim, row.fused_dim, cast("index.Metric", row.metric))


def _loaded(row: EmbeddingSpace) -> Space:
    return Space(
        id=row.pk,
        name=row.name,
        profile=row.profile,
        partition=partition_of(row),
        head=_head(row.pk, row.head_sha256),
        fingerprints={name: entry["fingerprint"] for name, entry in row.encoders.items()},
    )


@lru_cache(maxsize=4)
def _head(space_id: int, sha256: str) -> Head:
    # sha256 makes a changed head another cache entry; spaces are few, heads under 2 MB
    data = EmbeddingSpace.objects.values_list("head", flat=True).get(
        pk=space_id, head_sha256=sha256
    )
    return Head.from_bytes(bytes(data))


def encoder_facts(profile: str) -> dict[Modality, dict[str, Any]]:
    """Fingerprint and output dimension of each encoder of a profile."""
    made = {name: encoders.encoder_for(name, profile) for name in encoders.modalities(profile)}
    return {name: {"fingerprint": e.fingerprint, "dim": e.dim} for name, e in made.items()}


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

    Raises SpaceConflict if the name is taken or the head's fused vectors are too long to index.
    """
    if EmbeddingSpace.objects.filter(name=name).exists():
        raise SpaceConflict(f"A space named {name!r} exists: choose another name.")
    with transaction.atomic():
        row = EmbeddingSpace.objects.create(
            name=name,
            profile=profile,
            encoders=encoder_facts(profile),
            fusion=head.fusion.method,
            metric=metric,
            dim=head.dim,
            fused_dim=head.fused_dim,
            head=head.to_bytes(),
            head_sha256=head.fingerprint,
            trained=trained,
            metrics=metrics or {},
            history=list(history or []),
        )
        index.partition_create(partition_of(row))
    return row


def space_ready(space_id: int) -> bool:
    """A building space whose every item is embedded (or failed) becomes ready; whether it is."""
    if claims.progress(space_id)["pending"]:
        return False
    building = EmbeddingSpace.objects.filter(pk=space_id, state=State.BUILDING)
    building.update(state=State.READY)
    return EmbeddingSpace.objects.filter(
        pk=space_id, state__in=(State.READY, State.ACTIVE)
    ).exists()


def space_activate(space_id: int) -> EmbeddingSpace:
    """Make the space the one that answers, in one transaction; the former one stays ready.

    Raises SpaceConflict if it is retired or failed.
    """
    with transaction.atomic():
        # locking in id order: of two activations at once the second waits, then switches
        rows = list(EmbeddingSpace.objects.defer("head").select_for_update().order_by("id"))
        chosen = next((row for row in rows if row.pk == space_id), None)
        if chosen is None or chosen.state in (State.RETIRED, State.FAILED):
            raise SpaceConflict(f"Space {space_id} is {chosen.state if chosen else 'gone'}.")
        for row in rows:
            if row.state == State.ACTIVE and row.pk != space_id:
                row.state = State.READY
                row.save(update_fields=["state"])
        chosen.state = State.ACTIVE
        chosen.activated_at = timezone.now()
        chosen.save(update_fields=["state", "activated_at"])
    return chosen


def ensure_active_space(profile: str, dim: int) -> int:
    """The active space's id; the first call makes an untrained one.

    Its random projections keep likeness within a modality, so text finds text and pictures find
    pictures before anything is trained.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_SPACE_LOCK])
        active = EmbeddingSpace.objects.filter(state=State.ACTIVE).values_list("id", flat=True)
        if found := active.first():
            return found
        dims = {name: fact["dim"] for name, fact in encoder_facts(profile).items()}
        head = Head.untrained(dims, dim)
        row = space_create("untrained", head, profile=profile, trained=False)
        return space_activate(row.pk).pk
