"""Media files in storage, named by the SHA-256 of their content and shared between items.

A file is written before its row commits. It goes when the transaction rolls back or when the
last row that names it is deleted. Writers hold a shared advisory lock until they commit; a
remover takes the exclusive one before it looks for rows, so it sees every writer's row.
"""

import hashlib
import logging
import threading
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, connections, transaction

from catalog.exceptions import UnsupportedMedia
from catalog.models import Media
from catalog.uploads import CheckedUpload

log = logging.getLogger(__name__)

LOCK_CLASS = 0x7472_6961
"""The first key of our advisory locks; the second is the first byte of the SHA-256."""
REMOVAL_WAIT_S = 2.0


def storage_name(sha256: str, extension: str) -> str:
    """Where a file lies in storage: ``ab/cd/abcd….png``."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}.{extension}"


def file_known(upload: CheckedUpload) -> str:
    """The storage name a file would get, for a rehearsal that writes nothing."""
    return storage_name(upload.sha256, upload.extension)


def file_store(upload: CheckedUpload) -> str:
    """Write the file unless it is there, inside a transaction, and return its storage name.

    Raises ``UnsupportedMedia`` when the bytes are no longer those that were checked.
    """
    name = file_known(upload)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK_CLASS, int(name[:2], 16)]
        )
    if default_storage.exists(name) and default_storage.size(name) == upload.bytes:
        return name
    _write(name, upload)
    _remove_on_rollback(name)
    return name


def file_release(name: str) -> None:
    """After the current transaction commits, remove the file unless a row still names it."""
    transaction.on_commit(partial(_remove_unused, [name]), robust=True)


def release_after_delete(instance: Media, **_: Any) -> None:
    """Receiver of ``post_delete``: however a row goes (cascade, admin, query), its file follows."""
    file_release(instance.file.name)


class _Verified(File):
    """Content that must have the SHA-256 it was checked with."""

    def __init__(self, file: BinaryIO, sha256: str) -> None:
        super().__init__(file, name=sha256)
        self._source = file
        self._sha256 = sha256

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        digest = hashlib.sha256()
        while chunk := self._source.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != self._sha256:
            raise UnsupportedMedia("The file changed while it was read; send it again.")


def _write(name: str, upload: CheckedUpload) -> None:
    """Under a name of its own first, so that nobody ever sees half a file."""
    part = f"{name}.{uuid4().hex}.part"
    try:
        with upload.open() as file:
            default_storage.save(part, _Verified(file, upload.sha256))
        Path(default_storage.path(part)).replace(default_storage.path(name))
    except NotImplementedError:  # not on a local disk: saving there is atomic
        default_storage.delete(part)
        with upload.open() as file:
            default_storage.save(name, _Verified(file, upload.sha256))
    except BaseException:
        default_storage.delete(part)
        raise


class _Written:
    """What a transaction (or savepoint) wrote. Only its commit hooks hold this: a rollback drops
    them, and the finalizer removes the files.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._finalizer = weakref.finalize(self, _remove_elsewhere, self.names)
        self._finalizer.atexit = False  # type: ignore[misc]  # a property

    def keep(self) -> None:
        self._finalizer.detach()


_written: weakref.WeakValueDictionary[tuple[Any, ...], _Written] = weakref.WeakValueDictionary()


def _remove_on_rollback(name: str) -> None:
    key = (threading.get_ident(), *connection.savepoint_ids)
    written = _written.get(key)
    if written is None:
        written = _written[key] = _Written()
        transaction.on_commit(written.keep)
    written.names.append(name)


def _remove_elsewhere(names: list[str]) -> None:
    """In a thread with a connection of its own: this one is in the middle of its rollback.

    Bounded wait: a file may have to stay until this connection's outer transaction ends.
    """
    thread = threading.Thread(target=_remove_and_disconnect, args=[names], daemon=True)
    thread.start()
    thread.join(REMOVAL_WAIT_S)


def _remove_and_disconnect(names: list[str]) -> None:
    try:
        _remove_unused(names)
    except Exception:
        log.exception("could not remove %d files after a rollback", len(names))
    finally:
        connections.close_all()


def _remove_unused(names: Iterable[str]) -> None:
    """One transaction a file: holding two of these locks could deadlock with a writer."""
    for name in names:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, int(name[:2], 16)])
            if not Media.objects.filter(sha256=Path(name).stem, file=name).exists():
                default_storage.delete(name)
