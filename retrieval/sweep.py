"""Finds what is due though no message says so: lost messages, dead workers, rows written by hand."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from retrieval import claims, lexical, spaces

SWEEP_LIMIT = 20_000
# a full pass reads every item (about 1 s a million); between two of them only recent changes
FULL_PASS_EVERY_S = 600
# transactions that were open while the last sweep ran have older timestamps than their commit
OVERLAP = timedelta(minutes=10)
LAST_FULL = "sweep:{}:full"  # of a space, or of
WORDS = "words"


def due_items(space_id: int) -> list[int]:
    """Ids of items that are due in the space: recent changes, now and then all of them."""
    now = timezone.now()
    key = LAST_FULL.format(space_id)
    last_full: datetime | None = cache.get(key)
    if last_full is None:
        found = claims.due(space_id, limit=SWEEP_LIMIT)
        if len(found) < SWEEP_LIMIT:
            cache.set(key, now, FULL_PASS_EVERY_S)
        return found
    recent = claims.due(space_id, limit=SWEEP_LIMIT, since=last_full - OVERLAP)
    return sorted({*recent, *claims.interrupted(space_id, limit=SWEEP_LIMIT)})


def due_words() -> list[int]:
    """Ids of items whose words are due in the lexical index, found in the same way."""
    now = timezone.now()
    key = LAST_FULL.format(WORDS)
    last_full: datetime | None = cache.get(key)
    if last_full is not None:
        return lexical.due(limit=SWEEP_LIMIT, since=last_full - OVERLAP)
    found = lexical.due(limit=SWEEP_LIMIT)
    if len(found) < SWEEP_LIMIT:
        cache.set(key, now, FULL_PASS_EVERY_S)
    return found


def full_pass_next() -> None:
    """Let the next sweep look at every item: messages were dropped without an item being changed."""
    cache.delete_many([LAST_FULL.format(each) for each in (WORDS, *spaces.live_spaces())])
