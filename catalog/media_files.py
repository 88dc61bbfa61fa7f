"""Serves stored media in the demo and in small deployments; large ones use a web server or CDN.

Files are named after their content, so an answer may be cached for ever.
"""

import re
from collections.abc import AsyncIterator, Generator
from typing import IO

from asgiref.sync import sync_to_async
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from catalog.models import Media

CHUNK_BYTES = 256 * 1024
NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/([0-9a-f]{64})\.[a-z0-9]{1,8}")  # of files.storage_name
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    # a medium that turned out to be a document could do nothing
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def media_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """One stored file, or the part of it that the Range header asks for (206, or 416)."""
    known = NAME.fullmatch(name)
    row = Media.objects.filter(sha256=known[1], file=name).first() if known else None
    if row is None:  # also keeps every other file under MEDIA_ROOT unseen
        raise Http404(name)
    headers = HEADERS | {"ETag": f'"{row.sha256}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponse(status=304, headers=headers)
    try:
        size = default_storage.size(name)
        stored = default_storage.open(name)
    except (FileNotFoundError, SuspiciousFileOperation) as err:
        raise Http404(name) from err
    status, first, last = 200, 0, size - 1
    wanted = RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted and request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
        status = 206
        first, last = _part(wanted, size)
        headers |= {"Content-Range": f"bytes {first}-{last}/{size}"}
        if first > last:
            stored.close()
            headers["Content-Range"] = f"bytes */{size}"
            return HttpResponse(status=416, headers=headers)
    headers |= {"Content-Length": str(last - first + 1), "Content-Type": row.content_type}
    if request.method == "HEAD":
        stored.close()
        return HttpResponse(status=status, headers=headers)
    chunks = _read(stored, first, last)
    # Django reads a plain iterator into memory as a whole when it serves asynchronously
    body = read_async(chunks) if isinstance(request, ASGIRequest) else chunks
    return StreamingHttpResponse(body, status=status, headers=headers)


def _part(wanted: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte of a range; first > last when the file has no such byte."""
    first, last, suffix = wanted.groups()
    if suffix is not None:
        return (max(0, size - int(suffix)), size - 1) if int(suffix) else (size, size - 1)
    return int(first), min(int(last), size - 1) if last else size - 1


def _read(stored: IO[bytes], first: int, last: int) -> Generator[bytes, None, None]:
    with stored:
        stored.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := stored.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


async def read_async(chunks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """The chunks as they are read in a thread of the request's own."""
    following = sync_to_async(lambda: next(chunks, None))
    try:
        while (chunk := await following()) is not None:
            yield chunk
    finally:
        await sync_to_async(chunks.close)()
