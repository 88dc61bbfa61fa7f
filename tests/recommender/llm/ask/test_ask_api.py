"""Questions over HTTP: whole, streamed, with attachments, over several turns."""

import json
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Item
from recommender.llm.ask.conversation import SALT
from recommender.llm.understanding import names_read
from recommender.models import Impression, Rule
from retrieval import lexical, queries
from tests.clients import anonymous
from tests.retrieval.conftest import png

pytestmark = pytest.mark.django_db
ASK = "/api/v1/ask/"
MOST_STATEMENTS = 25


def post(client: Client, body: object):
    return client.post(ASK, body, content_type="application/json")


def asked(client: Client, question: str, **more: Any) -> dict[str, Any]:
    answer = post(client, {"question": question, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def cited(answer: dict[str, Any]) -> list[str]:
    return [each["item"]["external_id"] for each in answer["citations"]]


def test_a_question_is_answered_with_the_items_words(client, catalog):
    answer = asked(client, "Which bird can fly?")
    assert set(answer) == {
        "request_id", "took_ms", "answer", "language", "citations", "refused", "source", "degraded",
        "evidence", "interpretation", "ignored", "history",
    }  # fmt: skip
    assert cited(answer)[0] == "eagle"
    assert answer["answer"] == (
        "This fits: golden eagle bird [1]. Tagged “fly”: golden eagle bird [1]. "
        "golden eagle bird [1] says: “An eagle can fly for hours!”."
    )
    assert answer["citations"][0]["quotes"] == [
        {"field": "title", "text": "golden eagle bird"},
        {"field": "tags", "text": "bird"},
        {"field": "tags", "text": "fly"},
        {"field": "description", "text": "An eagle can fly for hours!"},
    ]
    assert (answer["source"], answer["degraded"], answer["refused"]) == ("extract", False, False)


def test_every_quote_is_in_its_item(client, catalog):
    for question in ("Which bird can fly?", "how much is the owl?", "有什么鸟？", "a big drum"):
        for each in asked(client, question)["citations"]:
            item = catalog[each["item"]["external_id"]]
            texts = [item, *item.texts.all()]
            words = [
                item.description,
                *item.tags,
                *(str(value) for value in item.attributes.values()),
            ]
            held = [*words, *(text.title for text in texts)]
            assert each["quotes"]
            assert all(any(quote["text"] in one for one in held) for quote in each["quotes"])


def test_an_answer_is_in_the_questions_language(client, catalog):
    answer = asked(client, "有什么鸟？", lang="en")
    assert answer["language"] == "zh"
    assert answer["answer"].startswith("符合的有：")
    assert set(cited(answer)[:2]) == {"eagle", "owl"}
    assert "雪鸮 鸟" in answer["answer"]


def test_what_an_attribute_is_asked_for_is_told(client, catalog):
    answer = asked(client, "how much is the snowy owl?")
    assert "snowy owl bird [1]: price 40." in answer["answer"]


@pytest.mark.parametrize("question", ["What is your refund policy?", "你们的退货政策是什么？"])
def test_what_the_catalog_lacks_is_refused(client, catalog, question):
    answer = asked(client, question)
    assert answer["refused"] is True
    assert answer["citations"] == []
    assert answer["answer"] in (
        "I found nothing about that in this catalog.",
        "本目录中没有找到相关内容。",
    )


@pytest.mark.parametrize("question", ["2+2", "What is 17 times 23?", "二加二等于几？"])
def test_sums_are_refused(client, catalog, question):
    answer = asked(client, question)
    assert (answer["refused"], answer["evidence"], cited(answer)) == (True, 0.0, [])


def test_a_quality_does_not_stand_for_the_thing(client, catalog):
    assert set(cited(asked(client, "Is there a blue bird?"))[:3]) == {"eagle", "owl", "robin"}
    assert cited(asked(client, "Is there a blue drum?"))[0] == "blue-drum"


def test_hidden_items_are_never_cited(client, catalog):
    assert "secret" not in cited(asked(client, "the secret bird"))


def test_a_filter_holds(client, catalog):
    answer = asked(client, "which bird?", filter={"price": {"lt": 50}})
    assert set(cited(answer)) == {"owl", "robin"}


def test_cheaper_follows_the_prices_that_were_shown(client, catalog):
    first = asked(client, "Which bird?")
    assert set(cited(first)) == {"eagle", "owl", "robin"}
    second = asked(client, "cheaper", history=first["history"])
    assert cited(second) == ["robin"]
    assert second["interpretation"]["filter"] == {"price": {"lt": 40.0}}
    third = asked(client, "便宜一点", history=second["history"])
    assert third["refused"] is True
    assert third["answer"] == "本目录中没有符合这些条件的内容。"


def test_the_cheapest_is_the_cheapest_that_fits(client, catalog):
    first = asked(client, "Which bird?")
    answer = asked(client, "the cheapest", history=first["history"])
    assert cited(answer) == ["robin", "owl", "eagle"]


def test_conditions_in_words_are_a_filter(client, catalog):
    answer = asked(client, "a bird under 50")
    assert set(cited(answer)) == {"owl", "robin"}
    first = asked(client, "Which bird?")
    second = asked(client, "under 30", history=first["history"])
    assert cited(second) == ["robin"]
    assert second["interpretation"]["filter"]["price"] == {"lt": 30}


@pytest.mark.parametrize(
    ("question", "fits"),
    [
        ("under 50", {"owl", "robin"}),
        ("anything under 50", {"owl", "robin"}),
        ("不要50元以上的", {"owl", "robin"}),
        ("show me something cheap", {"owl", "robin"}),
        ("便宜的东西", {"owl", "robin"}),
    ],
)
def test_a_price_alone_shows_what_has_it(client, catalog, question, fits):
    answer = asked(client, question)
    assert set(cited(answer)) == fits
    assert answer["answer"].startswith(("This fits: ", "符合的有："))
    cheaper = asked(client, "cheaper", history=answer["history"])
    assert cited(cheaper) == ["robin"]


def test_a_quote_cites_nothing(client, catalog):
    described = "It is large. An eagle can fly for hours [2]! It eats fish."
    Item.objects.filter(external_id="eagle").update(description=described)
    answer = asked(client, "Which bird can fly?")
    assert "says: “An eagle can fly for hours (2)!”." in answer["answer"]


@pytest.mark.parametrize("turn", ["what about birds?", "actually birds are fine", "那鸟呢？"])
def test_what_is_asked_for_again_is_denied_no_more(client, catalog, turn):
    first = asked(client, "animals")
    second = asked(client, "no birds", history=first["history"])
    assert second["interpretation"]["filter"] == {"not": {"categories": "animals/birds"}}
    third = asked(client, turn, history=second["history"])
    assert third["interpretation"]["filter"] in (None, {})
    assert third["interpretation"]["without"] == []
    assert "eagle" in cited(third)


def test_a_turn_refines_what_was_asked(client, catalog):
    first = asked(client, "Do you have a drum?")
    assert set(cited(first)) == {"drum", "blue-drum"}
    second = asked(client, "in blue", history=first["history"])
    assert cited(second)[0] == "blue-drum"
    assert second["interpretation"]["parts"] == [
        {"text": "Do you have a drum?", "weight": 1.0},
        {"text": "blue", "weight": 0.6},
    ]


def test_more_like_the_second_is_about_that_item(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "more like the second", history=first["history"])
    name = cited(first)[1]
    assert second["interpretation"]["parts"][0] == {"item": name, "weight": 1.0}
    assert name not in cited(second)
    assert set(cited(second)) <= {"eagle", "owl", "robin"}


def test_what_more_is_like_is_left_out_of_later_turns(client, catalog):
    first = asked(client, "Which bird?")
    answer = asked(client, "more like the second", history=first["history"])
    name = cited(first)[1]
    again = asked(client, "what about the snowy owl?", history=answer["history"])
    assert name == "owl"
    assert name in cited(again)

    for turn in ("a small one", "without feathers", "more"):
        answer = asked(client, turn, history=answer["history"])
        assert {"item": name, "weight": 1.0} in answer["interpretation"]["parts"]
        assert name not in cited(answer)


def test_what_is_asked_of_what_was_shown_is_answered_from_it(client, catalog):
    first = asked(client, "golden eagle")
    second = asked(client, "How long can it fly?", history=first["history"])
    assert cited(second) == cited(first)
    assert "An eagle can fly for hours!" in second["answer"]
    more = asked(client, "more", history=asked(client, "Which bird?")["history"])
    assert cited(asked(client, "how big are they?", history=more["history"])) == cited(more)


def test_what_time_it_is_is_not_asked_of_what_was_shown(client, catalog):
    first = asked(client, "golden eagle")
    assert asked(client, "what time is it?", history=first["history"])["refused"] is True


def test_nothing_is_asked_of_what_was_not_shown(client, catalog):
    first = asked(client, "What is your refund policy?")
    assert first["refused"] is True
    second = asked(client, "how big is it?", history=first["history"])
    assert second["refused"] is True
    assert second["interpretation"]["parts"] == [{"text": "how big is it?", "weight": 1.0}]


def test_a_position_that_was_not_shown_is_said_and_changes_nothing(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "more like the ninth", history=first["history"])
    assert cited(second) == cited(first)
    assert second["answer"].startswith("There are not so many items above")
    assert second["interpretation"] == first["interpretation"]


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("birds but not owls", {"eagle", "robin"}),
        ("birds except the eagle", {"owl", "robin"}),
        ("不要雪鸮的鸟", {"eagle"}),
        ("nothing with birds", {"drum", "blue-drum"}),
        ("I don't like birds", {"drum", "blue-drum"}),
        ("我不喜欢鸟", {"drum", "blue-drum"}),
    ],
)
def test_what_is_denied_is_not_cited(client, catalog, question, left):
    answer = asked(client, question)
    assert set(cited(answer)[: len(left)]) == left
    denied = {"owls": {"owl"}, "eagle": {"eagle"}, "雪鸮": {"owl"}}
    [said] = answer["interpretation"]["without"]
    assert not denied.get(said, {"eagle", "owl", "robin"}) & set(cited(answer))


