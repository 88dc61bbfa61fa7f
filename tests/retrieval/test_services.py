"""Items become embeddings."""

import io

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Media
from catalog.services import item_update, items_touch, media_add
from catalog.uploads import check_upload
from retrieval import claims, encoders, services, spaces
from retrieval.exceptions import EncoderFailed, SpaceConflict
from retrieval.models import Embedding, EmbeddingSpace, EncoderOutput
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item, png, wav
from workers.tasks import embed_items as embed_task

pytestmark = pytest.mark.django_db


def embedding(space, item) -> Embedding:
    return Embedding.objects.get(space_id=space.id, item=item)


def test_an_item_with_everything_gets_unit_vectors_of_every_modality(space):
    item = make_item("frog", "a frog", media=[png((0, 200, 0)), wav(440)])
    report = services.embed_items(space.id, [item.pk])
    assert (report.embedded, report.unchanged, report.failed) == (1, 0, 0)
    row = embedding(space, item)
    for vector in (row.text, row.image, row.audio, row.fused):
        assert len(vector) == 64
        assert np.linalg.norm(vector) == pytest.approx(1, abs=2e-3)
    assert (row.status, row.content_version, row.leased_until) == (
        "ready",
        item.content_version,
        None,
    )
    assert set(row.weights) == {"text", "image", "audio"}
    assert sum(row.weights.values()) == pytest.approx(1, abs=1e-5)
    assert set(item.media.values_list("status", flat=True)) == {"ready"}


def test_a_missing_modality_is_null_and_weighs_nothing(space):
    item = make_item("word", "only words")
    services.embed_items(space.id, [item.pk])
    row = embedding(space, item)
    assert row.image is None
    assert row.audio is None
    assert row.weights == {"text": 1.0}
    assert row.fused == row.text


def test_unchanged_content_is_neither_encoded_nor_written_again(space, monkeypatch):
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    services.embed_items(space.id, [item.pk])
    before = embedding(space, item)
    items_touch([item.pk])
    monkeypatch.setattr(FakeTextEncoder, "encode", pytest.fail)
    report = services.embed_items(space.id, [item.pk])
    assert (report.embedded, report.unchanged) == (0, 1)
    after = embedding(space, item)
    assert after.content_version == before.content_version + 1
    assert after.fused == before.fused


def test_an_unchanged_item_is_neither_claimed_nor_tried(space):
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    services.embed_items(space.id, [item.pk])
    before = embedding(space, item)
    EncoderOutput.objects.all().delete()  # not even what encoders said is read
    items_touch([item.pk])
    services.embed_items(space.id, [item.pk])
    after = embedding(space, item)
    assert after.content_version == before.content_version + 1
    assert (after.status, after.attempts, after.attempted_version, after.leased_until) == (
        "ready",
        before.attempts,
        before.attempted_version,
        None,
    )
    assert not EncoderOutput.objects.exists()


def test_an_item_in_another_workers_hands_is_not_confirmed(space):
    item = make_item("frog", "a frog")
    services.embed_items(space.id, [item.pk])
    items_touch([item.pk])
    claims.claim(space.id, [item.pk])
    report = services.embed_items(space.id, [item.pk])
    assert (report.embedded, report.unchanged) == (0, 0)
    assert embedding(space, item).content_version == item.content_version


def test_a_file_that_failed_is_tried_again_though_nothing_changed(space, media_root):
    item = make_item("frog", "a frog", media=[png((0, 200, 0))])
    file = media_root / item.media.get().file.name
    content = file.read_bytes()
    file.unlink()
    services.embed_items(space.id, [item.pk])
    assert embedding(space, item).image is None
    file.write_bytes(content)
    items_touch([item.pk])
    services.embed_items(space.id, [item.pk])
    assert embedding(space, item).image is not None


def test_equal_content_of_two_items_is_encoded_once(space):
    items = [make_item(f"twin-{n}", "a twin", media=[png((9, 9, 9))]) for n in range(2)]
    services.embed_items(space.id, [item.pk for item in items])
    assert EncoderOutput.objects.count() == 2  # one text, one picture
    assert embedding(space, items[0]).fused == embedding(space, items[1]).fused


def test_changed_words_change_the_embedding(space):
    item = make_item("frog", "a frog")
    services.embed_items(space.id, [item.pk])
    before = embedding(space, item).fused
    item_update(item, title="a drum")
    assert claims.due(space.id, limit=1) == [item.pk]
    services.embed_items(space.id, [item.pk])
    assert embedding(space, item).fused != before


