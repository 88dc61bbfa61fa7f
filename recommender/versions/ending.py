"""Versions end: retired, thinned out, or failed with their worker."""

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from recommender.collaborative.stored import stored_drop
from recommender.exceptions import ModelConflict
from recommender.models import RecommenderModel
from recommender.versions.building import LOST_AFTER, stored_forget, version_send
from recommender.versions.switching import active_version

State = RecommenderModel.State


def version_retire(version_id: int) -> RecommenderModel:
    """Forget what a version gave, in one transaction; its row stays as a record.

    Raises ModelConflict if it is active, building or retired already, or its vectors are in use without
    a pause.
    """
    with transaction.atomic():
        row = RecommenderModel.objects.select_for_update(no_key=True).filter(pk=version_id).first()
        if row is None:
            raise ModelConflict(f"Model {version_id} is gone.")
        if row.state == State.ACTIVE:
            raise ModelConflict(
                f"Model {row.name!r} is active: activate another first (`manage.py recommender_model "
                "activate NAME`)."
            )
        if row.state in (State.BUILDING, State.RETIRED):
            raise ModelConflict(f"Model {row.name!r} is {row.state}: there is nothing to retire.")
        row.state, row.parameters = State.RETIRED, b""
        row.save(update_fields=["state", "parameters"])
        try:
            stored_drop(row.pk)
        except OperationalError as err:
            if isinstance(err.__cause__, LockNotAvailable):
                raise ModelConflict(
                    f"Nothing was dropped: {row.name!r} is in use without a pause; try again."
                ) from err
            raise
    return row


def versions_thin(kind: str) -> list[str]:
    """Retire ready versions but the latest ``KEEP`` and the one that a rollback goes back to; names."""
    active = active_version(kind)
    rows = RecommenderModel.objects.filter(kind=kind, state=State.READY).order_by("-id")
    if active:
        rows = rows.exclude(pk=active.previous_id or 0)
    old = rows.values_list("id", flat=True)[settings.RECOMMENDER["TRAINING"]["KEEP"] :]
    return [version_retire(version_id).name for version_id in list(old)]


def versions_sweep(*, queue_empty: bool) -> int:
    """End trainings whose worker died; wake a worker for those without a message; how many of both."""
    now = timezone.now()
    building = RecommenderModel.objects.filter(state=State.BUILDING)
    dead = list(building.filter(leased_until__lt=now).values_list("id", "attempts"))
    for version_id, attempts in dead:
        ended = building.filter(pk=version_id, attempts=attempts, leased_until__lt=now).update(
            state=State.FAILED, leased_until=None,
            error="The training was interrupted: its worker died or was stopped. Train again.",
        )  # fmt: skip
        if ended:
            stored_forget(version_id)
    waiting: list[int] = []
    if queue_empty:
        lost = building.filter(Q(leased_until=None), created_at__lt=now - LOST_AFTER)
        waiting = list(lost.order_by("id").values_list("id", flat=True))
        for version_id in waiting:
            version_send(version_id)
    return len(dead) + len(waiting)
