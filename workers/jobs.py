"""What the workers have to do, do, and failed to do, queue by queue; and failures tried again.

All of it follows from rows, except how many messages wait.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet, Window
from django.utils import timezone

from catalog import import_runs
from catalog.exceptions import CatalogError
from catalog.models import ImportRun, QueuePause
from catalog.wake import workers_wake
from recommender import versions
from recommender.exceptions import RecommenderError
from recommender.llm import drafting
from recommender.models import PendingEvent, RecommenderModel, Suggestion
from retrieval import audit, claims, review_runs, spaces, training_jobs
from retrieval.exceptions import RetrievalError
from retrieval.models import AuditRun, Embedding, EmbeddingSpace, ReviewRun, TrainingJob
from workers import queues
from workers.pauses import PAUSABLE

SHOWN: Final = 20
"""Failures of a kind."""
FAILED_WITHIN: Final = timedelta(days=30)
"""Older trainings and imports are history."""
SUPERSEDED: Final = "It was asked for again since: there is nothing to retry."
ERRORS: Final = (CatalogError, RetrievalError, RecommenderError)
ABOUT: Final = {
    "query": "Pictures and sounds that somebody searches with right now.",
    "profiles": "What visitors did goes into their profiles.",
    "embed": "New and changed items get their words indexed and their vectors made.",
    "default": "The sweep, which finds what is due, and imports.",
    "train": "Trainings of spaces and models, audits, reviews, drafts of texts.",
    "llm": "Answers of a local language model.",
}

REVIEWS: Final = {
    ReviewRun.Kind.DUPLICATES: ("search for near duplicates", "retrieval_duplicatepair_changelist"),
    ReviewRun.Kind.MODERATION: ("check by the policies", "retrieval_case_changelist"),
}
"""What a run is, and the list that shows it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not work; ``key`` names it for ``failure_retry``."""

    key: str
    what: str
    why: str
    at: datetime | None
    admin: tuple[str, int]
    """Where it is shown: the name of an admin page, and the row."""


@dataclass(slots=True)
class QueueState:
    """One queue at this moment."""

    name: str
    waiting: int | None
    """Messages; None while the broker cannot be reached."""
    due: int = 0
    """What rows say is to be done, whether or not a message says so too."""
    running: list[str] = field(default_factory=list)
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    """The first of them."""
    pause: QueuePause | None = None

    @property
    def about(self) -> str:
        """What its work is."""
        return ABOUT[self.name]

    @property
    def pausable(self) -> bool:
        """Whether it may be stopped."""
        return self.name in PAUSABLE

    @property
    def hidden(self) -> int:
        """Failures that are not listed."""
        return self.failed - len(self.failures)


def queue_states() -> list[QueueState]:
    """Every queue, in a fixed number of statements for each live space."""
    depths = queues.depths_or_none()
    pauses = QueuePause.objects.in_bulk()
    states = {name: QueueState(name, depths[name], pause=pauses.get(name)) for name in depths}
    states["profiles"].due = PendingEvent.objects.filter(parked_at=None).count()
    _embed(states["embed"])
    _imports(states["default"])
    _train(states["train"])
    return list(states.values())


def _embed(state: QueueState) -> None:
    live = EmbeddingSpace.objects.only("name").in_bulk(spaces.live_spaces())
    now = timezone.now()
    leased = Embedding.objects.filter(space_id__in=live, leased_until__gt=now, status="pending")
    if count := leased.count():
        state.running.append(f"{count:,} items are being embedded")
    for space_id in live:
        state.due += claims.progress(space_id)["pending"]
    failed = embeddings_failed(live).select_related("item")
    rows = failed.defer("text", "image", "audio", "fused").order_by("-updated_at", "item_id")
    state.failed, first = _counted(rows)
    for row in first:
        state.failures.append(
            Failure(
                f"embedding:{row.space_id}:{row.item_id}",
                f"{row.item.title} in {live[row.space_id].name}",
                ": ".join(part for part in (row.error_code, row.error) if part),
                row.updated_at,
                ("catalog_item_change", row.item_id),
            )
        )


def embeddings_failed(space_ids: Iterable[int]) -> QuerySet[Embedding]:
    """Of items as they are now: one that has changed since is due again."""
    return Embedding.objects.filter(
        space_id__in=list(space_ids),
        status=Embedding.Status.FAILED,
        attempted_version__gte=F("item__content_version"),
    )


def _imports(state: QueueState) -> None:
    since = timezone.now() - FAILED_WITHIN
    for run in ImportRun.objects.filter(status__in=ImportRun.WORK):
        state.running.append(f"{run.name} is {run.get_status_display()}: {run.percent} %")
    failed = ImportRun.objects.filter(status=ImportRun.Status.FAILED, updated_at__gte=since)
    state.failed, first = _counted(failed)
    state.failures = [
        Failure(
            f"import:{run.pk}", f"import of {run.name}", run.error, run.updated_at,
            ("catalog_importrun_change", run.pk),
        )
        for run in first
    ]  # fmt: skip


def _train(state: QueueState) -> None:
    since = timezone.now() - FAILED_WITHIN
    jobs = TrainingJob.objects.filter(status__in=TrainingJob.UNFINISHED)
    models = RecommenderModel.objects.filter(state=RecommenderModel.State.BUILDING)
    audits = AuditRun.objects.filter(status__in=AuditRun.UNFINISHED)
    asked = Suggestion.objects.filter(status=Suggestion.Status.ASKED).count()
    running = [(f"space {job.name}", job.stage, job.percent) for job in jobs]
    running += [
        (f"model {row.name}", row.stage, row.percent)
        for row in models.only("name", "stage", "percent")
    ]
    running += [
        ("audit", run.stage, round(100 * run.done / run.total) if run.total else 0)
        for run in audits
    ]
    # an unfinished one is the newest of its kind
    reviews = list(ReviewRun.objects.order_by("kind", "-id").distinct("kind"))
    running += [
        (REVIEWS[ReviewRun.Kind(run.kind)][0], run.stage, run.percent)
        for run in reviews
        if run.status in ReviewRun.UNFINISHED
    ]
    state.running = [
        f"{what}: {f'{stage}, {percent} %' if stage else 'waiting'}"
        for what, stage, percent in running
    ]
    state.due = asked + sum(not stage for _, stage, _ in running)
    for rows, made in _trainings_failed(since):
        count, first = _counted(rows)
        state.failed += count
        state.failures += map(made, first)
    failed = [_review_failed(run) for run in reviews if run.status == ReviewRun.Status.FAILED]
    state.failed += len(failed)
    state.failures += failed


def _review_failed(run: ReviewRun) -> Failure:
    what, page = REVIEWS[ReviewRun.Kind(run.kind)]
    return Failure(f"review:{run.pk}", what, run.error, run.updated_at, (page, 0))


def _counted(rows: QuerySet[Any]) -> tuple[int, list[Any]]:
    """How many there are, and the first; one statement."""
    first = list(rows.annotate(of=Window(Count("*")))[:SHOWN])
    return (first[0].of if first else 0), first


def _trainings_failed(since: datetime) -> list[tuple[QuerySet[Any], Callable[[Any], Failure]]]:
    """Failed and not asked for again since, of each kind; and how to show one."""
    now = timezone.now()
    dead = Q(status=TrainingJob.Status.RUNNING, leased_until__lt=now)
    jobs = TrainingJob.objects.filter(Q(status=TrainingJob.Status.FAILED) | dead)
    models = RecommenderModel.objects.filter(state=RecommenderModel.State.FAILED)
    newer = RecommenderModel.objects.order_by("algorithm", "-id").distinct("algorithm").values("pk")
    last = AuditRun.objects.values_list("pk", flat=True)[:1]
    return [
        (
            jobs.filter(updated_at__gte=since),
            lambda job: Failure(
                f"training:{job.pk}",
                f"training of space {job.name}",
                job.error or "Its worker died.",
                job.updated_at,
                ("retrieval_embeddingspace_changelist", 0),
            ),
        ),
        (
            models.filter(pk__in=newer, created_at__gte=since).defer("parameters"),
            lambda row: Failure(
                f"model:{row.pk}",
                f"training of model {row.name}",
                row.error,
                row.created_at,
                ("recommender_recommendermodel_change", row.pk),
            ),
        ),
        (
            AuditRun.objects.filter(pk__in=list(last), status=AuditRun.Status.FAILED),
            lambda run: Failure(
                f"audit:{run.pk}", "audit of the catalog", run.error, run.updated_at,
                ("retrieval_auditfinding_changelist", 0),
            ),
        ),
        (
            Suggestion.objects.filter(status=Suggestion.Status.FAILED).select_related("item"),
            lambda row: Failure(
                f"suggestion:{row.pk}", f"{row.kind} of {row.item.title}", row.problem, row.asked_at,
                ("recommender_suggestion_change", row.pk),
            ),
        ),
    ]  # fmt: skip


def failure_retry(key: str, by: str) -> None:
    """Ask for it again. Raises one of ERRORS if that cannot be, ValueError for a key that is none."""
    kind, *ids = key.split(":")
    if kind not in _RETRY or not all(map(str.isdecimal, ids)) or not ids:
        raise ValueError(f"{key[:100]!r} names no failure.")
    _RETRY[kind]([int(each) for each in ids], by)


def queue_retry(name: str, by: str) -> tuple[int, list[str]]:
    """Ask again for everything that failed in the queue: how much, and why some of it cannot be."""
    done = 0
    problems: list[str] = []
    if name == "embed":
        for space_id in spaces.live_spaces():
            done += claims.failed_retry(space_id)
            training_jobs.wake_due(space_id)
        return done, problems
    for state in queue_states():
        for failure in state.failures if state.name == name else ():
            try:
                failure_retry(failure.key, by)
                done += 1
            except ERRORS as err:
                problems.append(f"{failure.what}: {err}")
    return done, problems


def _retry_embedding(ids: list[int], by: str) -> None:
    space_id, item_id = ids
    claims.failed_retry(space_id, [item_id])
    workers_wake([item_id])


def _retry_model(ids: list[int], by: str) -> None:
    row = RecommenderModel.objects.get(pk=ids[0])
    last = RecommenderModel.objects.filter(algorithm=row.algorithm).order_by("-id").first()
    if row != last or row.state != RecommenderModel.State.FAILED:
        raise RecommenderError(SUPERSEDED)
    versions.version_ask(
        row.algorithm, config=row.config, seed=row.seed, activation=row.activation, created_by=by
    )


def _retry_audit(ids: list[int], by: str) -> None:
    last = AuditRun.objects.order_by("-id").first()
    if last is None or last.pk != ids[0] or last.status != AuditRun.Status.FAILED:
        raise RetrievalError(SUPERSEDED)
    audit.run_create(by)


def _retry_suggestion(ids: list[int], by: str) -> None:
    failed = Suggestion.objects.filter(pk=ids[0], status=Suggestion.Status.FAILED)
    try:
        with transaction.atomic():
            asked = failed.update(status=Suggestion.Status.ASKED, attempts=0, problem="")
    except IntegrityError as err:
        raise RecommenderError("The same text was asked for again already.") from err
    if not asked:
        raise RecommenderError("The text is asked for, made or gone: there is nothing to retry.")
    drafting.suggestions_send(ids)


_RETRY: Final[dict[str, Callable[[list[int], str], Any]]] = {
    "embedding": _retry_embedding,
    "import": lambda ids, by: import_runs.run_retry(ids[0]),
    "training": lambda ids, by: training_jobs.job_retry(ids[0]),
    "model": _retry_model,
    "audit": _retry_audit,
    "review": lambda ids, by: review_runs.run_repeat(ids[0], by),
    "suggestion": _retry_suggestion,
}
