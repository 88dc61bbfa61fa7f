"""What the catalog's tests share."""

import pytest
from celery import current_app


@pytest.fixture
def woken(monkeypatch) -> list[list[int]]:
    """The ids of every message to the workers."""
    sent: list[list[int]] = []

    def send_task(name: str, args: list[list[int]]) -> None:
        assert name == "workers.tasks.embed_items"
        sent.extend(args)

    monkeypatch.setattr(current_app, "send_task", send_task)
    return sent
