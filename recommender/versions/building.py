"""Versions are asked for, and trained under a lease.

The row is the truth: a worker claims a building version and renews its lease while it trains. Of a
worker that died the lease runs out, and the sweep ends the version as failed.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import chain, count
from typing import Any, Final

from celery import current_app
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from recommender.collaborative.stored import stored_drop
from recommender.exceptions import ModelConflict, TrainingLost
from recommender.models import RecommenderModel
from retrieval.leases import Lease, lease_end

log = logging.getLogger(__name__)

Activation = RecommenderModel.Activation
Algorithm = RecommenderModel.Algorithm
Kind = RecommenderModel.Kind
State = RecommenderModel.State

MAX_NAME: Final = 100
LOST_AFTER: Final = timedelta(seconds=60)
"""Unclaimed for so long, its message is thought lost."""
KIND_OF: Final[Mapping[Algorithm, str]] = {
    Algorithm.EASE: Kind.ITEM_ITEM,
    Algorithm.ITEM_KNN: Kind.ITEM_ITEM,
    Algorithm.FACTORIZATION: Kind.ITEM_ITEM,
    Algorithm.TWO_TOWER: Kind.TWO_TOWER,
    Algorithm.LOGISTIC: Kind.RANKER,
}


def version_create(
    algorithm: str,
    *,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    activation: str = Activation.NEVER,
    created_by: str = "",
) -> RecommenderModel:
    """A building version that waits for its training; commits.

    Raises ModelConflict for a name that is taken or not allowed, or while one that learns in the same way
    is building.
    """
    name = _unused_name(algorithm) if name is None else name
    if not (1 <= len(name) <= MAX_NAME and name == name.strip() and name.isprintable()):
        raise ModelConflict(
            f"A model cannot be named {name[: MAX_NAME + 1]!r}: a name has 1 to {MAX_NAME} printable "
            "characters, on one line and without white space at its ends."
        )
    try:
        with transaction.atomic():
            return RecommenderModel.objects.create(
                name=name,
                kind=KIND_OF[Algorithm(algorithm)],
                algorithm=algorithm,
                config=dict(config or {}),
                seed=seed,
                activation=activation,
                created_by=created_by,
            )
    except IntegrityError as err:
        if RecommenderModel.objects.filter(algorithm=algorithm, state=State.BUILDING).exists():
            raise ModelConflict(f"A training by {algorithm} is under way already.") from err
        raise ModelConflict(f"A model named {name!r} exists: choose another name.") from err


def _unused_name(algorithm: str) -> str:
    """The algorithm and the time; numbered where one of this second is called so."""
    plain = f"{algorithm} {timezone.now():%Y-%m-%d %H:%M:%S}"
    taken = set(
        RecommenderModel.objects.filter(name__startswith=plain).values_list("name", flat=True)
    )
    numbered = (f"{plain} ({number})" for number in count(2))
    return next(name for name in chain([plain], numbered) if name not in taken)


def version_send(version_id: int) -> None:
    """Wake a training worker. A broker that is down costs time: the sweep sends again."""
    try:
        current_app.send_task("workers.tasks.recommender_train", args=[version_id])
    except KombuError as err:
        log.warning("could not reach the broker, the sweep will send model %d: %s", version_id, err)


def version_ask(algorithm: str, **options: Any) -> RecommenderModel:
    """``version_create``, and a worker of the queue ``train`` is woken after the commit."""
    row = version_create(algorithm, **options)
    transaction.on_commit(partial(version_send, row.pk))
    return row


def version_claim(version_id: int) -> RecommenderModel | None:
    """Take a version that waits for its training; None if somebody has it, or it is over."""
    waiting = RecommenderModel.objects.filter(
        pk=version_id, state=State.BUILDING, leased_until=None
    )
    if not waiting.update(leased_until=lease_end(), attempts=F("attempts") + 1):
        return None
    return RecommenderModel.objects.get(pk=version_id)


def version_fail(version: RecommenderModel, error: str) -> None:
    """Note why it could not be trained, and forget what it stored."""
    if mine(version).update(state=State.FAILED, error=error, leased_until=None):
        stored_forget(version.pk)


def stored_forget(version_id: int) -> None:
    """Forget what a version stored, or leave it to a later retirement while it is in use."""
    try:
        stored_drop(version_id)
    except OperationalError as err:
        log.warning("what model %d stored could not be dropped yet: %s", version_id, err)


def mine(version: RecommenderModel) -> QuerySet[RecommenderModel]:
    """The row, as long as this worker has it."""
    return RecommenderModel.objects.filter(
        pk=version.pk, state=State.BUILDING, attempts=version.attempts
    )


def version_lease(version: RecommenderModel) -> Lease:
    """For the time of its training. Its reports raise TrainingLost."""
    return Lease(mine(version), TrainingLost(version.name))
