"""What people decide on: pairs of items that may be the same, and items that a policy is against."""

from typing import Final

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import Category, Item
from retrieval.models.runs import LeasedRun

DEFAULT_THRESHOLD: Final = 5.0
"""Deviations from what is usual; docs/howto/review.md has what it finds and misses."""
EXAMPLES_FOLDER: Final = "examples"
"""Below the media root."""


class ReviewRun(LeasedRun):
    """A look at the whole catalog that somebody asked for, and how far it is. A rehearsal only counts."""

    class Kind(models.TextChoices):
        """What is looked for."""

        DUPLICATES = "duplicates"
        MODERATION = "moderation"

    kind = models.CharField(max_length=10, choices=Kind)
    policy = models.ForeignKey(
        "Policy", null=True, on_delete=models.CASCADE, related_name="+", help_text="Null: all."
    )
    rehearsal = models.BooleanField(default=False)
    found = models.JSONField(default=dict, blank=True)

    class Meta(LeasedRun.Meta):
        constraints = [
            # a second click, or a second person, does not start the same again
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(status__in=["queued", "running"]),
                name="one_review_run_a_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} run {self.pk} ({self.status})"


class ContentPrint(models.Model):
    """A small copy of a picture, film or sound, to tell whether another is the same thing.

    ``data`` are bytes, empty where the file cannot be decoded or shows nothing; ``recipe`` is how
    they were made (``duplicates.prints``).
    """

    pk = models.CompositePrimaryKey("modality", "sha256")
    modality = models.CharField(max_length=5)
    sha256 = models.CharField(max_length=64)
    recipe = models.PositiveSmallIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["modality", "sha256"]

    def __str__(self) -> str:
        return f"print of {self.modality} {self.sha256[:12]}"


class DuplicatePair(models.Model):
    """Two items that may be the same, and what somebody decided about them.

    ``left`` is the older one. ``content`` tells the contents that ``grade`` is about; a decision
    stands until they change and the grade with them.
    """

    class Grade(models.TextChoices):
        """How much the same."""

        EXACT = "exact", "exact"
        NEAR = "near", "near"
        SIMILAR = "similar", "merely similar"

    class State(models.TextChoices):
        """What was decided."""

        OPEN = "open"
        KEPT = "kept", "both kept"
        MERGED = "merged"
        HIDDEN = "hidden", "one hidden"

    left = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    grade = models.CharField(max_length=7, choices=Grade)
    score = models.FloatField(help_text="Of the strongest signal, from 0 to 1.")
    signals = models.JSONField(default=dict)
    content = models.CharField(max_length=64)
    group = models.BigIntegerField(help_text="The oldest item that pairs of this grade lead to.")
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    kept = models.ForeignKey(Item, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["grade", "-score", "id"]
        verbose_name = "near duplicate"
        permissions = [("review_duplicates", "Can decide on near duplicates")]
        indexes = [models.Index(fields=["state", "grade", "-score"], name="duplicate_queue")]
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="one_pair_of_two_items"),
            models.CheckConstraint(condition=Q(left__lt=F("right")), name="the_older_one_left"),
        ]

    def __str__(self) -> str:
        return f"items {self.left_id} and {self.right_id} ({self.grade})"


class Policy(models.Model):
    """What the catalog shall not show, said by examples.

    ``quality`` is what its last run measured on labelled items.
    """

    class Action(models.TextChoices):
        """What becomes of an item that it is against, until somebody decided."""

        FLAG = "flag", "flag: ask a moderator"
        HOLD = "hold", "hold: hide it, then ask a moderator"

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True, max_length=2_000)
    enabled = models.BooleanField(default=True)
    threshold = models.FloatField(
        default=DEFAULT_THRESHOLD,
        help_text="How far from the usual an item must resemble the examples, in deviations: 4 finds "
        "more and errs more, 7 next to copies.",
    )
    action = models.CharField(max_length=4, choices=Action, default=Action.FLAG)
    kind = models.CharField(max_length=64, blank=True, help_text="Only items of this kind.")
    category = models.ForeignKey(
        Category,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Only items there or below.",
    )
    quality = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyExample(models.Model):
    """Something that a policy is against, or (not ``positive``) that it is not meant to be against."""

    class Kind(models.TextChoices):
        """What it is."""

        TEXT = "text"
        IMAGE = "image", "picture"
        AUDIO = "audio", "sound"
        ITEM = "item"

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="examples")
    positive = models.BooleanField(
        default=True, help_text="Off: something alike that is all right, to keep apart from."
    )
    kind = models.CharField(max_length=5, choices=Kind, editable=False)
    text = models.CharField(max_length=1_000, blank=True)
    item = models.ForeignKey(
        Item, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    file = models.FileField(max_length=200, blank=True, upload_to=EXAMPLES_FOLDER)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ["-positive", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(kind="text", item=None, file="") & ~Q(text="")
                    | Q(kind="item", text="", file="", item__isnull=False)
                    | Q(kind__in=["image", "audio"], text="", item=None) & ~Q(file="")
                ),
                name="an_example_is_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{'example' if self.positive else 'counterexample'} {self.pk} ({self.kind})"


class Case(models.Model):
    """An item that a policy, or somebody by hand (``policy`` null), is against.

    ``holding``: it keeps the item from being shown. ``content`` tells what the item was then: a
    decision stands until it changes. ``matched`` is what it resembled, strongest first.
    """

    class State(models.TextChoices):
        """What was decided."""

        OPEN = "open"
        UPHELD = "upheld"
        DISMISSED = "dismissed"

    policy = models.ForeignKey(Policy, null=True, on_delete=models.PROTECT, related_name="cases")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="cases")
    score = models.FloatField(null=True, help_text="In deviations from the usual.")
    matched = models.JSONField(default=list)
    reason = models.CharField(max_length=500, blank=True)
    flagged_by = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    holding = models.BooleanField(default=False)
    content = models.CharField(max_length=64)
    note = models.CharField(max_length=500, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        permissions = [("moderate", "Can decide moderation cases")]
        indexes = [
            models.Index(fields=["state", "-score"], name="case_queue"),
            models.Index(fields=["item"], condition=Q(holding=True), name="case_holding"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "item"],
                condition=Q(state="open"),
                nulls_distinct=False,
                name="one_open_case",
            )
        ]

    def __str__(self) -> str:
        return f"case {self.pk} ({self.state})"


class Screening(models.Model):
    """That an item was checked by the policies there were, at one content version."""

    item = models.OneToOneField(
        Item, primary_key=True, on_delete=models.CASCADE, related_name="screening"
    )
    content_version = models.BigIntegerField()

    class Meta:
        ordering = ["item"]

    def __str__(self) -> str:
        return f"screening of item {self.item_id}"
