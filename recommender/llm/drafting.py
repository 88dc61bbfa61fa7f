"""Asks a worker for drafts: only a hint, the rows say what is due."""

import logging
from collections.abc import Sequence

from celery import current_app
from kombu.exceptions import OperationalError

from recommender.llm.suggestions import BATCH

log = logging.getLogger(__name__)


def suggestions_send(ids: Sequence[int]) -> None:
    """In messages of BATCH; what the broker does not take, the sweeper brings again."""
    try:
        for start in range(0, len(ids), BATCH):
            current_app.send_task(
                "workers.tasks.draft_suggestions", args=[list(ids[start : start + BATCH])]
            )
    except OperationalError as err:
        log.warning("could not reach the broker, the sweeper will send %s: %s", list(ids)[:5], err)
