"""Versions of what was learned from events, and what each gives to be served."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from catalog.models import Item
from retrieval.models import EmbeddingSpace


class RecommenderModel(models.Model):
    """One version of a model. Of each kind at most one is active.

    A building one is also the job that trains it: its worker renews ``leased_until``; one whose lease ran
    out was interrupted and fails. ``previous`` is the version it took over from.
    """

    class Kind(models.TextChoices):
        """What it is asked for."""

        ITEM_ITEM = "item-item"
        TWO_TOWER = "two-tower"
        RANKER = "ranker"

    class Algorithm(models.TextChoices):
        """How it learns."""

        EASE = "ease"
        ITEM_KNN = "item-knn"
        FACTORIZATION = "factorization"
        TWO_TOWER = "two-tower"
        LOGISTIC = "logistic"

    class State(models.TextChoices):
        """Life of a version."""

        BUILDING = "building"
        READY = "ready"
        ACTIVE = "active"
        RETIRED = "retired"
        FAILED = "failed"

    class Activation(models.TextChoices):
        """Whether it becomes active once it is ready."""

        NEVER = "never"
        BETTER = "better", "if it is not worse than the active one"
        ALWAYS = "always"

    SERVED = (State.READY, State.ACTIVE)
    """Those that have their neighbours or vectors."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=9, choices=Kind)
    algorithm = models.CharField(max_length=13, choices=Algorithm)
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    config = models.JSONField(default=dict, blank=True, help_text="The algorithm's options.")
    seed = models.PositiveIntegerField(default=0)
    activation = models.CharField(
        max_length=6, choices=Activation, default=Activation.NEVER, help_text="Once it is ready."
    )
    metrics = models.JSONField(default=dict, blank=True, help_text="On a time split held out.")
    events = models.PositiveBigIntegerField(default=0, help_text="It learned from.")
    visitors = models.PositiveBigIntegerField(default=0)
    items = models.PositiveBigIntegerField(default=0)
    space = models.ForeignKey(
        EmbeddingSpace, null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Whose vectors say what an item is.",
    )  # fmt: skip
    factors = models.PositiveSmallIntegerField(default=0, help_text="Length of an item's context.")
    parameters = models.BinaryField(
        default=b"", help_text="Of a two-tower model, for new items; of a ranker, its weights."
    )
    stage = models.CharField(max_length=32, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True, help_text="Training took.")
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    trained_at = models.DateTimeField(null=True)
    activated_at = models.DateTimeField(null=True)
    previous = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        verbose_name = "model"
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(state="active"), name="one_active_model_a_kind"
            ),
            # a second click, or a second admin, does not train the same again
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=Q(state="building"),
                name="one_training_an_algorithm",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class ItemNeighbours(models.Model):
    """What an item says of others: for them (score above 0) or against."""

    pk = models.CompositePrimaryKey("model_id", "item_id")
    model = models.ForeignKey(RecommenderModel, on_delete=models.DO_NOTHING, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="+")
    neighbours = ArrayField(models.BigIntegerField(), help_text="Items, the strongest first.")
    scores = ArrayField(models.FloatField())

    class Meta:
        ordering = ["model_id", "item_id"]

    def __str__(self) -> str:
        return f"neighbours of item {self.item_id} in model {self.model_id}"


class ItemTower(models.Model):
    """An item's vectors in a two-tower model, LIST-partitioned by it with an HNSW index each.

    ``learned`` from events; the others are placed by their content at ``content_version`` alone.
    """

    pk = models.CompositePrimaryKey("model_id", "item_id")
    model = models.ForeignKey(RecommenderModel, on_delete=models.DO_NOTHING, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="+")
    vector = HalfVectorField(help_text="To be found.")
    context = HalfVectorField(help_text="What having used it says of a visitor.")
    learned = models.BooleanField()
    content_version = models.BigIntegerField()

    class Meta:
        ordering = ["model_id", "item_id"]

    def __str__(self) -> str:
        return f"towers of item {self.item_id} in model {self.model_id}"
