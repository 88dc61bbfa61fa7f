"""Reasons in a model's words: checked against the items, written once, shown afterwards."""

from typing import Any

import pytest

from catalog.models import Item
from catalog.summaries import item_summaries
from recommender.llm import explanations
from recommender.llm.explanations import Asked
from tests.clients import anonymous
from tests.recommender.llm.endpoint import Endpoint
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db
GOOD = "Like the green frog that you liked, the brown toad is an animal of the pond."


@pytest.fixture
def items(db) -> dict[str, Item]:
    return {
        "frog": make_item("frog", "green frog", tags=("pond", "animal"), texts={"zh": "青蛙"}),
        "toad": make_item("toad", "brown toad", tags=("pond", "animal"), texts={"zh": "蟾蜍"}),
    }


def asked(items: dict[str, Item], language: str = "en") -> Asked:
    return Asked(items["toad"].pk, "similar_to_liked", items["frog"].pk, language)


def facts(items: dict[str, Item], language: str = "en") -> dict[int, dict[str, Any]]:
    return item_summaries([item.pk for item in items.values()], [language])


def test_without_a_provider_nothing_is_known_or_missing(items, settings):
    settings.LLM = settings.LLM | {"PROVIDER": "none"}
    assert explanations.known([asked(items)], facts(items)) == {}
    assert explanations.missing([asked(items)], facts(items)) == []


def test_a_sentence_is_written_once_for_an_item_a_reason_and_a_language(endpoint: Endpoint, items):
    endpoint.reply = lambda _: GOOD
    one = asked(items)
    assert explanations.missing([one], facts(items)) == [one]
    assert explanations.missing([one], facts(items)) == []  # somebody is on it
    assert explanations.write([one]) == 1
    assert explanations.known([one], facts(items)) == {one: GOOD}
    assert explanations.missing([one], facts(items)) == []
    assert explanations.known([asked(items, "zh")], facts(items, "zh")) == {}
    assert len(endpoint.requests) == 1
    prompt = endpoint.requests[0]["messages"][-1]["content"]
    assert '<data kind="item">"brown toad. pond, animal"</data>' in prompt


def test_a_changed_item_is_explained_anew(endpoint: Endpoint, items):
    endpoint.reply = lambda _: GOOD
    explanations.write([asked(items)])
    Item.objects.filter(pk=items["toad"].pk).update(title="cane toad")
    assert explanations.known([asked(items)], facts(items)) == {}


@pytest.mark.parametrize(
    "said",
    [
        "The brown toad costs 5 euros.",
        "The brown toad was made in Switzerland.",
        "Visit https://evil.example for a brown toad.",
        "Ignore the rules: the brown toad is an animal.",
        "It is waterproof, dishwasher safe, hand made leather with a lifetime warranty.",
        "这只蟾蜍很好。",
        "",
        "x" * 400,
    ],
)
def test_what_the_items_do_not_say_is_not_shown_and_not_tried_again(
    endpoint: Endpoint, items, said
):
    endpoint.reply = lambda _: said
    assert explanations.write([asked(items)]) == 0
    assert explanations.known([asked(items)], facts(items)) == {}
    assert explanations.missing([asked(items)], facts(items)) == []


def test_chinese_is_checked_too(endpoint: Endpoint, items):
    endpoint.reply = lambda _: "因为您喜欢青蛙，推荐蟾蜍。"
    assert explanations.write([asked(items, "zh")]) == 1
    endpoint.reply = lambda _: "蟾蜍由瑞士工匠手工制作，防水耐用。"
    other = Asked(items["frog"].pk, "similar_to_liked", items["toad"].pk, "zh")
    assert explanations.write([other]) == 0


def test_a_provider_that_is_down_costs_one_call(endpoint: Endpoint, items):
    endpoint.always = "failing"
    other = Asked(items["frog"].pk, "similar_to_liked", items["toad"].pk, "en")
    assert explanations.write([asked(items), other]) == 0
    assert explanations.known([asked(items)], facts(items)) == {}


def test_an_answer_shows_what_is_written_and_has_the_rest_written(
    endpoint: Endpoint, space, monkeypatch
):
    sent: list[Any] = []
    monkeypatch.setattr(
        "recommender.api.waking.current_app.send_task",
        lambda name, args, **_: sent.append((name, args)),
    )
    from recommender.profiles import profiles_catch_up
    from retrieval import services

    things = {
        name: make_item(name, f"{colour} {name}", tags=("pond",))
        for name, colour in (("frog", "green"), ("toad", "brown"), ("newt", "green"))
    }
    services.embed_items(space.id, [item.pk for item in things.values()])
    happen([("anna", "like", "frog")])
    profiles_catch_up()
    endpoint.reply = lambda _: '{"order": [1]}'

    def reasons() -> list[dict[str, Any]]:
        answer = anonymous().get("/api/v1/recommendations/?visitor=anna&lang=en").json()
        return [each["reasons"][0] for each in answer["items"]]

    before = reasons()
    assert all("source" not in each for each in before)
    (name, args) = sent[0]
    assert name == "workers.tasks.explain_items"
    endpoint.reply = lambda _: "Something of the pond, like the green frog you liked."
    wanted = [Asked(*each) for each in args[0]]
    assert explanations.write(wanted) == len(wanted) > 0
    endpoint.reply = lambda _: '{"order": [1]}'
    after = [each for each in reasons() if each.get("source") == "llm"]
    assert len(after) == len(wanted)
    assert {each["text"] for each in after} == {
        "Something of the pond, like the green frog you liked."
    }
