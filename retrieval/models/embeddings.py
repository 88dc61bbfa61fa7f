"""Embedding spaces, the embeddings in them, the encoder outputs they are made from; words; audits."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from catalog.models import Item
from retrieval.models.runs import LeasedRun, Run


class EmbeddingSpace(models.Model):
    """One version of how the catalog is embedded. Exactly one is active.

    ``encoders`` maps each modality to the encoder's fingerprint and dimension, ``head`` is the
    trained projection and fusion (safetensors), ``metrics`` what was measured when it was made and
    ``history`` what training reported on its way, entry by entry. ``previous`` is the space it took
    over from, which a rollback goes back to.
    """

    class State(models.TextChoices):
        """Life of a space."""

        BUILDING = "building"
        READY = "ready"
        ACTIVE = "active"
        RETIRED = "retired"
        FAILED = "failed"

    class Fusion(models.TextChoices):
        """How an item's modalities become one vector."""

        CONCAT = "concat"
        WEIGHTED = "weighted"
        ATTENTION = "attention"

    class Metric(models.TextChoices):
        """What nearness of ``fused`` means."""

        COSINE = "cosine"
        INNER_PRODUCT = "inner_product"
        EUCLIDEAN = "euclidean"

    LIVE = (State.BUILDING, State.READY, State.ACTIVE)

    name = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING, editable=False)
    profile = models.CharField(max_length=32, default="starter")
    encoders = models.JSONField(default=dict, editable=False)
    fusion = models.CharField(max_length=9, choices=Fusion, default=Fusion.WEIGHTED)
    metric = models.CharField(max_length=13, choices=Metric, default=Metric.COSINE)
    dim = models.PositiveSmallIntegerField(editable=False)
    fused_dim = models.PositiveSmallIntegerField(editable=False)
    head = models.BinaryField(editable=False)
    head_sha256 = models.CharField(max_length=64, editable=False)
    trained = models.BooleanField(default=False, editable=False)
    metrics = models.JSONField(default=dict, blank=True, editable=False)
    history = models.JSONField(default=list, blank=True, editable=False)
    ef_search = models.PositiveSmallIntegerField(
        default=100,
        editable=False,
        help_text="Candidates that a search of the index keeps; `manage.py tune_index` measures it.",
    )
    modality_indexes = models.BooleanField(
        default=False, editable=False, help_text="Each modality has an index of its own."
    )
    error = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    activated_at = models.DateTimeField(null=True, editable=False)
    previous = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="one_active_space"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class TrainingJob(LeasedRun):
    """A space that somebody asked for in the admin, and how far its training is."""

    name = models.CharField(max_length=100, help_text="Of the new space.")
    profile = models.CharField(max_length=32)
    fusion = models.CharField(max_length=9, choices=EmbeddingSpace.Fusion)
    metric = models.CharField(max_length=13, choices=EmbeddingSpace.Metric)
    seed = models.PositiveIntegerField(default=0)
    space = models.ForeignKey(EmbeddingSpace, null=True, on_delete=models.SET_NULL)

    class Meta(LeasedRun.Meta):
        constraints = [
            # a second click, or a second admin, does not train the same space again
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(status__in=["queued", "running"]),
                name="one_training_job_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"


class Embedding(models.Model):
    """One item's vectors in one space: one row per (space, item), LIST-partitioned by space.

    Vectors are halfvec of the space's dimension, unit norm, NULL where the item lacks the
    modality. ``attempts`` counts tries at ``attempted_version`` and is raised before the work.
    """

    class Status(models.TextChoices):
        """Where the work on the row stands."""

        PENDING = "pending"
        READY = "ready"
        FAILED = "failed"

    pk = models.CompositePrimaryKey("space_id", "item_id")
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.DO_NOTHING, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="embeddings")
    text = HalfVectorField(null=True)
    image = HalfVectorField(null=True)
    audio = HalfVectorField(null=True)
    fused = HalfVectorField(null=True)
    weights = models.JSONField(default=dict)
    content_version = models.BigIntegerField(default=0)
    content_hash = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempted_version = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=500, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["space_id", "item_id"]

    def __str__(self) -> str:
        return f"embedding of item {self.item_id} in space {self.space_id}"


