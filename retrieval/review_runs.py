"""Looks at the whole catalog on somebody's behalf: a row says what was asked and how far it is.

The row is the truth: a worker claims a queued run, renews its lease while it works, and writes how it
ended. Done twice, a run finds the same, so what was interrupted is begun again: at once if the database
went away under it, by the sweep once the lease of a worker that died runs out; MAX_ATTEMPTS times.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from celery import current_app
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from retrieval import moderation
from retrieval.duplicates import find_duplicates
from retrieval.exceptions import RetrievalError, ReviewConflict, ReviewRunning
from retrieval.leases import Lease, lease_end
from retrieval.models import Policy, ReviewRun

log = logging.getLogger(__name__)

Kind = ReviewRun.Kind
Status = ReviewRun.Status
LOST_AFTER: Final = timedelta(seconds=60)
"""Queued so long without being claimed, its message is thought lost."""
MAX_ATTEMPTS: Final = 3
KILLED: Final = (
    f"Its worker was killed {MAX_ATTEMPTS} times before it was done: see whether it lacks memory, then "
    "start it again."
)
REPLACED: Final = "Its worker was killed before it was done, and another run was asked for."
UNREACHABLE: Final = (OperationalError, InterfaceError)
"""What the database raises when it is not there, or does not answer in time."""
Progress = Callable[[str, int, int], None]


class RunLost(RetrievalError):
    """The lease ran out while the work was going on."""

    code = "run_lost"


def run_create(
    kind: Kind, *, policy: Policy | None = None, rehearsal: bool = False, created_by: str = ""
) -> ReviewRun:
    """Ask for a run; commits, then wakes a worker of the queue ``train``.

    Raises ReviewRunning while one of its kind goes on.
    """
    _interrupted().filter(kind=kind).update(
        status=Status.FAILED, error=REPLACED, updated_at=timezone.now()
    )
    try:
        with transaction.atomic():
            run = ReviewRun.objects.create(
                kind=kind, policy=policy, rehearsal=rehearsal, created_by=created_by
            )
    except IntegrityError as err:
        unfinished = ReviewRun.objects.filter(kind=kind, status__in=ReviewRun.UNFINISHED)
        raise ReviewRunning(unfinished.values_list("pk", flat=True).first() or 0) from err
    transaction.on_commit(partial(run_send, run.pk))
    return run


def run_repeat(run_id: int, created_by: str = "") -> ReviewRun:
    """Ask again for what failed last of its kind.

    Raises ReviewConflict for any other run, ReviewRunning, ReviewRun.DoesNotExist.
    """
    run = ReviewRun.objects.select_related("policy").get(pk=run_id)
    if run != ReviewRun.objects.filter(kind=run.kind).order_by("-id").first():
        raise ReviewConflict("The same kind was run again since: there is nothing to retry.")
    if run.status != Status.FAILED:
        raise ReviewConflict("The run is queued, running or done: there is nothing to retry.")
    return run_create(
        Kind(run.kind), policy=run.policy, rehearsal=run.rehearsal, created_by=created_by
    )


def run_send(run_id: int) -> None:
    """Wake a worker. A broker that is down costs time: the sweeper sends again."""
    try:
        current_app.send_task("workers.tasks.review_catalog", args=[run_id])
    except KombuError as err:
        log.warning("could not reach the broker, the sweeper will send run %d: %s", run_id, err)


def runs_waiting() -> list[int]:
    """Ids of the runs that were queued long enough ago to have lost their message."""
    waiting = ReviewRun.objects.filter(
        status=Status.QUEUED, updated_at__lt=timezone.now() - LOST_AFTER
    )
    return list(waiting.order_by("id").values_list("id", flat=True))


def runs_interrupted_queue() -> int:
    """Queue the runs whose worker died again, as ``runs_waiting``; how many. After MAX_ATTEMPTS they failed."""
    dead = _interrupted()
    dead.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=Status.FAILED, error=KILLED, leased_until=None, updated_at=timezone.now()
    )
    return dead.update(status=Status.QUEUED, stage="", percent=0, note="", leased_until=None)


def _interrupted() -> QuerySet[ReviewRun]:
    return ReviewRun.objects.filter(status=Status.RUNNING, leased_until__lt=timezone.now())


def run_execute(run_id: int) -> None:
    """In a worker: do what was asked for, unless somebody has begun it already.

    What goes wrong is written into the row; raised as well if it was not foreseen. If the database goes
    away the run is queued again and what it raised is raised, for the task to be retried.
    """
    claimed = ReviewRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
        status=Status.RUNNING,
        attempts=F("attempts") + 1,
        leased_until=lease_end(),
        updated_at=timezone.now(),
    )
    if not claimed:
        return
    run = ReviewRun.objects.select_related("policy").get(pk=run_id)
    try:
        with Lease(_mine(run), RunLost()) as lease:

            def tell(stage: str, done: int, of: int) -> None:
                lease.report({"stage": stage, "items": done, "of": of})

            found = WORK[Kind(run.kind)](run, tell)
    except RunLost:
        log.warning("review run %d: the lease ran out", run.pk)
        return
    except UNREACHABLE as err:
        _give_back(run, f"{type(err).__name__}: {err}")
        raise
    except Exception as err:
        known = isinstance(err, RetrievalError)
        _end(
            run,
            status=Status.FAILED,
            error=str(err) if known else f"{type(err).__name__}: {err}",
        )
        if not known:
            raise
        return
    _end(run, status=Status.DONE, percent=100, stage="", note="", found=found)


def _give_back(run: ReviewRun, error: str) -> None:
    """Queue it again, or say that it failed too often; while the database is away its lease runs out."""
    connection.close_if_unusable_or_obsolete()
    with suppress(*UNREACHABLE):
        if run.attempts < MAX_ATTEMPTS:
            _end(run, status=Status.QUEUED, stage="", percent=0, note="")
        else:
            _end(run, status=Status.FAILED, error=error)


def _end(run: ReviewRun, **how: Any) -> None:
    _mine(run).update(**how, leased_until=None, updated_at=timezone.now())


def _mine(run: ReviewRun) -> QuerySet[ReviewRun]:
    """The row, as long as this attempt has it."""
    return ReviewRun.objects.filter(pk=run.pk, status=Status.RUNNING, attempts=run.attempts)


def _moderate(run: ReviewRun, tell: Progress) -> dict[str, Any]:
    report = moderation.catalog_screen(run.policy_id, rehearsal=run.rehearsal, progress=tell)
    moderation.qualities_measure(run.policy_id)
    return {
        "items": report.items,
        "matched": report.matched,
        "new": report.new,
        "decided": report.decided,
        "examples": report.examples,
    }


def _find_duplicates(run: ReviewRun, tell: Progress) -> dict[str, Any]:
    counts, _ = find_duplicates(rehearsal=run.rehearsal, progress=tell)
    return dict(counts)


WORK: Final[Mapping[Kind, Callable[[ReviewRun, Progress], dict[str, Any]]]] = {
    Kind.DUPLICATES: _find_duplicates,
    Kind.MODERATION: _moderate,
}
