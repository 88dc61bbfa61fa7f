"""``manage.py embed``: bring every embedding up to date."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from catalog.commands import ExampleCommand
from catalog.wake import workers_wake
from retrieval import claims, lexical, spaces
from retrieval.claims import PAGE
from retrieval.exceptions import RetrievalError
from retrieval.management.backfill import fill_here, name_of, watch


class Command(ExampleCommand):
    """Enqueues what is due in every live space; with --wait, shows the progress to the end."""

    help = "Embed every item whose embedding is missing or older than its content."
    epilog = """examples:
  manage.py embed --wait             enqueue, then watch the workers
  manage.py embed --here             do the work in this process, without workers
  manage.py embed --retry-failed     try failed items again"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--wait", action="store_true", help="watch until all are done")
        parser.add_argument("--here", action="store_true", help="embed in this process")
        parser.add_argument("--warn", action="store_true", help="exit 0 though items failed")
        parser.add_argument("--retry-failed", action="store_true", help="failed items too")

    def handle(self, *, wait: bool, here: bool, warn: bool, retry_failed: bool, **_: Any) -> None:
        """Exit code 1 if items failed, unless ``--warn``."""
        try:
            self._embed(wait=wait, here=here, warn=warn, retry_failed=retry_failed)
        except RetrievalError as err:
            raise CommandError(str(err)) from err

    def _embed(self, *, wait: bool, here: bool, warn: bool, retry_failed: bool) -> None:
        self._index_words()
        active = spaces.ensure_active_space(
            settings.RETRIEVAL["PROFILE"], settings.RETRIEVAL["DIM"]
        )
        live = spaces.live_spaces()
        if retry_failed:
            count = sum(claims.failed_retry(space_id) for space_id in live)
            self.stdout.write(f"{count} failed embeddings will be tried again.")
        due = sorted({item for space_id in live for item in claims.all_due(space_id)})
        if not due:
            self._summary(active, warn)
            return
        if here:
            fill_here(live, due)
        else:
            workers_wake(due)
            if not wait:
                self.stdout.write(f"{len(due)} items enqueued; add --wait to watch.")
                return
            watch(live)
        self._summary(active, warn)

    def _index_words(self) -> None:
        """Here in any case: it takes seconds, and what is found by words need not wait for encoders."""
        due = [0]
        while due := lexical.due(limit=PAGE, after=due[-1]):
            lexical.index_items(due)

    def _summary(self, space_id: int, warn: bool) -> None:
        count = claims.progress(space_id)
        self.stdout.write(
            f"{name_of(space_id)}: {count['ready']} of {count['total']} items ready, "
            f"{count['pending']} pending, {count['failed']} failed."
        )
        if count["failed"]:
            problem = (
                "Some items failed: the admin's filter 'embedding: failed' shows which and why; "
                "after a repair run `manage.py embed --retry-failed`."
            )
            if not warn:
                raise CommandError(problem)
            self.stdout.write(self.style.WARNING(problem))