class EncoderOutput(models.Model):
    """What one encoder gave for one piece of content, kept so that nothing is encoded twice.

    ``vector`` is little-endian float16: it is read whole, never searched. Training reads them, and a new head projects them again without running an encoder.
    """

    pk = models.CompositePrimaryKey("encoder", "content_hash")
    encoder = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)
    vector = models.BinaryField()

    class Meta:
        ordering = ["encoder", "content_hash"]

    def __str__(self) -> str:
        return f"{self.encoder} of {self.content_hash[:12]}"


class AuditFinding(models.Model):
    """Something odd about an item, as the last audit saw it; out of date once the item changed."""

    class Check(models.TextChoices):
        """What may be odd."""

        MISSING_MEDIA = "missing_media", "lacks usual media"
        BROKEN_MEDIA = "broken_media", "broken file"
        CAPTION_MISMATCH = "caption_mismatch", "picture does not fit the words"
        ODD_TRANSLATION = "odd_translation", "odd translation"
        WRONG_LANGUAGE = "wrong_language", "wrong language"
        BLANK_PICTURE = "blank_picture", "blank picture"
        CLIPPED_SOUND = "clipped_sound", "clipped sound"
        SILENT_SOUND = "silent_sound", "near silent sound"

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="audit_findings")
    check_name = models.CharField(max_length=20, choices=Check)
    score = models.FloatField(help_text="Grows with the oddity, in the check's own unit.")
    detail = models.CharField(max_length=500)
    content_version = models.BigIntegerField()
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["check_name", "-score", "item_id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "check_name"], name="one_finding_a_check")
        ]

    def __str__(self) -> str:
        return f"{self.check_name} of item {self.item_id}"


class AuditRun(Run):
    """An audit that somebody asked for in the admin, and how far it is."""

    stage = models.CharField(max_length=64, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    found = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"audit {self.pk} ({self.status})"


class LexicalDocument(models.Model):
    """One item's words in one language, as full text search reads them.

    ``title`` is folded, ``heading`` as it is shown. ``words`` holds stems: the title's weigh A, the
    tags' B, those of categories and the identifier C, the description's D.
    """

    pk = models.CompositePrimaryKey("item_id", "language")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="+")
    language = models.CharField(max_length=16)
    heading = models.CharField(max_length=500)
    title = models.CharField(max_length=500)
    words = SearchVectorField()
    length = models.IntegerField(help_text="Words, each time they occur.")
    content_version = models.BigIntegerField()
    content_hash = models.CharField(max_length=32, help_text="Of what the row was made from.")
    recipe = models.PositiveSmallIntegerField(help_text="How the words were cut and stemmed.")

    class Meta:
        ordering = ["item_id", "language"]

    def __str__(self) -> str:
        return f"words of item {self.item_id} [{self.language}]"


class LexicalEntry(models.Model):
    """What occurs in the catalog's words: corrects typing errors, completes prefixes.

    Entries are only ever added: who reads one looks whether a visible item still has it.
    """

    class Kind(models.TextChoices):
        """What it is."""

        WORD = "word"
        TAG = "tag"
        CATEGORY = "category"
        LANGUAGE = "language"

    pk = models.CompositePrimaryKey("kind", "text", "language")
    kind = models.CharField(max_length=8, choices=Kind)
    text = models.CharField(max_length=100)
    language = models.CharField(max_length=16, help_text="Of a tag; empty for the others.")
    folded = models.CharField(max_length=300)
    variants = ArrayField(models.CharField(max_length=100), help_text="A word short of one letter.")

    class Meta:
        ordering = ["kind", "text", "language"]
        verbose_name_plural = "lexical entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"
