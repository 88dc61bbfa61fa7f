"""What runs of long work have in common: asked for in the admin, done by a worker of the queue ``train``."""

from django.db import models
from django.db.models.functions import Now


class Run(models.Model):
    """Work that somebody asked for: where it stands, and why it failed."""

    class Status(models.TextChoices):
        """Where the work stands."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    UNFINISHED = (Status.QUEUED, Status.RUNNING)

    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True
        ordering = ["-id"]


class LeasedRun(Run):
    """A run whose worker renews ``leased_until`` while it goes on (``leases``); one whose lease ran out was
    interrupted.
    """

    stage = models.CharField(max_length=32, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta(Run.Meta):
        abstract = True
