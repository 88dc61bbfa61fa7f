"""Pictures, sounds and videos of items."""

from django.db import models
from django.db.models.functions import Now

from catalog.models.items import Item


class Media(models.Model):
    """One picture, sound or video of an item, checked by signature before it was stored.

    ``file`` is named after the content's SHA-256, so equal files are stored once and a URL never
    changes its content.
    """

    class Modality(models.TextChoices):
        """What a media file is; encoders see a video as pictures and a sound."""

        IMAGE = "image"
        AUDIO = "audio"
        VIDEO = "video"

    class Status(models.TextChoices):
        """Whether the file could be decoded: unknown yet, yes, or no (see ``error_code``)."""

        PENDING = "pending"
        READY = "ready"
        FAILED = "failed"

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="media")
    modality = models.CharField(max_length=8, choices=Modality)
    file = models.FileField(max_length=200)
    content_type = models.CharField(max_length=64, editable=False)
    bytes = models.BigIntegerField(editable=False)
    sha256 = models.CharField(max_length=64, editable=False, db_index=True)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    duration_s = models.FloatField(null=True, editable=False)
    position = models.PositiveSmallIntegerField(default=0)
    alt = models.CharField(max_length=500, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=8, choices=Status, default=Status.PENDING, db_index=True, editable=False
    )
    error_code = models.CharField(max_length=64, blank=True, editable=False)
    error = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["item_id", "position", "id"]
        verbose_name_plural = "media"
        constraints = [
            models.UniqueConstraint(
                fields=["item", "modality", "sha256"], name="one_copy_of_a_file_per_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.modality} {self.sha256[:12]}"
