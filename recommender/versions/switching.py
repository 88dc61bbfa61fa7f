"""Which version answers: one takes another's place, and gives it back."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from recommender.exceptions import ModelConflict
from recommender.models import RecommenderModel
from retrieval import spaces

Kind = RecommenderModel.Kind
State = RecommenderModel.State


def version_named(name: str) -> RecommenderModel:
    """The row, without its parameters. Raises ModelConflict, naming those there are."""
    rows = RecommenderModel.objects.defer("parameters")
    if row := rows.filter(name=name).first():
        return row
    names = ", ".join(repr(name) for name in rows.values_list("name", flat=True)[:20])
    raise ModelConflict(f"There is no model {name!r}; there are: {names or 'none'}.")


def active_version(kind: str) -> RecommenderModel | None:
    """The one that answers, without its parameters."""
    rows = RecommenderModel.objects.select_related("space").defer("parameters", "space__head")
    return rows.filter(kind=kind, state=State.ACTIVE).first()


def version_stale(version: RecommenderModel) -> str:
    """Why the version that answers should be trained again whatever happened since; "" if nothing says so.

    Two towers know items by the embedding space that was active when they learned.
    """
    if version.kind != Kind.TWO_TOWER or version.state != State.ACTIVE:
        return ""
    active = spaces.active_id()
    if active in (None, version.space_id):
        return ""
    if version.space is None:
        return "it learned from events alone, without an embedding space: it knows no new items"
    if spaces.is_live(version.space.pk):
        return (
            f"it knows items by the space {version.space.name!r}, which is not active any more; new items "
            "get their place as long as that one is kept"
        )
    return (
        f"it knows items by the space {version.space.name!r}, which is gone: items that are new since do "
        "not come up"
    )


def version_activate(version_id: int, *, expected: int | None = -1) -> RecommenderModel:
    """Let the version answer, in one transaction; the former one of its kind stays ready.

    ``expected`` is the id of the version that whoever decided saw active (None: none was); the one active
    at the call unless given. Raises ModelConflict if another was activated meanwhile, or this one is not
    ready. Asked twice, it is done once.
    """
    kind = RecommenderModel.objects.filter(pk=version_id).values_list("kind", flat=True).first()
    if kind is None:
        raise ModelConflict(f"Model {version_id} is gone.")
    expected = active_id(kind) if expected == -1 else expected
    with transaction.atomic():
        rows = _locked(kind)
        chosen = rows[version_id]
        if chosen.state not in RecommenderModel.SERVED:
            raise ModelConflict(
                f"Model {chosen.name!r} is {chosen.state}: it cannot answer. {chosen.error}"
            )
        former = _checked_active(rows, expected, unless=version_id)
        if former and former.pk == version_id:
            return former
        chosen.previous = former
        _switch(former, chosen)
    return chosen


def version_rollback(kind: str, *, expected: int | None = -1) -> RecommenderModel:
    """Let the version answer that the active one took over from, in one transaction; the latter stays
    ready. Again, it goes one further back.

    ``expected`` as in ``version_activate``. Raises ModelConflict if there is nothing to go back to.
    """
    expected = active_id(kind) if expected == -1 else expected
    with transaction.atomic():
        rows = _locked(kind)
        active = _checked_active(rows, expected)
        if active is None:
            raise ModelConflict(f"No {kind} model is active.")
        before = rows.get(active.previous_id or 0)
        if before is None or before.state != State.READY:
            what = f"{before.name!r} is {before.state}" if before else "no other was active before"
            raise ModelConflict(
                f"There is nothing to go back to from {active.name!r}: {what}. `manage.py "
                "recommender_model activate NAME` chooses any ready one."
            )
        _switch(active, before)
    return before


def active_id(kind: str) -> int | None:
    """Of the version that answers."""
    rows = RecommenderModel.objects.filter(kind=kind, state=State.ACTIVE)
    return rows.values_list("id", flat=True).first()


def _locked(kind: str) -> dict[int, RecommenderModel]:
    # in id order, so that two at once wait for each other
    rows = RecommenderModel.objects.defer("parameters").filter(kind=kind)
    return {row.pk: row for row in rows.select_for_update(no_key=True).order_by("id")}


def _checked_active(
    rows: Mapping[int, RecommenderModel], expected: int | None, unless: int | None = None
) -> RecommenderModel | None:
    active = next((row for row in rows.values() if row.state == State.ACTIVE), None)
    if (active.pk if active else None) not in (expected, unless):
        now = f"{active.name!r} was activated" if active else "the active one was retired"
        raise ModelConflict(
            f"{now} meanwhile, by somebody else: nothing was switched. Look again, then choose."
        )
    return active


def _switch(former: RecommenderModel | None, chosen: RecommenderModel) -> None:
    if former:
        former.state = State.READY
        former.save(update_fields=["state"])
    chosen.state = State.ACTIVE
    chosen.activated_at = timezone.now()
    chosen.save(update_fields=["state", "activated_at", "previous"])
