"""Real workers over a real broker: nothing is lost, whoever is killed."""

import io
import json

import pytest
from django.db.models import Count
from django.test import Client

from catalog.models import Item
from catalog.wake import workers_wake
from retrieval import claims, spaces
from retrieval.models import Embedding, EncoderOutput
from tests.retrieval.conftest import make_item, png, wav
from tests.workers.conftest import Processes, until
from workers.sweeper import sweep

ITEMS = 300
KILLS = 5


def ready() -> int:
    return Embedding.objects.filter(status="ready").count()


def test_a_new_item_is_embedded_without_being_asked_twice(processes: Processes):
    item = make_item("frog", "a frog", media=[png((0, 200, 0)), wav(440)])
    workers_wake([item.pk])
    processes.worker()
    until(lambda: ready() == 1, "the item is embedded")
    row = Embedding.objects.get()
    assert row.item_id == item.pk
    assert set(row.weights) == {"text", "image", "audio"}


def test_the_sweeper_finds_what_no_message_announced(processes: Processes):
    items = [make_item(f"item-{n}", f"item {n}") for n in range(40)]  # nobody wakes a worker
    processes.worker()
    processes.start("beat", SWEEP_INTERVAL_S="1")
    until(lambda: ready() == len(items), "the sweeper brings every item")


def test_the_sweeper_leaves_a_full_queue_alone(transactional_db):
    item = make_item("frog", "a frog")
    assert sweep() == 1
    assert sweep() == 0  # its message is still in the queue
    assert claims.due(spaces.active_space().id, limit=10) == [item.pk]


@pytest.mark.encoders
def test_workers_killed_five_times_leave_one_ready_embedding_an_item(processes: Processes):
    items = Item.objects.bulk_create(
        [Item(external_id=f"item-{n}", title=f"number {n} of many words") for n in range(ITEMS)]
    )
    short_lease = {"TRIAD_TEST_PROFILE": "words", "EMBED_LEASE_S": "3", "SWEEP_INTERVAL_S": "1"}
    workers_wake([item.pk for item in items])
    processes.start("beat", **short_lease)
    for kill in range(KILLS):
        worker = processes.worker(**short_lease)
        goal = (kill + 1) * ITEMS // (KILLS + 2)
        until(lambda goal=goal: ready() >= goal, f"{goal} items are ready")
        assert ready() < ITEMS, "too late to kill anything in the middle"
        processes.kill(worker)
    processes.worker(**short_lease)
    until(lambda: ready() == ITEMS, "every item is ready in the end")
    assert not Embedding.objects.exclude(status="ready").exists()
    per_item = Embedding.objects.values("item").annotate(rows=Count("item"))
    assert {row["rows"] for row in per_item} == {1}
    assert len(per_item) == ITEMS
    assert EncoderOutput.objects.count() == ITEMS


def test_media_queries_are_encoded_by_a_worker(processes: Processes):
    green = make_item("green", "frog", media=[png((0, 200, 0))])
    red = make_item("red", "fire", media=[png((200, 0, 0)), wav(440)])
    workers_wake([green.pk, red.pk])
    processes.worker()
    until(lambda: ready() == 2, "both are embedded")

    def first(body: dict, **files: io.BytesIO) -> str:
        for name, file in files.items():
            file.name = f"{name}.{'wav' if name == 'sound' else 'png'}"
        answer = Client().post("/api/v1/search/", {"body": json.dumps(body), **files})
        assert answer.status_code == 200, answer.json()
        return answer.json()["hits"][0]["item"]["external_id"]

    assert first({"query": [{"image": "file0"}]}, file0=png((0, 198, 0), 32)) == "green"
    assert first({"query": [{"image": "file0"}]}, file0=png((199, 0, 0), 32)) == "red"
    assert first({"query": [{"audio": "sound"}]}, sound=wav(440, 0.5)) == "red"
