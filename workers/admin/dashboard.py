"""The admin's first page: how things stand, and what to do about it."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from catalog.admin.charts import Line, line_chart
from recommender.reports.overview import POINTS, Lorenz
from workers.overview import ANSWER_DAYS, DAYS, Overview, overview, waiting

WAIT_S: Final = 4
"""Until a worker has counted: a million events take 1.3 s."""
EVENTS_SHOWN: Final = 6
"""Types with a line of their own."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure, what it says, and where to see more; ``url`` only for who may go there."""

    title: str
    figure: str
    about: str
    url: str = ""
    link: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What a new installation needs, in order."""

    title: str
    about: str
    done: bool
    url: str


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: what the user may see of it."""
    found, asked = overview()
    return given | {
        "asked": asked,
        "wait_s": WAIT_S,
        "at": found.at,
        "steps": steps(request, found),
        "tiles": tiles(request, found),
        "charts": charts(request, found),
        "tables": tables(request, found),
    }


def _to(request: HttpRequest, model: str, **query: str) -> str:
    """The address of a list, or nothing for who may not see it."""
    app, name = model.split(".")
    if not request.user.has_perm(f"{app}.view_{name}"):
        return ""
    return reverse(f"admin:{app}_{name}_changelist", query=query or None)


def steps(request: HttpRequest, found: Overview) -> list[Step]:
    """Import, embed, train; nothing once all of it is done."""
    ready = found.embeddings["ready"]
    may = request.user.has_perm("catalog.add_importrun")
    todo = [
        Step(
            "Import items",
            "Upload a CSV, JSON Lines or Excel file, or add items by hand.",
            found.items > 0,
            reverse("admin:catalog_importrun_add") if may else "",
        ),
        Step(
            "Embed them",
            f"{ready:,} of {found.items:,} are embedded. Workers do this by themselves as soon as there "
            "are items; without any, start them.",
            0 < found.items == ready + found.embeddings["failed"] and ready > 0,
            _to(request, "catalog.queuepause"),
        ),
        Step(
            "Train a space",
            "Until then words, pictures and sounds do not find each other.",
            found.trained,
            _to(request, "retrieval.embeddingspace"),
        ),
    ]
    return [] if all(each.done for each in todo) else todo


def tiles(request: HttpRequest, found: Overview) -> list[Tile]:
    """What is there, what failed, what waits; of who may not see items, how many there are."""
    items = _to(request, "catalog.item")
    first = Tile("Items", f"{found.items:,}", f"{found.visible:,} visible", items, "All items")
    if not items:
        return [first]
    return [first, *_embedding_tiles(request, found), *_running_tiles(request, found)]


def _embedding_tiles(request: HttpRequest, found: Overview) -> list[Tile]:
    """Of the active space, and files that nothing can be made from."""
    pending, failed = found.embeddings["pending"], found.embeddings["failed"]
    return [
        Tile(
            "Embedded",
            f"{found.embeddings['ready']:,}",
            f"in {found.space or 'no space yet'}; {pending:,} pending",
            _to(request, "catalog.item", embedding="pending") if pending else "",
            "Pending items",
        ),
        Tile(
            "Not embedded",
            f"{failed:,}",
            "items failed" if failed != 1 else "item failed",
            _to(request, "catalog.item", embedding="failed") if failed else "",
            "See them and why",
            alarm=failed > 0,
        ),
        Tile(
            "Broken files",
            f"{found.media_failed:,}",
            "pictures, sounds and videos that could not be decoded",
            _to(request, "catalog.media", status__exact="failed") if found.media_failed else "",
            "See them",
            alarm=found.media_failed > 0,
        ),
    ]


def _running_tiles(request: HttpRequest, found: Overview) -> list[Tile]:
    """What comes of the catalog, and of the work on it."""
    jobs = _to(request, "catalog.queuepause")
    calls, degraded = _calls(found)
    return [
        Tile(
            "Catalog shown",
            f"{found.shown / found.visible:.1%}" if found.visible else "–",
            f"{found.shown:,} visible items in the last {ANSWER_DAYS} days",
            _to(request, "recommender.placement"),
            "Placements",
        ),
        _waiting_tile(jobs),
        Tile(
            "Failed trainings",
            f"{found.trainings_failed:,}",
            f"in the last {DAYS} days",
            jobs if found.trainings_failed else "",
            "See why",
            alarm=found.trainings_failed > 0,
        ),
        Tile(
            "Language model",
            f"{calls:,}",
            f"calls in 24 hours; {degraded:,} gave no answer",
            alarm=calls > 0 and degraded * 2 > calls,
        ),
    ]


