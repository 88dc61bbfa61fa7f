"""The import page: a file comes, is rehearsed, looked at, and then imported in the background."""

import csv
import io
from collections.abc import Callable, Generator
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog import import_runs
from catalog.admin import html
from catalog.admin.dialogs import dialog_action, redirected, row_or_404
from catalog.admin.records import RecordAdmin
from catalog.admin.transfers import BOM, CONTENT_TYPES, streamed
from catalog.exceptions import CatalogError
from catalog.importers.escaping import escaped
from catalog.importers.formats import format_of
from catalog.models import ImportRun

Status = ImportRun.Status
VARIANTS: Final = {
    Status.CHECKED: "warning",
    Status.DONE: "success",
    Status.FAILED: "danger",
    Status.CANCELLED: "",
}
PROBLEMS_SHOWN: Final = 50
ACTIONS: Final = {
    "start": (Status.CHECKED,),
    "retry": (Status.FAILED,),
    "cancel": ImportRun.CANCELLABLE,
}


class UploadForm(forms.ModelForm):
    """The file, and what its rows name."""

    rows_file = forms.FileField(
        label="File",
        help_text="CSV, JSON Lines or XLSX; its name must end so. Nothing is written before you have "
        "seen what would be.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.jsonl,.ndjson,.xlsx"}),
    )
    media_file = forms.FileField(
        label="Media",
        required=False,
        help_text="A zip of the pictures, sounds and videos that the rows name; without media in the rows "
        "you need none.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".zip"}),
    )

    class Meta:
        model = ImportRun
        fields = ()

    def clean(self) -> dict[str, Any]:
        """Refuses what no import can begin with."""
        data = super().clean() or self.cleaned_data
        file, media = data.get("rows_file"), data.get("media_file")
        if file and format_of(file.name) is None:
            self.add_error("rows_file", "The name must end in .csv, .jsonl, .ndjson or .xlsx.")
        limit = settings.CATALOG["MAX_IMPORT_BYTES"]
        if sum(each.size for each in (file, media) if each) > limit:
            self.add_error(
                None, f"Together they have over {limit >> 20} MiB: import in several parts."
            )
        return data


