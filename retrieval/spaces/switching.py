"""Which space answers: it becomes ready, it takes another's place, it gives it back, it fails."""

from django.db import transaction
from django.utils import timezone

from retrieval import claims
from retrieval.exceptions import NoActiveSpace, SpaceBroken, SpaceConflict
from retrieval.models import EmbeddingSpace
from retrieval.spaces.loading import active_id, loaded

State = EmbeddingSpace.State


def space_ready(space_id: int) -> bool:
    """A building space whose every item is embedded (or failed) becomes ready; whether it is."""
    if claims.progress(space_id)["pending"]:
        return False
    building = EmbeddingSpace.objects.filter(pk=space_id, state=State.BUILDING)
    building.update(state=State.READY)
    return EmbeddingSpace.objects.filter(
        pk=space_id, state__in=(State.READY, State.ACTIVE)
    ).exists()


def spaces_ready() -> None:
    """``space_ready`` of every building space."""
    for row in EmbeddingSpace.objects.filter(state=State.BUILDING).values("id"):
        space_ready(row["id"])


def space_activate(
    space_id: int, *, expected: int | None = None, force: bool = False
) -> EmbeddingSpace:
    """Make the space the one that answers, in one transaction; the former one stays ready.

    ``expected`` is the space that whoever decided saw active; the one active at the call unless
    given. Raises SpaceConflict if another was activated meanwhile, if the space is retired or
    failed, or, without ``force``, if ``space_missing`` says so; SpaceBroken, and fails it, if its
    head cannot be read. Asked twice, it is done once.
    """
    expected = active_id() if expected is None else expected
    _check_readable(space_id)
    if not force:
        _check_complete(space_id)
    with transaction.atomic():
        rows = _locked()
        chosen = rows.get(space_id)
        if chosen is None or chosen.state in (State.RETIRED, State.FAILED):
            raise SpaceConflict(
                f"Space {space_id} is gone."
                if chosen is None
                else f"Space {chosen.name!r} is {chosen.state}: it cannot answer. {chosen.error}"
            )
        former = _checked_active(rows, expected, unless=space_id)
        if former and former.pk == space_id:
            return former
        chosen.previous = former
        _switch(former, chosen)
    return chosen


def space_rollback(*, expected: int | None = None) -> EmbeddingSpace:
    """Let the space answer that the active one took over from, in one transaction; the latter stays
    ready. Again, it goes one further back.

    ``expected`` as in ``space_activate``. Raises NoActiveSpace, SpaceConflict if there is nothing to
    go back to, SpaceBroken if its head cannot be read.
    """
    expected = active_id() if expected is None else expected
    before_id = (
        EmbeddingSpace.objects.filter(pk=expected or 0).values_list("previous", flat=True).first()
    )
    _check_readable(before_id)
    with transaction.atomic():
        rows = _locked()
        active = _checked_active(rows, expected)
        if active is None:
            raise NoActiveSpace
        before = rows.get(active.previous_id or 0)
        if before is None or before.state != State.READY:
            what = f"{before.name!r} is {before.state}" if before else "no other was active before"
            raise SpaceConflict(
                f"There is nothing to go back to from {active.name!r}: {what}. `manage.py space "
                "activate NAME` chooses any ready space."
            )
        _switch(active, before)
    return before


def _check_readable(space_id: int | None) -> None:
    row = EmbeddingSpace.objects.defer("head").filter(pk=space_id or 0).first()
    if row is None or row.state not in (State.BUILDING, State.READY):
        return  # what the locked rows say decides
    try:
        loaded(row)
    except SpaceBroken as err:
        space_fail(row.pk, str(err))
        raise


def space_missing(space_id: int) -> int:
    """How many items the space lacks: those that the active one finds (or any, while there is none),
    and while it is building whatever is pending.
    """
    counts, active = claims.progress(space_id), active_id()
    found = claims.progress(active)["ready"] if active else counts["total"]
    building = EmbeddingSpace.objects.filter(pk=space_id, state=State.BUILDING).exists()
    return max(found - counts["ready"], counts["pending"] if building else 0, 0)


def _check_complete(space_id: int) -> None:
    space_ready(space_id)
    row = EmbeddingSpace.objects.defer("head").filter(pk=space_id).first()
    if row is None or row.state in (State.RETIRED, State.FAILED):
        return  # what the locked rows say decides
    if not (missing := space_missing(space_id)):
        return
    counts = claims.progress(space_id)
    raise SpaceConflict(
        f"The backfill of {row.name!r} is unfinished: {missing} of {counts['total']} items are not "
        f"embedded there yet, {counts['failed']} of them failed. `manage.py space backfill "
        f"{row.name!r} --wait` finishes it; with --force they are simply not found until then."
    )


def _locked() -> dict[int, EmbeddingSpace]:
    # in id order, so that two at once wait for each other; no key lock, or workers that insert
    # embeddings (a foreign key on the space) would wait as well
    rows = EmbeddingSpace.objects.defer("head").select_for_update(no_key=True).order_by("id")
    return {row.pk: row for row in rows}


def _checked_active(
    rows: dict[int, EmbeddingSpace], expected: int | None, unless: int | None = None
) -> EmbeddingSpace | None:
    active = next((row for row in rows.values() if row.state == State.ACTIVE), None)
    if active and active.pk not in (expected, unless):
        raise SpaceConflict(
            f"{active.name!r} was activated meanwhile, by somebody else: nothing was switched. Look "
            "again, then choose."
        )
    return active


def _switch(former: EmbeddingSpace | None, chosen: EmbeddingSpace) -> None:
    if former:
        former.state = State.READY
        former.save(update_fields=["state"])
    chosen.state = State.ACTIVE
    chosen.activated_at = timezone.now()
    chosen.save(update_fields=["state", "activated_at", "previous"])


def space_fail(space_id: int, error: str) -> None:
    """Note why the space cannot be worked in. It becomes failed, unless it is the one that answers:
    that one goes on answering with what it has.
    """
    rows = EmbeddingSpace.objects.filter(pk=space_id)
    rows.filter(state__in=(State.BUILDING, State.READY)).update(state=State.FAILED)
    rows.filter(state__in=(State.FAILED, State.ACTIVE)).update(error=error)


def space_worked(space_id: int) -> None:
    """Forget why a live space could not be worked in."""
    EmbeddingSpace.objects.filter(pk=space_id, state__in=EmbeddingSpace.LIVE).update(error="")