def _waiting_tile(jobs: str) -> Tile:
    depths = waiting()
    down = None in depths.values()
    behind = ", ".join(f"{name} {depth}" for name, depth in depths.items() if depth)
    figure = "unknown" if down else f"{sum(depth or 0 for depth in depths.values()):,}"
    return Tile(
        "Waiting messages", figure, behind or "no queue is behind", jobs, "Jobs", alarm=down
    )


def _calls(found: Overview) -> tuple[int, int]:
    """Of the language model; and how many of them gave nothing to use."""
    calls = degraded = 0
    for each in found.llm.values():
        rejected = each.outcomes.get("rejected", 0)  # one of ok
        of_purpose = sum(each.outcomes.values()) - rejected
        calls += of_purpose
        degraded += of_purpose - each.outcomes.get("ok", 0) + rejected
    return calls, degraded


def charts(request: HttpRequest, found: Overview) -> list[SafeString]:
    """What people did, and what came of what they were shown."""
    if not request.user.has_perm("recommender.view_placement"):
        return []
    days = [f"{day:%m-%d}" for day in found.days]
    answer_days = [f"{day:%m-%d}" for day in found.answer_days]
    events = list(found.events.items())
    more = events[EVENTS_SHOWN - 1 :] if len(events) > EVENTS_SHOWN else []
    lines = [Line(name, counts) for name, counts in events[: len(events) - len(more)]]
    if more:
        lines.append(Line("others", [sum(at) for at in zip(*(c for _, c in more), strict=True)]))
    owed = f"last {ANSWER_DAYS} days, by the day of the answer; the last days still grow"
    return [
        line_chart("Events a day", days, lines, note=f"last {DAYS} days, UTC"),
        line_chart(
            "Clicked of what was shown (CTR)",
            answer_days,
            [Line(name, shares) for name, shares in found.ctr.items()],
            percent=True,
            note=owed,
        ),
        line_chart(
            "Conversion of what was shown",
            answer_days,
            [Line(name, shares) for name, shares in found.conversion.items()],
            percent=True,
            note=owed,
        ),
        _lorenz(found.used),
    ]


def _lorenz(used: Lorenz | None) -> SafeString:
    places = [at / (POINTS - 1) for at in range(POINTS)]
    return line_chart(
        "Popularity (Lorenz curve)",
        [f"{place:.0%}" for place in places],
        [Line("share of all use", used.shares), Line("if all were used alike", places)]
        if used
        else [],
        percent=True,
        corner="least used items",
        note=f"Gini {used.gini:.2f}: 0 all alike, 1 a single item has all of it" if used else "",
    )


def tables(request: HttpRequest, found: Overview) -> list[dict[str, Any]]:
    """Latency and the language model, for those who run the installation."""
    if not request.user.has_perm("catalog.view_queuepause"):
        return []
    latency = [
        (name, [f"{each.count:,}", _ms(each.p50_ms), _ms(each.p95_ms)])
        for name, each in found.latency.items()
    ]
    calls = [
        (
            purpose,
            [
                f"{each.outcomes.get('ok', 0):,}",
                ", ".join(f"{n} {k}" for k, n in each.outcomes.items() if k != "ok") or "none",
                _ms(each.p95_ms),
                f"{each.tokens_in + each.tokens_out:,}",
            ],
        )
        for purpose, each in found.llm.items()
    ]
    return [
        {
            "title": "How long searches take",
            "about": "last 24 hours",
            "headers": ["part", "calls", "median", "95 of 100 within"],
            "rows": latency,
            "nothing": "No search in the last 24 hours.",
        },
        {
            "title": "Language model",
            "about": "last 24 hours",
            "headers": ["purpose", "answered", "not answered", "95 of 100 within", "tokens"],
            "rows": calls,
            "nothing": "It was not asked.",
        },
    ]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