def test_a_denial_after_an_answer_takes_away_what_says_so(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "no owls", history=first["history"])
    assert set(cited(second)) == {"eagle", "robin"}
    third = asked(client, "I don't like robins", history=second["history"])
    assert cited(third) == ["eagle"]
    assert third["interpretation"]["without"] == ["owls", "robins"]
    back = asked(client, "what about a snowy owl?", history=third["history"])
    assert cited(back)[0] == "owl"
    assert back["interpretation"]["without"] == ["robins"]


def test_a_colour_takes_the_place_of_another(client, catalog):
    first = asked(client, "Do you have a drum?")
    second = asked(client, "in blue", history=first["history"])
    third = asked(client, "in red", history=second["history"])
    assert third["interpretation"]["parts"] == [
        {"text": "Do you have a drum?", "weight": 1.0},
        {"text": "red", "weight": 0.6},
    ]
    own = asked(client, "a blue drum")
    assert asked(client, "红色的", history=own["history"])["interpretation"]["parts"] == [
        {"text": "a 红色 drum", "weight": 1.0}
    ]


def test_a_price_keeps_the_weights_of_the_parts(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "with feathers", history=first["history"])
    third = asked(client, "not over 50", history=second["history"])
    assert third["interpretation"] == second["interpretation"] | {"filter": {"price": {"lte": 50}}}
    assert set(cited(third)) == {"owl", "robin"}


