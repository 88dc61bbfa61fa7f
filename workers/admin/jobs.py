"""The page of the jobs: every queue, what failed there and why; try again, pause, go on."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from catalog.admin.base import CarefulAdmin, counted
from catalog.models import QueuePause
from workers import heartbeat, jobs, pauses
from workers.queues import QUEUES

LIST = "admin:catalog_queuepause_changelist"
MAY = "catalog.operate_jobs"


@admin.register(QueuePause)
class JobsAdmin(CarefulAdmin):
    """In the place of a list of pauses: all that workers do."""

    def get_urls(self) -> list[URLPattern]:
        """Of the page and its buttons; before the admin's own, which take any path."""
        view = self.admin_site.admin_view
        own = [
            path("", view(self.changelist_view), name="catalog_queuepause_changelist"),
            path("state/", view(self.state_view), name="catalog_queuepause_state"),
            *(
                path(f"{name}/", view(require_POST(act)), name=f"catalog_queuepause_{name}")
                for name, act in (
                    ("pause", self.pause),
                    ("resume", self.resume),
                    ("retry", self.retry),
                    ("retry-all", self.retry_all),
                )
            ),
        ]
        return [*own, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By the button of the queue."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor is a pause changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the button of the queue."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page."""
        self._check(request, self.has_view_permission(request))
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": "Jobs",
            "opts": self.opts,
            "panel": self._panel(request),
        }
        return TemplateResponse(request, "workers/admin/jobs.html", context)

    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The queues alone, for the page to show again and again."""
        self._check(request, self.has_view_permission(request))
        return HttpResponse(self._panel(request))

    def _panel(self, request: HttpRequest) -> SafeString:
        listening = heartbeat.workers_by_queue()
        states = [
            {
                "queue": state,
                "workers": None if listening is None else listening.get(state.name, 0),
                "failures": [
                    (each, self._address(request, *each.admin)) for each in state.failures
                ],
            }
            for state in jobs.queue_states()
        ]
        context = {"states": states, "beat": heartbeat.last(), "may": request.user.has_perm(MAY)}
        return render_to_string("workers/admin/jobs_panel.html", context, request)

    def _address(self, request: HttpRequest, page: str, pk: int) -> str:
        """Of a page of the admin, empty for who may not see it; ``page`` is app_model_view."""
        app, model, _ = page.split("_")
        shown = self.admin_site.get_model_admin(apps.get_model(app, model))
        if not shown.has_view_permission(request):
            return ""
        return reverse(f"admin:{page}", args=[pk] if pk else [])

    # --- buttons --------------------------------------------------------------------------------

    def pause(self, request: HttpRequest) -> HttpResponse:
        """Stop a queue."""
        queue = request.POST.get("queue", "")
        return self._done(
            request,
            queue,
            lambda: pauses.queue_pause(queue, request.user.get_username()),
            f"{queue} is paused: its workers finish what they do and take on nothing.",
        )

    def resume(self, request: HttpRequest) -> HttpResponse:
        """Let a queue go on."""
        queue = request.POST.get("queue", "")
        return self._done(request, queue, lambda: pauses.queue_resume(queue), f"{queue} goes on.")

    def retry(self, request: HttpRequest) -> HttpResponse:
        """Try one thing again."""
        key = request.POST.get("key", "")
        return self._done(
            request,
            key,
            lambda: jobs.failure_retry(key, request.user.get_username()),
            "It is tried again.",
        )

    def retry_all(self, request: HttpRequest) -> HttpResponse:
        """Try everything of a queue again."""
        queue = request.POST.get("queue", "")

        def run() -> None:
            if queue not in QUEUES:
                raise ValueError(f"There is no queue {queue[:100]!r}.")
            done, problems = jobs.queue_retry(queue, request.user.get_username())
            self.message_user(request, f"{counted(done, 'failure')} tried again.")
            for problem in problems:
                self.message_user(request, problem, messages.WARNING)

        return self._done(request, queue, run, "")

    def _done(
        self, request: HttpRequest, what: str, run: Callable[[], Any], said: str
    ) -> HttpResponse:
        self._check(request, request.user.has_perm(MAY))
        try:
            run()
        except (*jobs.ERRORS, ValueError, ObjectDoesNotExist) as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
        else:
            if said:
                self.message_user(request, said, messages.SUCCESS)
            LogEntry.objects.create(
                user_id=request.user.pk or 0,  # a page of the admin has somebody
                content_type=ContentType.objects.get_for_model(QueuePause),
                object_repr=what[:200],
                action_flag=CHANGE,
                change_message=said or "Tried all failures again.",
            )
        return HttpResponseRedirect(reverse(LIST))

    def _check(self, request: HttpRequest, allowed: bool) -> None:
        if not allowed:
            raise PermissionDenied
