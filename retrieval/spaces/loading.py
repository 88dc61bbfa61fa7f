"""Which spaces there are, and what work in one of them needs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

from django.db import connection

from retrieval import encoders, index
from retrieval.exceptions import NoActiveSpace, SpaceBroken, SpaceConflict
from retrieval.head import Head
from retrieval.models import EmbeddingSpace
from retrieval.types import Modality

State = EmbeddingSpace.State

# columns of a ``Space``: every search reads them, and the others hold long histories
NEEDED = (
    *("name", "profile", "encoders", "dim", "fused_dim", "metric", "ef_search", "modality_indexes"),
    *("head_sha256", "error"),
)
COLUMNS = ("id", *NEEDED)
ACTIVE_STATE = State.ACTIVE.value
ACTIVE = (
    f"SELECT {', '.join(COLUMNS)} FROM retrieval_embeddingspace"  # noqa: S608 - constants only
    f" WHERE state = '{ACTIVE_STATE}'"
)


@dataclass(frozen=True, slots=True)
class Space:
    """What work in a space needs: its place in the index, its head, its encoders' fingerprints."""

    id: int
    name: str
    profile: str
    partition: index.Partition
    head: Head
    fingerprints: dict[Modality, str]
    error: str = ""
    """Why it could not be worked in, if it could not when last tried."""


class _Row(NamedTuple):
    """The columns of ``NEEDED``; read without the ORM, which takes longer than Postgres."""

    pk: int
    name: str
    profile: str
    encoders: dict[Modality, dict[str, Any]]
    dim: int
    fused_dim: int
    metric: str
    ef_search: int
    modality_indexes: bool
    head_sha256: str
    error: str


def active_space() -> Space:
    """The space that answers queries. Raises NoActiveSpace before the first one exists."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE)
        return read(cursor.fetchone())


def read(values: Sequence[Any] | None) -> Space:
    """A space's COLUMNS. Raises NoActiveSpace where they are not there, or all null."""
    if values is None or values[0] is None:
        raise NoActiveSpace
    row = _Row(*values)
    return loaded(row._replace(encoders=json.loads(values[3])))


def space(space_id: int) -> Space:
    """One space. Raises EmbeddingSpace.DoesNotExist, SpaceBroken if its head cannot be read."""
    return loaded(EmbeddingSpace.objects.only(*NEEDED).get(pk=space_id))


def space_named(name: str) -> EmbeddingSpace:
    """The row of a space, without its head. Raises SpaceConflict, naming those there are."""
    row = EmbeddingSpace.objects.defer("head").filter(name=name).first()
    if row is None:
        names = ", ".join(repr(n) for n in EmbeddingSpace.objects.values_list("name", flat=True))
        raise SpaceConflict(f"There is no space {name!r}; there are: {names or 'none'}.")
    return row


def is_live(space_id: int) -> bool:
    """Whether new content is embedded into the space."""
    return EmbeddingSpace.objects.filter(pk=space_id, state__in=EmbeddingSpace.LIVE).exists()


def live_spaces() -> list[int]:
    """Ids of the spaces that new content is embedded into, the active one first."""
    rows = EmbeddingSpace.objects.filter(state__in=EmbeddingSpace.LIVE)
    return [pk for pk, state in sorted(rows.values_list("id", "state"), key=_active_first)]


def _active_first(row: tuple[int, str]) -> tuple[bool, int]:
    return (row[1] != State.ACTIVE, row[0])


def partition_of(row: EmbeddingSpace | _Row) -> index.Partition:
    """Where the space's embeddings are."""
    return index.Partition(
        row.pk,
        row.dim,
        row.fused_dim,
        cast("index.Metric", row.metric),
        ef_search=row.ef_search,
        modality_indexes=row.modality_indexes,
    )


def loaded(row: EmbeddingSpace | _Row) -> Space:
    """The row with its head. Raises SpaceBroken if the head cannot be read."""
    try:
        head = _head(row.pk, row.head_sha256)
    except (ValueError, KeyError) as err:
        raise SpaceBroken(
            f"The head of space {row.name!r} cannot be read ({err}): restore it from a backup, or "
            "let another space answer (`manage.py space rollback`, `manage.py space activate NAME`)."
        ) from err
    return Space(
        id=row.pk,
        name=row.name,
        profile=row.profile,
        partition=partition_of(row),
        head=head,
        fingerprints={name: entry["fingerprint"] for name, entry in row.encoders.items()},
        error=row.error,
    )


@lru_cache(maxsize=4)
def _head(space_id: int, sha256: str) -> Head:
    # sha256 makes a changed head another cache entry; spaces are few, heads under 2 MB
    data = EmbeddingSpace.objects.values_list("head", flat=True).get(
        pk=space_id, head_sha256=sha256
    )
    head = Head.from_bytes(bytes(data))
    if head.fingerprint != sha256:
        raise ValueError(f"it reads as {head.fingerprint}, {sha256} was stored")
    return head


def encoder_facts(profile: str) -> dict[Modality, dict[str, Any]]:
    """Fingerprint and output dimension of each encoder of a profile."""
    made = {name: encoders.encoder_for(name, profile) for name in encoders.modalities(profile)}
    return {name: {"fingerprint": e.fingerprint, "dim": e.dim} for name, e in made.items()}


def check_encoders(space: Space) -> None:
    """Raises SpaceConflict if the installed encoders are not those the space was made with."""
    facts = encoder_facts(space.profile).items()
    installed = {name: fact["fingerprint"] for name, fact in facts}
    if installed != space.fingerprints:
        raise SpaceConflict(
            f"Space {space.name!r} was made with other encoders than those installed now: "
            f"{space.fingerprints} against {installed}. Their vectors cannot be mixed: make a new "
            "space with `manage.py space train NAME`."
        )


def active_id() -> int | None:
    """Of the space that answers queries."""
    return EmbeddingSpace.objects.filter(state=State.ACTIVE).values_list("id", flat=True).first()
