"""Prices in questions of six languages: denied bounds and levels, and budgets that later turns keep."""

import pytest

from recommender.llm.evaluation.interpretation import SHOP
from recommender.llm.understanding import Interpretation, Sort, bounds, by_rules, language_of


def read(text: str, **options) -> Interpretation:
    return by_rules(text, known=SHOP, **options)


def conversation(*turns: str) -> Interpretation:
    """Of the last turn."""
    found: Interpretation | None = None
    for turn in turns:
        found = read(turn, previous=found)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("botas que no cuesten más de 90 euros", {"lte": 90}),
        ("no voy a pagar más de 35 euros", {"lte": 35}),
        ("sillas que no excedan los 120 euros", {"lte": 120}),
        ("libros, más de 40 euros no quiero", {"lte": 40}),
        ("libros no menos de 15 euros", {"gte": 15}),
        ("je ne veux pas dépenser plus de 65 euros", {"lte": 65}),
        ("des bottes qui ne dépassent pas 80 euros", {"lte": 80}),
        ("des lampes, pas moins de 25 euros", {"gte": 25}),
        ("ich möchte nicht mehr als 75 Euro bezahlen", {"lte": 75}),
        ("Lampen, die nicht mehr als 30 Euro kosten", {"lte": 30}),
        ("Stiefel, über 150 Euro bitte nicht", {"lte": 150}),
        ("haben Sie nichts unter 40 Euro?", {"lt": 40}),
        ("Lampen, die 30 Euro nicht überschreiten", {"lte": 30}),
        ("teurer als 70 Euro soll es nicht sein", {"lte": 70}),
        ("je ne peux pas dépenser plus de 55 euros", {"lte": 55}),
        ("mon budget ne dépasse pas 85 euros", {"lte": 85}),
        ("a lo sumo 25 euros", {"lte": 25}),
        ("libros de menos de 90 pero no menos de 30", {"lt": 90, "gte": 30}),
        ("4000円以上出したくない", {"lt": 4000}),
        ("7000円を上回らない椅子", {"lte": 7000}),
        ("8000円を超えない椅子", {"lte": 8000}),
        ("3000円以上じゃない椅子", {"lt": 3000}),
        ("2000円以下はいらない", {"gt": 2000}),
        ("1万円を超える椅子はいらない", {"lte": 10_000}),
        ("不高于200元的椅子", {"lte": 200}),
        ("千万别超过三百块", {"lte": 300}),
        ("不少于80元的靴子", {"gte": 80}),
        ("不能贵过60元", {"lte": 60}),
        ("nothing over 45", {"lte": 45}),
        ("we don't want to spend more than 200", {"lte": 200}),
        ("chairs, not less than 35", {"gte": 35}),
        ("she won't pay above 90", {"lte": 90}),
        ("I refuse to spend more than 70 on boots", {"lte": 70}),
    ],
)
def test_a_denied_bound_is_turned_round_in_every_language(text, price):
    found = read(text)
    assert (found.filter["price"], found.without) == (price, ())


DEAR = {"lte": 100}
CHEAP = {"gte": 30}


@pytest.mark.parametrize(
    ("text", "category", "price"),
    [
        ("keine teuren Lampen", "furniture/lamps", DEAR),
        ("Lampen, aber keine allzu teuren", "furniture/lamps", DEAR),
        ("keine billigen Stühle", "furniture/chairs", CHEAP),
        ("pas de bottes trop chères", "shoes/boots", DEAR),
        ("sans chaises coûteuses", "furniture/chairs", DEAR),
        ("sin botas caras", "shoes/boots", DEAR),
        ("sillas que no sean muy baratas", "furniture/chairs", CHEAP),
        ("高くない椅子", "furniture/chairs", DEAR),
        ("高い椅子はいらない", "furniture/chairs", DEAR),
        ("安い椅子は要らない", "furniture/chairs", CHEAP),
        ("no pricey boots", "shoes/boots", DEAR),
        ("no small expensive chairs", "furniture/chairs", DEAR),
        ("不贵的靴子", "shoes/boots", DEAR),
        ("不要便宜货，要靴子", "shoes/boots", CHEAP),
    ],
)
def test_a_denied_level_is_turned_round_in_every_language(text, category, price):
    found = read(text)
    assert found.filter == {"categories": category, "price": price}


