"""The months of the event table: a partition each, made before the first event of the month."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from django.db import connection, transaction
from psycopg import sql

TABLE: Final = "recommender_event"
LOCK: Final = 7_240_001
"""Of the advisory lock that whoever makes a month holds."""


def month_of(moment: datetime) -> date:
    """The first day of the month, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def partition_name(month: date) -> str:
    """Of its table."""
    return f"{TABLE}_{month:%Y_%m}"


def partitions_ensure(months: Iterable[date]) -> list[date]:
    """Make the months that are missing, in a transaction of its own unless the caller has one; which it made.

    Of its own, because a new month references visitors and items: it waits for whoever writes those,
    and they wait for it until it commits.
    """
    wanted = {partition_name(month): month for month in months}
    if not _missing(list(wanted)):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        made = sorted(wanted[name] for name in _missing(list(wanted)))
        for month in made:
            _create(month)
    return made


def _missing(names: list[str]) -> list[str]:
    """Asks pg_class: to_regclass may answer from before we waited for the lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) name WHERE NOT EXISTS (SELECT FROM pg_class c"
            " WHERE c.relname = name AND c.relnamespace ="
            " (SELECT relnamespace FROM pg_class WHERE oid = %s::regclass))",
            [names, TABLE],
        )
        return [name for (name,) in cursor.fetchall()]


def _create(month: date) -> None:
    """Made by itself and attached: CREATE … PARTITION OF would wait for everybody who reads events."""
    name = sql.Identifier(partition_name(month))
    first, after = (
        datetime(day.year, day.month, 1, tzinfo=UTC) for day in (month, next_month(month))
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").format(
                name, sql.Identifier(TABLE)
            )
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(TABLE),
                name,
                sql.Literal(first.isoformat()),
                sql.Literal(after.isoformat()),
            )
        )
