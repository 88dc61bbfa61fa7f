"""Rules: loaded as stages use them; saved and deleted with a trail. ``types.Rule`` is what they are."""

import json
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Final, cast

from django.db import connection, transaction

from recommender import models, types
from recommender.changes import Action, Subject, change_record
from recommender.exceptions import InvalidRule
from recommender.placements import declared_names
from recommender.types import Rule

MAX_FACTOR: Final = 1000.0
MAX_POSITION: Final = 10_000
NEWEST: Final = 2**63 - 1
"""Id of a rule that has none yet."""

CURRENT: Final = """(
    SELECT coalesce(jsonb_agg(jsonb_build_array(
        r.id, r.action, c.path, r.tag, r.position, r.factor, (
            SELECT jsonb_agg(i.item_id) FROM recommender_rule_items i WHERE i.rule_id = r.id
        )) ORDER BY r.placement = '', r.id DESC), '[]')
    FROM recommender_rule r LEFT JOIN catalog_category c ON c.id = r.category_id
    WHERE r.enabled AND r.placement IN ('', %(placement)s)
    AND (r.starts_at IS NULL OR r.starts_at <= %(now)s)
    AND (r.ends_at IS NULL OR r.ends_at > %(now)s)
)"""
"""A subquery: the rules of a placement at a moment, as JSON that ``rules_read`` takes."""


def rules_for(placement: str, now: datetime) -> tuple[Rule, ...]:
    """The rules in force, those of the placement before those of all, the newest first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {CURRENT}::text",
            {
                "placement": placement,
                "now": now,
            },
        )
        return rules_read(cursor.fetchone()[0])


def rules_read(text: str) -> tuple[Rule, ...]:
    """The rules of CURRENT; one whose items or category are gone is about nothing and left out."""
    return tuple(
        Rule(
            id=pk,
            action=action,
            item_ids=frozenset(items or ()),
            category=path or "",
            tag=tag,
            position=position,
            factor=1.0 if factor is None else factor,
        )
        for pk, action, path, tag, position, factor, items in json.loads(text)
        if items or path or tag
    )


def rule_of(row: models.Rule, item_ids: Iterable[int]) -> Rule:
    """A row as stages use it; one that is not stored yet is the newest."""
    return Rule(
        id=row.pk or NEWEST,
        action=cast("types.Action", row.action),
        item_ids=frozenset(item_ids),
        category=row.category.path if row.category else "",
        tag=row.tag,
        position=row.position,
        factor=1.0 if row.factor is None else row.factor,
    )


def rules_with(
    current: Iterable[Rule], rule: Rule, *, everywhere: bool, general: Container[int]
) -> tuple[Rule, ...]:
    """Those in force as if ``rule`` were one of them, in the order of ``rules_for``.

    It takes the place of the one with its id. ``everywhere``: it is of all placements, as those with
    ids in ``general`` are.
    """
    others = [each for each in current if each.id != rule.id]

    def order(each: Rule) -> tuple[bool, int]:
        return (everywhere if each is rule else each.id in general, -each.id)

    return tuple(sorted([*others, rule], key=order))


def rule_problems(
    *,
    action: str,
    items: int,
    category: bool,
    tag: bool,
    position: int | None,
    factor: float | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
) -> dict[str, str]:
    """Field → what is wrong with a rule about so many ``items``, a category or a tag; empty if it is right."""
    problems: dict[str, str] = {}
    if (items > 0) + category + tag != 1:
        problems["items"] = "Name either items, or a category, or a tag."
    elif action == models.Rule.Action.PIN and items != 1:
        problems["items"] = "A pin is about one item: make a rule for each."
    if action == models.Rule.Action.PIN:
        if position is None or not 1 <= position <= MAX_POSITION:
            problems["position"] = f"Say at which position, from 1 to {MAX_POSITION:,}."
    elif position is not None:
        problems["position"] = "Leave it out: only a pin has a position."
    if action == models.Rule.Action.BOOST:
        if factor is None or not 1 < factor <= MAX_FACTOR:
            problems["factor"] = f"Use a number above 1, up to {MAX_FACTOR:g}."
    elif action == models.Rule.Action.BURY:
        if factor is None or not 0 < factor < 1:
            problems["factor"] = "Use a number between 0 and 1; hide what should never be shown."
    elif factor is not None:
        problems["factor"] = "Leave it out: only a boost or a bury has a factor."
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        problems["ends_at"] = "Must be after its start."
    return problems


@transaction.atomic
def rule_save(rule: models.Rule, by: str, items: Sequence[int] | None = None) -> models.Rule:
    """Store a new or changed rule and its trail; ``items`` are ids, None leaves them as they are.

    Raises InvalidRule.
    """
    before = None
    if rule.pk is not None:
        before = models.Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk).facts()
        kept = rule.items.count()
    else:
        kept = 0
    problems = rule_problems(
        action=rule.action,
        items=kept if items is None else len(set(items)),
        category=rule.category_id is not None,
        tag=bool(rule.tag),
        position=rule.position,
        factor=rule.factor,
        starts_at=rule.starts_at,
        ends_at=rule.ends_at,
    )
    if rule.placement and rule.placement not in declared_names():
        problems["placement"] = f"There is no {rule.placement!r}."
    if problems:
        raise InvalidRule(problems)
    rule.save()
    if items is not None:
        rule.items.set(items)
    action = Action.CREATED if before is None else Action.CHANGED
    change_record(Subject.RULE, action, rule, by, before=before)
    return rule


@transaction.atomic
def rule_delete(rule: models.Rule, by: str) -> None:
    """Delete it; its trail stays."""
    change_record(Subject.RULE, Action.DELETED, rule, by, before=rule.facts())
    rule.delete()
