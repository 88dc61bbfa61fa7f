"""Web, worker and beat as one process group under supervisord: all start, all stop."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from configparser import RawConfigParser
from pathlib import Path
from typing import IO, Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from config.embedded import Places

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 40.0


class ProcessGroupError(RuntimeError):
    """A process of the group did not come up; the message says where its log is."""


class ProcessGroup:
    """The processes of one data folder. A second group on the same folder is refused."""

    def __init__(self, var: Path, *, host: str, port: int, workers: int) -> None:
        self.var, self.host, self.port, self.workers = var, host, port, workers
        self.logs = var / "logs"
        self._folder = var / "supervisor"
        celery = [_program("celery"), "-A", "workers"]
        self._commands = {
            "worker": [
                *celery, "worker", "-Q", "query,profiles,embed,default", "-c", str(workers),
                "-n", "triad@%h", "--loglevel", "INFO",
            ],
            # by itself, so that no search waits behind a training; its memory comes back after each
            "trainer": [
                *celery, "worker", "-Q", "train", "-c", "1", "--max-tasks-per-child", "1",
                "-n", "trainer@%h", "--loglevel", "INFO",
            ],
            # one answer at a time, by a model that is in memory once
            "llm": [
                *celery, "worker", "-Q", "llm", "-c", "1", "-n", "llm@%h", "--loglevel", "INFO",
            ],
            "beat": [
                *celery, "beat", "--loglevel", "INFO",
                "--pidfile", str(self._folder / "beat.pid"),
            ],
            "web": [
                _program("uvicorn"), "config.asgi:application", "--host", host,
                "--port", str(port), "--http", "config.http:ProblemProtocol", "--no-server-header",
                "--timeout-graceful-shutdown", "5",
            ],
        }  # fmt: skip
        self._lock: IO[str] | None = None
        self._supervisord: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord with nothing running yet. Raises ProcessGroupError if one runs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            pid = (self._folder / "supervisord.pid").read_text().strip()
            raise ProcessGroupError(
                f"Another `make demo` runs on {self.var} (supervisord {pid}): stop it with Ctrl-C "
                f"or `kill {pid}`, or give this one its own folder and port: "
                "`make demo VAR=var2 PORT=8001`."
            ) from err
        (self._folder / "beat.pid").unlink(missing_ok=True)
        self._configure()
        self._supervisord = subprocess.Popen(  # noqa: S603 - our own command line
            [_program("supervisord"), "-n", "-s", "-c", str(self._folder / "supervisord.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.logs / "supervisord.log").open("ab"),
            pass_fds=[self._lock.fileno()],  # held for as long as supervisord lives
            start_new_session=True,  # Ctrl-C reaches us, and we stop it in order
        )

    def run(self, name: str) -> None:
        """Start one of the processes; supervisord starts it again whenever it dies."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._rpc().startProcess(name, False)
            except (OSError, ConnectionError) as err:
                self._check(deadline, err)
                time.sleep(0.1)
            except Fault as fault:
                raise ProcessGroupError(f"{name}: {fault.faultString}; see {self.logs}.") from fault
            else:
                return

    def wait_for_web(self, path: str) -> None:
        """Return once ``path`` answers 200."""
        deadline = time.monotonic() + START_TIMEOUT_S
        url = f"http://{self.host}:{self.port}{path}"
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError) as err:
                self._check(deadline, err)
                time.sleep(0.1)

    def wait(self) -> None:
        """Block until supervisord ends, which it does only when told to."""
        if self._supervisord is not None:
            self._supervisord.wait()

    def stop(self) -> None:
        """Stop every process and supervisord; those that do not go are killed."""
        if self._supervisord is None or self._supervisord.poll() is not None:
            return
        self._supervisord.send_signal(signal.SIGTERM)
        try:
            self._supervisord.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._supervisord.kill()

    def _check(self, deadline: float, err: Exception) -> None:
        if self._supervisord is None or self._supervisord.poll() is not None:
            raise ProcessGroupError(f"supervisord ended; see {self.logs}.") from err
        if time.monotonic() > deadline:
            raise ProcessGroupError(
                f"Not up within {START_TIMEOUT_S:.0f} s ({err}); see {self.logs}."
            ) from err

    def _configure(self) -> None:
        config = RawConfigParser()
        config["supervisord"] = {
            "pidfile": str(self._folder / "supervisord.pid"),
            "logfile": str(self.logs / "supervisord.log"),
            "childlogdir": str(self.logs),
        }
        config["unix_http_server"] = {"file": str(self._socket()), "chmod": "0700"}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for name, command in self._commands.items():
            config[f"program:{name}"] = {
                "command": shlex.join(command).replace("%", "%%"),
                "directory": str(Path(__file__).resolve().parent.parent),
                "environment": ",".join(
                    f'{k}="{v}"' for k, v in self._environment(name).items()
                ).replace("%", "%%"),
                "autostart": "false",
                "autorestart": "true",
                "stopasgroup": "true",
                "killasgroup": "true",
                "stopwaitsecs": "15",
                "redirect_stderr": "true",
                "stdout_logfile": str(self.logs / f"{name}.log"),
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "1",
            }
        with (self._folder / "supervisord.conf").open("w") as file:
            config.write(file)

    def _environment(self, name: str) -> dict[str, str]:
        environment = {"VAR": str(self.var)}
        if name == "worker":
            # threads of several processes that share the cores only wait for each other
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // self.workers))
        if name == "llm":
            # half: with all of them busy elsewhere, threads that wait for each other made an answer
            # five times as slow
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // 2))
        return environment

    def _socket(self) -> Path:
        return Places.of(self.var).supervisor_socket

    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket()}")
        return ServerProxy("http://localhost", transport=transport).supervisor


def _program(name: str) -> str:
    """A program of this Python environment, found without an activated one."""
    path = Path(sys.executable).parent / name
    found = str(path) if path.exists() else shutil.which(name)
    if found is None:
        raise ProcessGroupError(f"The program {name} is missing: run `make install`.")
    return found
