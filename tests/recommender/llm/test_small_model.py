"""The small model that comes in a wheel, as it is: loaded once, asked for what the layer asks."""

import json
import threading
from collections.abc import Iterator

import jsonschema
import pytest
from rich.console import Console

from catalog.broker import redis_client
from recommender.llm import grounding, local, metrics, prompts, weights
from recommender.llm.ask import extracts
from recommender.llm.evaluation.interpretation import SHOP
from recommender.llm.providers.types import Message
from recommender.llm.understanding import model, understand
from tests.clients import anonymous
from tests.recommender.llm.ask.worlds import made

pytestmark = [pytest.mark.llm, pytest.mark.django_db]


@pytest.fixture(scope="module")
def small() -> local.LocalModel:
    return local.LocalModel(weights.fetch(Console()), device="cpu")


@pytest.fixture
def worker(small, settings, monkeypatch) -> Iterator[None]:
    """The queue's worker, in a thread, with the model that is loaded already."""
    redis_client().flushdb()
    settings.LLM = settings.LLM | {"PROVIDER": "local", "MODEL": "", "TIMEOUT_S": 60.0}
    monkeypatch.setattr(local, "model", lambda: small)
    threads: list[threading.Thread] = []

    def sent(name: str, args: list[str], **_: object) -> None:
        threads.append(threading.Thread(target=local.answer, args=args))
        threads[-1].start()

    monkeypatch.setattr("celery.current_app.send_task", sent)
    yield
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_it_knows_a_capital(small):
    asked = (Message("user", "What is the capital of France?"),)
    assert "Paris" in "".join(small.answer(asked, 12, counted={}))


def test_it_follows_the_schema_of_questions(small):
    asked = (prompts.system(model.TASK), Message("user", "Question: red boots under 50"))
    text = "".join(small.answer(asked, 60, schema=model.SCHEMA))
    jsonschema.validate(json.loads(text), model.SCHEMA)


def test_of_its_answer_only_what_the_items_bear_out_is_shown(worker, space, settings, monkeypatch):
    settings.LLM = settings.LLM | {"PURPOSES": ("ask",)}
    monkeypatch.setattr("recommender.llm.ask.wording.TIMEOUT_S", 60.0)
    monkeypatch.setattr("recommender.llm.ask.answering.LASTS_S", 60.0)
    monkeypatch.setattr("recommender.llm.ask.wording.MAX_TOKENS", 40)
    items = made(space)
    answer = (
        anonymous().post("/api/v1/ask/", {"question": "Which bird can fly?"}, format="json").json()
    )
    assert metrics.report()["ask"].outcomes["ok"] == 1
    assert answer["citations"][0]["item"]["external_id"] == "eagle"
    marks = {each["mark"]: each["item"]["external_id"] for each in answer["citations"]}
    assert set(extracts.marks(answer["answer"])) <= set(marks)
    if answer["source"] == "llm":
        first = answer["answer"].split("] ")[0] + "]"
        shown = [items[marks[mark]] for mark in extracts.marks(first)]
        facts = [" ".join([item.title, item.description, *item.tags]) for item in shown]
        assert grounding.grounded(first, facts, "", "en")
    else:
        assert answer["degraded"]
        assert answer["answer"].startswith("This fits: golden eagle bird [1].")


def test_who_does_not_wait_for_it_gets_the_rules(worker, settings, monkeypatch):
    settings.LLM = settings.LLM | {"PURPOSES": ("understand",)}
    monkeypatch.setattr(model, "TIMEOUT_S", 0.05)
    found = understand("red boots that do not cost over 50", known=SHOP)
    assert (found.source, found.degraded, found.filter["price"]) == ("rules", True, {"lte": 50})
