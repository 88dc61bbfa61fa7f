"""What visitors did."""

from django.db import models
from django.db.models.functions import Now

from catalog.models import Item
from recommender.models.visitors import Visitor


class Event(models.Model):
    """One thing that a visitor did with an item.

    The table is RANGE-partitioned by the month of ``occurred_at`` (``recommender.partitions`` makes
    the months), so ``id`` is unique through its sequence and ``key`` through ``EventKey``. ``item``
    is null until an item with that ``item_external_id`` is there, and again once it is deleted.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=128, help_text="The client's id of the event.")
    visitor = models.ForeignKey(Visitor, on_delete=models.DO_NOTHING, related_name="events")
    item = models.ForeignKey(Item, on_delete=models.DO_NOTHING, null=True, related_name="+")
    item_external_id = models.CharField(max_length=128)
    type = models.CharField(max_length=32)
    value = models.FloatField(null=True)
    share = models.FloatField(null=True, help_text="How much was taken in, from 0 to 1.")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())
    session = models.CharField(max_length=128, blank=True)
    request_id = models.CharField(max_length=128, blank=True, help_text="Of the recommendation.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.type} {self.item_external_id}"


class EventKey(models.Model):
    """Makes an event's id unique over all months; ``digest`` tells a retry from another event."""

    key = models.CharField(max_length=128, primary_key=True)
    digest = models.UUIDField()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key
