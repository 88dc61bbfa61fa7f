"""The admin's lists and first page over a large catalog: how long each takes, and how many statements.

    python -m benchmarks.admin [--items 100000] [--events 1000000]

Generated rows in a database of their own beside VAR's, dropped at the end. Each page is asked for once to
fill what is remembered, then ROUNDS times: the median counts. The first page is asked for cold as well.
"""

import argparse
import os
import time
from statistics import median
from typing import Any, Final

from benchmarks.lexical import database_apart, say

ROUNDS: Final = 3
DAYS: Final = 30
SHOWN_TOGETHER: Final = 12
VISITORS: Final = 20_000
PAGES: Final = (
    *("catalog/item/", "catalog/item/?p=1000", "catalog/item/?embedding=failed"),
    *(
        "catalog/item/?kind=kind3",
        "catalog/item/?q=title777",
        "catalog/media/",
        "catalog/itemtext/",
    ),
    *("recommender/event/", "recommender/visitor/", "catalog/queuepause/"),
)
ITEMS: Final = """
INSERT INTO catalog_item (external_id, kind, title, description, language, tags, attributes, published,
    published_at, content_version, content_changed_at, created_at, updated_at)
SELECT 'i' || n, 'kind' || n %% 5, 'title' || n, '', 'en', '{}', '{}', true, now(), 1, now(), now(), now()
FROM generate_series(1, %(items)s) n;
INSERT INTO catalog_itemtext (item_id, language, title, description, tags)
SELECT id, 'zh', title, '', '{}' FROM catalog_item;
INSERT INTO catalog_media (item_id, modality, file, content_type, bytes, sha256, position, alt, attributes,
    status, error_code, error, created_at)
SELECT id, 'image', id || '.png', 'image/png', 1, lpad(id::text, 64, '0'), 0, '', '{}',
    CASE WHEN id %% 1000 = 0 THEN 'failed' ELSE 'ready' END, '', '', now() FROM catalog_item;
INSERT INTO retrieval_embedding (space_id, item_id, weights, content_version, content_hash, status,
    attempts, attempted_version, error_code, error)
SELECT %(space)s, id, '{}', (id %% 1000 <> 7)::int, '', CASE WHEN id %% 1000 = 7 THEN 'failed' ELSE 'ready' END,
    1, 1, '', '' FROM catalog_item;
"""
EVENTS: Final = """
INSERT INTO recommender_visitor (external_id, created_at)
SELECT 'v' || n, now() FROM generate_series(1, %(visitors)s) n;
INSERT INTO recommender_event (key, visitor_id, item_id, item_external_id, type, occurred_at, session, request_id)
SELECT 'e' || n, (SELECT min(id) FROM recommender_visitor) + n %% %(visitors)s, i.id, i.external_id,
    (ARRAY['view', 'view', 'view', 'view', 'view', 'view', 'click', 'click', 'like', 'purchase'])[1 + n %% 10],
    now() - n * interval '1 second' * (86400.0 * %(days)s / %(events)s), '', ''
FROM generate_series(1, %(events)s) n
JOIN catalog_item i ON i.id = (SELECT min(id) FROM catalog_item) + (n::bigint * n) %% %(items)s;
INSERT INTO recommender_impression (request_id, visitor_id, session, placement, variant, shown_at, start,
    item_ids, propensities, sources, features)
SELECT 'r' || n, (SELECT min(id) FROM recommender_visitor) + n %% %(visitors)s, '',
    (ARRAY['home', 'item', 'basket'])[1 + n %% 3], '',
    now() - n * interval '1 second' * (86400.0 * %(days)s / %(answers)s), 0,
    ARRAY(SELECT (SELECT min(id) FROM catalog_item) + (n::bigint * 7919 + k * k) %% %(items)s
        FROM generate_series(1, %(together)s) k),
    '{}', '[]', '{}'
FROM generate_series(1, %(answers)s) n;
ANALYZE;
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    with database_apart():
        fill(arguments.items, arguments.events)
        report()


def fill(items: int, events: int) -> None:
    """Generated rows of everything that the pages show."""
    from datetime import timedelta

    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from recommender.partitions import month_of, partitions_ensure
    from recommender.popularity import popularity_count
    from retrieval import spaces

    started = time.monotonic()
    space = spaces.ensure_active_space(settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"])
    now = timezone.now()
    partitions_ensure(sorted({month_of(now - timedelta(days=back)) for back in range(DAYS + 2)}))
    values = {
        "items": items, "events": events, "answers": events // 10, "visitors": VISITORS, "space": space,
        "days": DAYS, "together": SHOWN_TOGETHER,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (ITEMS + EVENTS).split(";\n"):
            if statement.strip():
                cursor.execute(statement, values)
    popularity_count(force=True)
    say(f"{items:,} items, {events:,} events: made in {time.monotonic() - started:.0f} s\n")


def report() -> None:
    """A line a page."""
    from django.contrib.auth import get_user_model
    from django.core.cache import cache
    from django.test import Client

    from workers.overview import KEY

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("benchmark"))
    say("| page | statements | ms |\n|---|---:|---:|")
    cache.delete(KEY)
    line("first page, cold", *asked(client, ""))
    line("first page, within the minute", *best(client, ""))
    for page in PAGES:
        line(page, *best(client, page))
    cache.delete(KEY)  # of rows that are gone now


def best(client: Any, page: str) -> tuple[int, float]:
    """Statements and the median time."""
    asked(client, page)
    rounds = [asked(client, page) for _ in range(ROUNDS)]
    return rounds[-1][0], median(ms for _, ms in rounds)


def asked(client: Any, page: str) -> tuple[int, float]:
    """Statements and milliseconds."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    started = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        status = client.get(f"/admin/{page}").status_code
    if status != 200:
        raise SystemExit(f"/admin/{page} answered {status}")
    return len(queries), 1000 * (time.monotonic() - started)


def line(page: str, statements: int, ms: float) -> None:
    """Of the table."""
    say(f"| {page} | {statements} | {ms:,.0f} |")


if __name__ == "__main__":
    main()
