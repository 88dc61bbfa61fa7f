"""What a machine proposes for the catalog and a person decides."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Item, Media


class Suggestion(models.Model):
    """A text for one place of an item: asked for, drafted, then accepted or rejected by a person.

    Nothing of it is searched or shown to visitors before that.
    """

    class Kind(models.TextChoices):
        """What it is for."""

        DESCRIPTION = "description"
        TAGS = "tags"
        ALT = "alt", "alt text"
        TRANSLATION = "translation"

    class Status(models.TextChoices):
        """Where it stands."""

        ASKED = "asked"
        SUGGESTED = "suggested"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        FAILED = "failed"

    OPEN = (Status.ASKED, Status.SUGGESTED)

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="suggestions")
    media = models.ForeignKey(
        Media, on_delete=models.CASCADE, null=True, blank=True, related_name="suggestions"
    )
    kind = models.CharField(max_length=16, choices=Kind)
    language = models.CharField(max_length=16)
    text = models.TextField(blank=True, max_length=2_000, help_text="Tags are joined by commas.")
    status = models.CharField(max_length=16, choices=Status, default=Status.ASKED)
    source = models.CharField(max_length=32, blank=True, help_text="Which provider wrote it.")
    problem = models.CharField(max_length=200, blank=True)
    content_version = models.BigIntegerField(
        default=0, help_text="Of the item when it was drafted."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "media", "kind", "language"],
                condition=Q(status__in=["asked", "suggested"]),
                nulls_distinct=False,
                name="one_open_suggestion",
            )
        ]
        indexes = [models.Index(fields=["status", "id"], name="suggestion_status")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.item_id} [{self.language}]"
