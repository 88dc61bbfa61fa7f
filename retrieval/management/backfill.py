"""What ``embed`` and ``space backfill`` share: spaces are filled, with a progress bar."""

import time
from collections.abc import Sequence

from celery import current_app
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

from retrieval import claims, moderation, services
from retrieval.exceptions import SpaceConflict
from retrieval.models import EmbeddingSpace

POLL_S = 0.5
NO_WORKER_S = 60.0
SPEED_OVER_S = 600.0
"""Batches come many seconds apart: over rich's own 30 s there is mostly no speed to tell."""


def fill_here(space_ids: Sequence[int], item_ids: Sequence[int]) -> None:
    """Embed the items in each of the spaces, in this process.

    Raises EncoderUnavailable, SpaceBroken, SpaceConflict.
    """
    with progress_bar() as progress:
        bar = progress.add_task("embedding", total=len(item_ids) * len(space_ids))
        for start in range(0, len(item_ids), services.BATCH):
            chunk = item_ids[start : start + services.BATCH]
            for space_id in space_ids:
                services.embed_items(space_id, chunk)
                progress.advance(bar, len(chunk))
            moderation.items_screen(chunk)


def watch(space_ids: Sequence[int]) -> None:
    """Return once the workers have nothing left to do in the spaces.

    Raises CommandError if no worker answers, SpaceConflict if a space failed meanwhile.
    """
    with progress_bar() as progress:
        bars = {space_id: progress.add_task(name_of(space_id)) for space_id in space_ids}
        last, since = -1, time.monotonic()
        while True:
            counts = {space_id: claims.progress(space_id) for space_id in space_ids}
            for space_id, count in counts.items():
                done = count["total"] - count["pending"]
                progress.update(bars[space_id], total=count["total"], completed=done)
            pending = sum(count["pending"] for count in counts.values())
            if pending == 0:
                return
            _check_live(space_ids)
            if pending != last:
                last, since = pending, time.monotonic()
            elif time.monotonic() - since > NO_WORKER_S:
                _check_workers()
                since = time.monotonic()
            time.sleep(POLL_S)


def name_of(space_id: int) -> str:
    """The space's."""
    return EmbeddingSpace.objects.values_list("name", flat=True).get(pk=space_id)


def progress_bar() -> Progress:
    """How far, how long, how much longer."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(),
        speed_estimate_period=SPEED_OVER_S,
    )


def _check_live(space_ids: Sequence[int]) -> None:
    stopped = EmbeddingSpace.objects.filter(pk__in=space_ids).exclude(state__in=EmbeddingSpace.LIVE)
    for row in stopped.defer("head"):
        raise SpaceConflict(f"Space {row.name!r} is {row.state} now. {row.error}")


def _check_workers() -> None:
    queues = current_app.control.inspect(timeout=5).active_queues() or {}
    if not any(queue["name"] == "embed" for own in queues.values() for queue in own):
        raise CommandError(
            f"Nothing was embedded for {NO_WORKER_S:.0f} s and no worker answers. Start one: "
            "celery -A workers worker -Q query,profiles,embed,default   (or use --here)"
        )
