"""Questions in English and Chinese become composed queries, by rules."""

import hashlib
import random
import time

import pytest

from recommender.llm.evaluation import interpretation
from recommender.llm.evaluation.interpretation import SHOP
from recommender.llm.understanding import Interpretation, Like, Sort, Words, by_rules, composing
from recommender.llm.understanding.numbers import value_of
from recommender.llm.understanding.types import Reading, one_or_in
from recommender.llm.understanding.vocabulary import Vocabulary, category_names, singular


def read(text: str, previous: str = "", **options) -> Interpretation:
    before = by_rules(previous, known=SHOP) if previous else None
    return by_rules(text, known=SHOP, previous=before, **options)


def test_a_new_phone_that_is_not_too_dear():
    assert read("我想要一部新的智能手机，不要太贵") == Interpretation(
        parts=(Words("新的智能手机"),),
        filter={"categories": "electronics/phones", "price": {"lte": 100}},
        language="zh",
    )


def test_like_this_but_quieter_not_plastic_under_50():
    assert read("like this but quieter, not plastic, under 50") == Interpretation(
        parts=(Words("quieter"), Words("plastic", -0.5)),
        like=(Like(0),),
        filter={"price": {"lt": 50}},
        language="en",
        without=("plastic",),
        budget={"lt": 50},
    )


# held-out questions are measured, never tuned on; a drop means that rules were lost
LEAST = {
    ("general", "dev", "en"): 0.94,
    ("general", "dev", "zh"): 0.97,
    ("general", "held-out", "en"): 0.88,
    ("general", "held-out", "zh"): 0.88,
    ("denial", "dev", "en"): 0.97,
    ("denial", "dev", "zh"): 0.96,
    ("denial", "held-out", "en"): 0.9,
    ("denial", "held-out", "zh"): 0.9,
}


def asked(kind: str, split: str, language: str) -> list[interpretation.Labelled]:
    every = interpretation.labelled()
    return [q for q in every if (q.kind, q.split, q.language) == (kind, split, language)]


@pytest.mark.parametrize(("kind", "split", "language"), LEAST)
def test_most_labelled_questions_are_understood_in_every_slot(kind, split, language):
    questions = asked(kind, split, language)

    found = interpretation.accuracy(lambda q: read(q.text, q.previous), questions)

    assert found.whole >= LEAST[kind, split, language], [q.text for q, _, _ in found.wrong]


def test_there_are_enough_labelled_questions_of_each_kind():
    every = interpretation.labelled()

    assert len(every) >= 300
    assert len({(q.text, q.previous) for q in every}) == len(every)
    for kind, split, language in LEAST:
        assert len(asked(kind, split, language)) >= (40 if kind == "general" else 15)


def test_a_hash_of_the_text_says_what_is_held_out():
    odd = [
        q.text
        for q in interpretation.labelled()
        if (hashlib.sha256(q.text.encode()).digest()[0] % 2 == 0) != (q.split == "dev")
    ]
    assert len(odd) == 6  # of eight examples, which are dev whatever their hash says


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ("do not cost over 300", {"price": {"lte": 300}}),
        ("nothing above 50", {"price": {"lte": 50}}),
        ("not under 20", {"price": {"gte": 20}}),
        ("no shoes over 100", {"categories": "shoes", "price": {"lte": 100}}),
        ("I don't want cheap shoes", {"categories": "shoes", "price": {"gte": 30}}),
        ("I hate expensive shoes", {"categories": "shoes", "price": {"lte": 100}}),
        ("neither cheap nor expensive", {"price": {"gte": 30, "lte": 100}}),
        ("anything over 100 is too much", {"price": {"lte": 100}}),
        ("shoes, that's too expensive", {"categories": "shoes", "price": {"lte": 30}}),
        ("under 100 but not under 50", {"price": {"lt": 100, "gte": 50}}),
        ("not between 20 and 50", {"not": {"price": {"gte": 20, "lte": 50}}}),
        ("I don't mind paying over 300", {"price": {"gt": 300}}),
        ("isn't there one over 300", {"price": {"gt": 300}}),
        ("not released before 2020", {"released": {"gte": "2020-01-01"}}),
        ("不要500元以上的手机", {"categories": "electronics/phones", "price": {"lt": 500}}),
        ("不想花超过500元", {"price": {"lte": 500}}),
        ("价格不能高于500", {"price": {"lte": 500}}),
        ("别超过一百块", {"price": {"lte": 100}}),
        ("超过500的不要", {"price": {"lte": 500}}),
        ("500以上就太贵了", {"price": {"lt": 500}}),
        ("价格别太高", {"price": {"lte": 100}}),
        ("不要太便宜也不要太贵", {"price": {"gte": 30, "lte": 100}}),
        ("没有超过300元的吗", {"price": {"gt": 300}}),
        ("不要2020年以前的", {"released": {"gte": "2020-01-01"}}),
        ("一百五的鞋", {"categories": "shoes", "price": {"gte": 120, "lte": 180}}),
    ],
)
def test_a_denied_comparison_bounds_from_the_other_side(text, filter_):
    found = read(text)
    assert (found.filter, found.unwanted) == (filter_, [])


