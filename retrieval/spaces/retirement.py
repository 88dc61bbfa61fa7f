"""A space's vectors are forgotten; its row stays as the record of what it was."""

from dataclasses import dataclass

from django.db import OperationalError
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Length
from psycopg.errors import LockNotAvailable

from retrieval import index
from retrieval.exceptions import SpaceConflict
from retrieval.models import Embedding, EmbeddingSpace, EncoderOutput
from retrieval.spaces.loading import partition_of
from retrieval.spaces.locks import partitions_changing

State = EmbeddingSpace.State


@dataclass(frozen=True, slots=True)
class Retirement:
    """What goes when a space is retired."""

    name: str
    vectors: int
    """Items with an embedding in it."""
    bytes: int
    """On disk, of its partition and indexes."""
    encoders: tuple[str, ...]
    """Fingerprints that no other live space uses."""
    outputs: int
    """Stored outputs of those encoders."""
    output_bytes: int


def retirement(space_id: int) -> Retirement:
    """What ``space_retire`` would drop; changes nothing. Raises SpaceConflict if it would."""
    row = EmbeddingSpace.objects.defer("head").get(pk=space_id)
    _check_retirable(row)
    size = index.partition_size(partition_of(row))
    encoders = _own_encoders(row)
    outputs = _outputs(encoders).aggregate(count=Count("*"), bytes=Sum(Length("vector")))
    return Retirement(
        name=row.name,
        vectors=Embedding.objects.filter(space_id=space_id).count(),
        bytes=size.table + size.indexes,
        encoders=encoders,
        outputs=outputs["count"],
        output_bytes=outputs["bytes"] or 0,
    )


def space_retire(space_id: int) -> Retirement:
    """Drop the space's partition and the encoder outputs that only it used, in one transaction.

    A request that is being answered from the space meanwhile is answered by the active one.
    Raises SpaceConflict if the space is active or retired already, or the table is busy.
    """
    with partitions_changing():
        # no key lock: workers may insert embeddings into other spaces meanwhile
        list(EmbeddingSpace.objects.select_for_update(no_key=True).order_by("id").values("id"))
        plan = retirement(space_id)
        row = EmbeddingSpace.objects.defer("head").get(pk=space_id)
        row.state = State.RETIRED
        row.save(update_fields=["state"])
        try:
            index.partition_drop(partition_of(row))
        except OperationalError as err:
            if isinstance(err.__cause__, LockNotAvailable):
                raise SpaceConflict(
                    f"Nothing was dropped: {row.name!r} is being read or written without a pause; "
                    "try again."
                ) from err
            raise
        _outputs(plan.encoders).delete()
    return plan


def _check_retirable(row: EmbeddingSpace) -> None:
    if row.state == State.ACTIVE:
        raise SpaceConflict(
            f"Space {row.name!r} is active: activate another first (`manage.py space activate NAME`)."
        )
    if row.state == State.RETIRED:
        raise SpaceConflict(f"Space {row.name!r} is retired already.")


def _own_encoders(row: EmbeddingSpace) -> tuple[str, ...]:
    others = EmbeddingSpace.objects.filter(state__in=EmbeddingSpace.LIVE).exclude(pk=row.pk)
    used = {
        fact["fingerprint"]
        for facts in others.values_list("encoders", flat=True)
        for fact in facts.values()
    }
    return tuple(sorted({fact["fingerprint"] for fact in row.encoders.values()} - used))


def _outputs(encoders: tuple[str, ...]) -> QuerySet[EncoderOutput]:
    return EncoderOutput.objects.filter(encoder__in=encoders)
