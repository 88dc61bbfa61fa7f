"""Which items are due in a space, and who works on them: all of it follows from rows.

An item is due when its embedding is missing or older than its content. A worker claims due items
with a lease; a dead worker's lease runs out. Attempts are counted before the work, so that an item
that kills its worker ends ``failed`` instead of killing workers for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

PAGE = 10_000

# An embedding that exists and may be worked on: older than its item, in nobody's hands, not given up.
OUTDATED = """
    e.content_version < i.content_version
    AND (e.leased_until IS NULL OR e.leased_until < now())
    AND NOT (e.status = 'failed' AND e.attempted_version = i.content_version)
"""

DUE = f"""
    SELECT i.id FROM catalog_item i
    LEFT JOIN retrieval_embedding e ON e.space_id = %(space)s AND e.item_id = i.id
    WHERE (e.item_id IS NULL OR ({OUTDATED}))
"""  # noqa: S608 - constants only

# Tries at the current version; a changed item starts anew.
TRIES = "CASE WHEN e.attempted_version = i.content_version THEN e.attempts ELSE 0 END"

CLAIMABLE = f"""
    SELECT e.item_id, i.content_version AS version, {TRIES} AS tries
    FROM retrieval_embedding e JOIN catalog_item i ON i.id = e.item_id
    WHERE e.space_id = %(space)s AND e.item_id = ANY(%(items)s) AND {OUTDATED}
        AND {TRIES} BETWEEN %(least)s AND %(most)s
    ORDER BY e.item_id LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to embed one version of one item until the lease runs out."""

    item_id: int
    content_version: int


def claim(space_id: int, item_ids: Sequence[int]) -> list[Claim]:
    """Claim what is due among the items: all those not tried yet, else one that was; commits.

    An item that was tried before is claimed alone: should it kill the worker again, it takes no
    innocent item with it. An item out of attempts becomes ``failed``.
    """
    with transaction.atomic():
        _rows_create(space_id, item_ids)
        _exhausted_fail(space_id, item_ids)
        fresh = _claim(space_id, item_ids, least=0, most=0, limit=len(item_ids))
        most = settings.RETRIEVAL["MAX_ATTEMPTS"] - 1
        return fresh or _claim(space_id, item_ids, least=1, most=most, limit=1)


def _rows_create(space_id: int, item_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retrieval_embedding (space_id, item_id, weights, content_version,"
            " content_hash, status, attempts, attempted_version, error_code, error)"
            " SELECT %s, id, '{}', 0, '', 'pending', 0, 0, '', ''"
            " FROM catalog_item WHERE id = ANY(%s) ORDER BY id ON CONFLICT DO NOTHING",
            [space_id, list(item_ids)],
        )


def _claim(
    space_id: int, item_ids: Sequence[int], *, least: int, most: int, limit: int
) -> list[Claim]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH due AS ({CLAIMABLE}) UPDATE retrieval_embedding e SET attempts = tries + 1,"  # noqa: S608
            " attempted_version = version, status = 'pending', updated_at = now(),"
            " leased_until = now() + make_interval(secs => %(lease)s)"
            " FROM due WHERE e.space_id = %(space)s AND e.item_id = due.item_id"
            " RETURNING e.item_id, version",
            {
                "space": space_id,
                "items": list(item_ids),
                "least": least,
                "most": most,
                "limit": limit,
                "lease": settings.RETRIEVAL["LEASE_S"],
            },
        )
        return [Claim(*row) for row in sorted(cursor.fetchall())]


def _exhausted_fail(space_id: int, item_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding e SET status = 'failed', leased_until = NULL,"
            " error_code = 'attempts_exhausted', updated_at = now(),"
            " error = coalesce(nullif(error, ''),"
            " 'The worker died at every attempt: look for a broken media file.')"
            " FROM catalog_item i WHERE i.id = e.item_id AND e.space_id = %s"
            " AND e.item_id = ANY(%s) AND e.content_version < i.content_version"
            " AND e.attempted_version = i.content_version AND e.attempts >= %s"
            " AND (e.leased_until IS NULL OR e.leased_until < now()) AND e.status <> 'failed'",
            [space_id, list(item_ids), settings.RETRIEVAL["MAX_ATTEMPTS"]],
        )


def release(space_id: int, claims: Sequence[Claim], error: str, *, counted: bool = True) -> None:
    """Give the claims back after an error: each item may be tried again at once, alone.

    ``counted`` False takes the attempt back as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding e SET leased_until = NULL, error = %s,"
            " attempts = attempts - %s"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS given (id, version)"
            " WHERE e.space_id = %s AND e.item_id = given.id AND e.status = 'pending'"
            " AND e.attempted_version = given.version",
            [
                error.replace("\0", "")[:500],
                0 if counted else 1,
                [claim.item_id for claim in claims],
                [claim.content_version for claim in claims],
                space_id,
            ],
        )