def test_who_denies_something_else_names_the_most_it_may_cost():
    bound = {"categories": "shoes"}
    assert read("no red shoes over 100").filter == bound | {"price": {"lte": 100}}
    assert read("no red shoes under 100").filter == bound | {"price": {"lt": 100}}
    assert read("shoes without laces over 100").filter == bound | {"price": {"gt": 100}}
    assert read("not red or over 100, shoes").filter == bound | {"price": {"lte": 100}}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted", "denied"),
    [
        ("animals except birds", "animals", [], "animals/birds"),
        ("except for birds, all animals", "animals", [], "animals/birds"),
        ("I don't like birds", "", [], "animals/birds"),
        ("animals but no pet dogs", "animals", ["pet dogs"], None),
        ("nothing with cats", "", ["cats"], None),
        ("nothing but cats", "cats", [], None),
        ("tea, not green tea", "tea", ["green"], None),
        ("除了鸟的动物", "动物", [], "animals/birds"),
        ("不要苹果手机", "手机", ["苹果"], None),
        ("红色的不要", "", ["红色"], None),
        ("只要鸟，其他都不要", "鸟", [], None),
        ("无花果", "无花果", [], None),
        ("别致的裙子", "别致的裙子", [], None),
        ("告别的歌", "告别的歌", [], None),
    ],
)
def test_what_is_denied_is_told_from_what_is_wanted(text, wanted, unwanted, denied):
    found = read(text)
    assert (found.wanted, found.unwanted) == (wanted, unwanted)
    assert found.filter.get("not") == (denied and {"categories": denied})


