"""The addresses beside the spaces' pages: what refreshes itself, and plots."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from catalog.admin.records import RecordAdmin
from retrieval import plots, training_jobs
from retrieval.admin import space_tables
from retrieval.admin.training_panel import jobs_panel, jobs_shown
from retrieval.exceptions import RetrievalError
from retrieval.models import EmbeddingSpace


class SpaceViews(RecordAdmin):
    """Trainings and progress by themselves, for pages that ask again and again."""

    errors = RetrievalError

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view
        own = [
            path("jobs/", view(self.jobs), name="retrieval_embeddingspace_jobs"),
            path("jobs/<int:job_id>/retry/", view(require_POST(self.job_retry)),
                 name="retrieval_embeddingspace_job_retry"),
            path("<int:space_id>/progress/", view(self.progress_view),
                 name="retrieval_embeddingspace_progress"),
            path("<int:space_id>/plots/<slug:plot>.png", view(self.plot),
                 name="retrieval_embeddingspace_plot"),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the trainings above the list."""
        panel = jobs_panel(request, retry=self.has_make_permission(request))
        return super().changelist_view(request, {**(extra_context or {}), "jobs_panel": panel})

    def jobs(self, request: HttpRequest) -> HttpResponse:
        """The trainings alone, for the list to show again and again."""
        self._check_view(request)
        return HttpResponse(jobs_panel(request, retry=self.has_make_permission(request)))

    def job_retry(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Queue a failed or interrupted training again."""
        if not self.has_make_permission(request):
            raise PermissionDenied
        if not jobs_shown().filter(pk=job_id).exists():
            raise Http404(str(job_id))
        problem = ""
        try:
            training_jobs.job_retry(job_id)
        except RetrievalError as err:
            problem = str(err)
        else:
            self.log_change(request, jobs_shown().get(pk=job_id), "Retried.")
        return HttpResponse(jobs_panel(request, retry=True, problem=problem))

    def progress_view(self, request: HttpRequest, space_id: int) -> HttpResponse:
        """The progress of one space alone."""
        self._check_view(request)
        row = get_object_or_404(EmbeddingSpace.objects.defer("head"), pk=space_id)
        return HttpResponse(space_tables.progress(row))

    def plot(self, request: HttpRequest, space_id: int, plot: str) -> HttpResponse:
        """A PNG of its training."""
        self._check_view(request)
        if plot not in plots.TITLES:
            raise Http404(plot)
        try:
            with default_storage.open(plots.path_of(space_id, plot)) as file:
                data = file.read()
        except FileNotFoundError as err:
            raise Http404(plot) from err
        headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(data, content_type="image/png", headers=headers)

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
