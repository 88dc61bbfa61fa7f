"""Of those that make or drop a partition one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# "spaces": making a partition locks the table of spaces against writers, after having written to
# it: two at once would wait for each other
PARTITIONS_LOCK = 0x737061636573


@contextmanager
def partitions_changing() -> Iterator[None]:
    """A transaction; the next one begins when it has ended, and sees what it did."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        yield
