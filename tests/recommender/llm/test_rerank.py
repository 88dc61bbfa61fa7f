"""A language model's order: bounded, of our own numbers only, and never waited for long."""

import json
import random
import re
import time
from itertools import permutations

import pytest

from recommender.llm import rerank
from recommender.llm.rerank import MOST_SHIFT, bounded
from recommender.models import Impression
from recommender.profiles import profiles_catch_up
from retrieval import services
from tests.clients import anonymous
from tests.recommender.llm.endpoint import Endpoint
from tests.recommender.worlds import happen
from tests.retrieval.conftest import make_item

TEXTS = [f"item {n}" for n in range(6)]


def replies(endpoint: Endpoint, order: object) -> None:
    endpoint.reply = lambda _: json.dumps({"order": order})


def shown(endpoint: Endpoint) -> list[str]:
    """The items' texts as the last request numbered them."""
    prompt = endpoint.requests[-1]["messages"][-1]["content"]
    return re.findall(r'^\d+\. <data kind="item">"([^"]*)"</data>$', prompt, re.MULTILINE)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_order_within_bounds_is_kept(count):
    for wanted in permutations(range(count)):
        assert bounded(wanted, count, most=count) == wanted


def test_no_place_moves_further_than_it_may():
    draw = random.Random(7)  # noqa: S311 - no secret
    for _ in range(300):
        count = draw.randrange(1, 12)
        wanted = draw.sample(range(count), draw.randrange(count + 1))
        found = bounded(wanted, count)
        assert sorted(found) == list(range(count))
        assert max(abs(at - place) for at, place in enumerate(found)) <= MOST_SHIFT


def test_the_most_wanted_rise_as_far_as_they_may():
    assert bounded([5, 4, 3, 2, 1, 0], 6) == (3, 4, 5, 0, 1, 2)
    assert bounded([5], 6) == (0, 1, 5, 2, 3, 4)


def test_without_a_provider_nothing_is_asked(settings):
    settings.LLM = settings.LLM | {"PROVIDER": "none"}
    assert rerank.order(TEXTS, "birds", "s") == rerank.Order((0, 1, 2, 3, 4, 5), asked=False)


@pytest.mark.django_db
def test_items_are_shuffled_and_numbers_come_back_as_places(endpoint: Endpoint):
    replies(endpoint, [1, 2, 3, 4, 5, 6])
    found = rerank.order(TEXTS, "birds", "s")
    order = shown(endpoint)
    assert sorted(order) == TEXTS
    assert order != TEXTS
    assert found.places == bounded([TEXTS.index(text) for text in order], 6)
    assert (found.degraded, found.asked) == (False, True)
    prompt = endpoint.requests[-1]["messages"][-1]["content"]
    assert 'Wish: <data kind="wish">"birds"</data>' in prompt


@pytest.mark.django_db
def test_the_shuffle_follows_the_seed(endpoint: Endpoint):
    replies(endpoint, [1])
    orders = []
    for seed in ("a", "a", "b"):
        rerank.order(TEXTS, "birds", seed)
        orders.append(shown(endpoint))
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "order",
    [
        [0, 1], [7], [1, 1], [], ["1"], [1.5], "1", None, {"1": 2}, [99_999], [-1], [True],
    ],
)  # fmt: skip
def test_numbers_that_are_none_of_ours_leave_the_order_as_it_was(endpoint: Endpoint, order):
    replies(endpoint, order)
    assert rerank.order(TEXTS, "birds", "s") == rerank.Order((0, 1, 2, 3, 4, 5), degraded=True)


