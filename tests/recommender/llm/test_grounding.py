"""A model's sentence says only what items' own words say: word by word."""

import pytest

from recommender.llm.grounding import grounded, stem, unfounded

FROG = "A green frog. frog, pond, animals that jump. animals/amphibians"
NOTE = "Because you liked brown toad"


@pytest.mark.parametrize(
    "sentence",
    [
        "The item is a green frog.",
        "Frogs jump, like the animals you liked [1].",
        "It is one of the animals of the pond, and both are similar.",
        "A jumping frog, recommended because you liked another.",
    ],
)
def test_what_the_words_of_an_item_say_passes(sentence):
    assert grounded(sentence, [FROG], NOTE, "en")


@pytest.mark.parametrize(
    ("sentence", "foreign"),
    [
        ("The item is a poisonous green frog.", ["poisonous"]),
        ("A beautiful frog of the pond.", ["beautiful"]),
        ("The frog jumps and sings.", ["sings"]),
        ("A good green frog.", ["good"]),
        ("The popular frog is available.", ["popular", "available"]),
        ("A green frog from Paris.", ["paris"]),
        ("A brown frog.", ["brown"]),  # the question's word, not the item's
        ("A froglike greenhouse.", ["froglike", "greenhouse"]),
    ],
)
def test_one_word_of_its_own_is_too_many(sentence, foreign):
    assert unfounded(sentence, FROG, "en") == foreign
    assert not grounded(sentence, [FROG], NOTE, "en")


@pytest.mark.parametrize(
    ("sentence", "passes"),
    [
        ("这是一只黑猫。", True),
        ("这个商品是猫，属于动物。", True),
        ("这是一只漂亮的猫。", False),
        ("这是一只会唱歌的猫。", False),
        ("The item is a cat.", False),
    ],
)
def test_chinese_words_are_those_of_the_item(sentence, passes):
    assert grounded(sentence, ["黑色的猫。动物，宠物"], "", "zh") is passes


@pytest.mark.parametrize(
    ("language", "facts", "passes", "fails"),
    [
        ("de", "Grüner Frosch, Tier, Teich", "Ein grüner Frosch, weil Sie Tiere mochten.", "Ein giftiger Frosch."),
        ("fr", "Grenouille verte, animal", "Une grenouille verte, comme vous avez aimé.", "Une belle grenouille."),
        ("es", "Rana verde, animal", "Una rana verde, también animal.", "Una rana venenosa."),
    ],
)  # fmt: skip
def test_other_languages_have_small_words_of_their_own(language, facts, passes, fails):
    assert grounded(passes, [facts], "", language)
    assert not grounded(fails, [facts], "", language)


@pytest.mark.parametrize(
    "sentence",
    [
        "The frog is not green.",
        "There is no frog.",
        "The frog isn’t green.",
        "A frog without a pond.",
    ],
)
def test_a_fact_that_is_turned_round_does_not_pass(sentence):
    assert not grounded(sentence, [FROG], NOTE, "en")
    assert grounded(sentence, [f"{FROG}. It does not bite"], NOTE, "en")


def test_a_number_must_stand_somewhere():
    assert grounded("Two frogs for 12.", [f"{FROG} 12"], "", "en")
    assert not grounded("Two frogs for 13.", [f"{FROG} 12"], "", "en")


@pytest.mark.parametrize(
    "forms",
    [
        ("fly", "flies", "flying", "flyer"), ("run", "runs", "running"), ("knife", "knives"),
        ("carry", "carries", "carried", "carrying"), ("watch", "watches"), ("colour", "colours", "coloured"),
    ],
)  # fmt: skip
def test_forms_of_a_word_are_one(forms):
    assert len({stem(word, "en") for word in forms}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("care", "car"), ("interesting", "international"), ("flyer", "flower")]
)
def test_words_that_begin_alike_are_two(one, other):
    assert stem(one, "en") != stem(other, "en")