PETS = Vocabulary(
    categories=category_names(["animals", "animals/dogs", "animals/cats", "animals/birds"]),
    roles={"price": "price"},
)


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("don't show me dogs", "", ("dogs",)),
        ("don't show dogs", "", ("dogs",)),
        ("don't give me any dogs", "", ("dogs",)),
        ("never show dogs", "", ("dogs",)),
        ("do not recommend dogs", "", ("dogs",)),
        ("animals except for dogs, cats and birds", "animals", ("dogs", "cats", "birds")),
        ("animals without dogs, cats, and birds", "animals", ("dogs", "cats", "birds")),
        ("no dogs, cats or birds", "", ("dogs", "cats", "birds")),
        ("fruit except apples, bananas and grapes", "fruit", ("apples", "bananas", "grapes")),
        ("animals, no dogs no cats no birds", "animals", ("dogs", "cats", "birds")),
        ("not leather, red or blue shoes", "red or blue shoes", ("leather",)),
        ("any animals but dogs", "animals", ("dogs",)),
        ("I'll take anything but dogs", "", ("dogs",)),
        ("动物里除了狗、猫和鸟以外的", "动物", ("狗", "猫", "鸟")),
        ("动物，狗除外", "动物", ("狗",)),
        ("动物，狗和猫除外", "动物", ("狗", "猫")),
        ("苹果以外的水果", "水果", ("苹果",)),
        ("all animals but dogs", "animals", ("dogs",)),
        ("every animal but the dog", "animal", ("dog",)),
        ("hide dogs", "", ("dogs",)),
        ("no more dogs", "", ("dogs",)),
        ("animals not including birds", "animals", ("birds",)),
        ("anything besides cats", "", ("cats",)),
        ("animals besides cats and birds", "animals", ("cats", "birds")),
        ("fruit aside from apples or plums", "fruit", ("apples", "plums")),
        ("animals, cats excluded", "animals", ("cats",)),
        ("dogs and birds are excluded, animals", "animals", ("dogs", "birds")),
        ("I am not interested in cats, show me dogs", "dogs", ("cats",)),
        ("I'm not looking for a cat", "", ("cat",)),
        ("we aren't searching for birds", "", ("birds",)),
        ("not keen on dogs", "", ("dogs",)),
        ("birds, not owls not ducks not eagles", "birds", ("owls", "ducks", "eagles")),
        ("nothing besides cats", "cats", ()),
        (
            "I don't like cats, dogs, or birds, show me other animals",
            "animals",
            ("cats", "dogs", "birds"),
        ),
        ("I hate rice, pasta and bread, give me other food", "food", ("rice", "pasta", "bread")),
        ("no sheep, goats, show me cows", "cows", ("sheep", "goats")),
        ("不要猫也不要狗的动物", "动物", ("猫", "狗")),
        ("既不喜欢老虎又不要狮子的动物", "动物", ("老虎", "狮子")),
        ("不想要香蕉也不需要葡萄的水果", "水果", ("香蕉", "葡萄")),
        ("不红也不绿的苹果", "苹果", ("红", "绿")),
        ("既不大也不小的包", "包", ("大", "小")),
        ("不苦不辣的菜", "菜", ("苦", "辣")),
        ("不新鲜的鱼", "鱼", ("新鲜",)),
        ("不安的心", "不安的心", ()),
        ("无糖饮料", "饮料", ("糖",)),
        ("无麸质面包", "面包", ("麸质",)),
        ("适合孩子的无盐坚果", "适合孩子的坚果", ("盐",)),
        ("无袖连衣裙", "连衣裙", ("袖",)),
        ("蛋糕，无草莓果酱", "蛋糕", ("草莓果酱",)),
        ("无烟煤", "无烟煤", ()),
    ],
)
def test_everything_that_is_denied_is_named(text, wanted, without):
    for names in (PETS, Vocabulary()):
        found = by_rules(text, known=names)
        assert (found.wanted, set(found.without)) == (wanted, set(without))
        paths = [path for each in without for path in names.kind(each)]
        denied = {"categories": one_or_in(paths)} if paths else None
        assert found.filter.get("not") == denied
    assert PETS.kind("dog") == PETS.kind("狗") == ("animals/dogs",)


