"""Imports asked for in the admin: rehearsed, confirmed, done in the background.

The row is the truth. A worker claims a run and works on it for SLICE_S, then sends itself another
message, so that nobody waits long behind an import and a dead worker costs one batch. What was committed
is only compared when it is read again.
"""

import logging
import shutil
import time
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from celery import current_app
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as KombuError

from catalog.exceptions import CatalogError, ImportConflict
from catalog.importers.archives import media_unpack
from catalog.importers.formats import READERS, format_of
from catalog.importers.load import BatchReport, load
from catalog.importers.rehearsal import Rehearsal
from catalog.importers.rows import ImportFileError
from catalog.models import ImportProblem, ImportRun
from catalog.wake import workers_wake

log = logging.getLogger(__name__)

Status = ImportRun.Status
SLICE_S: Final = 20.0
LOST_AFTER: Final = timedelta(seconds=60)
"""Unclaimed for so long, its message is thought lost."""
FORGOTTEN_AFTER: Final = timedelta(days=7)
"""Files of what nobody confirmed, mended or retried."""
MAX_ATTEMPTS: Final = 3
"""Without getting any further: the next batch kills its worker."""
PROBLEMS_KEPT: Final = 10_000
ZIP: Final = "media.zip"
UNPACKED: Final = "media"
WORKING: Final = {Status.CHECK: Status.CHECKING, Status.IMPORT: Status.IMPORTING}
WAITING: Final = {working: waiting for waiting, working in WORKING.items()}
ZERO: Final = dict.fromkeys(("rows", "percent", "created", "changed", "unchanged", "refused"), 0)


def folder_of(run_id: int) -> Path:
    """Where a run's files are."""
    return Path(settings.IMPORT_ROOT) / str(run_id)


def run_create(file: UploadedFile, media: UploadedFile | None, created_by: str = "") -> ImportRun:
    """Keep the uploads and ask for a rehearsal; commits, then wakes a worker.

    Raises ImportConflict for a name that says no format.
    """
    name = (file.name or "")[-255:]
    file_format = format_of(name)
    if file_format is None:
        raise ImportConflict(f"{name}: the name must end in .csv, .jsonl, .ndjson or .xlsx.")
    with transaction.atomic():
        run = ImportRun.objects.create(
            name=name, file_format=file_format, with_media=media is not None, created_by=created_by
        )
        folder = folder_of(run.pk)
        shutil.rmtree(folder, ignore_errors=True)  # of a row that was rolled back
        folder.mkdir(parents=True)
        _keep(file, folder / f"rows.{file_format}")
        if media is not None:
            _keep(media, folder / ZIP)
        transaction.on_commit(partial(run_send, run.pk))
    return run


def _keep(upload: UploadedFile, path: Path) -> None:
    with path.open("wb") as target:
        for chunk in upload.chunks():
            target.write(chunk)


def run_send(run_id: int) -> None:
    """Wake a worker. A broker that is down costs time: the sweeper sends again."""
    try:
        current_app.send_task("workers.tasks.import_items", args=[run_id])
    except KombuError as err:
        log.warning("could not reach the broker, the sweeper will send import %d: %s", run_id, err)


def run_confirm(run_id: int) -> ImportRun:
    """Import what was rehearsed; commits, then wakes a worker. Raises ImportConflict."""
    return _queue(
        run_id,
        Q(status=Status.CHECKED),
        Status.IMPORT,
        "Only an import that was checked can be started.",
    )


def run_retry(run_id: int) -> ImportRun:
    """Go on with a failed import where it stopped. Raises ImportConflict."""
    run = ImportRun.objects.filter(pk=run_id).first()
    waiting = Status.IMPORT if run and run.checked else Status.CHECK
    if not folder_of(run_id).is_dir():
        raise ImportConflict("The import's files are gone: upload them again.")
    return _queue(run_id, Q(status=Status.FAILED), waiting, "Only a failed import can be retried.")


def _queue(run_id: int, allowed: Q, waiting: Status, why: str) -> ImportRun:
    changes: dict[str, Any] = {"status": waiting, "error": "", "attempts": 0}
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().filter(allowed, pk=run_id).first()
        if run is None:
            raise ImportConflict(why)
        if run.status == Status.CHECKED:
            changes |= ZERO
            run.problems.all().delete()
        ImportRun.objects.filter(pk=run_id).update(**changes, updated_at=timezone.now())
        transaction.on_commit(partial(run_send, run_id))
    return ImportRun.objects.get(pk=run_id)


def run_cancel(run_id: int) -> ImportRun:
    """Stop before the next batch, or give up what failed; what was imported stays. Raises ImportConflict."""
    open_ = ImportRun.objects.filter(pk=run_id, status__in=ImportRun.CANCELLABLE)
    if not open_.update(status=Status.CANCELLED, leased_until=None, updated_at=timezone.now()):
        raise ImportConflict("The import has ended: there is nothing to cancel.")
    shutil.rmtree(folder_of(run_id), ignore_errors=True)
    return ImportRun.objects.get(pk=run_id)


def runs_sweep() -> list[int]:
    """Wake workers for runs without a message or whose worker died, forget old files; the runs."""
    now = timezone.now()
    lost = Q(status__in=WORKING, updated_at__lt=now - LOST_AFTER)
    lost |= Q(status__in=WAITING, leased_until__lt=now)
    found = list(ImportRun.objects.filter(lost).order_by("id").values_list("id", flat=True))
    for run_id in found:
        run_send(run_id)
    ended = (Status.CHECKED, Status.FAILED)
    old = ImportRun.objects.filter(status__in=ended, updated_at__lt=now - FORGOTTEN_AFTER)
    for run in old.filter(status=Status.CHECKED):
        run_cancel(run.pk)
    for run_id in old.values_list("id", flat=True):
        shutil.rmtree(folder_of(run_id), ignore_errors=True)
    return found


