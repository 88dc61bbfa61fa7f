"""The embedded servers: shared, restarted, stopped, and never losing a committed row."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import DATABASE, Places, Postgres, Valkey
from tests.servers import servers_forget

ROOT = Path(__file__).resolve().parent.parent.parent

# a process that uses the servers until its standard input closes
USER = """
import sys
from pathlib import Path
from config import embedded
embedded.use(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


class User:
    """One process that uses the servers of a folder."""

    def __init__(self, var: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(var)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", self.process.communicate()[1]

    def leave(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    yield folder
    servers_forget(folder)


@pytest.fixture
def user(var: Path) -> Iterator[User]:
    one = User(var)
    one.ready()
    yield one
    one.leave()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"not within 60 s: {what}"
        time.sleep(0.02)


def pids(var: Path) -> tuple[int | None, int | None]:
    places = Places.of(var)
    return Postgres(places).running_pid(), Valkey(places).running_pid()


def connect(var: Path) -> psycopg.Connection:
    host = Places.of(var).database_host
    return psycopg.connect(host=host, user="postgres", dbname=DATABASE, autocommit=True)


def answers(var: Path) -> bool:
    try:
        connect(var).close()
    except psycopg.OperationalError:
        return False
    return True


def broker(var: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=Places.of(var).redis_socket)


def test_processes_share_servers_and_the_last_one_stops_them(var: Path):
    users = [User(var) for _ in range(3)]
    for user in users:
        user.ready()
    shared = pids(var)
    assert None not in shared
    users[0].leave()
    users[1].process.kill()  # a killed user counts as gone too
    users[1].process.communicate()
    assert pids(var) == shared
    users[2].leave()
    until(lambda: pids(var) == (None, None), "the servers stop after the last user")


def test_only_sockets_are_open(var: Path, user: User):
    with connect(var) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert broker(var).config_get("port") == {"port": "0"}
    assert Places.of(var).run.stat().st_mode & 0o077 == 0


def test_a_killed_postgres_comes_back_with_every_committed_row(var: Path, user: User):
    with connect(var) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for n in range(100):
            connection.execute("INSERT INTO kept VALUES (%s)", [n])
    killed, _ = pids(var)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: pids(var)[0] not in (None, killed) and answers(var), "Postgres is started again")
    with connect(var) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def test_everything_killed_at_once_loses_nothing(var: Path):
    user = User(var)
    user.ready()
    with connect(var) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    broker(var).rpush("queue", "message")
    time_of_fsync(var)
    keepers = subprocess.run(
        ["pgrep", "-f", f"config.embedded {var}"], capture_output=True, text=True
    ).stdout.split()
    assert len(keepers) == 1
    for pid in (*map(int, keepers), *(pid for pid in pids(var) if pid), user.process.pid):
        os.kill(pid, signal.SIGKILL)
    user.process.communicate()
    again = User(var)
    again.ready()
    with connect(var) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    assert broker(var).lrange("queue", 0, -1) == [b"message"]
    again.leave()


def time_of_fsync(var: Path) -> None:
    """Wait for the append-only file's fsync, which is due every second."""
    until(
        lambda: (
            broker(var).info("persistence")["aof_pending_bio_fsync"] == 0
            and broker(var).info("persistence")["aof_buffer_length"] == 0
        ),
        "the append-only file is on disk",
    )


def test_a_pid_file_that_names_another_program_does_not_stop_the_start(var: Path):
    user = User(var)
    user.ready()
    postgres = Postgres(Places.of(var))
    user.leave()
    until(lambda: pids(var) == (None, None), "the servers stop")
    postgres.pid_file().write_text(f"{os.getpid()}\n{postgres.data}\n")
    again = User(var)
    again.ready()
    assert pids(var)[0] not in (None, os.getpid())
    again.leave()


def test_two_folders_have_two_servers(tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "two"]
    users = [User(folder) for folder in folders]
    for user in users:
        user.ready()
    assert len({*pids(folders[0]), *pids(folders[1])}) == 4
    with connect(folders[0]) as connection:
        connection.execute("CREATE TABLE only_one (n int)")
    with connect(folders[1]) as connection:
        assert connection.execute("SELECT to_regclass('only_one')").fetchone() == (None,)
    for user in users:
        user.leave()
    for folder in folders:
        servers_forget(folder)