def test_what_cannot_be_asked_is_left_out_and_said(client, catalog):
    Item.objects.update(attributes={})
    names_read()
    answer = asked(client, "Which snowy owl is the cheapest?")
    assert cited(answer)[0] == "owl"
    assert answer["ignored"] == ["price"]
    assert answer["answer"].startswith("Nothing shown has a price, so prices were left out. ")
    later = asked(client, "cheaper", history=answer["history"])
    assert (later["ignored"], cited(later)) == (["price"], cited(answer))
    assert asked(client, "a bird in stock")["ignored"] == ["in_stock"]


def test_a_new_question_starts_anew(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "Do you have a drum?", history=first["history"])
    assert set(cited(second)) == {"drum", "blue-drum"}
    assert len(second["interpretation"]["parts"]) == 1


def test_history_cannot_be_forged(client, catalog):
    first = asked(client, "Which bird?")
    for history in (first["history"][:-1] + "x", "x", signing.dumps({"a": 1}, salt=SALT)):
        answer = post(client, {"question": "cheaper", "history": history})
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"history"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": "\u200b"}, "question"),
        ({"question": 5}, "question"),
        ({"question": "a" * 501}, "question"),
        ({"question": "a", "history": 5}, "history"),
        ({"question": "a", "history": "a" * 20_001}, "history"),
        ({"question": "a", "attachments": [{}]}, "attachments[0]"),
        ({"question": "a", "attachments": [{"image": "file0"}]}, "attachments[0].image"),
        ({"question": "a", "attachments": [{"video": "x"}]}, "attachments[0].video"),
        ({"question": "a", "stream": "yes"}, "stream"),
        ({"question": "a", "filter": {"colour": 1}}, "filter.colour"),
        ({"question": "a", "visitor": "a b"}, "visitor"),
        ({"question": "a", "spell": 1}, "spell"),
    ],
)
def test_what_is_wrong_is_named(client, catalog, body, field):
    answer = post(client, body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}


