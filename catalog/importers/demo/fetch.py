"""Fetches packages with ``apt-get`` and ``npm`` into a cache folder, once, and verifies them."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

POLL_S: Final = 0.2
STALLED_S: Final = 180.0
"""A client that wrote nothing for this long is given up."""


class FetchError(Exception):
    """A package cannot be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package as we know it."""

    name: str
    version: str
    filename: str
    sha256: str
    bytes: int
    about: str

    def cached(self, cache: Path) -> Path | None:
        """The file in the cache if it is there and whole."""
        path = cache / self.filename
        return path if path.exists() and sha256_of(path) == self.sha256 else None


def apt_package(package: Package, cache: Path, console: Console) -> Path:
    """The package's .deb, fetched as an ordinary user with lists and cache of its own.

    Debian may serve another version than the one we know: taken with a warning, because its
    index vouches for it and unpacking shows whether it still fits. Raises ``FetchError``.
    """
    if found := package.cached(cache) or _other_version(package, cache):
        return found
    _need("apt-get", package)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".apt-") as folder:
        work = Path(folder)
        for name in ("lists/partial", "cache/archives/partial", "out"):
            (work / name).mkdir(parents=True)
        options = [
            "-o",
            f"Dir::State::Lists={work / 'lists'}",
            "-o",
            f"Dir::Cache={work / 'cache'}",
        ]
        options += ["-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-qq"]
        _run("package lists", ["apt-get", *options, "update"], work, console)
        command = ["apt-get", *options, "download", package.name]
        _run(package.about, command, work / "out", console, size=package.bytes)
        return _kept(package, work / "out", cache, console, any_version=True)


def npm_package(package: Package, cache: Path, console: Console) -> Path:
    """The package's tarball. Raises ``FetchError``."""
    if found := package.cached(cache):
        return found
    _need("npm", package)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".npm-") as folder:
        work = Path(folder)
        (work / "out").mkdir()
        command = ["npm", "pack", f"{package.name}@{package.version}", "--silent"]
        command += ["--ignore-scripts", "--cache", str(work / "cache")]
        command += ["--pack-destination", str(work / "out")]
        _run(package.about, command, work, console, size=package.bytes)
        return _kept(package, work / "out", cache, console, any_version=False)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _need(client: str, package: Package) -> None:
    if shutil.which(client) is None:
        raise FetchError(f"{client} is not installed, and {package.name} comes through it")


def _other_version(package: Package, cache: Path) -> Path | None:
    others = sorted(cache.glob(f"{package.name}_*.deb"))
    return next((path for path in others if path.name != package.filename), None)


def _kept(
    package: Package, folder: Path, cache: Path, console: Console, *, any_version: bool
) -> Path:
    """The fetched file, verified and moved into the cache in one step."""
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise FetchError(f"{package.name} was not among what the client fetched")
    if files[0].name == package.filename:
        if (found := sha256_of(files[0])) != package.sha256:
            raise FetchError(
                f"{package.filename} has the SHA-256 {found}, not {package.sha256}: not used"
            )
    elif any_version:
        console.print(
            f"[yellow]Fetched {files[0].name}; this demo was made with {package.version}, so the "
            "number of items may differ."
        )
    else:
        raise FetchError(f"the client fetched {files[0].name} instead of {package.filename}")
    return files[0].replace(cache / files[0].name)


def _run(
    about: str, command: Sequence[str], folder: Path, console: Console, *, size: int | None = None
) -> None:
    """Run a client in ``folder``, showing how much it has written there (bytes)."""
    known = f" ({size / 1e6:,.0f} MB)" if size else ""
    console.print(f"Fetching {about}{known} with {command[0]}", highlight=False)
    log = folder / ".client.log"
    with log.open("wb") as output:  # a pipe that nobody reads would stop the client
        client = subprocess.Popen(  # noqa: S603 - fixed commands
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    columns = (TextColumn("  "), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    left = (TextColumn("left"), TimeLeftColumn()) if size else ()
    try:
        with Progress(
            *columns, *left, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task(about, total=size)
            _watch(client, folder, lambda written: progress.update(task, completed=written))
    finally:
        client.kill()
        client.wait()
    said = log.read_text(errors="replace").strip()
    log.unlink()
    if client.returncode:
        raise FetchError(f"{command[0]} failed: {said[-500:] or client.returncode}")


def _watch(client: subprocess.Popen[bytes], folder: Path, show: Callable[[int], object]) -> None:
    """Until the client ends. Raises ``FetchError`` when it stops writing."""
    written, since = 0, time.monotonic()
    while client.poll() is None:
        time.sleep(POLL_S)
        now = _written(folder)
        if now != written:
            written, since = now, time.monotonic()
            show(written)
        elif time.monotonic() - since > STALLED_S:
            raise FetchError(f"nothing arrived for {STALLED_S:.0f} s")


def _written(folder: Path) -> int:
    """Bytes of all files below a folder in which files come and go."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
