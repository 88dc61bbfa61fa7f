"""What was changed from the settings' placements, and the trail of all such changes."""

from typing import Any, Final

from django.db import models
from django.db.models.functions import Now

from recommender.types import Placement as Declared

OPTIONS: Final = tuple(name for name in Declared.__slots__ if name != "name")


class Placement(models.Model):
    """What is different, here and now, from a placement's declaration in the settings."""

    name = models.CharField(max_length=64, unique=True)
    overrides = models.JSONField(default=dict, blank=True, help_text="Option → value.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def facts(self) -> dict[str, Any]:
        """What a Change records of it."""
        return {"overrides": self.overrides}


class Change(models.Model):
    """Who changed a placement, a rule or an experiment, and what it was before and after."""

    class Subject(models.TextChoices):
        """What was changed."""

        PLACEMENT = "placement"
        RULE = "rule"
        EXPERIMENT = "experiment"

    class Action(models.TextChoices):
        """How it was changed."""

        CREATED = "created"
        CHANGED = "changed"
        DELETED = "deleted"
        STARTED = "started"
        STOPPED = "stopped"

    subject = models.CharField(max_length=16, choices=Subject)
    object_id = models.BigIntegerField(help_text="Of a row that may be gone.")
    name = models.CharField(max_length=200)
    action = models.CharField(max_length=16, choices=Action)
    by = models.CharField(max_length=150, help_text="The user's name; empty for a program.")
    at = models.DateTimeField(db_default=Now())
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["subject", "object_id"], name="change_of")]

    def __str__(self) -> str:
        return f"{self.subject} {self.name} {self.action}"
