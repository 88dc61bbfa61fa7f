"""Query content becomes vectors of the active space, remembered by its hash.

Words are encoded in the process that asks. Pictures and sounds are left in Redis for a worker,
so that web processes hold no image or audio model and never decode an untrusted file.
"""

import base64
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import numpy as np
import redis
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from numpy.typing import NDArray

from retrieval import encoders, outputs, spaces
from retrieval.exceptions import (
    DecodeFailed,
    EncoderFailed,
    EncoderUnavailable,
    InvalidQuery,
    NoActiveSpace,
    QuerySaturated,
    SpaceBroken,
)
from retrieval.preprocess.text import normalise
from retrieval.types import Content, Modality

REMEMBER_S = 3600
LEAST_WAIT_S: Final = 0.01
"""To Redis 0 is for ever."""
UPLOAD_PREFIX = "triad:query:"
ANSWER_PREFIX = "triad:answer:"
WAITERS: Final = max(1, settings.WEB_THREADS // 4)
"""Of a process that may wait for workers at once. Each holds one of its WEB_THREADS for up to
QUERY_TIMEOUT_S, so without workers all of them would: words and similar items keep three quarters.
"""
_waiting = threading.BoundedSemaphore(WAITERS)
# of what a worker cannot do whatever is uploaded
UNABLE = {error.code: error for error in (EncoderUnavailable, SpaceBroken)}


def text_vector(space: spaces.Space, text: str) -> NDArray[np.float32]:
    """A text as a query: unit row (dim,).

    Raises InvalidQuery for words that the encoder knows none of (static word vectors), and
    EncoderUnavailable where it answers with something else than a vector: that is our side's fault.
    """
    words = normalise(text)
    key = _key(space, "text", words.encode())
    if (known := cache.get(key)) is not None:
        return np.frombuffer(known, np.float32)
    try:
        vector = content_vector(space, "text", words)
    except EncoderFailed as err:
        if err.code == "encoder_zero_vector":
            raise InvalidQuery(
                {"query": "The encoder knows none of these words: try others."}
            ) from err
        raise EncoderUnavailable(f"The text cannot be encoded: {err}") from err
    cache.set(key, vector.tobytes(), REMEMBER_S)
    return vector


def words_prepare() -> None:
    """Load what encodes words, unless there is no space yet. Raises what ``text_vector`` does."""
    with suppress(NoActiveSpace):
        content_vector(spaces.active_space(), "text", "frog")


def media_vector(
    space: spaces.Space, modality: Modality, data: bytes, *, started: float | None = None
) -> NDArray[np.float32]:
    """A picture or sound as a query, by way of a worker: unit row (dim,).

    ``started``, of ``time.perf_counter``, is when the request came (now unless given): the wait
    counts from there, so that a request with many files waits no longer than one with a single file.

    Raises DecodeFailed for a file that cannot be decoded, EncoderUnavailable if the worker lacks the
    encoder, QuerySaturated if none answers within ``RETRIEVAL["QUERY_TIMEOUT_S"]``, and at once if
    WAITERS others wait in this process.
    """
    key = _key(space, modality, data)
    if (known := cache.get(key)) is not None:
        return np.frombuffer(known, np.float32)
    timeout_s = settings.RETRIEVAL["QUERY_TIMEOUT_S"]
    ends = (time.perf_counter() if started is None else started) + timeout_s
    with _one_of_few():
        vector = _vector_of(_from_worker(space, modality, data, ends))
    cache.set(key, vector.tobytes(), REMEMBER_S)
    return vector


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise QuerySaturated(
            f"{WAITERS} searches with pictures or sounds wait for a worker already: try again, or "
            "start more workers for the queue 'query'."
        )
    try:
        yield
    finally:
        _waiting.release()


def _from_worker(
    space: spaces.Space, modality: Modality, data: bytes, ends: float
) -> dict[str, str]:
    """What a worker answers until ``ends``. Raises QuerySaturated if none does."""
    late = QuerySaturated(
        f"No worker encoded the {modality} within {settings.RETRIEVAL['QUERY_TIMEOUT_S']} s: try "
        "again, or start more workers for the queue 'query'."
    )
    left_s = ends - time.perf_counter()
    if left_s < LEAST_WAIT_S:
        raise late
    client = _redis()
    ticket = uuid.uuid4().hex
    client.set(UPLOAD_PREFIX + ticket, data, px=round(left_s * 1000))
    try:
        current_app.send_task(
            "workers.tasks.encode_query", args=[space.id, modality, ticket], expires=left_s
        )
        # whoever waits must not hold one of the pool's few connections meanwhile
        if not connection.in_atomic_block:
            connection.close()
        left_s = max(LEAST_WAIT_S, ends - time.perf_counter())
        answer = client.blpop([ANSWER_PREFIX + ticket], timeout=left_s)
    finally:
        client.delete(UPLOAD_PREFIX + ticket)
    if answer is None:
        raise late
    found: dict[str, str] = json.loads(answer[1])
    return found


def media_answer(space_id: int, modality: Modality, ticket: str) -> None:
    """In a worker: encode the upload of a ticket and leave the answer for who waits for it."""
    client = _redis()
    data = client.get(UPLOAD_PREFIX + ticket)
    if data is None:
        return  # nobody waits any more
    try:
        vector = content_vector(spaces.space(space_id), modality, outputs.decoded(modality, data))
        answer = {"vector": base64.b64encode(vector.tobytes()).decode()}
    except (DecodeFailed, EncoderFailed, EncoderUnavailable, SpaceBroken) as err:
        answer = {"code": err.code, "detail": str(err)}
    with client.pipeline() as pipeline:
        pipeline.rpush(ANSWER_PREFIX + ticket, json.dumps(answer))
        pipeline.expire(ANSWER_PREFIX + ticket, settings.RETRIEVAL["QUERY_TIMEOUT_S"])
        pipeline.execute()


def _vector_of(answer: dict[str, str]) -> NDArray[np.float32]:
    if "vector" in answer:
        return np.frombuffer(base64.b64decode(answer["vector"]), np.float32)
    if answer["code"] in UNABLE:
        raise UNABLE[answer["code"]](answer["detail"])
    raise DecodeFailed(answer["detail"], code=answer["code"])


def content_vector(
    space: spaces.Space, modality: Modality, content: Content
) -> NDArray[np.float32]:
    """Content as a query, encoded in this process: unit row (dim,). Raises EncoderFailed."""
    encoder = encoders.encoder_for(modality, space.profile)
    features = outputs.checked(encoder, encoder.encode(modality, [content], role="query"), 1)
    return space.head.project(modality, features, role="query")[0]


def _key(space: spaces.Space, modality: Modality, data: bytes) -> str:
    return (
        f"query:{space.id}:{space.head.fingerprint}:{modality}:{hashlib.sha256(data).hexdigest()}"
    )


def _redis() -> Any:  # redis-py types every answer as perhaps awaitable
    wait_s = settings.RETRIEVAL["QUERY_TIMEOUT_S"] + 5
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=wait_s, socket_connect_timeout=5)
