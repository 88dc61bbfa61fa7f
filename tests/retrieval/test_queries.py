"""Query content: what a worker answers reaches who waits, errors too."""

import json
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from catalog.broker import redis_client
from retrieval import queries, services, spaces
from retrieval.exceptions import (
    DecodeFailed,
    EncoderFailed,
    EncoderUnavailable,
    InvalidQuery,
    QuerySaturated,
)
from retrieval.models import EmbeddingSpace
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db(transaction=True)


def answered_in_process(space: spaces.Space, data: bytes) -> np.ndarray:
    """``media_vector``, with the worker's part done by a thread of ours."""
    found: list[object] = []

    def wait() -> None:
        try:
            found.append(queries.media_vector(space, "image", data))
        except Exception as err:
            found.append(err)
        finally:
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    client = redis_client()
    while thread.is_alive():
        for key in client.keys(f"{queries.UPLOAD_PREFIX}*"):
            ticket = key.decode().removeprefix(queries.UPLOAD_PREFIX)
            queries.media_answer(space.id, "image", ticket)
            thread.join(10)
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@pytest.fixture
def space() -> spaces.Space:
    """The first space, committed."""
    spaces.ensure_active_space("fake", 64)
    return spaces.active_space()


def test_a_picture_is_a_unit_row_of_the_space(space):
    vector = answered_in_process(space, png((0, 200, 0)).getvalue())
    assert vector.shape == (64,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_a_broken_picture_is_the_uploads_fault(space):
    with pytest.raises(DecodeFailed):
        answered_in_process(space, b"no picture")


def test_a_missing_encoder_is_not(space, settings):
    absent = {"image": {"BACKEND": "tests.absent.Encoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "fake": absent}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    with pytest.raises(EncoderUnavailable, match=r"tests\.absent\.Encoder"):
        answered_in_process(space, png((0, 200, 0)).getvalue())


class NanEncoder(FakeTextEncoder):
    """Gives no numbers."""

    def encode(self, modality, batch, role="document"):
        return np.full((len(batch), self.dim), np.nan, np.float32)


def test_a_query_that_is_not_finite_is_neither_asked_nor_remembered(space, settings):
    broken = {"text": {"BACKEND": f"{__name__}.NanEncoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "fake": broken}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    with pytest.raises(EncoderUnavailable, match="not finite"):
        queries.text_vector(space, "a frog")
    assert remembered() == 0


class WordlessEncoder(FakeTextEncoder):
    """Knows no word, as static vectors know none of another language."""

    def encode(self, modality, batch, role="document"):
        raise EncoderFailed("It knows none of these words.", "encoder_zero_vector")


def test_words_that_the_encoder_does_not_know_are_the_clients_to_change(space, settings):
    wordless = {"text": {"BACKEND": f"{__name__}.WordlessEncoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "fake": wordless}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    with pytest.raises(InvalidQuery, match="try others"):
        queries.text_vector(space, "xyzzy")


def remembered() -> int:
    return len(cache._cache.get_client().keys("triad*query:*"))


def test_vectors_are_remembered_by_space(space):
    first = queries.text_vector(space, "a frog")
    other = spaces.space(spaces.space_create_untrained("other", profile="fake", dim=24).pk)
    assert queries.text_vector(other, "a frog").shape == (24,)
    assert np.array_equal(queries.text_vector(space, "a frog"), first)
    assert remembered() == 2


SEARCH = "/api/v1/search/"
ASKED = 60
IN_TIME_S = 15
"""Of a wait that lasts QUERY_TIMEOUT_S, 20 s, if nobody answers."""


def by_picture(shade: int) -> HttpResponse:
    """A search with a picture that no other has, as a thread of a web process does it."""
    file = SimpleUploadedFile("a.png", png((shade, 0, 0)).getvalue(), "image/png")
    body = json.dumps({"query": [{"image": "file0"}]})
    try:
        return Client().post(SEARCH, {"body": body, "file0": file})
    finally:
        connection.close()


def by_words() -> HttpResponse:
    try:
        return Client().get(SEARCH, {"q": "frog"})
    finally:
        connection.close()


def tickets() -> list[str]:
    keys = redis_client().keys(f"{queries.UPLOAD_PREFIX}*")
    return [key.decode().removeprefix(queries.UPLOAD_PREFIX) for key in keys]


def test_without_workers_searches_by_pictures_leave_threads_for_words(space):
    """As many as WEB_THREADS at once and no worker: the surplus is refused, words are answered."""
    services.embed_items(space.id, [make_item("frog", "frog").pk])
    started = time.perf_counter()
    with ThreadPoolExecutor(project.WEB_THREADS) as threads:
        pictures: set[Future[HttpResponse]] = {
            threads.submit(by_picture, shade) for shade in range(ASKED)
        }
        words = threads.submit(by_words).result(IN_TIME_S)
        waiting = set(pictures)
        refused: set[Future[HttpResponse]] = set()
        while len(waiting) > queries.WAITERS:
            done, waiting = wait(waiting, IN_TIME_S, FIRST_COMPLETED)
            assert done, "the surplus waits"
            refused |= done
        took_s = time.perf_counter() - started
        while len(left := tickets()) < queries.WAITERS:
            assert time.perf_counter() - started < IN_TIME_S
        for ticket in left:
            queries.media_answer(space.id, "image", ticket)
        answered = [future.result(IN_TIME_S) for future in waiting]
    assert took_s < IN_TIME_S
    assert [hit["item"]["external_id"] for hit in words.json()["hits"]] == ["frog"]
    assert {(each.result().status_code, each.result().json()["code"]) for each in refused} == {
        (503, "workers_busy")
    }
    assert {int(each.result()["Retry-After"]) > 0 for each in refused} == {True}
    assert len(refused) == ASKED - queries.WAITERS
    assert len(left) == queries.WAITERS
    assert {answer.status_code for answer in answered} == {200}


def test_every_wait_gives_its_place_back(space, settings):
    settings.RETRIEVAL = settings.RETRIEVAL | {"QUERY_TIMEOUT_S": 0.02}
    for number in range(queries.WAITERS + 1):
        with pytest.raises(QuerySaturated, match="No worker"):
            queries.media_vector(space, "image", bytes([number]))


def test_the_wait_counts_from_when_the_request_came(space):
    started = time.perf_counter() - project.RETRIEVAL["QUERY_TIMEOUT_S"]
    with pytest.raises(QuerySaturated, match="within 20 s"):
        queries.media_vector(space, "image", b"late", started=started)
    assert tickets() == []


def test_an_empty_installation_has_nothing_to_prepare():
    queries.words_prepare()
    assert not EmbeddingSpace.objects.exists()


def test_a_space_is_prepared_by_loading_what_encodes_words(space, settings):
    queries.words_prepare()
    absent = {"text": {"BACKEND": "tests.absent.Encoder"}}
    profiles = {**settings.RETRIEVAL["PROFILES"], "fake": absent}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILES": profiles}
    with pytest.raises(EncoderUnavailable, match=r"tests\.absent\.Encoder"):
        queries.words_prepare()