@pytest.mark.parametrize(
    ("text", "wanted", "price"),
    [
        ("no frogs over 100", "frogs", {"lte": 100}),
        ("I don't want shoes over 100", "shoes", {"lte": 100}),
        ("no running shoes over 100", "running shoes", {"lte": 100}),
        ("nothing more expensive than 100", "", {"lte": 100}),
        ("no leather over 100", "", {"gt": 100}),
        ("boots without laces over 100", "boots", {"gt": 100}),
    ],
)
def test_what_no_category_names_can_have_a_bound(text, wanted, price):
    found = by_rules(text, known=Vocabulary(roles={"price": "price"}))
    assert (found.wanted, found.filter) == (wanted, {"price": price})


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("boots under $1,250.50", {"lt": 1250.5}),
        ("boots for 2k or less", {"lte": 2000}),
        ("boots between fifty and a hundred and twenty euros", {"gte": 50, "lte": 120}),
        ("boots not over 80", {"lte": 80}),
        ("靴子 三百五以内", {"lte": 350}),
        ("一万两千块以上的靴子", {"gte": 12_000}),
        ("1.5万以下的靴子", {"lte": 15_000}),
        ("靴子，两百到三百元", {"gte": 200, "lte": 300}),
        ("boots under 30 cm", None),
        ("boots size 40-42", None),
        ("boots over 2 kg", None),
        ("30厘米以下的靴子", None),
        ("3岁以上的玩具", None),
    ],
)
def test_prices_are_read_and_other_measures_are_not(text, price):
    assert read(text).filter.get("price") == price


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("1,000", 1000), ("2.5k", 2500), ("a hundred and five", 105), ("two thousand three hundred", 2300),
        ("ninety-nine", 99), ("五十", 50), ("一百零五", 105), ("一千五", 1500), ("两万三", 23_000),
        ("十二", 12), ("3万", 30_000), ("二〇二", 202), ("一百五", 150), ("一万零三十", 10_030),
    ],
)  # fmt: skip
def test_numbers_in_words(said, value):
    assert value_of(said) == value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("non-stick pan", "non-stick pan"),
        ("sugar-free gum", "sugar-free gum"),
        ("不锈钢锅", "不锈钢锅"),
        ("无线鼠标", "无线鼠标"),
        ("非洲的鼓", "非洲的鼓"),
        ("not bad wine", "not bad wine"),
    ],
)
def test_words_that_only_look_like_a_denial_deny_nothing(text, wanted):
    found = read(text)
    assert (found.wanted.removeprefix("a "), found.unwanted) == (wanted, [])


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("phones or cameras", {"in": ["electronics/phones", "electronics/cameras"]}),
        ("phones or radios", None),
        ("手机或者相机", {"in": ["electronics/phones", "electronics/cameras"]}),
        ("green or blue chairs", "furniture/chairs"),
    ],
)
def test_one_of_two_kinds_is_not_left_out(text, categories):
    assert read(text).filter.get("categories") == categories


def test_a_quality_that_is_not_wanted_is_no_category():
    garden = Vocabulary(
        categories=category_names(["plants/plastic", "food/sweets & candy", "cats"])
    )

    found = by_rules("a gift that is not plastic, not sweet, without cats", known=garden)

    assert (found.wanted, found.unwanted) == ("gift", ["plastic", "sweet"])
    assert found.filter == {"not": {"categories": "cats"}}


def test_a_list_of_qualities_is_denied_of_the_thing_behind_the_last():
    found = read("no plastic, wood or metal chairs")
    assert (found.wanted, found.without) == ("chairs", ("plastic", "wood", "metal"))
    assert read("not leather, red or blue shoes").without == ("leather",)


def test_cheaper_than_this_is_cheaper_than_its_price():
    found = read("like this but cheaper", reference={"price": 42.0})
    assert found.filter == {"price": {"lt": 42.0}}
    assert read("更便宜一点的", reference={"price": 42.0}).filter == {"price": {"lt": 42.0}}


def test_a_conversation_keeps_what_was_asked_until_something_else_is():
    first = read("red leather boots under 100")
    second = by_rules("in blue", known=SHOP, previous=first)
    third = by_rules("not leather, and in stock", known=SHOP, previous=second)
    fourth = by_rules("cheapest first", known=SHOP, previous=third)
    fifth = by_rules("wooden puzzles", known=SHOP, previous=fourth)

    assert second.parts == (Words("blue leather boots"),)
    assert (third.parts, third.filter) == (
        (Words("blue boots"), Words("leather", -0.5)),
        {"categories": "shoes/boots", "price": {"lt": 100}, "in_stock": True},
    )
    assert (fourth.parts, fourth.filter) == (third.parts, third.filter)
    assert fourth.sort == Sort("price", "asc")
    assert (fifth.parts, fifth.follows) == ((Words("wooden puzzles"),), False)
    assert (fifth.filter, fifth.sort) == ({"categories": "toys/puzzles"}, None)


def test_denials_of_a_conversation_add_up():
    first = read("phones but not Acme")
    second = by_rules("no Nokia either", known=SHOP, previous=first)

    assert second.filter == {
        "categories": "electronics/phones",
        "not": {"or": [{"brand": "Acme"}, {"brand": "Nokia"}]},
    }


def test_what_is_asked_for_again_is_denied_no_more():
    first = read("phones but not Acme, no Nokia, no boots")
    second = by_rules("Acme is fine", known=SHOP, previous=first)

    assert first.filter["not"] == {
        "or": [{"categories": "shoes/boots"}, {"brand": {"in": ["Acme", "Nokia"]}}]
    }
    assert second.filter == {
        "categories": "electronics/phones",
        "brand": "Acme",
        "not": {"or": [{"categories": "shoes/boots"}, {"brand": "Nokia"}]},
    }


