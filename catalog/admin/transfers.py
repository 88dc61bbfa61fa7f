"""Items out of the admin as files, and the way to the page that takes files in."""

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.contenttypes.models import ContentType
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from catalog import exporting
from catalog.admin.base import CatalogModelAdmin, counted
from catalog.media_files import CHUNK_BYTES, read_async
from catalog.models import Item

CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BOM: Final = "\ufeff"
"""Excel takes a CSV file without it for one of its own code page; the import skips it."""


class ExportingAdmin(CatalogModelAdmin):
    """A list that can be had as a file, as it is filtered; and a button to the import."""

    actions_list: tuple[Any, ...] = (
        "import_items",
        {
            "title": "Export",
            "icon": "download",
            "items": ["export_csv", "export_jsonl", "export_xlsx"],
        },
    )

    def has_import_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may make and change items by a file."""
        return bool(request.user.has_perm("catalog.add_importrun"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With links that export what the list shows."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and request.GET:
            for each in context.get("actions_list", ()):
                for link in each.get("items", ()):
                    link["path"] = f"{link['path']}?{request.GET.urlencode()}"
        return response

    @action(description="Import", icon="upload", permissions=["import"])
    def import_items(self, request: HttpRequest) -> HttpResponse:
        """To the page that takes a file."""
        return HttpResponseRedirect(reverse("admin:catalog_importrun_add"))

    @action(description="CSV", permissions=["view"], url_path="export-csv")
    def export_csv(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows, as CSV."""
        return self._export(request, "csv")

    @action(description="JSON Lines", permissions=["view"], url_path="export-jsonl")
    def export_jsonl(self, request: HttpRequest) -> HttpResponseBase:
        """The same as JSON Lines."""
        return self._export(request, "jsonl")

    @action(description="Excel (XLSX)", permissions=["view"], url_path="export-xlsx")
    def export_xlsx(self, request: HttpRequest) -> HttpResponseBase:
        """The same as a workbook."""
        return self._export(request, "xlsx")

    def _export(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        back = reverse("admin:catalog_item_changelist")
        try:
            listed = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(back)
        items = Item.objects.filter(pk__in=listed.order_by().values("pk"))
        try:
            body = _body(items, file_format)
        except exporting.ExportError as err:
            self.message_user(request, f"Nothing was exported: {err}", messages.ERROR)
            return HttpResponseRedirect(back)
        LogEntry.objects.create(
            user_id=request.user.pk or 0,  # a page of the admin has somebody
            content_type=ContentType.objects.get_for_model(Item),
            object_repr=f"{counted(items.count(), 'item')} as {file_format}",
            action_flag=CHANGE,
            change_message="Exported.",
        )
        name = f"items-{timezone.now():%Y%m%d-%H%M%S}.{file_format}"
        return streamed(request, body, CONTENT_TYPES[file_format], name)


def streamed(
    request: HttpRequest, body: Generator[bytes, None, None], content_type: str, name: str
) -> StreamingHttpResponse:
    """A download that is sent while it is made."""
    # Django reads a plain iterator into memory as a whole when it serves asynchronously
    chunks = read_async(_disconnected(body)) if isinstance(request, ASGIRequest) else body
    return StreamingHttpResponse(
        chunks,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def _disconnected(body: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """The body, and then no connection of the thread that made it."""
    try:
        yield from body
    finally:
        connection.close()


def _body(items: QuerySet[Item], file_format: str) -> Generator[bytes, None, None]:
    """Raises ``ExportError`` before the first byte."""
    if file_format == "xlsx":
        file = tempfile.NamedTemporaryFile(suffix=".xlsx")  # noqa: SIM115 - closed when it is sent
        try:
            exporting.xlsx(items, Path(file.name))
        except BaseException:
            file.close()
            raise
        return _file(file)
    if file_format == "csv":
        return _encoded(exporting.csv_lines(items), BOM)
    return _encoded(exporting.jsonl(items))


def _encoded(lines: Any, start: str = "") -> Generator[bytes, None, None]:
    yield start.encode()
    for line in lines:
        yield line.encode()


def _file(file: Any) -> Generator[bytes, None, None]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
