"""Audits: the checks one after the other, what they find in the place of what they found before."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from catalog.models import Item
from retrieval import spaces
from retrieval.audit.checks import CHECKS, FINDS, Found, Progress, Scope
from retrieval.exceptions import AuditRunning, NoActiveSpace
from retrieval.models import AuditFinding, AuditRun

log = logging.getLogger(__name__)

Status = AuditRun.Status
BLOCK = 20_000
"""Items looked at together: their vectors in 7 languages take 500 MB."""
REPORT_EVERY_S = 0.5
SILENT_FOR = timedelta(minutes=10)
"""A run that says nothing for so long has lost its worker or its message: another may begin."""
LOST_AFTER = timedelta(seconds=60)
"""Unclaimed for so long, its message is thought lost."""
RUN_LOCK = 0x6175646974  # "audit": of two that ask at once one gets a run
DETAIL_LENGTH = 500


def audit(names: Sequence[str] = (), progress: Progress | None = None) -> dict[str, int]:
    """Run the named checks (all unless given) on the whole catalog; how often each found something.

    Findings of these checks are replaced, each check's in one transaction. Those that compare words
    with pictures ask the active space, and find nothing before it is trained.
    """
    tell = progress or (lambda what, done, of: None)
    counts: Counter[str] = Counter()
    item_ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
    try:
        space = spaces.active_space()
    except NoActiveSpace:
        space = None
    for name in names or CHECKS:
        blocks = (item_ids[start : start + BLOCK] for start in range(0, len(item_ids), BLOCK))
        found = [each for block in blocks for each in CHECKS[name](Scope(block, space, tell))]
        for check, number in _replace(name, _worst(found)).items():
            counts[check] = number
    return dict(counts)


def _worst(found: Sequence[Found]) -> Iterator[Found]:
    """One finding a check and item: the worst of its pictures or sounds."""
    worst: dict[tuple[int, str], Found] = {}
    for each in found:
        known = worst.get((each.item_id, each.check))
        if known is None or each.score > known.score:
            worst[each.item_id, each.check] = each
    return iter(worst.values())


def _replace(name: str, found: Iterator[Found]) -> dict[str, int]:
    rows = list(found)
    with transaction.atomic():
        versions = dict(
            Item.objects.filter(pk__in={each.item_id for each in rows}).values_list(
                "pk", "content_version"
            )
        )
        AuditFinding.objects.filter(check_name__in=FINDS[name]).delete()
        AuditFinding.objects.bulk_create(
            AuditFinding(
                item_id=each.item_id,
                check_name=each.check,
                score=each.score,
                detail=each.detail[:DETAIL_LENGTH],
                content_version=versions[each.item_id],
            )
            for each in rows
            if each.item_id in versions  # else deleted meanwhile
        )
    counts = Counter(each.check for each in rows if each.item_id in versions)
    return {check: counts[check] for check in FINDS[name]}


def run_create(created_by: str = "") -> AuditRun:
    """Ask for an audit; commits, then wakes a worker. Raises AuditRunning while one goes on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RUN_LOCK])
        unfinished = AuditRun.objects.filter(status__in=AuditRun.UNFINISHED)
        unfinished.filter(updated_at__lt=timezone.now() - SILENT_FOR).update(
            status=Status.FAILED, error="No worker was heard of any more: it was killed or is off."
        )
        if running := unfinished.first():
            raise AuditRunning(running.pk)
        run = AuditRun.objects.create(created_by=created_by)
        transaction.on_commit(partial(run_send, run.pk))
    return run


def run_send(run_id: int) -> None:
    """Wake a worker. A broker that is down costs time: the sweeper sends again."""
    try:
        current_app.send_task("workers.tasks.audit_catalog", args=[run_id])
    except OperationalError as err:
        log.warning("could not reach the broker, the sweeper will send audit %d: %s", run_id, err)


def runs_waiting() -> list[int]:
    """Ids of the runs that were queued long enough ago to have lost their message."""
    waiting = AuditRun.objects.filter(
        status=Status.QUEUED, updated_at__lt=timezone.now() - LOST_AFTER
    )
    return list(waiting.order_by("id").values_list("id", flat=True))


def run_execute(run_id: int) -> None:
    """In a worker: the audit that was asked for, unless somebody has begun it already."""
    mine = AuditRun.objects.filter(pk=run_id)
    claimed = mine.filter(status=Status.QUEUED)
    if not claimed.update(status=Status.RUNNING, updated_at=timezone.now()):
        return
    told = 0.0

    def tell(what: str, done: int, of: int) -> None:
        nonlocal told
        if time.monotonic() - told > REPORT_EVERY_S:
            told = time.monotonic()
            mine.update(stage=what, done=done, total=of, updated_at=timezone.now())

    try:
        found = audit(progress=tell)
    except Exception as err:
        mine.update(status=Status.FAILED, error=f"{type(err).__name__}: {err}")
        raise
    mine.update(status=Status.DONE, stage="", found=found, updated_at=timezone.now())
