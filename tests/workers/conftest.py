"""Real Celery processes on the test's own database, broker and media folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 120.0


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once ``condition`` holds; fail the test if it does not in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.05)


class Processes:
    """Starts Celery processes and ends every one of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """``celery -A workers …`` in a process group of its own."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "celery"), "-A", "workers", *arguments],
                cwd=ROOT,
                env=os.environ
                | {
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                    "TRIAD_TEST_DATABASE": connection.settings_dict["NAME"],
                    "MEDIA_ROOT": str(settings.MEDIA_ROOT),
                }
                | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def worker(self, *, concurrency: int = 2, **environment: str) -> subprocess.Popen[bytes]:
        """A worker of all queues."""
        return self.start(
            "worker", "-Q", "query,profiles,embed,default", "-c", str(concurrency), "--loglevel", "INFO",
            **environment,
        )  # fmt: skip

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of the process and all its children."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """Leave nothing behind."""
        for process in self._running:
            if process.poll() is None:
                self.kill(process)

    def logs(self) -> str:
        """What they printed, for a failing test."""
        return "\n".join(path.read_text()[-4000:] for path in self.folder.glob("*.log"))


@pytest.fixture
def processes(transactional_db, tmp_path: Path) -> Iterator[Processes]:
    """Celery processes that see what the test has committed."""
    running = Processes(tmp_path)
    try:
        yield running
    finally:
        running.end()
        sys.stdout.write(running.logs())  # shown when the test fails
