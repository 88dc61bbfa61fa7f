"""Comparisons of ways to fill a placement."""

import secrets
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
validate_name = RegexValidator(
    rf"^{NAME_PATTERN}\Z", "Use a to z, 0 to 9, - and _, at most 64.", code="name"
)


def new_salt() -> str:
    """Makes one experiment's split independent of every other's."""
    return secrets.token_hex(8)


class Experiment(models.Model):
    """Splits a placement's visitors between variants. Once started it never changes but to stop.

    At most one runs per placement; those of different placements split independently.
    """

    class State(models.TextChoices):
        """Its life, in this order."""

        DRAFT = "draft"
        RUNNING = "running"
        STOPPED = "stopped"

    name = models.CharField(max_length=64, unique=True, validators=[validate_name])
    placement = models.CharField(max_length=64)
    hypothesis = models.TextField(
        blank=True, help_text="What should become better, why, and on which day you will decide."
    )
    share = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.001), MaxValueValidator(1.0)],
        help_text="Which part of the visitors takes part, up to 1.",
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    stopped_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["placement"],
                condition=Q(state="running"),
                name="one_running_experiment_per_placement",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def facts(self) -> dict[str, Any]:
        """What a Change records of it."""
        return {
            "name": self.name,
            "placement": self.placement,
            "hypothesis": self.hypothesis,
            "share": self.share,
            "state": self.state,
            "variants": {
                each.name: {"weight": each.weight, "overrides": each.overrides}
                for each in self.variants.all()
            },
        }


class Variant(models.Model):
    """One way to fill the placement; the first of an experiment is what others are compared with."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=64, validators=[validate_name])
    weight = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.001), MaxValueValidator(1000.0)],
        help_text="Its part of the visitors, relative to the others'.",
    )
    overrides = models.JSONField(default=dict, blank=True, help_text="Option → value.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "name"], name="variant_named_once")
        ]

    def __str__(self) -> str:
        return self.name
