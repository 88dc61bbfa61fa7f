"""One recommendation stage by stage, for people: from ``tracing.Trace`` to what the templates show."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from redis.exceptions import RedisError

from catalog.admin.cards import card, items_pictured
from catalog.models import Item
from recommender import explain, ranking
from recommender.exceptions import RecommenderError
from recommender.models import Rule
from recommender.pipeline import Recommended
from recommender.tracing import Step, Trace
from recommender.types import Candidate, Placed
from retrieval.exceptions import RetrievalError

SAID: Final = (RetrievalError, RecommenderError, RedisError)
"""What a preview may meet that its reader can understand or wait out."""
OF_A_SOURCE: Final = 6
SCORED: Final = 20
CHANGES: Final = 6
"""Lines that a step is shown with: the largest changes."""
STEPS: Final[Mapping[str, str]] = {
    "hide": "Left out: what the visitor is done with, and what rules hide",
    "rotate": "What was shown to them lately loses a part of its score",
    "weigh": "Boosts and buries multiply scores",
    "diversify": "By score, traded against being like what stands above",
    "cap": "At most so many of one category, tag, kind or attribute on a page",
    "explore": "Some positions go to items drawn by chance",
    "pin": "Pinned items take their positions",
}


def problem_of(err: Exception) -> str:
    """What to say of one of SAID."""
    if isinstance(err, RedisError):
        return "Redis cannot be reached: try again shortly."
    return str(err)


def stages(trace: Trace, found: Recommended) -> dict[str, Any]:
    """What ``recommender/admin/stages.html`` shows; four statements, however many items."""
    final = found.placed[: found.placement.limit]
    found_by = trace.gathered.found if trace.gathered else {}
    scored = trace.candidates[:SCORED]
    steps = [(step, _changes(former, step)) for former, step in pairwise(_steps(trace))]
    if steps:  # the first step hides, and what the visitor is done with is not even looked for
        first, lines = steps[0]
        there = {item_id for item_id, _ in lines}
        done = [(item_id, "left out") for item_id in sorted(trace.done - there)]
        steps[0] = first, [*done, *lines]
    items = items_pictured(
        [
            *(each.item_id for hits in found_by.values() for each in hits[:OF_A_SOURCE]),
            *(each.item_id for each in scored),
            *(item_id for _, lines in steps for item_id, _ in lines),
            *(each.candidate.item_id for each in final),
            *(r.item_id for given in found.reasons.values() for r in given if r.item_id),
        ]
    )
    rules = rule_names(rule_id for each in final for rule_id in each.rules)
    return {
        "sources": _sources(trace, items),
        "scored": [_scored(each, trace, items) for each in scored],
        "candidates": len(trace.candidates),
        "ranker": trace.setup.ranker if trace.setup else None,
        "steps": [
            {
                "said": STEPS[step.name],
                "left": len(step.placed),
                "lines": [card(items, item_id, note=said) for item_id, said in lines[:CHANGES]],
                "more": max(len(lines) - CHANGES, 0),
            }
            for step, lines in steps
        ],
        "final": final_cards(found, final, items, rules),
        "space": found.space,
        "placement": found.placement,
        "assignment": found.assignment,
    }


def final_cards(
    found: Recommended,
    placed: Sequence[Placed],
    items: Mapping[int, Item],
    rules: Mapping[int, str],
) -> list[dict[str, Any]]:
    """By position, with the reasons in words."""
    cards = []
    for position, each in enumerate(placed, start=1):
        item_id = each.candidate.item_id
        reasons = [_reason(reason, items, rules) for reason in found.reasons[item_id]]
        cards.append(
            card(items, item_id, score=each.score, position=position, note="; ".join(reasons))
        )
    return cards


def rule_names(rule_ids: Iterable[int]) -> dict[int, str]:
    """Names by id, one statement; those that are gone are left out."""
    ids = list(rule_ids)
    return dict(Rule.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def _reason(reason: explain.Reason, items: Mapping[int, Item], rules: Mapping[int, str]) -> str:
    if reason.rule_id is not None:
        return f"Rule “{rules.get(reason.rule_id, reason.rule_id)}”"
    behind = items.get(reason.item_id) if reason.item_id else None
    said = explain.sentence(reason.code, behind.title if behind else None, ("en",))
    return f"{said} ({reason.share:.0%})"


def _sources(trace: Trace, items: Mapping[int, Item]) -> list[dict[str, Any]]:
    if trace.gathered is None:
        return []
    reports = {report.name: report for report in trace.gathered.reports}  # a fallback asks again
    return [
        {
            "report": report,
            "cards": [
                card(items, each.item_id, score=each.score)
                for each in trace.gathered.found.get(report.name, ())[:OF_A_SOURCE]
            ],
        }
        for report in reports.values()
    ]


def _scored(each: Candidate, trace: Trace, items: Mapping[int, Item]) -> dict[str, Any]:
    ranker = trace.setup.ranker.ranker if trace.setup else ranking.FORMULA
    parts = {name: value for name, value in ranker.contributions(each.features).items() if value}
    largest = max((abs(value) for value in parts.values()), default=1.0) or 1.0
    return {
        "card": card(items, each.item_id, score=each.score),
        "sources": ", ".join(each.found) or "a rule",
        "parts": [
            {"name": name, "value": value, "percent": round(100 * abs(value) / largest)}
            for name, value in parts.items()
        ],
    }


def _steps(trace: Trace) -> list[Step]:
    """What the steps began with, and each of them."""
    placed = tuple(Placed(each, each.score) for each in trace.candidates)
    return [Step("", placed), *trace.steps]


def _changes(before: Step, after: Step) -> list[tuple[int, str]]:
    """(item, what happened to it): who left, whose score changed, else who rose; the most first."""
    scores = {each.candidate.item_id: each.score for each in after.placed}
    gone = [
        (e.candidate.item_id, "left out")
        for e in before.placed
        if e.candidate.item_id not in scores
    ]
    scored = [
        (e.candidate.item_id, f"{e.score:.3f} → {scores[e.candidate.item_id]:.3f}")
        for e in before.placed
        if e.candidate.item_id in scores and scores[e.candidate.item_id] != e.score
    ]
    return gone + scored if gone or scored else _risen(before, after)


def _risen(before: Step, after: Step) -> list[tuple[int, str]]:
    places = {each.candidate.item_id: n for n, each in enumerate(before.placed, start=1)}
    risen = [
        (places[each.candidate.item_id] - n, each.candidate.item_id, n)
        for n, each in enumerate(after.placed, start=1)
        if places[each.candidate.item_id] > n
    ]
    return [
        (item_id, f"from position {n + by} to {n}")
        for by, item_id, n in sorted(risen, key=lambda row: (-row[0], row[2]))
    ]
