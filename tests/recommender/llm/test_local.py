"""The local model: its decoding, its answers by a schema, and the way through Redis to a worker."""

import json
import threading
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from catalog.broker import redis_client
from catalog.importers.demo.fetch import FetchError
from recommender.exceptions import LlmUnavailable
from recommender.llm import calls, local, weights
from recommender.llm.constrained import SchemaWriter, Unsupported
from recommender.llm.providers import tickets
from recommender.llm.providers.types import Message
from tests.recommender.llm import tiny

ASKED = (Message("system", "Be brief."), Message("user", "A red boot?"))
SCHEMA = {
    "type": "object",
    "properties": {
        "want": {"type": "string", "maxLength": 20},
        "avoid": {"type": "array", "items": {"type": "string", "maxLength": 10}, "maxItems": 2},
        "price": {"type": ["integer", "null"]},
        "sort": {"enum": ["price", "prices", None]},
        "ids": {
            "type": "array",
            "items": {"enum": [1, 2, 12]},
            "minItems": 1,
            "maxItems": 3,
            "uniqueItems": True,
        },
        "new": {"type": "boolean"},
    },
    "required": ["want", "avoid", "price", "sort", "ids", "new"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(folder) -> local.LocalModel:
    return local.LocalModel(folder, device="cpu")


def test_decoding_is_that_of_transformers(model, monkeypatch):
    import torch

    monkeypatch.setattr(local, "REPETITION", 1.0)
    tokenizer, network = model.load()
    ids = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in ASKED],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    with torch.inference_mode():
        whole = network.generate(**ids, max_new_tokens=40, do_sample=False, pad_token_id=1)
    answer = whole[0, ids["input_ids"].shape[1] :]
    counted: dict[str, int] = {}

    pieces = list(model.answer(ASKED, 40, counted=counted))

    # what ends within a character is not written
    expected = tokenizer.decode(answer, skip_special_tokens=True)
    assert "".join(pieces) == expected.rstrip("\ufffd")
    assert len(pieces) > 5
    assert counted == {
        "tokens_in": ids["input_ids"].shape[1],
        "tokens_out": 40,
        "cut": 1,
    }


def test_what_was_read_before_makes_no_difference(model, folder):
    fresh = local.LocalModel(folder, device="cpu")
    other = (ASKED[0], Message("user", "A blue boot?"))

    first, second, again = ("".join(fresh.answer(a, 30)) for a in (ASKED, other, ASKED))

    assert first == again == "".join(local.LocalModel(folder, device="cpu").answer(ASKED, 30))
    assert second == "".join(local.LocalModel(folder, device="cpu").answer(other, 30))
    assert len(fresh._read) == 1


def test_what_was_said_is_less_likely_to_be_said_again(model, monkeypatch):
    def distinct() -> int:
        tokenizer, network = model.load()
        decoder = local.Decoder(tokenizer, network, tokenizer.encode("A red boot?"))
        list(decoder.text(60))
        return len(set(decoder._said))

    often = distinct()
    monkeypatch.setattr(local, "REPETITION", 1.0)

    assert often > distinct()


@pytest.mark.parametrize("seed", range(4))
def test_any_model_gives_what_the_schema_allows(tmp_path, seed):
    model = local.LocalModel(tiny.save(tmp_path, seed), device="cpu")
    for asked in ("A red boot?", "不要塑料的", "ids 12", '"}]'):
        text = "".join(model.answer((Message("user", asked),), 120, schema=SCHEMA))
        jsonschema.validate(json.loads(text), SCHEMA)


def test_an_answer_by_a_schema_ends_soon_after_its_tokens_are_spent(model):
    text = "".join(model.answer(ASKED, 3, schema=SCHEMA))

    assert json.loads(text) == {
        "want": "", "avoid": [], "price": None, "sort": "price", "ids": [1], "new": True,
    }  # fmt: skip


def test_a_schema_that_cannot_be_written_is_refused(model):
    tokenizer, network = model.load()
    decoder = local.Decoder(tokenizer, network, [5])
    with pytest.raises(Unsupported):
        list(SchemaWriter(decoder, {"type": "tuple"}, 10).pieces())


def test_an_answer_stops_when_nobody_wants_it(model):
    left = iter([True, True, False])

    assert len(list(model.answer(ASKED, 40, wanted=lambda: next(left)))) == 2


@pytest.fixture
def worker(folder, settings, monkeypatch):
    """The queue's worker, in a thread: it takes messages as Celery would bring them."""
    redis_client().flushdb()
    settings.LLM = settings.LLM | {"PROVIDER": "local", "MODEL": str(folder), "DEVICE": "cpu"}
    threads: list[threading.Thread] = []

    def sent(name: str, args: list[str], **options: object) -> None:
        assert name == "workers.tasks.answer_llm"
        threads.append(threading.Thread(target=local.answer, args=args))
        threads[-1].start()

    monkeypatch.setattr("celery.current_app.send_task", sent)
    local.model().load()
    yield threads
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_call_is_answered_by_a_worker_in_pieces(worker, model):
    pieces = list(calls.stream("test", ASKED, max_tokens=40, timeout_s=30))

    assert pieces == list(model.answer(ASKED, 40))
    found = calls.complete("test", ASKED, schema=SCHEMA, max_tokens=40, timeout_s=30)
    assert found.provider == "local"
    assert found.tokens_in > 10
    assert set(found.data) == set(SCHEMA["properties"])


def test_a_worker_stops_when_who_asked_is_gone(worker):
    pieces = calls.stream("test", ASKED, max_tokens=100_000, timeout_s=30)
    next(pieces)
    pieces.close()

    worker[0].join(30)
    assert not worker[0].is_alive()
    assert not redis_client().keys("triad:llm:asked:*")


def test_weights_that_are_not_there_are_a_failure_and_not_silence(worker, settings, tmp_path):
    settings.LLM = settings.LLM | {"MODEL": str(tmp_path / "none")}

    with pytest.raises(LlmUnavailable) as caught:
        calls.complete("test", ASKED, max_tokens=5, timeout_s=30)

    assert caught.value.code == "down"
    with pytest.raises(FetchError, match="LLM_MODEL"):
        weights.fetch(Console())


def test_without_a_worker_a_call_is_slow_and_behind_many_it_is_not_made(settings, monkeypatch):
    redis_client().flushdb()
    settings.LLM = settings.LLM | {"PROVIDER": "local"}
    for _ in range(8):
        with pytest.raises(LlmUnavailable) as caught:
            calls.complete(f"test {_}", ASKED, max_tokens=5, timeout_s=0.1)
        assert caught.value.code == "slow"
    assert redis_client().llen("llm") == 8
    assert not redis_client().keys("triad:llm:asked:*")

    with pytest.raises(LlmUnavailable) as caught:
        calls.complete("test", ASKED, max_tokens=5, timeout_s=30)
    assert caught.value.code == "rate_limited"
    redis_client().flushdb()


def test_a_request_that_nobody_waits_for_is_not_answered(worker):
    local.answer("long gone")

    assert not redis_client().keys("triad:llm:said:*")
    assert tickets.take(tickets.client(1), "long gone") is None
