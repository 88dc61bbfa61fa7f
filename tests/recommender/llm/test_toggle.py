"""A language model that comes, goes and breaks while it is used: quality changes, nothing else does."""

import json
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connections
from rest_framework.test import APIClient

from recommender.llm import metrics, pauses
from recommender.llm.ask import wording
from recommender.llm.understanding import model
from retrieval import spaces
from tests.recommender.llm.ask.worlds import made
from tests.recommender.llm.endpoint import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)

FAULTS = (
    None,
    "dropped",
    "failing",
    "junk",
    "cut_off",
    "rate_limited",
    "wrong_encoding",
    "hanging",
)
THREADS = 4
ROUNDS = 24
QUESTIONS = (
    "Which bird can fly?",
    "Do you have a drum?",
    "有什么鸟？",
    "What is your refund policy?",
)
GOOD = "The golden eagle is a bird [1]. A big drum [1]."


def reply(body: dict[str, Any]) -> str:
    """What each purpose asks for: an order, a question read as it stands, an answer."""
    system, user = (message["content"] for message in body["messages"])
    if "price_level" in system:
        question = re.findall(r'kind="question">"(.*?)"</data>', user)[-1]
        nothing = dict.fromkeys(model.SCHEMA["required"])
        lists = {"avoid": [], "brands": [], "not_brands": [], "in_stock": False}
        return json.dumps(nothing | lists | {"want": question}, ensure_ascii=False)
    return '{"order": [2, 1]}' if "order" in system else GOOD


def one(client: APIClient, number: int) -> tuple[str, int, dict[str, Any]]:
    """A request of some kind: its kind, status and answer."""
    question = QUESTIONS[number % len(QUESTIONS)]
    if number % 3 == 0:
        answer = client.get(f"/api/v1/recommendations/?visitor=v{number}&limit=5")
        return "recommend", answer.status_code, answer.json()
    if number % 3 == 1:
        body = {"query": [{"text": question}], "understand": True, "limit": 5}
        answer = client.post("/api/v1/search/", body, format="json")
        return "search", answer.status_code, answer.json()
    answer = client.post("/api/v1/ask/", {"question": question}, format="json")
    return "ask", answer.status_code, answer.json()


def test_toggling_the_provider_under_load_breaks_nothing(endpoint: Endpoint, settings, monkeypatch):
    monkeypatch.setattr(wording, "TIMEOUT_S", 0.5)
    monkeypatch.setattr("recommender.llm.rerank.TIMEOUT_S", 0.5)
    monkeypatch.setattr(pauses, "FAILURES", 1_000)  # else a pause hides the faults after the first
    retrieval = django_settings.RETRIEVAL
    spaces.ensure_active_space(retrieval["PROFILE"], retrieval["DIM"])
    cache.clear()
    made(spaces.active_space())
    endpoint.reply = reply
    left = iter(range(THREADS * ROUNDS))
    lock = threading.Lock()
    on = dict(settings.LLM)

    def work() -> list[tuple[str, int, dict[str, Any]]]:
        client, found = APIClient(raise_request_exception=False), []
        try:
            while True:
                with lock:
                    number = next(left, None)
                    if number is None:
                        return found
                    # every request finds the provider in another state, while others are under way
                    endpoint.always = FAULTS[number % len(FAULTS)]
                    django_settings.LLM = on | {"PROVIDER": "none" if number % 5 == 4 else "openai"}
                found.append(one(client, number))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [each for part in pool.map(lambda _: work(), range(THREADS)) for each in part]
    assert len(answers) == THREADS * ROUNDS
    assert {status for _, status, _ in answers} == {200}
    kinds = Counter(kind for kind, _, _ in answers)
    assert set(kinds) == {"recommend", "search", "ask"}
    for kind, _, body in answers:
        if kind == "ask":
            assert body["answer"]
            marks = {each["mark"] for each in body["citations"]}
            assert {int(n) for n in re.findall(r"\[(\d+)\]", body["answer"])} <= marks
            assert body["refused"] == (not marks)
        elif kind == "recommend":
            assert {each["item"]["external_id"] for each in body["items"]} <= {
                "eagle", "owl", "robin", "drum", "blue-drum",
            }  # fmt: skip
            assert len(body["items"]) == 5
        else:
            assert len(body["hits"]) > 0
    sources = Counter(body["source"] for kind, _, body in answers if kind == "ask")
    assert sources["extract"] > 0
    degraded = [body["degraded"] for kind, _, body in answers if kind in ("ask", "recommend")]
    assert {True, False} == set(degraded)
    endpoint.always = None
    settings.LLM = on
    whole = APIClient().post("/api/v1/ask/", {"question": QUESTIONS[0]}, format="json").json()
    assert (whole["source"], whole["degraded"]) == ("llm", False)
    assert metrics.report() is not None
