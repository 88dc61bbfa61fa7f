"""Query content: what a worker answers reaches who waits, errors too."""

import threading

import numpy as np
import pytest
from django.core.cache import cache
from django.db import connection

from catalog.broker import redis_client
from retrieval import queries, spaces
from retrieval.exceptions import (
    DecodeFailed,
    EncoderFailed,
    EncoderUnavailable,
    InvalidQuery,
)
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import png

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
