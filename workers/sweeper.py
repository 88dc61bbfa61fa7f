"""Brings back to the queue what is due and has no message there."""

import logging

from django.conf import settings

from catalog.wake import workers_wake
from recommender.llm import drafting, suggestions
from retrieval import audit, moderation, review_runs, spaces, training_jobs
from retrieval import sweep as due
from workers import queues

log = logging.getLogger(__name__)


def sweep(held: frozenset[str] = frozenset()) -> int:
    """Enqueue the items that are due in the lexical index or in any live space; their number.

    Does nothing about items while the queue still holds messages: they may be about the same ones.
    Building spaces that have every item become ready; trainings, audits and reviews without a message get one.
    Nothing is sent to the queues ``held``.
    """
    review_runs.runs_interrupted_queue()
    depths = queues.depths()
    if depths["train"] == 0 and "train" not in held:
        for job_id in training_jobs.jobs_waiting():
            training_jobs.job_send(job_id)
        for run_id in audit.runs_waiting():
            audit.run_send(run_id)
        for run_id in review_runs.runs_waiting():
            review_runs.run_send(run_id)
        if "llm" not in held:
            drafting.suggestions_send(suggestions.suggestions_waiting())
    if depths["embed"] > 0 or "embed" in held:
        return 0
    words = due.due_words()
    workers_wake(words)  # before anything that an encoder can stop
    spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    items = {item for space_id in spaces.live_spaces() for item in due.due_items(space_id)}
    workers_wake(items.difference(words))
    unchecked = moderation.due(limit=due.SWEEP_LIMIT)
    workers_wake(set(unchecked) - items - set(words))
    spaces.spaces_ready()
    found = len(items.union(words))
    if found:
        log.info("sweep: %d items were due without a message", found)
    return found
