"""The trail: who changed a placement, a rule or an experiment, when, and what it was before."""

from typing import Any

from recommender.models import Change, Experiment, Placement, Rule

Subject = Change.Subject
Action = Change.Action


def change_record(
    subject: Change.Subject,
    action: Change.Action,
    row: Placement | Rule | Experiment,
    by: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Note a change, in the transaction that made it; nothing if ``before`` is what the row is now.

    ``after`` is what the row is now, unless it is given or the row was deleted.
    """
    if after is None and action != Action.DELETED:
        after = row.facts()
    if action == Action.CHANGED and before == after:
        return
    Change.objects.create(
        subject=subject,
        object_id=row.pk,
        name=str(row),
        action=action,
        by=by,
        before=before,
        after=after,
    )