def test_what_this_catalog_cannot_be_asked_is_named():
    bare = Vocabulary(categories=category_names(["animals/birds"]))

    found = by_rules("cheapest blue birds by Acme under 50, in stock", known=bare)

    assert found.filter == {"categories": "animals/birds"}
    assert found.sort is None
    assert found.ignored == ("price", "in_stock", "sort by price")


def test_a_turn_replaces_a_quality_in_any_language_and_says_what_it_added():
    first = read("blue boots under 100")
    second = by_rules("红色的", known=SHOP, previous=first)
    third = by_rules("not red, no laces", known=SHOP, previous=second)

    assert second.parts == (Words("红色 boots"),)
    assert second.added == (Words("红色"),)
    assert third.filter == first.filter
    assert (third.without, third.added) == (
        ("red", "laces"),
        (Words("red", -0.5), Words("laces", -0.5)),
    )


@pytest.mark.parametrize(
    "said", ["", " ", "?", "不要", "not", "…", "没有", "\u200b", "的", "¦", "\ue000"]
)
def test_hardly_anything_is_still_an_answer(said):
    assert read(said).filter == {}


def test_a_language_without_tables_is_words():
    found = read("stivali rossi senza pelle", language="it")
    assert (found.parts, found.language) == ((Words("stivali rossi senza pelle"),), "it")


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("animals except dogs, cats", "animals", ("dogs", "cats")),
        ("animals except dogs, fish under 50", "animals", ("dogs", "fish")),
        ("fruit without apples, bananas, cherries", "fruit", ("apples", "bananas", "cherries")),
        ("a chair, not red, blue, green", "chair", ("red", "blue", "green")),
        ("animals, no dogs, no cats", "animals", ("dogs", "cats")),
        ("animals except cats, dogs, sheep", "animals", ("cats", "dogs", "sheep")),
        ("drinks without alcohol, coffee, tea", "drinks", ("alcohol", "coffee", "tea")),
        ("food except rice, bread, goat cheese", "food", ("rice", "bread", "goat cheese")),
        ("animals, no moose, deer", "animals", ("moose", "deer")),
        ("food except rice, spicy", "food spicy", ("rice",)),
        ("a soup without milk, creamy", "soup creamy", ("milk",)),
        ("a bag without logos, waterproof, nicer", "bag waterproof nicer", ("logos",)),
        ("toys, no guns, surprise me", "toys surprise me", ("guns",)),
        ("no dogs, cats", "cats", ("dogs",)),
        ("no dogs, show me cats", "cats", ("dogs",)),
        ("animals, no dogs, show cats", "animals cats", ("dogs",)),
        ("a pet, not a dog, a fish", "pet fish", ("dog",)),
        ("a chair, not red, blue", "chair blue", ("red",)),
        ("not leather, red shoes", "red shoes", ("leather",)),
        ("animals without feathers, cute", "animals cute", ("feathers",)),
        ("headphones without cables, thanks", "headphones", ("cables",)),
        ("fruit, no pears, plums, please", "fruit", ("pears", "plums")),
        ("please, birds but no crows, gulls", "birds", ("crows", "gulls")),
        ("animals, no sea lions, brown bears", "animals brown bears", ("sea lions",)),
        ("animals, no sea lions, polar bears", "animals", ("sea lions", "polar bears")),
        (
            "toys except fire engines, hot air balloons or space ships",
            "toys",
            ("fire engines", "hot air balloons", "space ships"),
        ),
        ("a chair without arms, comfy cushions", "chair comfy cushions", ("arms",)),
        ("蔬菜，不要土豆，洋葱", "蔬菜", ("土豆", "洋葱")),
        ("我想要乐器，不要钢琴、小提琴和吉他", "乐器", ("钢琴", "小提琴", "吉他")),
        ("水果，除了葡萄，西瓜", "水果", ("葡萄", "西瓜")),
        ("水果，不要葡萄，西瓜，谢谢", "水果", ("葡萄", "西瓜")),
        ("水果，不要葡萄，新鲜", "水果 新鲜", ("葡萄",)),
        ("水果，不要葡萄，适合孩子", "水果 适合孩子", ("葡萄",)),
        ("水果，不要葡萄，我要西瓜", "水果 西瓜", ("葡萄",)),
        ("不要葡萄，西瓜", "西瓜", ("葡萄",)),
        ("不要葡萄，西瓜，香蕉", "", ("葡萄", "西瓜", "香蕉")),
        ("蔬菜，除了土豆，洋葱都行", "蔬菜", ("土豆", "洋葱")),
        ("动物，不要老虎，狮子和大象", "动物", ("老虎", "狮子", "大象")),
        ("no crows, gulls, swans", "", ("crows", "gulls", "swans")),
        (
            "toys, no red cars, green trains or blue boats",
            "toys",
            ("red cars", "green trains", "blue boats"),
        ),
    ],
)
def test_a_list_after_a_denial_is_denied_whole(text, wanted, without):
    found = read(text)
    assert (found.wanted, found.without) == (wanted, without)


