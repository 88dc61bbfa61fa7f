"""The trainings above the list of spaces, which show their own progress."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.admin import html
from retrieval import training_jobs
from retrieval.admin.runs import run_badge
from retrieval.models import TrainingJob

Status = TrainingJob.Status
# what went wrong is shown for a week, what went well for an hour
FAILED_FOR, DONE_FOR = timedelta(days=7), timedelta(hours=1)
MAX_JOBS = 20


def jobs_shown() -> QuerySet[TrainingJob]:
    """Unfinished ones, and those that ended lately."""
    now = timezone.now()
    return TrainingJob.objects.filter(
        Q(status__in=TrainingJob.UNFINISHED)
        | Q(status=Status.FAILED, updated_at__gt=now - FAILED_FOR)
        | Q(status=Status.DONE, updated_at__gt=now - DONE_FOR)
    )


def jobs_panel(request: HttpRequest, *, retry: bool, problem: str = "") -> SafeString:
    """HTML that asks for itself every two seconds while a training is queued or running."""
    jobs = [
        _line(job) for job in jobs_shown().select_related("space").defer("space__head")[:MAX_JOBS]
    ]
    context: dict[str, Any] = {"jobs": jobs, "retry": retry, "problem": problem}
    context["alive"] = any(line["alive"] for line in jobs)
    return SafeString(render_to_string("retrieval/admin/training_jobs.html", context, request))


def _line(job: TrainingJob) -> dict[str, Any]:
    dead = training_jobs.interrupted(job)
    return {
        "job": job,
        "badge": html.badge("interrupted", "danger") if dead else run_badge(job),
        "retriable": dead or job.status == Status.FAILED,
        "alive": not dead and job.status in TrainingJob.UNFINISHED,
        "why": job.error or ("The worker that trained it was killed." if dead else ""),
    }
