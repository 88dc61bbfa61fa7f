"""What the report of an experiment reads: one row a variant, sums over its visitors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from recommender.reports.attribution import TOUCHED, UNIT, parameters

# Whoever saw two variants belongs to neither. What guards counts whatever a visitor did since the
# first answer, owed to one or not: harm shows where it wants.
STATEMENT: Final = f"""
WITH exposed AS (
    SELECT {UNIT} AS unit, min(i.variant) AS variant, count(DISTINCT i.variant) AS variants,
        count(*) AS answers, sum(cardinality(i.item_ids)) AS shown, min(i.shown_at) AS first
    FROM recommender_impression i WHERE i.experiment_id = %(experiment)s GROUP BY 1
), touched AS MATERIALIZED ({TOUCHED}
), acted AS (
    SELECT unit, array_agg(DISTINCT type) AS types, bool_or(type = ANY(%(clicks)s))::int AS clicked,
        sum(value) FILTER (WHERE type = ANY(%(conversions)s)) AS value
    FROM touched WHERE experiment_id = %(experiment)s GROUP BY unit, impression_id, item_id
), owed AS (
    SELECT unit, sum(clicked) AS clicked, sum(value) AS value FROM acted GROUP BY unit
), kinds AS (
    SELECT unit, array_agg(DISTINCT type) AS types FROM acted, unnest(types) type GROUP BY unit
), done AS (
    SELECT x.unit, array_agg(DISTINCT t.type) AS types
    FROM touched t JOIN exposed x
        ON x.unit = CASE WHEN t.experiment_id = %(experiment)s THEN t.unit ELSE 'v' || t.of_visitor END
    WHERE t.type = ANY(%(guards)s) AND t.occurred_at >= x.first AND t.occurred_at <= %(until)s
    GROUP BY x.unit
), units AS (
    SELECT x.variant, x.variants, x.answers, x.shown::float8 AS shown,
        coalesce(k.types, '{{}}') AS types, coalesce(d.types, '{{}}') AS done,
        coalesce(o.clicked, 0)::float8 AS clicked, coalesce(o.value, 0) AS value
    FROM exposed x LEFT JOIN owed o USING (unit)
    LEFT JOIN kinds k USING (unit) LEFT JOIN done d USING (unit)
), facts AS (
    SELECT variant, count(*) AS visitors, sum(answers)::bigint AS answers, sum(shown) AS shown,
        sum(clicked) AS clicked, sum(value) AS value,
        count(*) FILTER (WHERE value <> 0) AS paying,
        count(*) FILTER (WHERE types && %(conversions)s::varchar[]) AS converted,
        var_samp(shown) AS shown_variance, var_samp(clicked) AS clicked_variance,
        covar_samp(clicked, shown) AS covariance, var_samp(value) AS value_variance
    FROM units WHERE variants = 1 GROUP BY variant
)
SELECT to_jsonb(facts), (SELECT count(*) FROM units WHERE variants > 1),
    (SELECT jsonb_object_agg(type, n) FROM (SELECT type, count(*) AS n FROM units u, unnest(u.types) type
        WHERE u.variants = 1 AND u.variant = facts.variant GROUP BY type) t),
    (SELECT jsonb_object_agg(type, n) FROM (SELECT type, count(*) AS n FROM units u, unnest(u.done) type
        WHERE u.variants = 1 AND u.variant = facts.variant GROUP BY type) t)
FROM (SELECT 1) one LEFT JOIN facts ON true
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Facts:
    """Sums over the visitors of one variant, and sample variances between them."""

    variant: str
    visitors: int = 0
    answers: int = 0
    shown: float = 0
    """Items."""
    clicked: float = 0
    """Items shown that were clicked, each once an answer."""
    value: float = 0
    paying: int = 0
    """Visitors with a value."""
    converted: int = 0
    """Visitors with an event that converts."""
    shown_variance: float | None = None
    clicked_variance: float | None = None
    covariance: float | None = None
    """Of clicked and shown."""
    value_variance: float | None = None
    acted: Mapping[str, int] | None = None
    """Type -> visitors with an event owed to an answer of the experiment."""
    done: Mapping[str, int] | None = None
    """Type that guards -> visitors with an event since they first took part."""


def facts_of(experiment_id: int, since: datetime, until: datetime) -> tuple[dict[str, Facts], int]:
    """By variant, those with visitors only; and how many visitors saw more than one variant."""
    given = settings.RECOMMENDER["IMPRESSIONS"]
    values: dict[str, Any] = parameters(since, until)
    values |= {
        "experiment": experiment_id,
        "clicks": list(given["CLICKS"]),
        "conversions": list(given["CONVERSIONS"]),
        "guards": list(given["GUARDRAILS"]),
    }
    found, switched = {}, 0
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, values)
        for row, several, acted, done in cursor.fetchall():
            switched = several
            if row is not None:
                facts = Facts(**json.loads(row), acted=_counts(acted), done=_counts(done))
                found[facts.variant] = facts
    return found, switched


def _counts(text: str | None) -> dict[str, int]:
    return json.loads(text) if text else {}