def test_a_broken_picture_costs_only_itself(space):
    whole = png((0, 0, 255), size=64).getvalue()
    item = make_item("broken", "broken", media=[wav(440)])
    media_add(item, check_upload(io.BytesIO(whole[:80])))
    services.embed_items(space.id, [item.pk])
    row = embedding(space, item)
    assert row.status == "ready"
    assert row.image is None
    assert row.audio is not None
    picture = item.media.get(modality="image")
    assert (picture.status, picture.error_code) == (Media.Status.FAILED, "undecodable")
    assert item.media.get(modality="audio").status == Media.Status.READY


def test_an_encoder_that_fails_on_one_item_fails_only_that_item(space, monkeypatch):
    def encode(self, modality, batch, role="document"):
        if any("poison" in text for text in batch):
            raise EncoderFailed("not finite")
        return original(self, modality, batch, role)

    original = FakeTextEncoder.encode
    monkeypatch.setattr(FakeTextEncoder, "encode", encode)
    good, bad = make_item("good", "good"), make_item("bad", "poison")
    report = services.embed_items(space.id, [good.pk, bad.pk])
    assert (report.embedded, report.failed) == (1, 1)
    assert embedding(space, good).status == "ready"
    row = embedding(space, bad)
    assert (row.status, row.error_code, row.fused) == ("failed", "encoder_failed", None)


def test_an_unexpected_error_gives_the_items_back_and_says_why(space, monkeypatch):
    monkeypatch.setattr(FakeTextEncoder, "encode", lambda *_, **__: 1 / 0)
    item = make_item("frog", "a frog")
    with pytest.raises(ZeroDivisionError):
        services.embed_items(space.id, [item.pk])
    row = embedding(space, item)
    assert (row.status, row.attempts, row.leased_until) == ("pending", 1, None)
    assert row.error == "ZeroDivisionError: division by zero"


def test_other_encoders_than_the_spaces_are_refused(space, monkeypatch):
    item = make_item("frog", "a frog")
    monkeypatch.setattr(FakeTextEncoder, "fingerprint", "FakeTextEncoder/2")
    with pytest.raises(SpaceConflict, match="FakeTextEncoder/2"):
        services.embed_items(space.id, [item.pk])
    assert not Embedding.objects.filter(item=item).exists()


def test_queries_do_not_grow_with_the_items(space):
    def count(number: int) -> int:
        items = [make_item(f"n{number}-{i}", f"text {number} {i}") for i in range(number)]
        with CaptureQueriesContext(connection) as queries:
            services.embed_items(space.id, [item.pk for item in items])
        return len(queries)

    assert count(2) == count(12)


def test_warm_up_loads_every_encoder(settings):
    encoders.warm_up("fake")
    assert encoders.modalities("fake") == ("text", "image", "audio")


def test_two_spaces_are_embedded_apart(space):
    row = EmbeddingSpace.objects.get(pk=space.id)
    other = spaces.space_create("other", space.head, profile=row.profile, trained=False)
    item = make_item("frog", "a frog")
    for space_id in spaces.live_spaces():
        services.embed_items(space_id, [item.pk])
    assert spaces.live_spaces() == [space.id, other.pk]
    assert Embedding.objects.filter(item=item, status="ready").count() == 2


class TestLargeMessages:
    @pytest.fixture
    def items(self, space, many_items) -> list[int]:
        return [item.pk for item in many_items(services.BATCH + 8)]

    def test_one_batch_is_embedded_and_the_rest_left_to_others(self, space, items):
        assert services.embed_some(items) == items[services.BATCH :]
        assert claims.due(space.id, limit=100) == items[services.BATCH :]

    def test_what_did_not_change_is_confirmed_at_once(self, space, items):
        services.embed_items(space.id, items)
        items_touch(items)
        assert services.embed_some(items) == []
        assert claims.due(space.id, limit=100) == []

    def test_what_is_not_due_is_not_passed_on(self, space, items):
        services.embed_items(space.id, items[:-1])
        assert services.embed_some(items) == []
        assert claims.due(space.id, limit=100) == []

    def test_items_due_in_one_space_only_are_not_forgotten(self, space, items):
        other = spaces.space_create("other", space.head, profile="fake", trained=False)
        services.embed_items(space.id, items)
        assert services.embed_some(items) == items[services.BATCH :]
        assert claims.due(other.pk, limit=100) == items[services.BATCH :]

    def test_the_task_passes_on_messages_of_a_batch(
        self, space, items, monkeypatch, django_capture_on_commit_callbacks
    ):
        sent = []
        monkeypatch.setattr(
            "catalog.wake.current_app.send_task", lambda name, args: sent.append((name, *args))
        )
        with django_capture_on_commit_callbacks(execute=True):
            embed_task(items)
        assert sent == [("workers.tasks.embed_items", items[services.BATCH :])]
