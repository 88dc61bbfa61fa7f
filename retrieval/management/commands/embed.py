"""``manage.py embed``: bring every embedding up to date."""

import time
from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from catalog.commands import ExampleCommand
from catalog.wake import ITEMS_PER_MESSAGE, workers_wake
from retrieval import claims, services, spaces
from retrieval.models import EmbeddingSpace

POLL_S = 0.5
NO_WORKER_S = 60.0
PAGE = 10_000


class Command(ExampleCommand):
    """Enqueues what is due in every live space; with --wait, shows the progress to the end."""

    help = "Embed every item whose embedding is missing or older than its content."
    epilog = """examples:
  manage.py embed --wait             enqueue, then watch the workers
  manage.py embed --here             do the work in this process, without workers
  manage.py embed --retry-failed     try failed items again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--wait", action="store_true", help="watch until all are done")
        parser.add_argument("--here", action="store_true", help="embed in this process")
        parser.add_argument("--warn", action="store_true", help="exit 0 though items failed")
        parser.add_argument("--retry-failed", action="store_true", help="failed items too")

    def handle(self, *, wait: bool, here: bool, warn: bool, retry_failed: bool, **_: Any) -> None:
        """Exit code 1 if items failed, unless ``--warn``."""
        active = spaces.ensure_active_space(
            settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"]
        )
        live = spaces.live_spaces()
        if retry_failed:
            count = sum(claims.failed_retry(space_id) for space_id in live)
            self.stdout.write(f"{count} failed embeddings will be tried again.")
        due = sorted({item for space_id in live for item in _due(space_id)})
        if not due:
            self._summary(active, warn)
            return
        if here:
            self._embed_here(live, due)
        else:
            workers_wake(due)
            if not wait:
                self.stdout.write(f"{len(due)} items enqueued; add --wait to watch.")
                return
            self._watch(live)
        self._summary(active, warn)

    def _embed_here(self, live: list[int], due: list[int]) -> None:
        with _progress() as progress:
            bar = progress.add_task("embedding", total=len(due) * len(live))
            for start in range(0, len(due), ITEMS_PER_MESSAGE):
                chunk = due[start : start + ITEMS_PER_MESSAGE]
                for space_id in live:
                    services.embed_items(space_id, chunk)
                    progress.advance(bar, len(chunk))

    def _watch(self, live: list[int]) -> None:
        with _progress() as progress:
            bars = {space_id: progress.add_task(_name(space_id)) for space_id in live}
            last, since = -1, time.monotonic()
            while True:
                counts = {space_id: claims.progress(space_id) for space_id in live}
                for space_id, count in counts.items():
                    done = count["total"] - count["pending"]
                    progress.update(bars[space_id], total=count["total"], completed=done)
                pending = sum(count["pending"] for count in counts.values())
                if pending == 0:
                    return
                if pending != last:
                    last, since = pending, time.monotonic()
                elif time.monotonic() - since > NO_WORKER_S:
                    _check_workers()
                    since = time.monotonic()
                time.sleep(POLL_S)

    def _summary(self, space_id: int, warn: bool) -> None:
        count = claims.progress(space_id)
        self.stdout.write(
            f"{_name(space_id)}: {count['ready']} of {count['total']} items ready, "
            f"{count['pending']} pending, {count['failed']} failed."
        )
        if count["failed"]:
            problem = (
                "Some items failed: the admin's filter 'embedding: failed' shows which and why; "
                "after a repair run `manage.py embed --retry-failed`."
            )
            if not warn:
                raise CommandError(problem)
            self.stdout.write(self.style.WARNING(problem))


def _due(space_id: int) -> list[int]:
    found: list[int] = []
    while page := claims.due(space_id, limit=PAGE, after=found[-1] if found else 0):
        found += page
    return found


def _name(space_id: int) -> str:
    return EmbeddingSpace.objects.values_list("name", flat=True).get(pk=space_id)


def _check_workers() -> None:
    if not current_app.control.ping(timeout=5):
        raise CommandError(
            f"Nothing was embedded for {NO_WORKER_S:.0f} s and no worker answers. Start one: "
            "celery -A workers worker -Q query,embed,default   (or use --here)"
        )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(),
    )