def test_a_long_list_of_denials_is_carried_whole():
    things = [f"thing{n}s" for n in range(composing.MAX_WITHOUT + 2)]
    found = read(f"toys except {', '.join(things[:12])} and {things[12]}")
    assert found.without == tuple(things[:13])
    assert len(found.unwanted) == composing.MAX_UNWANTED

    every = Reading(wanted=["toys"], unwanted=things)
    said = composing.composed(every, SHOP, language="en")
    assert said.without == tuple(things[: composing.MAX_WITHOUT])
    assert said.ignored == tuple(f"without {each}" for each in things[composing.MAX_WITHOUT :])


def test_an_interpretation_survives_json():
    found = read("more like the third but cheaper, not plastic, newest first")
    assert Interpretation.from_json(found.as_json()) == found


def test_any_text_is_read_quickly():
    chance = random.Random(7)  # noqa: S311 - texts of a test
    alphabet = "abc 不要的100元，。-$<>\x00\n第二个像这noto,.¦\ue000\ue001under 1"
    hostile = [
        "not ",
        "a hundred and ",
        "between 1 and ",
        "除了一",
        "不要",
        "1,000 ",
        "的",
        "无",
        "no ",
    ]
    texts = ["".join(chance.choices(alphabet, k=chance.randint(0, 60))) for _ in range(300)]
    texts += [(one + other) * 100 for one in hostile for other in hostile]
    previous = read("red boots under 100")
    started = time.perf_counter()

    for text in texts:
        assert by_rules(text, known=SHOP, previous=previous).source == "rules"

    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    ("plural", "one"),
    [("shoes", "shoe"), ("knives", "knife"), ("dresses", "dress"), ("watches", "watch"),
     ("building blocks", "building block"), ("puzzles", "puzzle"), ("fish", "fish"),
     ("berries", "berry"), ("buses", "bus"), ("glass", "glass")],
)  # fmt: skip
def test_singular(plural, one):
    assert singular(plural) == one


def test_a_name_means_the_topmost_categories_that_have_it():
    names = category_names(
        ["animals", "animals/birds", "food & drink", "toys/animals", "animals/toys"]
    )

    assert names["animal"] == ("animals", "toys/animals")
    assert names["food"] == names["drink"] == names["food & drink"] == ("food & drink",)
    assert names["toy"] == ("animals/toys",)


def test_a_turn_that_only_denies_may_deny_two():
    first = read("animals")
    for turn, denied in (
        ("no crows, gulls", ("crows", "gulls")),
        ("不要老虎，狮子", ("老虎", "狮子")),
    ):
        found = by_rules(turn, known=SHOP, previous=first)
        assert (found.wanted, found.without) == ("animals", denied)
    assert read("no crows, gulls").wanted == "gulls"


def test_an_emoji_is_a_question_of_its_own():
    found = by_rules("more 🐢", known=SHOP, previous=read("red boots under 100"))
    assert (found.follows, found.filter) == (False, {})
