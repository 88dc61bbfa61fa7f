"""Cases: opened by a policy or by hand, decided by people, each once.

What keeps an item from being shown is its holding cases. Whoever changes them locks the item first,
so that two decisions about one item see each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from catalog import services as catalog
from catalog.models import Item
from retrieval import contents
from retrieval.exceptions import ReviewConflict
from retrieval.models import Case, Policy

State = Case.State
TEXT_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Match:
    """An item that a policy is against: ``matched`` as the case stores it."""

    item_id: int
    score: float
    matched: list[dict[str, Any]]


def cases_open(
    policy: Policy | None, matches: Sequence[Match], checked: Iterable[int]
) -> tuple[list[int], int]:
    """Cases of what was found among the ``checked`` items; ids of the items with a new case, and how many
    were decided before.

    A case that is open is brought up to date; a decision about the same content stands. An item held by
    a decision whose content changed is asked about again, found or not; without a policy that is all,
    of the cases by hand. Commits.
    """
    found = {match.item_id: match for match in matches}
    with transaction.atomic():
        upheld = Case.objects.filter(policy=policy, item__in=list(checked), holding=True)
        upheld = upheld.filter(state=State.UPHELD)
        concerned = sorted({*found, *upheld.values_list("item_id", flat=True)})
        if not concerned:
            return [], 0
        _lock(concerned)
        now = contents.fingerprints(concerned)
        latest = _latest(policy, concerned)
        opened, decided = [], 0
        for item_id in concerned:
            if item_id not in now:
                continue  # deleted meanwhile
            match, case = found.get(item_id), latest.get(item_id)
            if case is not None and case.state == State.OPEN:
                _refresh(case, match, policy, now[item_id])
            elif case is not None and case.content == now[item_id]:
                decided += 1
            elif match is not None or (case is not None and case.holding):
                opened.append(_opened(policy, item_id, match, case, now[item_id]))
        Case.objects.bulk_create(opened)
        _hold(concerned)
    return [case.item_id for case in opened], decided


def _latest(policy: Policy | None, item_ids: Sequence[int]) -> dict[int, Case]:
    """The open case of each item, else the last one that was decided."""
    rows = Case.objects.filter(policy=policy, item__in=item_ids).order_by("item_id", "pk")
    found: dict[int, Case] = {}
    for case in rows:
        known = found.get(case.item_id)
        if known is None or known.state != State.OPEN:
            found[case.item_id] = case
    return found


def _refresh(case: Case, match: Match | None, policy: Policy | None, content: str) -> None:
    """An open case that is not found any more stays: somebody shall look at what was held."""
    fields: dict[str, Any] = {"content": content}
    if match is not None:
        fields |= {"score": match.score, "matched": match.matched}
    if _holds(policy):
        fields["holding"] = True
    Case.objects.filter(pk=case.pk).update(**fields)


def _opened(
    policy: Policy | None, item_id: int, match: Match | None, before: Case | None, content: str
) -> Case:
    upheld = before is not None and before.holding
    if before is not None and upheld:
        Case.objects.filter(pk=before.pk).update(holding=False)  # the new case holds in its place
    return Case(
        policy=policy,
        item_id=item_id,
        score=match.score if match else None,
        matched=match.matched if match else [],
        reason="Its content changed since a case against it was upheld." if upheld else "",
        holding=upheld or _holds(policy),
        content=content,
    )


def _holds(policy: Policy | None) -> bool:
    return policy is not None and policy.action == Policy.Action.HOLD


def case_flag(item_id: int, reason: str, by: str) -> Case:
    """A case by hand; the item stays where it is until somebody decides. Commits.

    Raises ReviewConflict without a reason, for an item that is gone, or where such a case is open.
    """
    reason = _text(reason)
    if not reason:
        raise ReviewConflict("Say why: a moderator reads it.")
    with transaction.atomic():
        _lock([item_id])
        found = contents.fingerprints([item_id])
        if not found:
            raise ReviewConflict("The item was deleted meanwhile.")
        if Case.objects.filter(policy=None, item=item_id, state=State.OPEN).exists():
            raise ReviewConflict("Somebody flagged it already; moderators will look at it.")
        return Case.objects.create(
            item_id=item_id, reason=reason, flagged_by=by, content=found[item_id]
        )


def case_decide(
    case_id: int, state: State, *, by: str, note: str = "", content: str | None = None
) -> Case:
    """Uphold an open case, which hides its item, or dismiss it, which lets it be shown again unless
    another case holds it. Commits.

    Raises ReviewConflict, saying who was quicker, for a case that is not open; and if the item is not
    the ``content`` any more that whoever decides looked at.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if case.state != State.OPEN:
            raise ReviewConflict(
                f"It was {case.state} by {case.decided_by or 'somebody'} meanwhile"
                f"{f': {case.note}' if case.note else ''}."
            )
        now = contents.fingerprints([case.item_id])[case.item_id]
        if content is not None and content != now:
            raise ReviewConflict("The item was changed meanwhile: look at it again, then decide.")
        case.state, case.holding, case.content = state, state == State.UPHELD, now
        case.decided_by, case.decided_at, case.note = by, timezone.now(), _text(note)
        case.save(update_fields=["state", "holding", "content", "decided_by", "decided_at", "note"])
        _hold([case.item_id])
    return case


def case_reopen(case_id: int, *, by: str) -> Case:
    """Ask again about a decided case, its item staying as it is until then. Commits.

    Raises ReviewConflict for one that is open, or that a later one has replaced.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if case.state == State.OPEN:
            raise ReviewConflict("It is open already.")
        later = Case.objects.filter(policy=case.policy_id, item=case.item_id, pk__gt=case.pk)
        if later.exists():
            raise ReviewConflict(
                "A later case about the item has taken its place: decide that one."
            )
        case.state, case.note = State.OPEN, _text(f"Reopened by {by}. {case.note}")
        case.content = contents.fingerprints([case.item_id])[case.item_id]
        case.save(update_fields=["state", "note", "content"])
        _hold([case.item_id])
    return case


def _locked(case_id: int) -> Case:
    item_id = Case.objects.filter(pk=case_id).values_list("item_id", flat=True).first()
    if item_id is None:
        raise ReviewConflict("The case is gone: its item was deleted.")
    _lock([item_id])
    case = Case.objects.select_for_update().filter(pk=case_id).first()
    if case is None:
        raise ReviewConflict("The case is gone: its item was deleted.")
    return case


def _lock(item_ids: Sequence[int]) -> None:
    items = Item.objects.filter(pk__in=item_ids).order_by("pk")
    list(items.select_for_update().values_list("pk", flat=True))


def _hold(item_ids: Sequence[int]) -> None:
    """Make the items' visibility what their cases say."""
    items = Item.objects.filter(pk__in=item_ids)
    holding = Case.objects.filter(item__in=item_ids, holding=True).values("item_id")
    catalog.items_hold(items.filter(pk__in=holding), held=True)
    catalog.items_hold(items.exclude(pk__in=holding), held=False)


def _text(text: str) -> str:
    return text.replace("\0", "").strip()[:TEXT_LENGTH]
