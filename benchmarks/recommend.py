"""What a personal recommendation costs beside one bare search of the index.

`python -m benchmarks.recommend`: the catalog of 100,000 made-up items that `benchmarks.search` uses, ten
thousand visitors with ten events each taken into their profiles, and an active item-item model (item-kNN).
A bare nearest-neighbour query through psycopg and `recommend` for another visitor each time, with the
impression stored, take turns in one process, on tables that were read into memory: what either finds on
disk says nothing of it. Prints a table.
"""

import argparse
import gc
import os
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Final

from benchmarks.profiles import record
from benchmarks.search.catalogs import Catalog

ITEMS: Final = 100_000
VISITORS: Final = 10_000
EVENTS: Final = 10
"""Of each visitor: half of them in each of two clusters of a hundred items."""
CLUSTER: Final = 100
TYPES: Final = ("view", "view", "click", "like", "purchase")
BARS: Final = {0.5: 6.0, 0.95: 12.0}
WARM: Final = 20


def visitor_name(number: int) -> str:
    """Of the benchmark's."""
    return f"bench-{number}"


def fill(visitors: int) -> None:
    """Events, profiles, popularity and the model, unless they are there."""
    from django.core.management import call_command

    from recommender.models import RecommenderModel, Visitor
    from recommender.popularity import popularity_count
    from recommender.profiles import profiles_update

    call_command("migrate", verbosity=0)
    if Visitor.objects.filter(external_id__startswith="bench-").count() < visitors:
        rng = random.Random(0)  # noqa: S311
        record([event for number in range(visitors) for event in _events(number, rng)])
    while profiles_update():
        pass
    popularity_count(force=True)
    active = RecommenderModel.objects.filter(kind="item-item", state="active")
    if not active.exists():
        call_command("train_recommender", "--kind=item-item", "--algorithm=item-knn", "--activate")


def _events(number: int, rng: random.Random) -> list[dict[str, str]]:
    clusters = [rng.randrange(ITEMS // CLUSTER) for _ in range(2)]
    now = datetime.now(UTC).isoformat()
    return [
        {
            "id": f"{visitor_name(number)}-{n}",
            "visitor": visitor_name(number),
            "item": f"item-{1 + clusters[n % 2] * CLUSTER + rng.randrange(CLUSTER)}",
            "type": rng.choice(TYPES),
            "occurred_at": now,
        }
        for n in range(EVENTS)
    ]


def warm() -> None:
    """Read the tables and their indexes into the database's memory."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        cursor.execute(
            "SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i')"
            " AND relname ~ '^(catalog|retrieval|recommender)_' ORDER BY relkind DESC"
        )
        cursor.fetchall()


def personal(visitors: int) -> Callable[[int], int]:
    """A request, as the API makes it: how many items the answer has."""
    from django.utils import timezone

    from recommender import limits
    from recommender.impressions import Answer, Shown, impression_log
    from recommender.listing import first
    from recommender.pipeline import Asked

    def ask(number: int) -> int:
        name, now = visitor_name(number % visitors), timezone.now()
        with limits.limited():
            page = first(Asked("home", now, visitor=name, limit=20, seed=str(number)))
            shown = [Shown(e.item_id, e.sources, e.propensity, e.features) for e in page.entries]
            impression_log(Answer(uuid.uuid4().hex, "home", shown, now, visitor=name))
        return len(page.entries)

    return ask


def timed(work: Callable[[int], object], number: int) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work(number)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--visitors", type=int, default=VISITORS)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.search.settings"
    import django

    django.setup()
    from django.conf import settings

    from benchmarks.search import measures
    from config import embedded

    embedded.use(settings.VAR)
    catalog = Catalog(ITEMS, arguments.requests)
    catalog.make(again=False)
    catalog.use()
    fill(arguments.visitors)
    warm()
    bare, ours = measures.planner(catalog), personal(arguments.visitors)
    gc.collect()
    gc.freeze()  # as a web process does once it is loaded
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for number in range(-WARM, arguments.requests):
        query = number % arguments.requests
        for name, work in (("bare", lambda n: bare(n, "none")), ("ours", ours)):
            took = timed(work, query)
            if number >= 0:
                times[name].append(took)
    rows = [
        "| of one request | bare search, ms | recommendation, ms | ratio | bar | met |",
        "|---|---|---|---|---|---|",
    ]
    for q, bar in BARS.items():
        one, other = (_quantile(times[name], q) for name in ("bare", "ours"))
        rows.append(
            f"| p{q * 100:.0f} | {one:.2f} | {other:.2f} | {other / one:.1f} | <= {bar:.0f} |"
            f" {'yes' if other / one <= bar else 'NO'} |"
        )
    print("\n".join(rows))  # noqa: T201


def _quantile(values: list[float], q: float) -> float:
    return median(values) if q == 0.5 else quantiles(values, n=100)[round(q * 100) - 1]


if __name__ == "__main__":
    main()
