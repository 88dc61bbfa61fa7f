"""What people decided about items, whatever the scores say."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import Item
from catalog.models.items import Category


class Rule(models.Model):
    """Pins, boosts, buries or hides items: those listed, those in a category, or those with a tag."""

    class Action(models.TextChoices):
        """What happens to the items."""

        PIN = "pin", "pin at a position"
        BOOST = "boost", "boost"
        BURY = "bury", "bury"
        HIDE = "hide", "hide"

    name = models.CharField(max_length=200, help_text="What it is for.")
    action = models.CharField(max_length=8, choices=Action)
    placement = models.CharField(max_length=64, blank=True, help_text="Empty for all.")
    items = models.ManyToManyField(Item, blank=True, related_name="+")
    category = models.ForeignKey(
        Category,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="With those below it.",
    )
    tag = models.CharField(max_length=100, blank=True)
    position = models.PositiveIntegerField(null=True, blank=True, help_text="Of a pin, from 1.")
    factor = models.FloatField(
        null=True,
        blank=True,
        help_text="What the score is multiplied by: above 1 of a boost, between 0 and 1 of a bury.",
    )
    enabled = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: from now on.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: for good.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="rule_position_of_pin",
                condition=Q(action="pin", position__isnull=False, position__gte=1)
                | (~Q(action="pin") & Q(position__isnull=True)),
            ),
            models.CheckConstraint(
                name="rule_factor_of_boost_or_bury",
                condition=Q(action="boost", factor__isnull=False, factor__gt=1)
                | Q(action="bury", factor__isnull=False, factor__gt=0, factor__lt=1)
                | (Q(action__in=["pin", "hide"]) & Q(factor__isnull=True)),
            ),
            models.CheckConstraint(
                name="rule_ends_after_its_start",
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def facts(self) -> dict[str, Any]:
        """What a Change records of it."""
        items = self.items.order_by("external_id").values_list("external_id", flat=True)
        return {
            "name": self.name,
            "action": self.action,
            "placement": self.placement,
            "items": list(items),
            "category": self.category.path if self.category else "",
            "tag": self.tag,
            "position": self.position,
            "factor": self.factor,
            "enabled": self.enabled,
            "starts_at": self.starts_at and self.starts_at.isoformat(),
            "ends_at": self.ends_at and self.ends_at.isoformat(),
        }