def confirm(
    space_id: int, versions: Mapping[int, int], hashes: Mapping[int, str]
) -> frozenset[int]:
    """Raise the version of those items whose content hash is the stored one; their ids.

    Their vectors are already right, so neither the row's vectors nor the index are written.
    """
    ids = list(hashes)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding e SET content_version = given.version, status = 'ready',"
            " leased_until = NULL, error_code = '', error = '', updated_at = now()"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS given (id, version, hash)"
            " WHERE e.space_id = %s AND e.item_id = given.id AND e.content_hash = given.hash"
            " AND e.attempted_version = given.version AND e.fused IS NOT NULL"
            " RETURNING e.item_id",
            [ids, [versions[i] for i in ids], [hashes[i] for i in ids], space_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())


def outdated(space_id: int, item_ids: Sequence[int]) -> list[int]:
    """Those of the items that have vectors here, though of an older version."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.item_id FROM retrieval_embedding e JOIN catalog_item i ON i.id = e.item_id"  # noqa: S608 - constants only
            " WHERE e.space_id = %(space)s AND e.item_id = ANY(%(items)s)"
            f" AND e.status = 'ready' AND e.fused IS NOT NULL AND {OUTDATED}",
            {"space": space_id, "items": list(item_ids)},
        )
        return [row[0] for row in cursor.fetchall()]


def confirm_unclaimed(
    space_id: int, versions: Mapping[int, int], hashes: Mapping[int, str]
) -> frozenset[int]:
    """As ``confirm``, of items that nobody has claimed.

    No column that an index reads is written, so Postgres leaves all indexes alone: a claim and its
    end each insert the row's vector into the HNSW graph anew.
    """
    ids = list(hashes)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding e SET content_version = given.version, updated_at = now()"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS given (id, version, hash)"
            " WHERE e.space_id = %s AND e.item_id = given.id AND e.content_hash = given.hash"
            " AND e.content_version < given.version AND e.status = 'ready'"
            " AND e.fused IS NOT NULL AND (e.leased_until IS NULL OR e.leased_until < now())"
            " RETURNING e.item_id",
            [ids, [versions[i] for i in ids], [hashes[i] for i in ids], space_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())


def fail(space_id: int, claim: Claim, code: str, message: str) -> None:
    """The item cannot be embedded as it is; it is due again once it changes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding SET status = 'failed', leased_until = NULL,"
            " error_code = %s, error = %s, updated_at = now()"
            " WHERE space_id = %s AND item_id = %s AND attempted_version = %s",
            [code, message.replace("\0", "")[:500], space_id, claim.item_id, claim.content_version],
        )


def due(space_id: int, *, limit: int, after: int = 0, since: datetime | None = None) -> list[int]:
    """Ids of items above ``after`` that are due and not leased, in order.

    ``since`` looks only at items whose content changed later, which is an index scan.
    """
    changed = " AND i.content_changed_at >= %(since)s" if since else ""
    with connection.cursor() as cursor:
        cursor.execute(
            DUE + " AND i.id > %(after)s" + changed + " ORDER BY i.id LIMIT %(limit)s",
            {"space": space_id, "after": after, "since": since, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]


def all_due(space_id: int) -> list[int]:
    """Ids of every item that is due and not leased, in order."""
    found: list[int] = []
    while page := due(space_id, limit=PAGE, after=found[-1] if found else 0):
        found += page
    return found


def due_among(space_id: int, item_ids: Sequence[int]) -> list[int]:
    """Those of the items that are due and not leased, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            DUE + " AND i.id = ANY(%(items)s) ORDER BY i.id",
            {"space": space_id, "items": list(item_ids)},
        )
        return [row[0] for row in cursor.fetchall()]


def progress(space_id: int) -> dict[str, int]:
    """Items by where they stand in the space: ready, failed and pending add up to total."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*),"
            " count(*) FILTER (WHERE e.content_version = i.content_version),"
            " count(*) FILTER (WHERE e.status = 'failed'"
            "   AND e.attempted_version = i.content_version)"
            " FROM catalog_item i"
            " LEFT JOIN retrieval_embedding e ON e.space_id = %s AND e.item_id = i.id",
            [space_id],
        )
        total, ready, failed = cursor.fetchone()
    return {"total": total, "ready": ready, "pending": total - ready - failed, "failed": failed}


def interrupted(space_id: int, *, limit: int) -> list[int]:
    """Ids of items whose work was begun and not ended, and whose lease ran out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item_id FROM retrieval_embedding WHERE space_id = %s AND status = 'pending'"
            " AND (leased_until IS NULL OR leased_until < now()) ORDER BY item_id LIMIT %s",
            [space_id, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def failed_retry(space_id: int, item_ids: Sequence[int] | None = None) -> int:
    """Make failed embeddings of a space (of these items) due again, with all their attempts; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE retrieval_embedding SET status = 'pending', attempts = 0"
            " WHERE space_id = %(space)s AND status = 'failed'"
            " AND (%(items)s::bigint[] IS NULL OR item_id = ANY(%(items)s))",
            {"space": space_id, "items": None if item_ids is None else list(item_ids)},
        )
        return int(cursor.rowcount)
