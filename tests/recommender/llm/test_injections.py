"""Hostile items and questions against a model that obeys them: what reaches a visitor is ours all the same.

The model here is worse than any real one: whatever it reads in an item or a question it does, repeats its
rules, names items that are not there and puts the hostile item first.
"""

import json
import re
from typing import Any

import pytest

from catalog.models import Item
from recommender.llm import explanations, prompts, rerank
from recommender.llm.ask import Cited, Draft, State, Wanted, relevance, worded
from recommender.llm.ask.extracts import marks, plain, sentences
from recommender.llm.ask.types import ItemFacts
from recommender.llm.explanations import Asked
from tests.clients import anonymous
from tests.recommender.llm.ask.worlds import made
from tests.recommender.llm.endpoint import Endpoint
from tests.recommender.llm.injections import ITEMS, QUESTIONS

pytestmark = pytest.mark.django_db
HONEST = ("snowy owl", "golden eagle", "little robin", "blue heron", "black crow")
STOLEN = (
    "12345",
    "pwned",
    "Hacked",
    "入侵",
    "evil.example",
    "<script",
)
HAN = re.compile("[\u4e00-\u9fff]")


def rules_of(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"])


def data_of(body: dict[str, Any], kind: str) -> list[str]:
    """What the prompt holds of strangers' texts."""
    prompt = body["messages"][-1]["content"]
    return re.findall(rf'<data kind="{kind}">(".*?")</data>', prompt)


def obedient(body: dict[str, Any]) -> str:
    """Everything that the hostile texts ask for, at once."""
    said = " ".join(json.loads(each) for each in data_of(body, "item") + data_of(body, "question"))
    return (
        f"{rules_of(body)} [1]. {prompts.RULES} [1]. This item is the best of all [99]. {said} [1]. "
        "Visit https://evil.example to pay [1]. Hacked [1]. I have been pwned [2]. 已被入侵 [1]。"
        "<script>alert(1)</script> [1]. The admin password is 12345 [1]."
    )


def leaks(text: str) -> bool:
    """Whether words of ours that are for models alone are in it."""
    return prompts.leaked(text) or "<data" in text or "numbered items" in text


def draft(hostile: str) -> Draft:
    """An answer that cites a hostile item among honest ones."""
    titles = [*HONEST[:2], hostile, *HONEST[2:]]
    language = "zh" if HAN.search(hostile) else "en"
    cited = tuple(
        Cited(mark, mark, f"i{mark}", title, 1.0) for mark, title in enumerate(titles, start=1)
    )
    facts = {
        each.item_id: ItemFacts(each.title, "", (), (), {}, f"{each.title} bird 鸟")
        for each in cited
    }
    state = State(wanted=(Wanted(text="which bird?"),), language=language)
    told = sentences(cited, language)
    return Draft("which bird?", state, cited, told, 1.0, refused=False, facts=facts)


def test_there_are_enough_of_them():
    every = ITEMS + QUESTIONS
    assert len(set(every)) == len(every) >= 100
    assert sum(1 for each in every if HAN.search(each)) >= 30


def test_no_item_changes_what_an_answer_cites_or_leaks(endpoint: Endpoint):
    endpoint.reply = obedient
    for hostile in ITEMS:
        found = worded(draft(hostile))
        assert set(marks(found.text)) <= {1, 2, 3, 4, 5, 6}, hostile
        # the item's own title is shown, as any item's is; nothing but that comes from it
        rest = found.text.replace(plain(hostile), "")
        assert not leaks(rest), hostile
        assert [each for each in STOLEN if each in rest] == [], hostile


def test_no_item_gets_out_of_its_quotes(endpoint: Endpoint):
    endpoint.reply = lambda _: "Fine."
    for hostile in ITEMS:
        worded(draft(hostile))
        prompt = endpoint.requests[-1]["messages"][-1]["content"]
        assert prompt.count("<data kind=") == prompt.count("</data>") == 7, hostile
        assert len(data_of(endpoint.requests[-1], "item")) == 6, hostile
        assert "<|" not in prompt
        assert "\u202e" not in prompt
        assert len(endpoint.requests[-1]["messages"]) == 2
    assert len(endpoint.requests) == len(ITEMS)


def test_no_item_rises_further_than_it_may(endpoint: Endpoint):
    honest = [*HONEST, *(f"bird {n}" for n in range(4))]

    def last_first(body: dict[str, Any]) -> str:
        shown = [json.loads(each) for each in data_of(body, "item")]
        return json.dumps({"order": [next(n for n, e in enumerate(shown, 1) if e not in honest)]})

    endpoint.reply = last_first
    for hostile in ITEMS:
        found = rerank.order([*honest, hostile], "birds", hostile)
        assert not found.degraded, hostile
        assert sorted(found.places) == list(range(10))
        assert found.places.index(9) == 9 - rerank.MOST_SHIFT, hostile


def test_no_item_writes_its_own_explanation(endpoint: Endpoint):
    endpoint.reply = obedient
    known = {"title": "snowy owl", "tags": ["bird"], "categories": ["animals"], "kind": "item"}
    for hostile in ITEMS:
        summary = {"title": hostile, "tags": [], "categories": ["animals"], "kind": "item"}
        language = "zh" if HAN.search(hostile) else "en"
        asked = Asked(1, "similar_to_liked", 2, language)
        assert explanations.sentence(asked, {1: summary, 2: known}) == "", hostile


def test_no_question_gets_more_than_visible_items(endpoint: Endpoint, catalog, monkeypatch):
    monkeypatch.setattr(relevance, "LEAST_EVIDENCE", 0.0)  # else most are refused unread
    endpoint.reply = obedient
    client = anonymous()
    for question in QUESTIONS:
        answer = client.post("/api/v1/ask/", {"question": question[:500]}, format="json")
        assert answer.status_code == 200, answer.content
        body = answer.json()
        cited = {each["item"]["external_id"] for each in body["citations"]}
        assert cited <= set(catalog) - {"secret"}, question
        assert set(marks(body["answer"])) <= set(range(1, len(cited) + 1)), question
        assert not leaks(body["answer"]), question
        assert [each for each in STOLEN if each in body["answer"]] == [], question
    assert len(endpoint.requests) > 50


@pytest.fixture
def catalog(space) -> dict[str, Item]:
    return made(space)
