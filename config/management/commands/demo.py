"""``manage.py demo``: from nothing to a catalog that can be searched in a browser."""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from rich.console import Console

from catalog.commands import ExampleCommand
from catalog.importers.demo import FetchError
from catalog.models import Item
from config.processes import ProcessGroup, ProcessGroupError
from recommender.llm import weights
from retrieval import space_training
from retrieval.models import EmbeddingSpace

WORKERS = 2
MAX_PORT = 65_535
PHONE = "emoji:1F4F1"  # what the second example searches for; not there without the emoji
WORDS = ("frog", "我想要一部新的智能手机")  # what the examples search the demo catalog for
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Command(ExampleCommand):
    """Every step looks at what is there already, so a second run only serves."""

    help = "Load the demo catalog, embed it, train on it and serve it until Ctrl-C."

    epilog = """examples:
  VAR=var2 manage.py demo --port 8001     a second demo, beside the first
  VAR=mine manage.py demo --catalog items.jsonl --media-root pictures/
                                          your own items (`manage.py import_catalog --help` has
                                          the format); again after a change loads what changed"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--catalog",
            type=Path,
            metavar="FILE",
            help="your own items instead of the demo catalog: JSON Lines, CSV or XLSX",
        )
        parser.add_argument(
            "--media-root", type=Path, metavar="DIR", help="folder of their media (FILE's folder)"
        )

    def handle(
        self, *, host: str, port: int, catalog: Path | None, media_root: Path | None, **_: Any
    ) -> None:
        """Raises CommandError, everything stopped, when a step fails."""
        _check_port(host, port)
        if catalog is not None and not catalog.is_file():
            raise CommandError(
                f"There is no file {catalog}: give --catalog a JSON Lines, CSV or XLSX file."
            )
        if media_root is not None and catalog is None:
            raise CommandError("--media-root is of your own items: give --catalog FILE as well.")
        for name in SIGNALS:
            signal.signal(getattr(signal, name), _interrupt)
        group = ProcessGroup(settings.VAR, host=host, port=port, workers=WORKERS)
        try:
            group.start()
            self._prepare(group, catalog, media_root)
            group.run("web")
            group.wait_for_web("/api/v1/health/ready")
            self._welcome(group)
            group.wait()
        except KeyboardInterrupt:
            self.stdout.write("\nStopping …")
        except ProcessGroupError as err:
            raise CommandError(str(err)) from err
        except subprocess.CalledProcessError as err:
            raise CommandError("Training failed; what it printed above says why.") from err
        finally:
            for name in SIGNALS:  # a second Ctrl-C must not cut this short
                signal.signal(getattr(signal, name), signal.SIG_IGN)
            group.stop()

    def _prepare(self, group: ProcessGroup, catalog: Path | None, media_root: Path | None) -> None:
        self._step("Database", lambda: call_command("migrate", verbosity=0))
        loaded = settings.VAR / "demo-loaded"  # later runs leave the items as people changed them
        if catalog is not None:
            self._step(catalog.name, lambda: _import_own(catalog, media_root))
        elif not loaded.exists():
            self._step("Demo catalog", lambda: call_command("import_demo", "all"))
        loaded.touch()
        group.run("worker")
        group.run("beat")
        self._step("Embeddings", lambda: call_command("embed", wait=True, warn=True))
        if not EmbeddingSpace.objects.filter(state="active", trained=True).exists():
            self._step("Alignment of words, pictures and sounds", self._train)
        group.run("trainer")
        if settings.LLM["PROVIDER"] == "local":
            self._step("Language model", self._fetch_weights)
            group.run("llm")
        self._admin_user()

    def _step(self, title: str, run: Callable[[], Any]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(title))
        self.stdout.flush()
        started = time.monotonic()
        run()
        self.stdout.write(f"  {time.monotonic() - started:.1f} s")

    def _train(self) -> None:
        """In a process of its own, whose memory comes back: the first run peaks at 4.3 GiB over all
        processes, 3.1 while embedding.
        """
        items = Item.objects.count()
        if items < space_training.MIN_ITEMS:
            self.stdout.write(
                f"  {items} items are too few to learn from; it takes {space_training.MIN_ITEMS}. "
                "Until then words find words, pictures pictures and sounds sounds."
            )
            return
        subprocess.run(
            [sys.executable, "manage.py", "train_space", "demo", "--activate"],
            cwd=settings.BASE_DIR,
            check=True,
        )

    def _fetch_weights(self) -> None:
        """Raises CommandError, which says how to do without."""
        try:
            weights.fetch(Console())
        except FetchError as err:
            raise CommandError(
                f"The weights of the language model cannot be had: {err}. Everything answers without "
                "one, too: `make demo`."
            ) from err

    def _admin_user(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser("admin", "", password)
        self.stdout.write(
            self.style.WARNING(f"Admin user made: admin, password {password} (shown only now)")
        )

    def _welcome(self, group: ProcessGroup) -> None:
        base = f"http://{group.host}:{group.port}"
        example, (first, second) = _example()
        body = json.dumps(
            {"query": [{"text": second}], "limit": 5}, ensure_ascii=False, separators=(",", ":")
        )
        self.stdout.write(
            f"""
Logs in {os.path.relpath(group.logs)}. Ctrl-C stops everything.

  Storefront  {base}/
  Admin       {base}/admin/
  API docs    {base}/api/docs/

curl '{base}/api/v1/search/?q={quote(first)}&limit=3'
curl '{base}/api/v1/search/' -H 'Content-Type: application/json' -d {shlex.quote(body)}
curl '{base}/api/v1/items/{example}/similar/?limit=5'"""
        )
        self.stdout.flush()


def _import_own(catalog: Path, media_root: Path | None) -> None:
    """The import has said which rows it refused; the others are served. Raises CommandError without any."""
    with suppress(SystemExit):
        call_command("import_catalog", catalog, media_root=media_root)
    if not Item.objects.exists():
        raise CommandError(
            f"Nothing of {catalog} could be loaded: `manage.py import_catalog --help` has the format."
        )


def _example() -> tuple[str, tuple[str, str]]:
    """An item that is there, and words to search for: people may have changed the catalog, one set was
    not to be had, or the items are their own.
    """
    visible = Item.objects.visible()
    if visible.filter(external_id=PHONE).exists():
        return PHONE, WORDS
    first = visible.order_by("pk").values_list("external_id", "title").first()
    if first is None:
        return PHONE, WORDS
    # a title may hold anything, and this goes to a terminal
    title = "".join(sign for sign in first[1] if sign.isprintable())
    return first[0], (title, title)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _check_port(host: str, port: int) -> None:
    if not 1 <= port <= MAX_PORT:
        raise CommandError(
            f"There is no port {port}: choose one from 1 to {MAX_PORT}, `make demo PORT=8001`."
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as err:
            raise CommandError(
                f"Port {port} is taken ({err.strerror}): choose another, `make demo PORT=8001`."
            ) from err
