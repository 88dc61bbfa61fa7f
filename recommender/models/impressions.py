"""What was shown to whom."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from recommender.models.experiments import Experiment
from recommender.models.visitors import Visitor


class RealField(models.FloatField):
    """Four bytes instead of eight: there are many, and seven digits are enough."""

    def db_type(self, connection: Any) -> str:
        """PostgreSQL's name of it."""
        return "real"


class Impression(models.Model):
    """One answer: the items by position, and how each came there.

    ``propensities``, ``sources`` and ``features`` are in the order of ``item_ids``. Neither visitor
    nor session is there if nobody said who asked.
    """

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=128)
    visitor = models.ForeignKey(
        Visitor, on_delete=models.DO_NOTHING, null=True, db_index=False, related_name="impressions"
    )
    session = models.CharField(max_length=128, blank=True)
    placement = models.CharField(max_length=64)
    experiment = models.ForeignKey(
        Experiment, on_delete=models.PROTECT, null=True, db_index=False, related_name="impressions"
    )
    variant = models.CharField(max_length=64, blank=True)
    shown_at = models.DateTimeField()
    start = models.PositiveIntegerField(
        default=0, help_text="How many items earlier pages of the same list showed."
    )
    item_ids = ArrayField(models.BigIntegerField())
    propensities = ArrayField(RealField(), help_text="The probability of showing it there.")
    sources = models.JSONField(help_text="The names of each item's sources.")
    features = ArrayField(ArrayField(RealField()), help_text="Each item's ranking.FEATURES.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["visitor", "shown_at"], name="impression_visitor"),
            models.Index(fields=["request_id"], name="impression_request"),
            models.Index(fields=["shown_at"], name="impression_shown_at"),
            models.Index(
                fields=["experiment"],
                name="impression_experiment",
                condition=Q(experiment__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.placement} {self.request_id}"
