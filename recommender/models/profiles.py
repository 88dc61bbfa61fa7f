"""What is known of visitors' tastes, and what is still to be taken in."""

from django.db import models
from django.db.models.functions import Now

from catalog.models import Item
from recommender.models.visitors import Visitor
from retrieval.models import EmbeddingSpace


class Profile(models.Model):
    """A visitor's leanings in one space, packed by ``recommender.profiles.rows``.

    Whoever has no row in the active space has their events read anew; a row of another space is of no
    use any more, but says who that is.
    """

    id = models.BigAutoField(primary_key=True)
    visitor = models.ForeignKey(Visitor, on_delete=models.DO_NOTHING, related_name="profiles")
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.DO_NOTHING, related_name="+")
    at = models.FloatField(help_text="As of when everything counts, in seconds since 1970.")
    kinds = models.JSONField(help_text="Types of events with their half-lives in days.")
    liked = models.BinaryField()
    disliked = models.BinaryField()
    session = models.BinaryField()
    history = models.BinaryField()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["visitor", "space"], name="profile_of_visitor_in_space")
        ]

    def __str__(self) -> str:
        return f"{self.visitor} in {self.space}"


class PendingEvent(models.Model):
    """An event that no profile has taken in yet: made and deleted in the same transaction as its cause.

    It has what a profile needs of the event, whose id it has too. ``parked_at`` is since when it waits
    for a vector of its item.
    """

    event_id = models.BigIntegerField(primary_key=True)
    visitor = models.ForeignKey(Visitor, on_delete=models.DO_NOTHING, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, related_name="+")
    type = models.CharField(max_length=32)
    share = models.FloatField(null=True)
    occurred_at = models.DateTimeField()
    parked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["event_id"]
        indexes = [
            models.Index(
                fields=["event_id"], name="pendingevent_ready", condition=models.Q(parked_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.item_id}"
