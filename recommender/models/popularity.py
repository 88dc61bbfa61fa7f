"""How much each item is used."""

from django.db import models


class ItemPopularity(models.Model):
    """What ``recommender.popularity`` counted last; an item that nobody used has no row."""

    item_id = models.BigIntegerField(primary_key=True)
    popular = models.FloatField(help_text="What its events count, halved by each month of age.")
    trending = models.FloatField(help_text="The same, halved by each day.")
    visitors = models.PositiveIntegerField(help_text="Who used it.")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-popular"]
        indexes = [
            models.Index(fields=["-popular"], name="popularity_popular"),
            models.Index(fields=["-trending"], name="popularity_trending"),
        ]

    def __str__(self) -> str:
        return f"popularity of item {self.item_id}"
