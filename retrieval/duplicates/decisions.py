"""What becomes of two items that may be the same: both kept, one hidden, or one merged into the other."""

from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from catalog import merging, services
from catalog.exceptions import CatalogError
from catalog.models import Item
from catalog.wake import workers_wake
from retrieval import contents
from retrieval.duplicates import movers
from retrieval.duplicates.finding import pair_content
from retrieval.exceptions import ReviewConflict
from retrieval.models import DuplicatePair

State = DuplicatePair.State
NOTE_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do."""

    merging: merging.Merging
    moving: dict[str, int]
    """Rows of other apps that go over, by noun."""


def merge_preview(pair: DuplicatePair, kept_id: int) -> Preview:
    """What merging into ``kept_id`` would do. Raises ReviewConflict."""
    other_id = _other(pair, kept_id)
    try:
        plan = merging.merging(kept_id, other_id)
    except (Item.DoesNotExist, CatalogError) as err:
        raise ReviewConflict(str(err)) from err
    return Preview(plan, movers.counted(other_id))


def pair_keep(
    pair_id: int, *, by: str, note: str = "", content: str | None = None
) -> DuplicatePair:
    """Both stay: they are not asked about again. Commits. Raises ReviewConflict as all of these do: for a
    pair that was decided or is gone, and if it is not the ``content`` any more that was looked at.
    """
    with transaction.atomic():
        pair = _locked(pair_id, content)
        return _decided(pair, State.KEPT, None, by, note)


def pair_hide(
    pair_id: int, kept_id: int, *, by: str, note: str = "", content: str | None = None
) -> DuplicatePair:
    """Keep one, unpublish the other. Commits."""
    with transaction.atomic():
        pair = _locked(pair_id, content)
        other_id = _other(pair, kept_id)
        services.items_publish(Item.objects.filter(pk=other_id), published=False)
        return _decided(pair, State.HIDDEN, kept_id, by, note)


def pair_merge(
    pair_id: int,
    kept_id: int,
    *,
    after: merging.After,
    by: str,
    note: str = "",
    content: str | None = None,
) -> tuple[DuplicatePair, dict[str, int]]:
    """Give one everything of the other, with what other apps know about it, then hide or delete the other.
    Returns the pair, which a deletion takes along, and what was moved. Commits, then wakes a worker.
    """
    with transaction.atomic():
        pair = _locked(pair_id, content)
        other_id = _other(pair, kept_id)
        moved = movers.moved(kept_id, other_id, by)
        pair = _decided(pair, State.MERGED, kept_id, by, note)
        try:
            merging.item_merge(kept_id, other_id, after)
        except CatalogError as err:
            raise ReviewConflict(str(err)) from err
        pair.pk = pair_id  # the history is written under it, also once it is gone
        workers_wake([kept_id])
    return pair, moved


def pair_reopen(pair_id: int, *, by: str) -> DuplicatePair:
    """Ask again about two items of which both are still there; what was hidden stays hidden. Commits."""
    with transaction.atomic():
        pair = DuplicatePair.objects.select_for_update().filter(pk=pair_id).first()
        if pair is None:
            raise ReviewConflict("The pair is gone: one of its items was deleted.")
        if pair.state == State.OPEN:
            raise ReviewConflict("It is open already.")
        pair.state, pair.kept = State.OPEN, None
        pair.note = f"Reopened by {by}. {pair.note}"[:NOTE_LENGTH]
        pair.save(update_fields=["state", "kept", "note"])
    return pair


def _locked(pair_id: int, content: str | None) -> DuplicatePair:
    """The pair and both items, in the order in which everybody locks items."""
    row = DuplicatePair.objects.filter(pk=pair_id).first()
    if row is None:
        raise ReviewConflict("The pair is gone: one of its items was deleted or changed.")
    items = Item.objects.select_for_update().filter(pk__in=[row.left_id, row.right_id])
    list(items.order_by("pk"))
    pair = DuplicatePair.objects.select_for_update().filter(pk=pair_id).first()
    if pair is None:
        raise ReviewConflict("The pair is gone: one of its items was deleted or changed.")
    if pair.state != State.OPEN:
        raise ReviewConflict(
            f"It was decided meanwhile by {pair.decided_by or 'somebody'}: {pair.get_state_display()}."
        )
    if content is not None and content != content_now(pair):
        raise ReviewConflict("One of the items was changed meanwhile: look again, then decide.")
    return pair


def content_now(pair: DuplicatePair) -> str:
    """What the two items are at present."""
    found = contents.fingerprints([pair.left_id, pair.right_id])
    return pair_content(found.get(pair.left_id, ""), found.get(pair.right_id, ""))


def _other(pair: DuplicatePair, kept_id: int) -> int:
    if kept_id not in (pair.left_id, pair.right_id):
        raise ReviewConflict("The item to keep is not one of the two.")
    return pair.right_id if kept_id == pair.left_id else pair.left_id


def _decided(
    pair: DuplicatePair, state: State, kept_id: int | None, by: str, note: str
) -> DuplicatePair:
    pair.state, pair.kept_id, pair.decided_by = state, kept_id, by
    pair.decided_at, pair.note = timezone.now(), note.replace("\0", "").strip()[:NOTE_LENGTH]
    pair.content = content_now(pair)
    pair.save(update_fields=["state", "kept", "decided_by", "decided_at", "note", "content"])
    return pair