@pytest.mark.django_db
@pytest.mark.parametrize("fault", ["hanging", "endless", "trickling"])
def test_a_late_order_is_not_waited_for(endpoint: Endpoint, fault):
    endpoint.always = fault
    started = time.perf_counter()
    found = rerank.order(TEXTS, "birds", "s", timeout_s=0.4)
    assert found == rerank.Order((0, 1, 2, 3, 4, 5), degraded=True)
    assert time.perf_counter() - started < 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fault", ["dropped", "failing", "junk", "junk_events", "cut_off", "wrong_encoding", "flooding"]
)
def test_a_broken_answer_leaves_the_order_as_it_was(endpoint: Endpoint, fault):
    replies(endpoint, [6, 5, 4, 3, 2, 1])
    endpoint.always = fault
    assert rerank.order(TEXTS, "birds", "s") == rerank.Order((0, 1, 2, 3, 4, 5), degraded=True)


@pytest.mark.django_db
def test_hits_are_reordered_and_the_rest_stays(endpoint: Endpoint):
    items = [make_item(f"i{n:02}", f"thing {n}", tags=("t",)) for n in range(13)]

    def last_first(body: dict) -> str:
        texts = re.findall(r'"(thing \d+)', body["messages"][-1]["content"])
        order = sorted(range(len(texts)), key=lambda at: -int(texts[at].split()[1]))
        return json.dumps({"order": [at + 1 for at in order]})

    endpoint.reply = last_first
    ids = [item.pk for item in items]
    found, degraded = rerank.reordered(ids, lambda each: each, "things", "en")
    assert not degraded
    assert [ids.index(each) for each in found] == [3, 4, 5, 0, 1, 2, 9, 8, 7, 6, 10, 11, 12]


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [each["item"]["external_id"] for each in answer.json()["items"]]


@pytest.mark.django_db
def test_a_model_orders_what_a_cold_visitor_sees_and_nobody_elses(
    endpoint: Endpoint, space, settings
):
    names = ["frog", "drum", "rose", "boat", "coat", "lamp"]
    items = [make_item(name, name, categories=(name,)) for name in names]
    services.embed_items(space.id, [item.pk for item in items])
    placements = settings.RECOMMENDER["PLACEMENTS"]
    home = placements["home"] | {"exploration": 0.0, "rotation": 0.0, "sources": {"new": 1.0}}
    settings.RECOMMENDER = settings.RECOMMENDER | {"PLACEMENTS": placements | {"home": home}}
    address = "/api/v1/recommendations/?limit=6&preview=true&visitor="
    on = settings.LLM

    settings.LLM = on | {"PROVIDER": "none"}
    base = anonymous().get(f"{address}anna")
    assert base.json()["degraded"] is False
    settings.LLM = on

    def last_first(body: dict) -> str:
        shown = [json.loads(each).split(".")[0] for each in data_of(body)]
        return json.dumps({"order": [shown.index(name) + 1 for name in reversed(ids(base))]})

    endpoint.reply = last_first
    answer = anonymous().get(f"{address}anna")
    assert ids(answer) == [ids(base)[place] for place in (3, 4, 5, 0, 1, 2)]
    assert answer.json()["degraded"] is False

    # how likely that order was nobody can say, so an estimate from the log leaves the answer out
    shown = anonymous().get("/api/v1/recommendations/?limit=6&explain=true&visitor=cleo").json()
    assert [each["propensity"] for each in shown["items"]] == [None] * 6
    assert Impression.objects.get(visitor__external_id="cleo").propensities == []

    endpoint.always = "failing"
    answer = anonymous().get(f"{address}anna")
    assert (ids(answer), answer.json()["degraded"]) == (ids(base), True)
    anonymous().get("/api/v1/recommendations/?limit=6&visitor=dora")
    assert Impression.objects.get(visitor__external_id="dora").propensities == [1.0] * 6

    endpoint.always = None
    happen([("bert", "view", name) for name in names[: rerank.COLD_EVENTS]])
    profiles_catch_up()
    before = len(endpoint.requests)
    anonymous().get(f"{address}bert")
    assert len(endpoint.requests) == before


def data_of(body: dict) -> list[str]:
    return re.findall(r'<data kind="item">(".*?")</data>', body["messages"][-1]["content"])
