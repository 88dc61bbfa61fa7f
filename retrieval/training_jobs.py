"""Spaces trained on somebody's behalf: a row says what was asked and how far it is.

The row is the truth: a worker claims a queued job, renews its lease while it trains, and writes how
it ended. A worker that dies leaves a lease that runs out: the job was interrupted, and may be retried.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from catalog.wake import workers_wake
from retrieval import claims, plots, space_training, spaces
from retrieval.exceptions import EncoderUnavailable, RetrievalError, SpaceConflict
from retrieval.fusion import FusionMethod
from retrieval.index import Metric
from retrieval.leases import Lease, lease_end
from retrieval.models import EmbeddingSpace, TrainingJob
from retrieval.training import TrainingConfig

log = logging.getLogger(__name__)

Status = TrainingJob.Status
# queued so long without being claimed, its message is thought lost
LOST_AFTER = timedelta(seconds=60)
Progress = Callable[[dict[str, Any]], None]


class JobLost(RetrievalError):
    """The lease ran out while the work was going on, and somebody else has the job now."""

    code = "job_lost"


def train(
    name: str,
    *,
    profile: str,
    config: TrainingConfig,
    metric: Metric = "cosine",
    progress: Progress | None = None,
) -> EmbeddingSpace:
    """``space_training.space_train``, with its plots stored; commits.

    Where an encoder is missing, the space is left failed with the repair. Raises EncoderUnavailable,
    TooFewItems, SpaceConflict.
    """
    try:
        row = space_training.space_train(
            name, profile=profile, config=config, metric=metric, progress=progress
        )
    except EncoderUnavailable as err:
        spaces.space_create_failed(
            name,
            str(err),
            profile=profile,
            trained=True,
            fusion=config.fusion,
            metric=metric,
            dim=config.dim,
        )
        raise
    plots.plots_store(row)
    return row


def job_create(
    name: str, *, profile: str, fusion: str, metric: str, seed: int = 0, created_by: str = ""
) -> TrainingJob:
    """Ask for a new trained space; commits, then wakes a worker of the queue ``train``.

    Raises SpaceConflict if such a space could not be made, or was asked for already.
    """
    spaces.check_new(name, dim=settings.RETRIEVAL["DIM"], fusion=cast("FusionMethod", fusion))
    try:
        with transaction.atomic():
            job = TrainingJob.objects.create(
                name=name,
                profile=profile,
                fusion=fusion,
                metric=metric,
                seed=seed,
                created_by=created_by,
            )
    except IntegrityError as err:
        raise SpaceConflict(f"The training of {name!r} was asked for already.") from err
    transaction.on_commit(partial(job_send, job.pk))
    return job


def job_send(job_id: int) -> None:
    """Wake a training worker. A broker that is down costs time: the sweeper sends again."""
    try:
        current_app.send_task("workers.tasks.space_train", args=[job_id])
    except KombuError as err:
        log.warning("could not reach the broker, the sweeper will send job %d: %s", job_id, err)


def job_retry(job_id: int) -> None:
    """Queue a failed or interrupted job again; commits, then wakes a worker.

    Raises SpaceConflict for any other job.
    """
    retried = TrainingJob.objects.filter(
        Q(status=Status.FAILED) | Q(status=Status.RUNNING, leased_until__lt=timezone.now()),
        pk=job_id,
    )
    try:
        with transaction.atomic():
            changed = retried.update(
                status=Status.QUEUED,
                stage="",
                percent=0,
                note="",
                error="",
                leased_until=None,
                updated_at=timezone.now(),
            )
    except IntegrityError as err:
        raise SpaceConflict("The same training was asked for again meanwhile.") from err
    if not changed:
        raise SpaceConflict("The training is queued, running or done: there is nothing to retry.")
    transaction.on_commit(partial(job_send, job_id))


def interrupted(job: TrainingJob) -> bool:
    """Whether its worker died."""
    leased = job.leased_until
    return job.status == Status.RUNNING and leased is not None and leased < timezone.now()


def jobs_waiting() -> list[int]:
    """Ids of the jobs that were queued long enough ago to have lost their message."""
    waiting = TrainingJob.objects.filter(
        status=Status.QUEUED, updated_at__lt=timezone.now() - LOST_AFTER
    )
    return list(waiting.order_by("id").values_list("id", flat=True))


def job_run(job_id: int) -> EmbeddingSpace | None:
    """In a worker: train what the job asks for, if nobody else does; the new space's row.

    What goes wrong is written into the job. Items are sent to the workers to be embedded there.
    """
    job = _claim(job_id)
    if job is None:
        return None
    config = TrainingConfig(
        dim=settings.RETRIEVAL["DIM"], seed=job.seed, fusion=cast("FusionMethod", job.fusion)
    )
    try:
        with Lease(_mine(job), JobLost()) as lease:
            space = train(
                job.name,
                profile=job.profile,
                config=config,
                metric=cast("Metric", job.metric),
                progress=lease.report,
            )
    except JobLost:
        log.warning("training job %d: the lease ran out, somebody else has it", job.pk)
        return None
    except Exception as err:
        known = isinstance(err, RetrievalError)
        error = str(err) if known else f"{type(err).__name__}: {err}"
        _end(job, status=Status.FAILED, error=error)
        if not known:
            raise
        return None
    _end(job, status=Status.DONE, percent=100, stage="trained", note="", space=space)
    wake_due(space.pk)
    return space


def wake_due(space_id: int) -> int:
    """Ask the workers to embed everything that is due in the space; the number of items."""
    due = claims.all_due(space_id)
    workers_wake(due)
    return len(due)


def _claim(job_id: int) -> TrainingJob | None:
    claimed = TrainingJob.objects.filter(pk=job_id, status=Status.QUEUED).update(
        status=Status.RUNNING,
        attempts=F("attempts") + 1,
        leased_until=lease_end(),
        updated_at=timezone.now(),
    )
    return TrainingJob.objects.get(pk=job_id) if claimed else None


def _end(job: TrainingJob, **how: Any) -> None:
    _mine(job).update(**how, leased_until=None, updated_at=timezone.now())


def _mine(job: TrainingJob) -> QuerySet[TrainingJob]:
    """The row, as long as this attempt has it."""
    return TrainingJob.objects.filter(pk=job.pk, status=Status.RUNNING, attempts=job.attempts)
