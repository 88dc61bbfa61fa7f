"""A model's answers: only sentences that cite and that the cited items bear out; else the extracts."""

import json
import re
import time

import pytest
from django.test import Client

from recommender.llm.ask import answering, wording
from recommender.llm.understanding import model
from tests.clients import anonymous
from tests.recommender.llm.endpoint import Endpoint

pytestmark = pytest.mark.django_db
EXTRACT = (
    "This fits: golden eagle bird [1]. Tagged “fly”: golden eagle bird [1]. "
    "golden eagle bird [1] says: “An eagle can fly for hours!”."
)


@pytest.fixture(autouse=True)
def only_answers_are_asked_for(settings) -> None:
    """Questions are read by rules: what an endpoint says here is no JSON."""
    settings.LLM = settings.LLM | {"PURPOSES": ("ask",)}


def asked(question: str = "Which bird can fly?", **more):
    answer = anonymous().post("/api/v1/ask/", {"question": question, **more}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def prompts_of(endpoint: Endpoint) -> list[list[dict[str, str]]]:
    """The messages that asked for an answer; others have the question read."""
    every = [body["messages"] for body in endpoint.requests]
    return [each for each in every if "Answer the question" in each[0]["content"]]


def test_a_sentence_that_its_item_bears_out_is_the_answer(endpoint: Endpoint, catalog):
    endpoint.reply = lambda _: "The golden eagle is a large bird that can fly for hours [1]."
    answer = asked()
    assert answer["answer"] == "The golden eagle is a large bird that can fly for hours [1]."
    assert (answer["source"], answer["degraded"]) == ("llm", False)
    [(system, user)] = prompts_of(endpoint)
    assert "in English" in system["content"]
    assert user["content"].endswith('Question: <data kind="question">"Which bird can fly?"</data>')
    assert '[1] <data kind="item">"golden eagle bird. bird, fly. It is large.' in user["content"]


@pytest.mark.parametrize(
    "said",
    [
        "It can fly.",  # cites nothing and names nothing
        "The golden eagle can fly [7].",  # cites what is not there
        "The golden eagle can fly [1][0].",
        "It was born in Paris in 1987 [1].",
        "The golden eagle costs 12 dollars [1].",
        "Visit https://evil.example for birds [1].",
        "My system prompt says that birds fly [1].",
        "NONE",
        "",
        "金雕会飞 [1]。",
        "Quantum processors accelerate cryptographic workloads considerably [1].",
    ],
)
def test_what_fails_its_check_is_not_said(endpoint: Endpoint, catalog, said):
    endpoint.reply = lambda _: said
    answer = asked()
    assert answer["answer"] == EXTRACT
    assert (answer["source"], answer["degraded"]) == ("extract", True)


def test_sentences_are_checked_one_by_one_and_the_others_follow(endpoint: Endpoint, catalog):
    endpoint.reply = lambda _: (
        "Birds rule the internet. The golden eagle is a bird [1]. It owns 3 castles [1]. "
        "A robin is little [3]."
    )
    answer = asked("Which bird?")
    cited = [each["item"]["external_id"] for each in answer["citations"]]
    robin, eagle = cited.index("robin") + 1, cited.index("eagle") + 1
    assert {robin, eagle} <= {1, 2, 3}
    assert "castles" not in answer["answer"]
    assert "internet" not in answer["answer"]
    marks = {int(each) for each in re.findall(r"\[(\d)\]", answer["answer"])}
    assert marks == {1, 2, 3}  # what the model left out is told too


def test_citations_may_follow_the_full_stop_and_share_brackets(endpoint: Endpoint, catalog):
    endpoint.reply = lambda _: "All of these are birds. [1, 2, 3] They fly to Mars."
    assert asked("Which bird?")["answer"] == "All of these are birds. [1] [2] [3]"


def test_a_sentence_that_names_an_item_gets_its_citation(endpoint: Endpoint, catalog):
    endpoint.reply = lambda _: "Yes, I do. The golden eagle is a bird that can fly."
    assert asked()["answer"] == "The golden eagle is a bird that can fly [1]."


def test_a_refusal_asks_no_model(endpoint: Endpoint, catalog):
    answer = asked("What is your refund policy?")
    assert answer["refused"] is True
    assert answer["degraded"] is False
    assert prompts_of(endpoint) == []


def test_checked_sentences_are_streamed_before_the_rest_is_written(endpoint: Endpoint, catalog):
    endpoint.reply = lambda _: (
        "The golden eagle is a bird [1]. The golden eagle can fly for hours [1]. Done."
    )
    answer = anonymous().post(
        "/api/v1/ask/", {"question": "Which bird can fly?", "stream": True}, format="json"
    )
    told = [
        (block.split("\n")[0], json.loads(block.split("\n")[1].removeprefix("data: ")))
        for block in answer.getvalue().decode().strip().split("\n\n")
    ]
    assert [data["text"] for name, data in told if name == "event: text"] == [
        "The golden eagle is a bird [1]. ",
        "The golden eagle can fly for hours [1]. ",
    ]
    assert told[-1][1]["source"] == "llm"


@pytest.mark.parametrize(
    "fault",
    ["dropped", "failing", "rate_limited_long", "junk", "junk_events", "cut_off", "wrong_encoding"],
)
def test_a_model_that_fails_leaves_the_extract(endpoint: Endpoint, catalog, fault):
    endpoint.reply = lambda _: "The golden eagle is"
    endpoint.always = fault
    answer = asked()
    assert answer["answer"] == EXTRACT
    assert (answer["source"], answer["degraded"]) == ("extract", True)


def test_a_question_that_no_model_read_is_degraded_however_it_is_worded(
    endpoint: Endpoint, catalog, settings
):
    settings.LLM = settings.LLM | {"PURPOSES": ("understand", "ask")}
    endpoint.reply = lambda body: "The golden eagle can fly for hours [1]."
    answer = asked()
    assert (answer["source"], answer["degraded"]) == ("llm", True)
    refused = asked("What is your refund policy?")
    assert (refused["refused"], refused["degraded"]) == (True, True)


@pytest.mark.parametrize("stream", [False, True])
def test_one_deadline_holds_for_all_that_a_question_waits_for(
    endpoint: Endpoint, catalog, settings, monkeypatch, stream
):
    settings.LLM = settings.LLM | {"PURPOSES": ("understand", "ask")}
    asked("drum")  # loads what is loaded once
    monkeypatch.setattr(answering, "LASTS_S", 2.5)
    monkeypatch.setattr(model, "TIMEOUT_S", 1.5)
    endpoint.requests.clear()
    endpoint.always = "endless"
    started = time.perf_counter()
    if stream:
        body = {"question": "Which bird can fly?", "stream": True}
        answer = Client().post("/api/v1/ask/", body, content_type="application/json")
        text = answer.getvalue().decode()
        assert '"degraded": true' in text
    else:
        answer = asked()
        assert (answer["answer"], answer["degraded"]) == (EXTRACT, True)
    # the second call alone may take 6 s
    assert time.perf_counter() - started < 2.5 + 1.5
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("fault", ["hanging", "endless", "trickling"])
def test_a_slow_model_is_not_waited_for(endpoint: Endpoint, catalog, fault, monkeypatch):
    monkeypatch.setattr(wording, "TIMEOUT_S", 0.5)
    endpoint.always = fault
    asked("drum")  # loads what is loaded once
    started = time.perf_counter()
    answer = asked()
    assert time.perf_counter() - started < 5
    assert (answer["answer"], answer["degraded"]) == (EXTRACT, True)


def test_without_a_provider_nothing_is_degraded(settings, catalog):
    settings.LLM = settings.LLM | {"PROVIDER": "none"}
    answer = asked()
    assert (answer["answer"], answer["degraded"]) == (EXTRACT, False)


def test_a_spent_budget_leaves_the_extract(endpoint: Endpoint, settings, catalog):
    settings.LLM = settings.LLM | {"TOKENS_A_DAY": 1}
    answer = asked()
    assert (answer["answer"], answer["degraded"]) == (EXTRACT, True)
    assert endpoint.requests == []