def test_what_has_no_category_is_looked_for_beside_a_denied_level():
    assert read("pas de parapluies trop chers").wanted == "parapluies"
    assert read("高いのは要らない").filter == {"price": DEAR}
    named = read("chaises, pas de coussins chers")
    assert (named.wanted, named.without) == ("chaises", ("coussins",))


@pytest.mark.parametrize(
    ("turns", "price"),
    [
        (("boots under 80", "not too expensive"), {"lt": 80}),
        (("boots over 20", "under 60", "in blue"), {"gt": 20, "lt": 60}),
        (("boots between 20 and 50", "up to 70"), {"gte": 20, "lte": 70}),
        (("boots under 50", "over 100"), {"gt": 100}),
        (("boots under 50", "around 80"), {"gte": 64, "lte": 96}),
        (("boots under 20", "cheap ones"), {"lt": 20}),
        (("Stiefel unter 40 Euro", "nicht zu teuer"), {"lt": 40}),
        (("bottes à moins de 60 euros", "pas trop chères", "en rouge"), {"lt": 60}),
        (("botas por menos de 60 euros", "más de 20 euros"), {"lt": 60, "gt": 20}),
        (("60円以下の椅子", "赤い"), {"lte": 60}),
        (("60元以下的靴子", "不要太贵"), {"lte": 60}),
        (("cheap boots", "expensive ones"), {"gte": 100}),
    ],
)
def test_a_budget_holds_until_another_is_said(turns, price):
    assert conversation(*turns).filter["price"] == price


def test_who_wants_the_dear_ones_within_a_budget_gets_the_dearest_first():
    found = conversation("boots under 50", "expensive ones")
    assert (found.filter["price"], found.sort) == ({"lt": 50}, Sort("price", "desc"))
    assert conversation("boots over 200", "cheap ones").sort == Sort("price", "asc")
    assert conversation("boots under 50", "cheap ones").sort is None


@pytest.mark.parametrize(
    ("turn", "compared"),
    [
        ("a bit cheaper", "cheaper"), ("cheaper boots", "cheaper"), ("too expensive", "cheaper"),
        ("too cheap", "dearer"), ("more expensive ones", "dearer"), ("cheap ones", ""), ("便宜点的", "cheaper"),
        ("更便宜的靴子", "cheaper"), ("贵一点的", "dearer"), ("便宜的", ""), ("etwas billiger", "cheaper"),
        ("viel zu teuer", "cheaper"), ("teurer", "dearer"), ("quelque chose de moins cher", "cheaper"),
        ("plus cher", "dearer"), ("un poco más baratas", "cheaper"), ("más caras", "dearer"),
        ("もっと安いの", "cheaper"), ("もう少し高いの", "dearer"), ("高すぎる", "cheaper"), ("nicht teuer", ""),
    ],
)  # fmt: skip
def test_a_comparison_is_told_from_a_level(turn, compared):
    language = language_of(turn, otherwise="de")
    first = read({"zh": "红色的靴子", "de": "rote Stiefel"}.get(language, "red boots"))
    found = read(turn, previous=first)
    assert (found.follows, found.compared) == (True, compared)
    assert found.parts == first.parts


