"""What follows from the rows of profiles by themselves: lost messages, parked events, other spaces."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from recommender.models import PendingEvent, Profile
from recommender.profiles.updating import active_partition, profiles_renew
from recommender.profiles.waking import profiles_wake, profiles_wake_again
from retrieval.models import Embedding, EmbeddingSpace

PARKED_AT_MOST: Final = timedelta(days=30)
"""After that an event whose item got no vector says nothing about taste any more."""
RENEW_S: Final = 5.0
"""Of a sweep, every 15 s: about 300 visitors with 100 events each."""


def profiles_upkeep() -> int:
    """Bring back what was forgotten on its way; of how many visitors the profile was made anew.

    Parked events go on whose items have vectors by now, or are dropped in the end; a worker is asked if
    anything waits; profiles of spaces that are gone are deleted, and those of others made anew.
    """
    parked_release()
    for model, old in (
        (PendingEvent, PendingEvent.objects.filter(parked_at__lt=timezone.now() - PARKED_AT_MOST)),
        (Profile, Profile.objects.filter(space__in=_gone())),
    ):
        with transaction.atomic():
            rows = old.select_for_update(skip_locked=True, of=("self",)).values_list(
                "pk", flat=True
            )
            model.objects.filter(pk__in=list(rows)).delete()
    if PendingEvent.objects.filter(parked_at=None).exists():
        profiles_wake_again()
    return _renew()


def _gone() -> list[int]:
    gone = EmbeddingSpace.objects.exclude(state__in=EmbeddingSpace.LIVE)
    return list(gone.values_list("pk", flat=True))


def _renew() -> int:
    end, renewed = time.monotonic() + RENEW_S, 0
    while time.monotonic() < end and (some := profiles_renew()):
        renewed += some
    return renewed


@transaction.atomic
def parked_release(item_ids: Sequence[int] | None = None) -> int:
    """Let the parked events go on, of these items or of all, whose items have vectors in the active
    space by now; how many. After commit a worker is asked for them.
    """
    partition = active_partition()
    if partition is None:
        return 0
    embedded = Embedding.objects.filter(space=partition.space_id, fused__isnull=False)
    parked = PendingEvent.objects.filter(parked_at__isnull=False, item__in=embedded.values("item"))
    if item_ids is not None:
        parked = parked.filter(item__in=item_ids)
    found = list(parked.select_for_update(skip_locked=True).values_list("pk", flat=True))
    if not found:
        return 0
    PendingEvent.objects.filter(pk__in=found).update(parked_at=None)
    profiles_wake()
    return len(found)


def profiles_join(source_id: int, target_id: int) -> None:
    """Of two visitors, whose rows the caller has locked and whose events are the target's by now, one
    profile: it is made anew from all of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM recommender_profile WHERE visitor_id IN (%s, %s)", [source_id, target_id]
        )
        cursor.execute(
            "UPDATE recommender_pendingevent SET visitor_id = %s WHERE visitor_id = %s",
            [target_id, source_id],
        )
        # one that waits is enough for all to be read
        cursor.execute(
            "INSERT INTO recommender_pendingevent"
            " (event_id, visitor_id, item_id, type, share, occurred_at)"
            " SELECT id, visitor_id, item_id, type, share, occurred_at FROM recommender_event"
            " WHERE visitor_id = %s AND item_id IS NOT NULL ORDER BY occurred_at DESC LIMIT 1"
            " ON CONFLICT (event_id) DO UPDATE SET parked_at = NULL",
            [target_id],
        )
    profiles_wake()


def profiles_forget(visitor_ids: Sequence[int]) -> None:
    """Delete the visitors' profiles and what these were still to take in."""
    Profile.objects.filter(visitor__in=visitor_ids).delete()
    PendingEvent.objects.filter(visitor__in=visitor_ids).delete()