@admin.register(ImportRun)
class ImportRunAdmin(RecordAdmin):
    """Each import is a row; adding one is uploading its file, changing it is starting or stopping it."""

    errors = CatalogError
    form = UploadForm
    list_display = ("name", "state", "progress", "counts", "created_by", "created_at")
    list_per_page = 50
    search_fields = ("name",)
    fields = ("panel",)
    readonly_fields = ("panel",)
    actions = None
    actions_detail = ("start", "retry", "cancel", "errors_csv")
    state_field = "status"
    offered = ACTIONS

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By its file."""
        return self.has_make_permission(request)

    def get_fields(self, request: HttpRequest, obj: ImportRun | None = None) -> tuple[str, ...]:
        """Of a new one the files."""
        return ("panel",) if obj else ("rows_file", "media_file")

    def get_readonly_fields(
        self, request: HttpRequest, obj: ImportRun | None = None
    ) -> tuple[str, ...]:
        """A new one has nothing to show."""
        return ("panel",) if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Before the admin's own, which take any path."""
        view = self.admin_site.admin_view(self.state_view)
        return [
            path("<int:run_id>/state/", view, name="catalog_importrun_state"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One button: what follows is the run's page."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        title = {"title": "Import items"}
        return super().add_view(request, form_url, {**(extra_context or {}), **one, **title})

    def save_model(self, request: HttpRequest, obj: ImportRun, form: Any, change: bool) -> None:
        """Keeps the files and has them checked."""
        made = import_runs.run_create(
            form.cleaned_data["rows_file"],
            form.cleaned_data.get("media_file"),
            request.user.get_username(),
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: ImportRun, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To its page, which shows how far it is."""
        return HttpResponseRedirect(_page(obj.pk))

    # --- actions --------------------------------------------------------------------------------

    @dialog_action(
        description="Import",
        icon="play_arrow",
        permissions=["activate"],
        dialog={
            "title": "Import these rows?",
            "description": "Items are created and changed as shown below; refused rows are left out. "
            "Workers embed them afterwards.",
            "form_class": None,
            "form_submit_text": "Import",
        },
    )
    def start(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Import what was checked."""
        return self._run(request, object_id, import_runs.run_confirm, "The import is queued.")

    @dialog_action(
        description="Retry",
        icon="replay",
        permissions=["activate"],
        dialog={
            "title": "Go on with this import?",
            "description": "It goes on after the last row that was done.",
            "form_class": None,
            "form_submit_text": "Retry",
        },
    )
    def retry(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Go on with a failed one."""
        return self._run(request, object_id, import_runs.run_retry, "The import goes on.")

    @dialog_action(
        description="Cancel",
        icon="stop",
        permissions=["activate"],
        dialog={
            "title": "Cancel this import?",
            "description": "It stops after the rows it is at, within seconds; one that failed is not "
            "asked about any more. What was imported stays.",
            "form_class": None,
            "form_submit_text": "Cancel the import",
        },
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Stop it."""
        return self._run(request, object_id, import_runs.run_cancel, "The import is cancelled.")

    @action(description="Refused rows as CSV", icon="download", permissions=["view"])
    def errors_csv(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Line, item and reason of each."""
        run = cast("ImportRun", row_or_404(self, request, object_id))
        name = f"import-{run.pk}-refused.csv"
        return streamed(request, _problems(run), CONTENT_TYPES["csv"], name)

    def _run(
        self, request: HttpRequest, object_id: str, run: Callable[[int], ImportRun], said: str
    ) -> HttpResponse:
        try:
            row = run(int(object_id))
        except CatalogError as err:
            self.message_user(request, f"Nothing was changed: {err}", messages.ERROR)
        else:
            self.log_change(request, row, said)
            self.message_user(request, said, messages.SUCCESS)
        return redirected(request, _page(object_id))

    # --- columns and panels ---------------------------------------------------------------------

    def state_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The panel alone; the whole page anew once there is something to decide."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = get_object_or_404(ImportRun, pk=run_id)
        headers = {} if run.status in ImportRun.WORK else {"HX-Refresh": "true"}
        return HttpResponse(self.panel(run), headers=headers)

    @display(description="state", ordering="status")
    def state(self, run: ImportRun) -> SafeString:
        """Where it stands; why it failed as a tooltip."""
        return html.badge(
            run.get_status_display(), VARIANTS.get(Status(run.status), "info"), run.error
        )

    @display(description="progress")
    def progress(self, run: ImportRun) -> str:
        """While it is worked on."""
        return f"{run.percent} %" if run.status in ImportRun.WORK else ""

    @display(description="rows")
    def counts(self, run: ImportRun) -> str:
        """What became of them, or would."""
        if not run.rows:
            return "–"
        return (
            f"{run.created:,} created, {run.changed:,} changed, {run.unchanged:,} unchanged, "
            f"{run.refused:,} refused"
        )

    @display(description="this import")
    def panel(self, run: ImportRun) -> SafeString:
        """Progress, counts, refused rows, and some items before and after."""
        context = {
            "run": run,
            "badge": self.state(run),
            "alive": run.status in ImportRun.WORK,
            "rehearsed": run.status in (Status.CHECK, Status.CHECKING, Status.CHECKED),
            "problems": run.problems.all()[:PROBLEMS_SHOWN],
            "hidden": max(0, run.refused - PROBLEMS_SHOWN),
        }
        return render_to_string("catalog/admin/import_run.html", context)


def _page(run_id: int | str) -> str:
    return reverse("admin:catalog_importrun_change", args=[run_id])


def _problems(run: ImportRun) -> Generator[bytes, None, None]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    yield BOM.encode()
    writer.writerow(["line", "external_id", "reason"])
    for problem in run.problems.iterator(chunk_size=1_000):
        writer.writerow([problem.line, escaped(problem.external_id), escaped(problem.reason)])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()
