"""Runs of long work, for people."""

from typing import Final

from django.utils.safestring import SafeString

from catalog.admin import html
from retrieval.models import Run

VARIANTS: Final = {
    Run.Status.QUEUED: "info",
    Run.Status.RUNNING: "warning",
    Run.Status.DONE: "success",
    Run.Status.FAILED: "danger",
}


def run_badge(run: Run) -> SafeString:
    """Where it stands, in colour."""
    return html.badge(run.status, VARIANTS[Run.Status(run.status)])
