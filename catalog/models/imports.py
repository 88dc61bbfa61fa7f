"""Imports asked for in the admin, and queues that somebody stopped."""

from django.db import models
from django.db.models.functions import Now


class ImportRun(models.Model):
    """A file to import: first rehearsed, then, once somebody has confirmed it, imported.

    ``rows`` counts what the present phase has done; a run that was interrupted goes on after them. A
    worker's hold on a run ends with ``leased_until``. ``checked`` keeps what the rehearsal counted.
    """

    class Status(models.TextChoices):
        """Where it stands."""

        CHECK = "check", "waiting to be checked"
        CHECKING = "checking", "being checked"
        CHECKED = "checked", "checked, waits for you"
        IMPORT = "import", "waiting to be imported"
        IMPORTING = "importing", "being imported"
        DONE = "done", "imported"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    class Format(models.TextChoices):
        """How the file is written."""

        CSV = "csv", "CSV"
        JSONL = "jsonl", "JSON Lines"
        XLSX = "xlsx", "Excel (XLSX)"

    WORK = (Status.CHECK, Status.CHECKING, Status.IMPORT, Status.IMPORTING)
    """A worker has something to do."""
    OPEN = (*WORK, Status.CHECKED)
    CANCELLABLE = (*OPEN, Status.FAILED)
    """Of one that failed somebody may want no more."""

    name = models.CharField("file", max_length=255, help_text="As it was called when it came.")
    file_format = models.CharField("format", max_length=5, choices=Format)
    with_media = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=Status, default=Status.CHECK)
    rows = models.PositiveIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    checked = models.JSONField(default=dict, blank=True)
    sample = models.JSONField(default=list, blank=True, help_text="Items before and after.")
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="Since it last got any further."
    )
    leased_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.name


class ImportProblem(models.Model):
    """A row that was refused."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    external_id = models.CharField(max_length=128, blank=True)
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class QueuePause(models.Model):
    """A queue whose workers take on nothing, until the row is deleted."""

    queue = models.CharField(max_length=32, primary_key=True)
    paused_by = models.CharField(max_length=150, blank=True)
    paused_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["queue"]
        verbose_name = "pause of a queue"
        verbose_name_plural = "jobs"  # the admin shows them with all else that workers do
        permissions = [("operate_jobs", "Can retry jobs, pause and resume queues")]

    def __str__(self) -> str:
        return self.queue
