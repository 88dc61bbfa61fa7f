"""Wakes a worker after a change: only a hint, because what is due follows from the rows."""

import logging
from collections.abc import Iterable
from functools import partial
from itertools import islice

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

ITEMS_PER_MESSAGE = 256


def workers_wake(item_ids: Iterable[int], per_message: int = ITEMS_PER_MESSAGE) -> None:
    """After the current transaction commits, ask the workers to embed these items.

    A broker that is down costs time, not data: the sweeper finds the items by their rows.
    """
    transaction.on_commit(partial(_send, sorted(set(item_ids)), per_message))


def _send(item_ids: list[int], per_message: int = ITEMS_PER_MESSAGE) -> None:
    ids = iter(item_ids)
    try:
        while chunk := list(islice(ids, per_message)):
            current_app.send_task("workers.tasks.embed_items", args=[chunk])
    except OperationalError as err:
        log.warning("could not reach the broker, the sweeper will embed %s: %s", item_ids[:5], err)