def run_work(run_id: int, slice_s: float = SLICE_S) -> None:
    """In a worker: a slice of what is to be done, if nobody else does it; then a message for the rest.

    What goes wrong with the file is written into the run.
    """
    run = _claim(run_id)
    if run is None:
        return
    try:
        ended = _slice(run, slice_s)
    except (ImportFileError, CatalogError) as err:
        _mine(run).update(status=Status.FAILED, error=str(err), leased_until=None)
        return
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweeper sends the run again once its lease has ended
    except Exception as err:
        error = f"{type(err).__name__}: {err}"
        _mine(run).update(status=Status.FAILED, error=error, leased_until=None)
        raise
    if ended is None:
        return  # cancelled, or another worker has it
    after: dict[str, Any] = {"status": WAITING[Status(run.status)]}
    if ended:
        after = {"status": Status.DONE, "percent": 100}
        if run.status == Status.CHECKING:
            run.refresh_from_db()
            counts = {name: getattr(run, name) for name in ZERO if name != "percent"}
            after = {"status": Status.CHECKED, "percent": 100, "checked": counts}
    if _mine(run).update(**after, leased_until=None, updated_at=timezone.now()):
        if not ended:
            run_send(run.pk)
        elif after["status"] == Status.DONE:
            shutil.rmtree(folder_of(run.pk), ignore_errors=True)


def _claim(run_id: int) -> ImportRun | None:
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().filter(pk=run_id).first()
        now = timezone.now()
        free = run is not None and (
            run.status in WORKING
            or (run.status in WAITING and run.leased_until is not None and run.leased_until < now)
        )
        if run is None or not free:
            return None
        run.attempts += 1
        run.status = WORKING.get(Status(run.status), Status(run.status))
        run.leased_until = _lease_end()
        if run.attempts > MAX_ATTEMPTS:
            run.status, run.leased_until = Status.FAILED, None
            run.error = (
                f"The worker died {MAX_ATTEMPTS} times after row {run.rows}: look for what is special "
                "about the next rows and their media, or retry."
            )
        run.updated_at = now
        run.save()
    return run if run.status in WAITING else None


def _lease_end() -> Any:
    """A task that goes on for longer is killed before."""
    return timezone.now() + timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 30)


def _mine(run: ImportRun) -> QuerySet[ImportRun]:
    """The row, as long as this attempt has it."""
    return ImportRun.objects.filter(pk=run.pk, status=run.status, attempts=run.attempts)


def _slice(run: ImportRun, slice_s: float) -> bool | None:
    """Whether the phase has ended; None if the run was taken away meanwhile."""
    dry, until = run.status == Status.CHECKING, time.monotonic() + slice_s
    folder = folder_of(run.pk)
    path = folder / f"rows.{run.file_format}"
    if not path.is_file():
        raise ImportFileError(
            "The upload is not on this machine: web and workers must share IMPORT_ROOT."
        )
    media = _media(run, folder)
    watcher = Rehearsal(run.sample) if dry else None
    with path.open("rb") as file:
        rows = islice(READERS[run.file_format](file), run.rows, None)
        for report in load(rows, media_root=media, dry_run=dry, watcher=watcher):
            share = _share(run, file, path)
            if not _note(run, report, share, watcher):
                return None
            if not dry:
                workers_wake(report.touched_ids)
            if time.monotonic() > until:
                return False
    return True


def _media(run: ImportRun, folder: Path) -> Path:
    """The folder of the media, unpacked once; empty if none were given."""
    media = folder / UNPACKED
    if not media.is_dir():
        part = folder / f"{UNPACKED}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        if run.with_media:
            media_unpack(folder / ZIP, part)
        part.rename(media)
    return media


def _share(run: ImportRun, file: BinaryIO, path: Path) -> int:
    """Per cent done: by rows once they were counted, else by bytes; of a zip nobody knows."""
    total = run.checked.get("rows", 0)
    if total:
        return min(99, 100 * run.rows // total)
    if run.file_format == ImportRun.Format.XLSX:
        return 0
    return min(99, 100 * file.tell() // max(path.stat().st_size, 1))


def _note(run: ImportRun, report: BatchReport, percent: int, watcher: Rehearsal | None) -> bool:
    """Write down a batch; whether the run is still ours."""
    with transaction.atomic():
        mine = _mine(run).update(
            rows=F("rows") + report.rows,
            created=F("created") + report.created,
            changed=F("changed") + report.changed,
            unchanged=F("unchanged") + report.unchanged,
            refused=F("refused") + len(report.problems),
            percent=percent,
            attempts=1,
            leased_until=_lease_end(),
            updated_at=timezone.now(),
            **({"sample": watcher.sample} if watcher else {}),
        )
        if not mine:
            return False
        room = max(0, PROBLEMS_KEPT - run.refused)
        ImportProblem.objects.bulk_create(
            ImportProblem(
                run_id=run.pk,
                line=problem.line,
                external_id=_storable(problem.external_id)[:128],
                reason=_storable(problem.reason)[:500],
            )
            for problem in report.problems[:room]
        )
    run.rows += report.rows
    run.refused += len(report.problems)
    run.attempts = 1
    return True


def _storable(text: str) -> str:
    """Without what Postgres does not take: the text may quote a hostile cell."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
