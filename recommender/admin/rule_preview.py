"""What a rule would change, before it is saved: the first page of a placement without and with it."""

from collections.abc import Sequence
from typing import Any, Final

from django.http import QueryDict
from django.utils import timezone

from catalog.admin.base import counted
from catalog.admin.cards import items_pictured
from catalog.models import Item
from catalog.selectors import category_descendants
from recommender.admin.preview import Look, seen
from recommender.admin.stages import SAID, final_cards, problem_of, rule_names
from recommender.models import Rule
from recommender.pipeline import Recommended, RulesChange
from recommender.placements import declared_names
from recommender.rules import NEWEST, rule_of, rules_for, rules_with

THIS: Final = "this one"
COUNTED: Final = 10_000
"""Items that a rule is about, at most: whether there are more is all the same."""


def rule_preview(row: Rule, items: Sequence[Item], said: QueryDict) -> dict[str, Any]:
    """What ``recommender/admin/rule_preview.html`` shows of a rule that makes sense, stored or not.

    ``said`` names the visitor, the item that they look at, and the placement of a rule about all.
    """
    look = _look(row, said)
    if isinstance(look, str):
        return {"problem": look}
    try:
        (_, before), (_, after) = seen(look), seen(look, _change(row, items, look.placement))
    except SAID as err:
        return {"problem": problem_of(err)}
    about = about_said(row, items)
    return {"look": look, "row": row, "about": about, **_compared(before, after, row)}


def about_said(row: Rule, items: Sequence[Item]) -> str:
    """How many items that may be shown the rule is about: none is often a tag with a letter missing."""
    visible = Item.objects.visible()
    if items:
        found = visible.filter(pk__in=[item.pk for item in items])
    elif row.category is not None:
        below = category_descendants(row.category.path)
        found = visible.filter(pk__in=Item.objects.filter(categories__in=below).values("pk"))
    else:
        found = visible.filter(tags__contains=[row.tag])
    count = found.order_by()[: COUNTED + 1].count()
    if not count:
        return "Nothing that may be shown is what it is about."
    many = f"over {COUNTED:,} items" if count > COUNTED else counted(count, "item")
    return f"It is about {many} that may be shown."


def _look(row: Rule, said: QueryDict) -> Look | str:
    """Where the sample visitor looks, or what is wrong with it."""
    names = declared_names()
    placement = row.placement or said.get("preview_placement", "")
    item: Item | None = None
    if name := said.get("preview_item", "").strip().replace("\0", ""):
        item = Item.objects.filter(external_id=name).first()
        if item is None:
            return f"There is no item {name!r} to look at."
    visitor = said.get("preview_visitor", "").strip().replace("\0", "")
    return Look(placement if placement in names else names[0], visitor, item.pk if item else None)


def _change(row: Rule, items: Sequence[Item], placement: str) -> RulesChange:
    """As if it were in force now, whatever its schedule; nowhere if it is disabled."""
    rule = rule_of(row, [item.pk for item in items])
    general = frozenset(each.id for each in rules_for("", timezone.now()))

    def change(current: tuple[Any, ...]) -> tuple[Any, ...]:
        if not row.enabled:
            return tuple(each for each in current if each.id != rule.id)
        return rules_with(current, rule, everywhere=not row.placement, general=general)

    return change


def _compared(before: Recommended, after: Recommended, row: Rule) -> dict[str, Any]:
    """Both first pages; what moved says so."""
    pages = [found.placed[: found.placement.limit] for found in (before, after)]
    ids = [[each.candidate.item_id for each in page] for page in pages]
    behind = [
        reason.item_id
        for found in (before, after)
        for given in found.reasons.values()
        for reason in given
        if reason.item_id
    ]
    items = items_pictured([*ids[0], *ids[1], *behind])
    rules = {row.pk or NEWEST: THIS}
    named = {each for page in pages for placed in page for each in placed.rules} - rules.keys()
    rules |= rule_names(named)
    columns = [
        final_cards(found, page, items, rules)
        for found, page in zip((before, after), pages, strict=True)
    ]
    places = {item_id: n for n, item_id in enumerate(ids[0], start=1)}
    for card in columns[1]:
        card["moved"] = _moved(places.get(card["item_id"]), card["position"])
    for card in columns[0]:
        card["moved"] = "" if card["item_id"] in ids[1] else "gone"
    return {"before": columns[0], "after": columns[1], "same": ids[0] == ids[1]}


def _moved(before: int | None, now: int) -> str:
    if before is None:
        return "new"
    return "" if before == now else f"{'up' if now < before else 'down'} from {before}"