def test_bounds_are_joined_side_by_side():
    assert bounds.joined({"gte": 20, "lte": 50}, {"lt": 40}) == {"gte": 20, "lt": 40}
    assert bounds.joined({"lt": 50}, {"gte": 50}) == {"gte": 50}
    assert bounds.joined({"lte": 50}, {"gte": 50}) == {"gte": 50, "lte": 50}
    assert bounds.within({"gte": 20, "lte": 50}, {"lt": 50, "gt": 10}) == {"gte": 20, "lt": 50}
    assert bounds.is_empty({"gt": 5, "lt": 5})
    assert not bounds.is_empty({"gte": 5, "lte": 5})
    assert not bounds.are_bounds({"in": ["a"]})


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("shoes not boots under 80", {"lt": 80}),
        ("shoes without boots cheaper than 60", {"lt": 60}),
        ("shoes that are not boots over 40", {"gt": 40}),
        ("which shoes that are not boots are under 80?", {"lt": 80}),
        ("Schuhe ohne Stiefel unter 70", {"lt": 70}),
        ("chaussures sans bottes moins de 90", {"lt": 90}),
        ("zapatos sin botas de menos de 50", {"lt": 50}),
        ("鞋子，不要靴子80元以下", {"lte": 80}),
        ("no boots over 100", {"lte": 100}),
        ("I don't want boots over 100", {"lte": 100}),
    ],
)
def test_a_price_behind_what_is_denied_is_of_what_is_wanted(text, price):
    found = read(text)
    assert found.filter["price"] == price
    assert found.unwanted == []


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("boots under 10 or over 100", {"gte": 10, "lte": 100}),
        ("boots above $90 or below $15", {"gte": 15, "lte": 90}),
        ("boots for at most 20 or at least 200", {"gt": 20, "lt": 200}),
        ("10元以下或者100元以上的靴子", {"gt": 10, "lt": 100}),
        ("Stiefel unter 10 Euro oder mehr als 100 Euro", {"gte": 10, "lte": 100}),
        ("des bottes à moins de 10 euros ou plus de 100 euros", {"gte": 10, "lte": 100}),
        ("botas de menos de 10 euros o más de 100 euros", {"gte": 10, "lte": 100}),
    ],
)
def test_of_two_ends_what_lies_between_is_left_out(text, denied):
    found = read(text)
    assert found.filter == {"categories": "shoes/boots", "not": {"price": denied}}
    assert found.ignored == ()


def test_more_ends_than_a_filter_takes_are_named():
    found = read("boots between 10 and 20 or over 100")
    assert (found.filter, found.ignored) == ({"categories": "shoes/boots"}, ("price",))


@pytest.mark.parametrize(
    ("text", "wanted", "price"),
    [
        ("my budget is 80 to 120", "", {"gte": 80, "lte": 120}),
        ("boots, budget: 40-60", "boots", {"gte": 40, "lte": 60}),
        ("our budget is between 30 and 50", "", {"gte": 30, "lte": 50}),
        ("a budget of 70", "", {"lte": 70}),
        ("I have 40 dollars to spend", "", {"lte": 40}),
        ("we've got $60 left for boots", "boots", {"lte": 60}),
        ("I only have 25 euros", "", {"lte": 25}),
        ("what can I get for 30 dollars", "", {"lte": 30}),
        ("50块钱能买什么", "", {"lte": 50}),
        ("我手里只有80元，想买靴子", "靴子", {"lte": 80}),
        ("一百块够买什么靴子", "靴子", {"lte": 100}),
        ("有50元的靴子吗", "有靴子", {"gte": 40, "lte": 60}),
    ],
)
def test_the_money_there_is_bounds_the_price(text, wanted, price):
    found = read(text)
    assert (found.wanted, found.filter["price"]) == (wanted, price)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("价格在100以下但不要太便宜的靴子", {"gte": 30, "lte": 100}),
        ("100元以下但别太便宜的靴子", {"gte": 30, "lte": 100}),
        ("boots that don't cost more than 50 but aren't cheap", {"gte": 30, "lte": 50}),
        ("boots over 20 but not too expensive", {"gt": 20, "lte": 100}),
        ("expensive boots under 200", {"gte": 100, "lt": 200}),
        ("cheap boots under 50", {"lt": 50}),
    ],
)
def test_a_level_bounds_the_side_that_no_figure_does(text, price):
    assert read(text).filter == {"categories": "shoes/boots", "price": price}


def test_a_level_that_a_figure_leaves_no_room_for_orders():
    found = read("boots under 20 but not cheap")
    assert (found.filter["price"], found.sort) == ({"lt": 20}, Sort("price", "desc"))


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [
        (("boots", "not cheap", "not expensive either"), "boots"),
        (("boots", "not too pricey", "nor too cheap"), "boots"),
        (("靴子", "不要太便宜", "也不要太贵"), "靴子"),
    ],
)
def test_two_levels_that_are_denied_hold_together(turns, wanted):
    found = conversation(*turns)
    assert (found.wanted, found.filter["price"]) == (wanted, {"gte": 30, "lte": 100})
