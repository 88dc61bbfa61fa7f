"""compose.yaml starts what docs/operations.md names."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from workers.queues import QUEUES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_the_workers_take_from_every_queue(services):
    taken = [
        command[command.index("-Q") + 1].split(",")
        for command in (service.get("command", []) for service in services.values())
        if "-Q" in command
    ]
    assert sorted(queue for each in taken for queue in each) == sorted(QUEUES)


def test_every_process_runs_in_production_on_the_same_servers(services):
    ours = {name: each for name, each in services.items() if each.get("image") == "triad"}
    assert set(ours) == {"migrate", "web", "worker", "trainer", "llm", "beat"}
    documented = {
        line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines()
    }
    for each in ours.values():
        assert each["environment"]["TRIAD_ENV"] == "production"
        assert "@postgres/" in each["environment"]["DATABASE_URL"]
        assert set(each["environment"]) <= documented


def test_nothing_starts_before_the_tables_are_there(services):
    for name in ("web", "worker", "trainer", "llm", "beat"):
        assert services[name]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }
