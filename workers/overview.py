"""The figures of the admin's first page: counted at most once a minute, however many look, and by a worker
while the former ones are shown.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from catalog.models import Item, Media
from recommender.llm import metrics
from recommender.models import RecommenderModel, Suggestion
from recommender.reports import placement_reports
from recommender.reports.overview import Lorenz, events_by_day, lorenz, shown_share
from retrieval import claims, probes
from retrieval.models import EmbeddingSpace, TrainingJob
from workers import queues

DAYS: Final = 30
"""Of events."""
ANSWER_DAYS: Final = 7
"""Of what was shown: attributing the events of a month takes longer than a page may."""
FRESH_S: Final = 60
"""Figures older than that are counted anew while they are shown."""
KEPT_S: Final = 600
"""Older ones are shown to nobody."""
KEY: Final = "admin:overview"
ASKED: Final = f"{KEY}:asked"
TASK: Final = "workers.tasks.overview_count"


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one moment."""

    at: datetime
    items: int
    visible: int
    space: str
    """The active one's name, or nothing."""
    trained: bool
    embeddings: dict[str, int]
    """ready, pending, failed, total; in the active space."""
    media_failed: int
    trainings_failed: int
    """Of spaces and of the recommender's models, within DAYS."""
    suggestions_failed: int
    days: list[date]
    events: dict[str, list[int]]
    """Type -> each of ``days``."""
    answer_days: list[date]
    ctr: dict[str, list[float | None]]
    """Placement -> each of ``answer_days``; None where nothing was shown."""
    conversion: dict[str, list[float | None]]
    shown: int
    """Visible items that were shown within ANSWER_DAYS."""
    used: Lorenz | None
    latency: dict[str, probes.Latency] = field(default_factory=dict)
    searches: int = 0
    llm: dict[str, metrics.PurposeReport] = field(default_factory=dict)


def overview() -> tuple[Overview, bool]:
    """Of the last KEPT_S, and whether a worker was asked for new ones just now; counted now if there are none
    or Redis cannot be reached.
    """
    try:
        found: Overview | None = cache.get(KEY)
    except RedisError:
        return overview_now(), False
    if found is None:
        return overview_count(), False
    old = timezone.now() - found.at > timedelta(seconds=FRESH_S)
    return found, old and cache.add(ASKED, 1, FRESH_S) and _worker_asked()


def overview_count() -> Overview:
    """Counted now, and kept for who looks next."""
    found = overview_now()
    cache.set(KEY, found, KEPT_S)
    return found


def _worker_asked() -> bool:
    try:
        current_app.send_task(TASK)
    except (
        OperationalError
    ):  # the figures go on growing older, until they are counted for who waits
        return False
    return True


def overview_now() -> Overview:
    """Counted now; a fixed number of statements."""
    now = timezone.now()
    today = now.date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    space = EmbeddingSpace.objects.only("name", "trained").filter(state="active").first()
    items = Item.objects.count()
    searched = probes.report()
    shown, visible = shown_share(now - timedelta(days=ANSWER_DAYS))
    return Overview(
        at=now,
        items=items,
        visible=visible,
        space=space.name if space else "",
        trained=bool(space and space.trained),
        embeddings=claims.progress(space.pk)
        if space
        else {"ready": 0, "pending": items, "failed": 0, "total": items},
        media_failed=Media.objects.filter(status=Media.Status.FAILED).count(),
        trainings_failed=_trainings_failed(now - timedelta(days=DAYS)),
        suggestions_failed=Suggestion.objects.filter(status=Suggestion.Status.FAILED).count(),
        days=days,
        events=events_by_day(days[0], today),
        **_answers(now, days[-ANSWER_DAYS:]),
        shown=shown,
        used=lorenz(),
        latency=dict(searched.latency) if searched else {},
        searches=searched.scans + searched.exact if searched else 0,
        llm=metrics.report() or {},
    )


def _trainings_failed(since: datetime) -> int:
    spaces = TrainingJob.objects.filter(status=TrainingJob.Status.FAILED, updated_at__gte=since)
    models = RecommenderModel.objects.filter(
        state=RecommenderModel.State.FAILED, created_at__gte=since
    )
    return sum(rows.aggregate(n=Count("pk"))["n"] for rows in (spaces, models))


def _answers(now: datetime, days: list[date]) -> dict[str, Any]:
    """``answer_days``, ``ctr`` and ``conversion`` of each placement that was shown."""
    given = settings.RECOMMENDER["IMPRESSIONS"]
    first = datetime.combine(days[0], datetime.min.time(), tzinfo=now.tzinfo)
    counted = [*given["CLICKS"], *given["CONVERSIONS"]]
    reports = placement_reports(first, now, only=counted).values()
    found: dict[str, Any] = {"answer_days": days, "ctr": {}, "conversion": {}}
    for report in reports:
        if report.days:
            of_days = [report.days.get(day) for day in days]
            found["ctr"][report.placement] = [each.ctr if each else None for each in of_days]
            found["conversion"][report.placement] = [
                sum(each.rates.get(name, 0.0) for name in given["CONVERSIONS"])
                if each and each.shown
                else None
                for each in of_days
            ]
    return found


def waiting() -> dict[str, int | None]:
    """Messages in each queue: of this moment, since that costs a millisecond."""
    return queues.depths_or_none()
