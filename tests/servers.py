"""The embedded servers of a test's own data folder, once nobody uses them."""

import fcntl
import shutil
from pathlib import Path

from config.embedded import Places


def servers_forget(var: Path) -> None:
    """Wait until the keeper has stopped both servers, then remove their files.

    The keeper holds its lock until both are down; looking for processes instead may catch Postgres
    while it removes its own files. Under root the files may lie outside ``var``.
    """
    home = Places.of(var).home
    with (home / "keeper.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(home)
