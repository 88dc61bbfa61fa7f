"""Remote encoders against a real server: protocols, retries, bad answers, and the key's secrecy."""

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from retrieval.encoders import remote
from retrieval.encoders.remote import OpenAIEmbeddings, TextEmbeddingsInference
from retrieval.exceptions import EncoderFailed, EncoderUnavailable
from retrieval.types import Encoder
from tests.fakes import FakeTextEncoder
from tests.retrieval.encoder_contract import EncoderContract
from tests.retrieval.encoders.checkpoints import TEXTS
from tests.retrieval.encoders.endpoint import DIM, Endpoint

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waits of a millisecond."""
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(server) -> Iterator[Endpoint]:
    """The server; what a test asks of it ends with the test."""
    server.requests.clear()
    yield server
    server.faults.clear()
    server.twist = lambda answer: answer


def openai(endpoint: Endpoint, **options) -> OpenAIEmbeddings:
    options = {"base_url": endpoint.url, "model": "small", "dim": DIM, "api_key": KEY} | options
    return OpenAIEmbeddings(**options)


def inference(endpoint: Endpoint, **options) -> TextEmbeddingsInference:
    options = {"base_url": endpoint.url, "model": "small", "dim": DIM} | options
    return TextEmbeddingsInference(**options)


class _Remote(EncoderContract):
    modality = "text"
    samples = staticmethod(lambda: TEXTS)
    endpoint: Endpoint

    @classmethod
    def near(cls, sample: str) -> str:
        return sample.upper()

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _encoder(cls, server) -> None:
        cls.endpoint = server
        cls.encoder = cls.make()


class TestOpenAI(_Remote):
    @classmethod
    def make(cls) -> Encoder:
        return openai(cls.endpoint, batch_size=2)


class TestInference(_Remote):
    @classmethod
    def make(cls) -> Encoder:
        return inference(cls.endpoint, batch_size=2)


def test_the_openai_protocol(endpoint):
    vectors = openai(endpoint, batch_size=2).encode("text", ["a dog", "a\x00  cat", ""])
    assert np.abs(vectors - FakeTextEncoder().encode("text", ["a dog", "a cat", "-"])).max() < 1e-6
    assert [path for path, _, _ in endpoint.requests] == ["/v1/embeddings"] * 2
    assert [body for _, _, body in endpoint.requests] == [
        {"model": "small", "input": ["a dog", "a cat"], "encoding_format": "float"},
        {"model": "small", "input": ["-"], "encoding_format": "float"},
    ]
    assert {headers["Authorization"] for _, headers, _ in endpoint.requests} == {f"Bearer {KEY}"}


def test_dimensions_are_sent_if_asked(endpoint):
    openai(endpoint, send_dimensions=True).encode("text", ["x"])
    assert endpoint.requests[0][2]["dimensions"] == DIM


def test_the_inference_protocol(endpoint):
    prefixes = {"query_prefix": "query: ", "document_prefix": "passage: "}
    encoder = inference(endpoint, **prefixes)
    encoder.encode("text", ["a dog"])
    encoder.encode("text", ["a dog"], "query")
    assert [(path, body["inputs"]) for path, _, body in endpoint.requests] == [
        ("/v1/embed", ["passage: a dog"]),
        ("/v1/embed", ["query: a dog"]),
    ]
    assert "Authorization" not in endpoint.requests[0][1]


@pytest.mark.parametrize("fault", [(429, {}), (500, {}), (503, {"Retry-After": "0"}), None])
def test_passing_faults_are_tried_again(endpoint, fault):
    endpoint.faults.extend([fault] * 4)
    assert openai(endpoint).encode("text", ["x"]).shape == (1, DIM)
    assert len(endpoint.requests) == 5


def test_retry_after_is_honoured(endpoint, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", waits.append)
    endpoint.faults.extend([(429, {"Retry-After": "7"}), (429, {"Retry-After": "9000"})])
    openai(endpoint).encode("text", ["x"])
    assert waits == [7.0, remote.LONGEST_WAIT_S]


def test_back_off_doubles(endpoint, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", waits.append)
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 1.0)
    endpoint.faults.extend([(503, {})] * 4)
    openai(endpoint).encode("text", ["x"])
    assert [round(wait / 2**n, 3) for n, wait in enumerate(waits)] == pytest.approx(
        [0.75] * 4, abs=0.25
    )


def test_an_endpoint_that_stays_away_is_a_passing_fault(endpoint):
    endpoint.faults.extend([(503, {})] * 3)
    with pytest.raises(
        EncoderUnavailable, match=r"3 times, at last with HTTP 503.*tried again"
    ) as caught:
        openai(endpoint, retries=2).encode("text", ["x"])
    assert caught.value.transient is True
    assert len(endpoint.requests) == 3


def test_nobody_there_is_a_passing_fault():
    with Endpoint() as closed:
        pass
    with pytest.raises(EncoderUnavailable, match="ConnectError") as caught:
        openai(closed, retries=1).encode("text", ["x"])
    assert caught.value.transient is True


def test_a_query_is_tried_twice_only(endpoint):
    endpoint.faults.extend([(503, {"Retry-After": "3600"})] * 2)
    with pytest.raises(EncoderUnavailable, match="2 times"):
        openai(endpoint).encode("text", ["x"], "query")
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, EncoderUnavailable, "refused the key: HTTP 401.*Set EMBEDDINGS_KEY"),
        (404, EncoderUnavailable, "HTTP 404.*See EMBEDDINGS_URL and EMBEDDINGS_MODEL"),
        (301, EncoderUnavailable, "HTTP 301"),
        (400, EncoderFailed, "refused the text: HTTP 400"),
        (413, EncoderFailed, "refused the text: HTTP 413"),
    ],
)
def test_lasting_faults_are_not_tried_again(endpoint, status, error, message):
    endpoint.faults.append((status, {}))
    with pytest.raises(error, match=message) as caught:
        openai(endpoint).encode("text", ["x"])
    assert len(endpoint.requests) == 1
    assert getattr(caught.value, "transient", False) is False


def rows(change):
    return lambda answer: {**answer, "data": change(answer["data"])}


@pytest.mark.parametrize(
    ("twist", "message"),
    [
        (lambda answer: [], "something else than embeddings"),
        (lambda answer: {"error": "overloaded"}, "something else than embeddings"),
        (lambda answer: "text", "something else than embeddings"),
        (rows(lambda data: data[1:]), "gave 1 vectors for 2 texts"),
        (rows(lambda data: [data[0], data[0]]), "something else than embeddings"),
        (rows(lambda data: [*data, {**data[0], "index": 2}]), "gave 3 vectors for 2 texts"),
        (
            rows(lambda data: [{**row, "embedding": row["embedding"][:5]} for row in data]),
            "gives vectors of 5 numbers, not 96: correct EMBEDDINGS_DIM",
        ),
        (rows(lambda data: [{**row, "embedding": "AAAA"} for row in data]), "something else"),
    ],
)
def test_answers_are_checked(endpoint, twist, message):
    endpoint.twist = twist
    with pytest.raises(EncoderUnavailable, match=message):
        openai(endpoint).encode("text", ["x", "y"])


@pytest.mark.parametrize("texts", [["short", "fine"], ["short"]])
def test_a_vector_of_another_length_is_the_texts_own_fault(endpoint, texts):
    def shortened(answer):
        asked = endpoint.requests[-1][2]["inputs"]
        return [
            row[:5] if text == "short" else row for text, row in zip(asked, answer, strict=True)
        ]

    endpoint.twist = shortened
    with pytest.raises(EncoderFailed, match="gave 5 numbers for a text, not 96") as caught:
        inference(endpoint).encode("text", texts)
    assert caught.value.code == "encoder_wrong_dim"


@pytest.mark.django_db
def test_it_costs_the_item_and_neither_its_neighbours_nor_the_space(endpoint, settings):
    from retrieval import services, spaces
    from retrieval.models import Embedding, EmbeddingSpace, EncoderOutput
    from tests.retrieval.conftest import make_item

    def spoilt(answer):
        asked = endpoint.requests[-1][2]["inputs"]
        return [
            row[:5] if "short" in text else [float("nan")] * DIM if "odd" in text else row
            for text, row in zip(asked, answer, strict=True)
        ]

    endpoint.twist = spoilt
    config = {"BACKEND": "retrieval.encoders.remote.TextEmbeddingsInference", "model": "small"}
    profiles = {"far": {"text": {**config, "base_url": endpoint.url, "dim": DIM}}}
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILE": "far", "PROFILES": profiles}
    spaces.ensure_active_space("far", 64)
    space = spaces.active_space()
    items = [make_item(name, name) for name in ("good", "short", "odd", "better")]
    report = services.embed_items(space.id, [item.pk for item in items])
    assert (report.embedded, report.failed) == (2, 2)
    rows = Embedding.objects.order_by("item_id").values_list("status", "error_code")
    assert list(rows) == [
        ("ready", ""),
        ("failed", "encoder_wrong_dim"),
        ("failed", "encoder_not_finite"),
        ("ready", ""),
    ]
    assert EmbeddingSpace.objects.get(pk=space.id).state == "active"
    assert EncoderOutput.objects.count() == 2


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "encoder_not_finite"),
        (None, "encoder_not_finite"),
        (0, "encoder_zero_vector"),
    ],
)
def test_numbers_are_checked(endpoint, value, code):
    endpoint.twist = lambda answer: [[value] * DIM for _ in answer]
    with pytest.raises(EncoderFailed) as caught:
        inference(endpoint).encode("text", ["x"])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": ""}, "set EMBEDDINGS_URL"),
        ({"base_url": "localhost:80"}, "set EMBEDDINGS_URL"),
        ({"model": ""}, "set EMBEDDINGS_MODEL"),
        ({"dim": 0}, "set EMBEDDINGS_DIM"),
        ({"api_key": "sk-secret\n"}, "EMBEDDINGS_KEY has characters"),
        ({"api_key": "sk-sécret"}, "EMBEDDINGS_KEY has characters"),
    ],
)
def test_what_is_not_set_is_named(endpoint, options, message):
    with pytest.raises(EncoderUnavailable, match=message) as caught:
        openai(endpoint, **options)
    assert "cret" not in str(caught.value)


def test_the_key_is_nowhere_to_be_read(endpoint, caplog):
    caplog.set_level(logging.DEBUG)
    encoder = openai(endpoint)
    endpoint.faults.extend([(503, {}), (401, {})])
    with pytest.raises(EncoderUnavailable) as caught:
        encoder.encode("text", ["x"])
    said = [caplog.text, str(caught.value), repr(encoder), encoder.fingerprint]
    assert not any(KEY in text for text in said)
    assert encoder.fingerprint == openai(endpoint, api_key="another").fingerprint
    assert encoder.fingerprint == openai(endpoint, base_url="https://elsewhere").fingerprint
    assert encoder.fingerprint != openai(endpoint, model="large").fingerprint
