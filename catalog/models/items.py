"""Items, their texts in other languages, and the category tree."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone

EXTERNAL_ID_PATTERN = r"(?=\.*[A-Za-z0-9_:-])[A-Za-z0-9._:-]{1,128}"
"""Not dots alone: clients take ``.`` and ``..`` out of an address."""
LANGUAGE_PATTERN = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
SLUG_PATH_PATTERN = r"[^/\x00-\x1f]{1,100}(/[^/\x00-\x1f]{1,100})*"

validate_external_id = RegexValidator(
    rf"^{EXTERNAL_ID_PATTERN}\Z",
    "Use 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone",
    code="external_id",
)
validate_language = RegexValidator(
    rf"^{LANGUAGE_PATTERN}\Z", "Use a language tag such as en, zh or zh-Hant.", code="language"
)


class Category(models.Model):
    """A node of the category tree; ``path`` is its names from the root, joined by ``/``."""

    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="children"
    )
    name = models.CharField(max_length=100)
    path = models.CharField(max_length=1000, unique=True, editable=False)

    class Meta:
        ordering = ["path"]
        verbose_name_plural = "categories"
        indexes = [
            # "animals and everything below it" is a prefix match on the path
            models.Index(
                fields=["path"], name="category_path_prefix", opclasses=["varchar_pattern_ops"]
            )
        ]

    def __str__(self) -> str:
        return self.path


class ItemQuerySet(models.QuerySet["Item"]):
    """Named conditions on items."""

    def visible(self) -> "ItemQuerySet":
        """Published, not expired, not held: what search and recommendations may show."""
        # by the database's clock: the same text at every call, which is planned once
        timely = Q(expires_at=None) | Q(expires_at__gt=Now())
        return self.filter(timely, published=True, held=False)


class Item(models.Model):
    """One thing that can be found and recommended.

    ``content_version`` grows in the same transaction as every change to what the item is found by:
    words, media, categories. An embedding or an entry in the lexical index of an older version is
    due again. ``held``: moderation keeps it from being shown, whatever ``published`` says and an
    import writes.
    """

    id = models.BigAutoField(primary_key=True)
    external_id = models.CharField(
        max_length=128,
        unique=True,
        validators=[validate_external_id],
        help_text="Your own identifier: 1 to 128 characters from A-Z a-z 0-9 . _ : -, not dots alone",
    )
    kind = models.CharField(max_length=64, default="item", db_index=True)
    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, max_length=20_000)
    language = models.CharField(max_length=16, default="en", validators=[validate_language])
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    categories = models.ManyToManyField(Category, related_name="items", blank=True)
    published = models.BooleanField(default=True)
    held = models.BooleanField(default=False, db_default=False, editable=False)
    published_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    content_version = models.BigIntegerField(default=1, editable=False)
    content_changed_at = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            GinIndex(fields=["tags"], name="item_tags"),
            # "has this value" (@>); hashes, so that no value is too long for it
            GinIndex(fields=["attributes"], name="item_attributes", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["published_at"], name="item_published_at"),
            models.Index(fields=["content_changed_at"], name="item_content_changed_at"),
            models.Index(fields=["published", "expires_at"], name="item_visibility"),
            # who types an identifier may not know its case
            models.Index(Lower("external_id"), name="item_external_id_lower"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.external_id})"


class ItemText(models.Model):
    """An item's words in one more language."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=16, validators=[validate_language])
    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, max_length=20_000)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)

    class Meta:
        ordering = ["language"]
        constraints = [
            models.UniqueConstraint(fields=["item", "language"], name="one_text_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.title} [{self.language}]"