def test_an_unknown_placement_is_not_found(client, catalog):
    answer = post(client, {"question": "a bird", "placement": "attic"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_placement")


def test_a_placement_hides_what_its_rules_hide_and_logs_what_was_shown(client, catalog):
    Rule.objects.create(name="no owls", action="hide", placement="home").items.add(catalog["owl"])
    answer = asked(client, "Which bird?", placement="home", visitor="anna")
    assert set(cited(answer)) == {"eagle", "robin"}
    shown = Impression.objects.get()
    assert str(shown.request_id) == answer["request_id"]
    assert shown.placement == "home"
    assert shown.visitor is not None
    assert shown.visitor.external_id == "anna"
    assert shown.item_ids == [catalog[name].pk for name in cited(answer)]


def test_a_picture_finds_what_looks_so(client, catalog, monkeypatch):
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    body = {"attachments": [{"image": "file0"}]}
    file = SimpleUploadedFile("owl.png", png((240, 240, 250)).read(), "image/png")
    answer = client.post(ASK, {"body": json.dumps(body), "file0": file})
    assert answer.status_code == 200, answer.content
    assert cited(answer.json())[0] == "owl"
    assert answer.json()["answer"].startswith("Nearest to what you sent: snowy owl bird [1]")
    assert answer.json()["interpretation"]["parts"] == [{"image": True, "weight": 1.0}]
    following = asked(client, "more", history=answer.json()["history"])
    assert "owl" not in cited(following)


@pytest.mark.parametrize("question", ["what is this?", "这是什么？", "something like this"])
def test_words_that_only_point_at_a_picture_do_not_count(client, catalog, monkeypatch, question):
    monkeypatch.setattr(
        "retrieval.queries.current_app.send_task",
        lambda name, args, **_: queries.media_answer(*args),
    )
    body = {"question": question, "attachments": [{"image": "file0"}]}
    file = SimpleUploadedFile("owl.png", png((240, 240, 250)).read(), "image/png")
    answer = client.post(ASK, {"body": json.dumps(body), "file0": file}).json()
    assert answer["interpretation"]["parts"] == [{"image": True, "weight": 1.0}]


def events(body: str) -> list[tuple[str, Any]]:
    found = []
    for block in body.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.mark.parametrize("by", ["stream", "accept"])
def test_events_tell_the_same_answer_piece_by_piece(client, catalog, by):
    whole = asked(client, "Which bird can fly?")
    body: dict[str, Any] = {"question": "Which bird can fly?"} | (
        {"stream": True} if by == "stream" else {}
    )
    headers = {"Accept": "text/event-stream"} if by == "accept" else {}
    answer = client.post(ASK, body, content_type="application/json", headers=headers)
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    told = events(answer.getvalue().decode())
    assert [name for name, _ in told] == ["items", "text", "text", "text", "done"]
    text = "".join(data["text"] for name, data in told if name == "text")
    assert text.strip() == whole["answer"] == told[-1][1]["answer"]
    assert told[0][1]["citations"] == whole["citations"]


def test_statements_are_few_however_much_is_cited(client, catalog):
    def statements(dearest: int, cites: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = asked(client, "bird", filter={"price": {"lt": dearest}})
        assert len(answer["citations"]) == cites
        return len(captured)

    statements(99, 3)
    assert statements(99, 3) <= MOST_STATEMENTS
    assert statements(30, 1) <= MOST_STATEMENTS


def test_who_may_not_read_may_not_ask(settings, catalog):
    settings.API = settings.API | {"ANONYMOUS_READ": False}
    assert post(anonymous(), {"question": "a bird"}).status_code == 401


def test_one_like_after_another_keeps_each_part_once(client, catalog):
    first = asked(client, "Which bird?")
    second = asked(client, "more like the second", history=first["history"])
    third = asked(client, "the first", history=second["history"])

    assert third["interpretation"]["parts"] == [
        {"item": cited(second)[0], "weight": 1.0},
        {"text": "Which bird?", "weight": 0.6},
    ]


def test_the_way_back_is_open_after_cheaper_has_run_out(client, catalog):
    answer = asked(client, "birds")
    while not answer["refused"]:
        last = cited(answer)
        answer = asked(client, "cheaper", history=answer["history"])
    assert last == ["robin"]

    back = asked(client, "more expensive", history=answer["history"])

    assert not back["refused"]
    assert back["interpretation"]["filter"] == {"price": {"gte": 20}}
    assert "eagle" in cited(back)


def test_a_budget_holds_through_every_turn(client, catalog):
    answer = asked(client, "birds under 60")
    assert set(cited(answer)) == {"owl", "robin"}
    for turn, fits, price in (
        ("not too expensive", {"owl", "robin"}, {"lt": 60}),
        ("plus cher", set(), {"gt": 40.0, "lt": 60}),
        ("billiger", {"owl", "robin"}, {"lte": 40.0}),
        ("更便宜的", {"robin"}, {"lt": 40.0}),
        ("over 10", {"robin"}, {"gt": 10, "lt": 40.0}),
        ("más barato", set(), {"gt": 10, "lt": 20.0}),
        ("もっと高い", {"owl", "robin"}, {"gte": 20.0, "lt": 60}),
    ):
        answer = asked(client, turn, history=answer["history"])
        assert (set(cited(answer)), answer["interpretation"]["filter"]) == (fits, {"price": price})


@pytest.mark.parametrize(
    ("turn", "fits"),
    [
        ("what about over 30?", {"eagle", "owl"}),
        ("30以下的呢？", {"robin"}),
        ("how about under 50 instead?", {"owl", "robin"}),
        ("what about not the robin?", {"eagle", "owl"}),
        ("show me the golden eagle instead", {"eagle"}),
    ],
)
def test_what_is_offered_keeps_what_was_asked(client, catalog, turn, fits):
    first = asked(client, "Which bird?")
    second = asked(client, turn, history=first["history"])
    assert set(cited(second)) >= fits
    assert cited(second)[0] in fits
    if "filter" in second["interpretation"] and second["interpretation"]["filter"]:
        assert set(cited(second)) == fits


def test_a_comparison_takes_the_place_of_the_other(client, catalog):
    answer = asked(client, "Which bird?")
    answer = asked(client, "under 90", history=answer["history"])
    for turn, price in (
        ("cheaper", {"lt": 40.0}),
        ("再贵一点", {"gt": 20.0, "lt": 90}),
        ("还是太贵", {"lt": 80.0}),
        ("what about any price?", None),
        ("dearer", {"gt": 40.0}),
    ):
        answer = asked(client, turn, history=answer["history"])
        assert (answer["interpretation"]["filter"] or {}).get("price") == price
        assert not answer["refused"]


def test_cheaper_without_prices_is_said_in_every_language(client, catalog):
    Item.objects.update(attributes={})
    names_read()
    first = asked(client, "Which bird?")
    for turn in ("teurer", "moins cher", "もっと安い"):
        answer = asked(client, turn, history=first["history"])
        assert (answer["ignored"], set(cited(answer))) == (["price"], set(cited(first)))


def test_all_denials_of_a_long_list_are_kept(client, catalog):
    listed = "dogs, cats, frogs, cows, mice, owls and robins"
    answer = asked(client, f"birds except {listed}")
    assert cited(answer)[0] == "eagle"
    assert not {"owl", "robin"} & set(cited(answer))
    said = answer["interpretation"]["without"]
    assert said == ["dogs", "cats", "frogs", "cows", "mice", "owls", "robins"]
    later = asked(client, "no eagles, crows, ducks", history=answer["history"])
    assert later["interpretation"]["without"] == [*said, "eagles", "crows", "ducks"]
    assert "eagle" not in cited(later)


def test_of_two_things_both_are_found(client, catalog):
    found = cited(asked(client, "birds or drums"))
    assert found[0] in ("eagle", "owl", "robin")
    assert found[1] in ("drum", "blue-drum")


def test_a_refused_thing_leaves_the_conversation_as_it_was(client, catalog):
    first = asked(client, "Which bird?")
    for turn in ("what about quantum physics?", "那量子物理呢？", "tax law instead"):
        refused = asked(client, turn, history=first["history"])
        assert refused["refused"] is True
        later = asked(client, "under 30", history=refused["history"])
        assert cited(later) == ["robin"]


def test_no_catalog_has_a_price_of_so_many_figures(client, catalog):
    for question in ("birds under 99999999999999999999999", "birds over 88888888888888888888888"):
        answer = asked(client, question)
        assert "Nothing shown has a price" not in answer["answer"]
        assert answer["answer"].startswith("No catalog has such a price, so it was left out.")
        assert answer["ignored"] == ["price"]


@pytest.mark.parametrize("turn", ["forget the budget", "不管价格"])
def test_any_price_takes_bounds_and_budget_away(client, catalog, turn):
    first = asked(client, "Which bird?")
    second = asked(client, "under 50", history=first["history"])
    assert set(cited(second)) == {"owl", "robin"}
    third = asked(client, turn, history=second["history"])
    assert set(cited(third)) == {"eagle", "owl", "robin"}
    dearer = asked(client, "dearer", history=third["history"])
    assert cited(dearer) == ["eagle"]


@pytest.mark.parametrize("turn", ["no 🦅", "不要🦅", "ohne 🦅"])
def test_a_denied_emoji_is_left_out(client, catalog, turn):
    """By its name, eagle, which titles have."""
    first = asked(client, "Which bird?")
    second = asked(client, turn, history=first["history"])
    assert second["interpretation"]["without"] == ["🦅"]
    assert set(cited(second)) == {"owl", "robin"}


def test_a_denied_emoji_is_left_out_by_its_code(client, catalog):
    Item.objects.filter(external_id="owl").update(external_id="emoji-1f422")
    lexical.index_items([catalog["owl"].pk])
    assert "emoji-1f422" in cited(asked(client, "Which bird?"))
    assert set(cited(asked(client, "birds no 🐢"))[:2]) == {"eagle", "robin"}
    assert "emoji-1f422" not in cited(asked(client, "birds no 🐢"))
