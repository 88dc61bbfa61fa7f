"""What a visitor's profile costs to bring up to date, after a hundred events as after ten thousand.

`python -m benchmarks.profiles`: visitors with short and with long histories over the catalog of
10,000 made-up items that `benchmarks.search` uses. Each round gives one of either kind the same new
events, in turns, and times `profiles_update` (all statements included) and `taste_of`. Prints a table.
"""

import argparse
import os
import platform
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from benchmarks.search.catalogs import Catalog

ITEMS: Final = 10_000
SHORT, LONG = 100, 10_000
"""Events in the histories."""
VISITORS: Final = 3
"""Of each kind."""
FAVOURED: Final = 300
"""Items of which a visitor chooses: several clusters of 100."""
TYPES: Final = ("view", "view", "view", "click", "like", "purchase", "dislike")
BATCH: Final = 1_000


def events(visitor: str, number: int, rng: random.Random, *, days: float) -> list[dict[str, Any]]:
    """Of the last ``days``, with items of the visitor's own range."""
    now = datetime.now(UTC)
    first = rng.randrange(ITEMS - FAVOURED)
    return [
        {
            "id": f"{visitor}-{rng.getrandbits(64)}",
            "visitor": visitor,
            "item": f"item-{first + 1 + rng.randrange(FAVOURED)}",
            "type": rng.choice(TYPES),
            "occurred_at": (now - timedelta(days=rng.uniform(0, days))).isoformat(),
        }
        for _ in range(number)
    ]


def record(given: list[dict[str, Any]]) -> None:
    """Store them."""
    from recommender.event_input import EventReader
    from recommender.events import events_record

    reader = EventReader()
    for start in range(0, len(given), BATCH):
        events_record([reader.read(each) for each in given[start : start + BATCH]])


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def update() -> int:
    """All that waits."""
    from recommender import profiles

    total = 0
    while done := profiles.profiles_update():
        total += done
    return total


def measured(rounds: int) -> dict[str, dict[int, float]]:
    """Median milliseconds: what was measured, then the length of the history."""
    from django.utils import timezone

    from recommender import profiles
    from retrieval import spaces

    rng = random.Random(7)  # noqa: S311 - no secret
    people = {n: [f"{n}-{each}" for each in range(VISITORS)] for n in (SHORT, LONG)}
    for number, names in people.items():
        for name in names:
            # a profile is there from the first event on, as in life
            given = events(name, number, rng, days=300)
            record(given[:1])
            update()
            record(given[1:])
    started = time.perf_counter()
    caught_up = update()
    print(f"{caught_up / (time.perf_counter() - started):,.0f} events/s taken in by one worker")  # noqa: T201
    found: dict[str, dict[int, list[float]]] = {}
    space = spaces.active_space()
    for turn in range(-2, rounds):
        for length, names in people.items():
            name = names[turn % VISITORS]
            for what, number in (("one new event", 1), ("a hundred new events", 100)):
                record(events(name, number, rng, days=0.1))
                took = timed(update)
                if turn >= 0:
                    found.setdefault(what, {}).setdefault(length, []).append(took)
            took = timed(lambda name=name: profiles.taste_of(name, space, timezone.now()))
            if turn >= 0:
                found.setdefault("taste_of", {}).setdefault(length, []).append(took)
    return {
        what: {length: median(times) for length, times in each.items()}
        for what, each in found.items()
    }


def report(found: dict[str, dict[int, float]], rounds: int) -> str:
    """In Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    command = f"python -m benchmarks.profiles --rounds {rounds}"
    lines = [
        f"`{command}` · {datetime.now(UTC):%Y-%m-%d} · {machine} · medians of milliseconds",
        "",
        f"| | after {SHORT:,} events | after {LONG:,} events | ratio |",
        "|---|---|---|---|",
        *(
            f"| {what} | {each[SHORT]:.1f} | {each[LONG]:.1f} | {each[LONG] / each[SHORT]:.2f} |"
            for what, each in found.items()
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.search.settings"
    import django

    django.setup()
    from django.conf import settings

    from config import embedded

    embedded.use(settings.VAR)
    Catalog(ITEMS, queries=1).make(again=True)
    print(report(measured(arguments.rounds), arguments.rounds))  # noqa: T201


if __name__ == "__main__":
    main()
