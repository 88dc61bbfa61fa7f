"""Brings back to the queue what is due and has no message there."""

import logging

from django.conf import settings

from catalog.wake import workers_wake
from retrieval import spaces
from retrieval import sweep as due
from workers import queues

log = logging.getLogger(__name__)


def sweep() -> int:
    """Enqueue the items that are due in any live space; the number of them.

    Does nothing while the queue still holds messages: they may be about the same items.
    """
    if queues.depths()["embed"] > 0:
        return 0
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    items = {item for space_id in spaces.live_spaces() for item in due.due_items(space_id)}
    workers_wake(items)
    if items:
        log.info("sweep: %d items were due without a message", len(items))
    return len(items)
