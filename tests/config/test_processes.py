"""The demo's process group, wherever it lies."""

import shlex
from configparser import RawConfigParser
from pathlib import Path

import pytest

from config.embedded import Places
from config.processes import ProcessGroup
from workers.queues import QUEUES


def configured(var: Path) -> RawConfigParser:
    (var / "supervisor").mkdir(parents=True)
    ProcessGroup(var, host="127.0.0.1", port=8000, workers=2)._configure()
    config = RawConfigParser()
    config.read(var / "supervisor" / "supervisord.conf")
    return config


@pytest.mark.parametrize("name", ["plain", "with a space", "50% off"])
def test_commands_survive_any_folder_name(tmp_path: Path, name: str):
    config = configured(tmp_path / name / "var")
    beat = config["program:beat"]["command"].replace("%%", "%")
    arguments = shlex.split(beat)
    assert Path(arguments[0]).name == "celery"
    assert arguments[-1] == str(tmp_path / name / "var" / "supervisor" / "beat.pid")


def test_every_queue_has_a_worker(tmp_path: Path):
    config = configured(tmp_path / "var")
    served: dict[str, list[str]] = {}
    for program in ("worker", "trainer", "llm"):
        arguments = shlex.split(config[f"program:{program}"]["command"].replace("%%", "%"))
        served[program] = arguments[arguments.index("-Q") + 1].split(",")
    assert served == {
        "worker": ["query", "profiles", "embed", "default"],
        "trainer": ["train"],
        "llm": ["llm"],
    }
    assert {queue for own in served.values() for queue in own} == set(QUEUES)


def test_long_folders_have_sockets_of_their_own(tmp_path: Path):
    sockets = {Places.of(tmp_path / letter / ("x" * 100)).supervisor_socket for letter in "ab"}
    assert len(sockets) == 2
    assert all(len(str(socket)) < 104 for socket in sockets)
