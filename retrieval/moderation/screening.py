"""Items are checked by the policies: new and changed ones once they are embedded, all on request."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from catalog.models import Item
from catalog.selectors import category_descendants
from retrieval import index, spaces
from retrieval.exceptions import EncoderUnavailable, NoActiveSpace, SpaceBroken, SpaceGone
from retrieval.models import Case, Policy, PolicyExample
from retrieval.moderation import scoring
from retrieval.moderation.cases import Match, cases_open
from retrieval.moderation.examples import Held, embedded_now, held_against
from retrieval.types import MODALITIES

log = logging.getLogger(__name__)

CHUNK: Final = 500
SHOWN: Final = 5
"""Examples that a case names."""
PREVIEWED: Final = 50
"""Items that a rehearsal names."""
Progress = Callable[[str, int, int], None]

DUE: Final = """
    SELECT i.id FROM catalog_item i
    JOIN retrieval_embedding e ON e.space_id = %(space)s AND e.item_id = i.id
        AND e.fused IS NOT NULL AND e.content_version >= i.content_version
    LEFT JOIN retrieval_screening s ON s.item_id = i.id
    WHERE i.content_changed_at >= %(since)s
        AND (s.item_id IS NULL OR s.content_version < i.content_version)
"""


@dataclass(slots=True)
class Report:
    """What a check found: ``matched`` and ``new`` by policy, ``decided`` what was settled before."""

    items: int = 0
    matched: dict[str, int] = field(default_factory=dict)
    new: dict[str, int] = field(default_factory=dict)
    decided: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    """Of a rehearsal: what would be a case."""


def policies_enabled() -> list[Policy]:
    """With their examples."""
    rows = Policy.objects.filter(enabled=True).select_related("category")
    return list(rows.prefetch_related("examples"))


def items_screen(item_ids: Sequence[int]) -> Report:
    """Check those of the items that are due; commits. Whoever embeds calls it afterwards.

    What keeps it from working is said in the log and left to the sweep: embedding goes on.
    """
    try:
        return _screened(item_ids)
    except NoActiveSpace:
        return Report()
    except (EncoderUnavailable, SpaceBroken, SpaceGone) as err:
        log.error("new items were not checked by the policies: %s", err)  # noqa: TRY400 - expected
        return Report()


def _screened(item_ids: Sequence[int]) -> Report:
    since = _since()
    if since is None:
        return Report()
    space = spaces.active_space()
    due = _due_among(space, item_ids, since)
    if not due:
        return Report()
    against, report = held_against(space, policies_enabled()), Report()
    for start in range(0, len(due), CHUNK):
        _check(space, against, due[start : start + CHUNK], report)
    return report


def catalog_screen(
    policy_id: int | None = None, *, rehearsal: bool = False, progress: Progress | None = None
) -> Report:
    """Check every embedded item by all enabled policies, or by one, enabled or not; commits as it goes.

    A rehearsal opens no cases. Raises NoActiveSpace, EncoderUnavailable, SpaceGone.
    """
    tell = progress or (lambda what, done, of: None)
    if policy_id is None:
        policies = policies_enabled()
    else:
        policies = list(Policy.objects.filter(pk=policy_id).prefetch_related("examples"))
    space = spaces.active_space()
    against, report = held_against(space, policies), Report()
    item_ids = index.embedded_ids(space.partition)
    for start in range(0, len(item_ids), CHUNK):
        tell("checking items", start, len(item_ids))
        chunk = item_ids[start : start + CHUNK]
        _check(space, against, chunk, report, rehearsal=rehearsal, whole=policy_id is None)
    tell("checking items", len(item_ids), len(item_ids))
    return report


def _check(
    space: spaces.Space,
    against: Sequence[Held],
    item_ids: Sequence[int],
    report: Report,
    *,
    rehearsal: bool = False,
    whole: bool = True,
) -> None:
    versions = embedded_now(space, item_ids)
    report.items += len(versions)
    for held in against:
        checked = _in_scope(held.policy, sorted(versions))
        matches = _matches(space, held, checked)
        name = held.policy.name
        report.matched[name] = report.matched.get(name, 0) + len(matches)
        if rehearsal:
            report.examples += [
                {"policy": name, "item": match.item_id, "score": round(match.score, 2)}
                for match in matches
            ]
            report.examples = sorted(report.examples, key=lambda each: -each["score"])[:PREVIEWED]
            continue
        new, decided = cases_open(held.policy, matches, checked)
        report.new[name] = report.new.get(name, 0) + len(new)
        report.decided += decided
    if whole and not rehearsal:
        cases_open(None, [], versions)
        _note(versions)


def _matches(space: spaces.Space, held: Held, item_ids: Sequence[int]) -> list[Match]:
    found = []
    for item_id, score, matched in item_scores(space, held, item_ids):
        if score >= held.policy.threshold:
            found.append(Match(item_id, score, matched()))
    return found


def item_scores(
    space: spaces.Space, held: Held, item_ids: Sequence[int]
) -> Iterator[tuple[int, float, Callable[[], list[dict[str, Any]]]]]:
    """Of each item that can be compared: its score, and what it resembles, made when asked for.

    Raises SpaceGone.
    """
    rows = index.vectors(space.partition, item_ids, (*MODALITIES, "fused"))
    ids = sorted(rows)
    own = [{m: rows[i][m].astype(np.float32) for m in MODALITIES if m in rows[i]} for i in ids]
    z = scoring.deviations(held.probes, held.usually, own)
    for place, score in enumerate(scoring.scores(held.probes, z)):
        if np.isfinite(score):
            yield ids[place], float(score), _Matched(held, z[place])


@dataclass(frozen=True, slots=True)
class _Matched:
    """What an item resembles, as a case stores it."""

    held: Held
    z: Any

    def __call__(self) -> list[dict[str, Any]]:
        return [
            {
                "example": probe.example_id,
                "positive": probe.positive,
                "shown": probe.shown,
                "against": probe.against,
                "strength": round(strength, 2),
            }
            for probe, strength in scoring.strengths(self.held.probes, self.z, SHOWN)
        ]


def _in_scope(policy: Policy, item_ids: Sequence[int]) -> list[int]:
    """Without the items that are themselves examples: what they are is known."""
    items: QuerySet[Item] = Item.objects.filter(pk__in=item_ids)
    if policy.kind:
        items = items.filter(kind=policy.kind)
    if policy.category is not None:
        within = category_descendants(policy.category.path)
        items = items.filter(pk__in=Item.categories.through.objects.filter(
            category__in=within
        ).values("item_id"))  # fmt: skip
    own = {example.item_id for example in policy.examples.all()}
    found = set(items.values_list("pk", flat=True)) if policy.kind or policy.category else None
    return [i for i in item_ids if i not in own and (found is None or i in found)]


def _note(versions: dict[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retrieval_screening (item_id, content_version)"
            " SELECT i.id, given.version FROM unnest(%s::bigint[], %s::bigint[])"
            " AS given (id, version) JOIN catalog_item i ON i.id = given.id ORDER BY i.id"
            " ON CONFLICT (item_id) DO UPDATE SET content_version ="
            " greatest(retrieval_screening.content_version, excluded.content_version)",
            [list(versions), list(versions.values())],
        )


def due(*, limit: int) -> list[int]:
    """Ids of items whose content changed since there is something to check, that are embedded and were not
    checked since: what the sweep sends to the workers. Older items are checked by a run.
    """
    since = _since()
    space_id = spaces.active_id()
    if since is None or space_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            DUE + " ORDER BY i.id LIMIT %(limit)s",
            {"space": space_id, "since": since, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]


def _due_among(space: spaces.Space, item_ids: Sequence[int], since: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            DUE + " AND i.id = ANY(%(items)s) ORDER BY i.id",
            {"space": space.id, "since": since, "items": list(item_ids)},
        )
        return [row[0] for row in cursor.fetchall()]


def _since() -> datetime | None:
    """When the first of the enabled policies that have an example was made, or an item was upheld that
    is asked about again once it changes.
    """
    having = PolicyExample.objects.filter(positive=True).values("policy")
    policies = Policy.objects.filter(enabled=True, pk__in=having).values_list("created_at")
    upheld = Case.objects.filter(state=Case.State.UPHELD, holding=True).values_list("opened_at")
    return min((moment for (moment,) in policies.union(upheld, all=True)), default=None)
