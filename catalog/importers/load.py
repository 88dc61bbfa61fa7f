"""The import loop: rows in, items in batches, a report of what became of each row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from django.db import OperationalError, transaction
from psycopg import errors

from catalog.content import ItemContent, NewMedia
from catalog.exceptions import CatalogError
from catalog.files import file_known, file_store
from catalog.importers.rows import MediaPath, RawRow, RowError, parse_row
from catalog.uploads import check_upload
from catalog.upserts import Upserted, items_upsert

BATCH_ROWS: Final = 500
DEADLOCK_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was left out."""

    line: int
    external_id: str
    reason: str

    def __str__(self) -> str:
        item = f"{self.external_id}: " if self.external_id else ""
        return f"line {self.line}: {item}{self.reason}"


@dataclass(slots=True)
class BatchReport:
    """What one batch did: counts, the ids that need embedding, the rows left out."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    touched_ids: list[int] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows done, failed ones included."""
        return self.created + self.changed + self.unchanged + len(self.problems)

    def count(self, upserted: Upserted) -> None:
        """Add one item's outcome."""
        setattr(self, upserted.outcome, getattr(self, upserted.outcome) + 1)
        if upserted.outcome != "unchanged":
            self.touched_ids.append(upserted.item.pk)


class Watcher(Protocol):
    """Sees a batch from inside its transaction, also of a dry run, whose items are gone afterwards."""

    def before(self, external_ids: list[str]) -> None:
        """Nothing was written yet."""

    def after(self, upserted: list[Upserted]) -> None:
        """Everything was."""


Rehearsed: TypeAlias = dict[str, int]
"""Of a dry run: ``external_id`` → hash of what its last row says, since the rows themselves are gone."""


@dataclass(frozen=True, slots=True)
class _Ready:
    line: int
    content: ItemContent
    media: list[NewMedia] | None

    def digest(self) -> int:
        """A hash of what the row says, wherever it stands."""
        media = None if self.media is None else [_facts(each) for each in self.media]
        return hash(repr((self.content, media)))


def load(
    rows: Iterable[RawRow],
    *,
    media_root: Path,
    dry_run: bool = False,
    watcher: Watcher | None = None,
) -> Iterator[BatchReport]:
    """Upsert the rows by ``external_id``, yielding after each committed batch.

    An interrupted import is resumed by running it again: equal rows are only compared. A row
    that cannot be imported is reported and the others go on. ``dry_run`` rolls every batch back
    and writes no file; a row whose id came before counts as a change, if it is not the same again.
    """
    media_root = media_root.resolve()
    report, batch = BatchReport(), dict[str, _Ready]()
    flush = partial(_flushed, rehearsed={} if dry_run else None, watcher=watcher)
    for raw in rows:
        ready = _prepared(raw, media_root, report.problems)
        if ready is not None and ready.content.external_id in batch:
            yield flush(batch, report)
            report, batch = BatchReport(), {}
        if ready is not None:
            batch[ready.content.external_id] = ready
        if len(batch) + len(report.problems) >= BATCH_ROWS:
            yield flush(batch, report)
            report, batch = BatchReport(), {}
    if batch or report.problems:
        yield flush(batch, report)


def _facts(media: NewMedia) -> tuple[Any, ...]:
    upload = media.upload
    return upload.modality, upload.sha256, media.alt, media.attributes


def _prepared(raw: RawRow, media_root: Path, problems: list[RowProblem]) -> _Ready | None:
    if raw.data is None:
        problems.append(RowProblem(raw.line, "", raw.problem))
        return None
    external_id = str(raw.data.get("external_id", ""))[:128]
    try:
        content, paths = parse_row(raw.data)
        media = None if paths is None else [_new_media(each, media_root) for each in paths]
    except (RowError, CatalogError) as err:
        problems.append(RowProblem(raw.line, external_id, str(err)))
        return None
    return _Ready(raw.line, content, media)


def _new_media(media: MediaPath, media_root: Path) -> NewMedia:
    path = _inside(media.path, media_root)
    try:
        upload = check_upload(path, modality=media.modality)
    except CatalogError as err:
        raise RowError(f"{media.path}: {err}") from err
    except OSError as err:
        raise RowError(f"{media.path}: cannot be read: {err.strerror}") from err
    return NewMedia(upload=upload, alt=media.alt, attributes=media.attributes)


def _inside(name: str, media_root: Path) -> Path:
    """The regular file ``name`` below the media root, links followed. Raises ``RowError``."""
    try:
        path = (media_root / name).resolve()
        if not path.is_relative_to(media_root):
            raise RowError(f"{name}: is outside the media root")
        if not path.is_file():
            raise RowError(f"{name}: there is no such file below the media root")
    except (OSError, ValueError, RuntimeError) as err:  # too long, a NUL character, a link loop
        raise RowError(f"{name[:200]!r}: is no usable path: {err}") from err
    return path


def _flushed(
    batch: dict[str, _Ready],
    report: BatchReport,
    *,
    rehearsed: Rehearsed | None,
    watcher: Watcher | None,
) -> BatchReport:
    """The batch in one transaction, or row by row when one of them is refused."""
    rows = list(batch.values())
    try:
        upserted = _upserted(rows, rehearsed=rehearsed, watcher=watcher)
    except CatalogError as err:
        if len(rows) == 1:
            problem = RowProblem(rows[0].line, rows[0].content.external_id, str(err))
            report.problems.append(problem)
            return report
        for external_id, row in batch.items():
            _flushed({external_id: row}, report, rehearsed=rehearsed, watcher=watcher)
        report.problems.sort(key=lambda problem: problem.line)
        return report
    for each in upserted:
        report.count(each)
    return report


def _upserted(
    rows: Sequence[_Ready], *, rehearsed: Rehearsed | None, watcher: Watcher | None
) -> list[Upserted]:
    store = file_store if rehearsed is None else file_known
    tries = 0
    while True:
        tries += 1
        try:
            with transaction.atomic():
                if watcher:
                    watcher.before([row.content.external_id for row in rows])
                upserted = items_upsert([(row.content, row.media) for row in rows], store=store)
                if rehearsed is not None:
                    upserted = _after_earlier(upserted, rows, rehearsed)
                if watcher:
                    watcher.after(upserted)
                if rehearsed is not None:
                    transaction.set_rollback(True)
                return upserted
        except OperationalError as err:
            if tries == DEADLOCK_TRIES or not isinstance(err.__cause__, errors.DeadlockDetected):
                raise


def _after_earlier(
    upserted: list[Upserted], rows: Sequence[_Ready], rehearsed: Rehearsed
) -> list[Upserted]:
    """What would have happened had the earlier rows with the same ids stayed; notes these."""
    outcomes = []
    for each, row in zip(upserted, rows, strict=True):
        said, before = row.digest(), rehearsed.get(row.content.external_id)
        rehearsed[row.content.external_id] = said
        if before is not None:
            each = replace(each, outcome="unchanged" if said == before else "changed")  # noqa: PLW2901
        outcomes.append(each)
    return outcomes
