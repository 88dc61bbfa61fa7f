"""The status page of the API: numbers that follow from rows and from Redis."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.broker import redis_client
from catalog.models import Item, Media
from recommender.llm import metrics
from recommender.llm.providers.types import Usage
from retrieval import index, probes
from retrieval.head import Head
from retrieval.models import Embedding, EmbeddingSpace
from retrieval.spaces import partition_of, space_activate
from tests.clients import anonymous

pytestmark = pytest.mark.django_db

PATH = "/api/v1/status/"
HEAD = Head.untrained({"text": 4}, 8)


def make_space(name: str, **fields) -> EmbeddingSpace:
    space = EmbeddingSpace.objects.create(
        name=name,
        dim=8,
        fused_dim=8,
        head=HEAD.to_bytes(),
        head_sha256=HEAD.fingerprint,
        encoders={"text": {"fingerprint": "e5/1", "dim": 4}},
        **fields,
    )
    index.partition_create(partition_of(space))
    return space


def embed(space: EmbeddingSpace, item: Item, status: str, version: int) -> None:
    Embedding.objects.create(
        space=space,
        item=item,
        status=status,
        content_version=version if status == "ready" else 0,
        attempted_version=version,
    )


def test_an_empty_installation():
    probes._counted.clear()
    body = anonymous().get(PATH).json()

    assert set(body.pop("queues")) == {"query", "profiles", "embed", "default", "train", "llm"}
    assert body.pop("search")["scans"] == 0
    assert body == {
        "items": {"total": 0, "visible": 0},
        "media": {"total": 0, "pending": 0, "ready": 0, "failed": 0},
        "embeddings": {"ready": 0, "pending": 0, "failed": 0},
        "active_space": None,
        "spaces_in_progress": [],
        "llm": {"provider": "none", "purposes": {}, "tokens_today": 0, "cost_today": 0.0},
    }


def test_calls_of_a_language_model_are_told_by_purpose():
    metrics.took("ask", "ok", 250, Usage(100, 20))
    metrics.took("ask", "slow", 2000, Usage(90, 0))
    metrics.counted("ask", "rejected")

    assert anonymous().get(PATH).json()["llm"]["purposes"] == {
        "ask": {
            "outcomes": {"ok": 1, "rejected": 1, "slow": 1},
            "tokens_in": 190,
            "tokens_out": 20,
            "cost": 0.0,
            "p50_ms": 300,
            "p95_ms": 300,
        }
    }


def test_counts_and_spaces():
    items = [Item.objects.create(external_id=f"i{n}", title="A") for n in range(5)]
    Item.objects.filter(pk=items[4].pk).update(published=False)
    for n, status in enumerate(["ready", "ready", "failed"]):
        Media.objects.create(
            item=items[0],
            modality="image",
            file=f"{n}.png",
            content_type="image/png",
            bytes=1,
            sha256=str(n),
            status=status,
        )
    active = make_space("first", trained=True, metrics={"r_at_1": 0.5})
    space_activate(active.pk, force=True)
    embed(active, items[0], "ready", 1)
    embed(active, items[1], "ready", 1)
    Item.objects.filter(pk=items[1].pk).update(content_version=2)  # due again
    embed(active, items[2], "failed", 1)
    make_space("next")
    make_space("old", state="retired")

    body = anonymous().get(PATH).json()

    assert body["items"] == {"total": 5, "visible": 4}
    assert body["media"] == {"total": 3, "pending": 0, "ready": 2, "failed": 1}
    assert body["embeddings"] == {"ready": 1, "pending": 3, "failed": 1}
    assert body["active_space"] == {
        "name": "first",
        "state": "active",
        "profile": "starter",
        "trained": True,
        "dim": 8,
        "encoders": {"text": {"fingerprint": "e5/1", "dim": 4}},
        "metrics": {"r_at_1": 0.5},
    }
    assert [space["name"] for space in body["spaces_in_progress"]] == ["next"]
    assert body["spaces_in_progress"][0]["embeddings"] == {"ready": 0, "pending": 5, "failed": 0}


def test_queue_depths(monkeypatch):
    monkeypatch.setattr("workers.queues.QUEUES", ("test-a", "test-b"))
    redis_client().delete("test-a", "test-b")
    redis_client().rpush("test-a", "1", "2")

    try:
        assert anonymous().get(PATH).json()["queues"] == {"test-a": 2, "test-b": 0}
    finally:
        redis_client().delete("test-a")


def test_queues_of_a_broker_that_is_down_are_unknown(monkeypatch, tmp_path):
    nowhere = redis.Redis(unix_socket_path=str(tmp_path / "s"), retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr("workers.queues.redis_client", lambda: nowhere)

    assert anonymous().get(PATH).json()["queues"] == dict.fromkeys(
        ("query", "profiles", "embed", "default", "train", "llm")
    )
