"""Questions in German, French, Spanish and Japanese become composed queries, by tables."""

import time

import pytest

from recommender.llm.evaluation import interpretation
from recommender.llm.evaluation.interpretation import SHOP
from recommender.llm.understanding import Interpretation, Sort, by_rules, language_of
from recommender.llm.understanding.languages import TABLED, named, quality
from recommender.llm.understanding.languages.types import classes, table
from recommender.llm.understanding.numbers import european_value


def read(text: str, **options) -> Interpretation:
    return by_rules(text, known=SHOP, **options)


@pytest.mark.parametrize(
    ("text", "language", "wanted", "without"),
    [
        ("Tiere außer Hunden", "de", "Tiere", ("Hunden",)),
        ("keine Hunde", "de", "", ("Hunde",)),
        ("Stühle nicht aus Plastik", "de", "Stühle", ("Plastik",)),
        ("Tiere, aber keine Hunde, Katzen oder Vögel", "de", "Tiere", ("Hunde", "Katzen", "Vögel")),
        ("Tiere, die nicht fliegen können", "de", "Tiere", ("fliegen",)),
        ("keine roten Stühle", "de", "Stühle", ("roten",)),
        ("Tiere, keine Hunde, keine Katzen", "de", "Tiere", ("Hunde", "Katzen")),
        ("Tiere ohne Hunde, ohne Katzen, ohne Vögel", "de", "Tiere", ("Hunde", "Katzen", "Vögel")),
        ("Obst, keine Äpfel, Bananen, Trauben", "de", "Obst", ("Äpfel", "Bananen", "Trauben")),
        ("keine Hunde, Katzen", "de", "Katzen", ("Hunde",)),
        ("Tiere, keine Hunde, zeig mir Katzen", "de", "Tiere Katzen", ("Hunde",)),
        ("Haustier, kein Hund, eine Katze", "de", "Haustier Katze", ("Hund",)),
        ("Schuhe ohne Leder, rot", "de", "Schuhe rot", ("Leder",)),
        ("animaux, pas de chiens, pas de chats", "fr", "animaux", ("chiens", "chats")),
        ("fruits sauf pommes, bananes", "fr", "fruits", ("pommes", "bananes")),
        ("chaussures sans lacets, confortables", "fr", "chaussures confortables", ("lacets",)),
        (
            "animales, sin perros, sin gatos, sin pájaros",
            "es",
            "animales",
            ("perros", "gatos", "pájaros"),
        ),
        ("frutas menos manzanas, plátanos", "es", "frutas", ("manzanas", "plátanos")),
        ("Möbel ohne Leder, bitte für den Garten", "de", "Möbel Garten", ("Leder",)),
        ("animales pero no perros", "es", "animales", ("perros",)),
        ("todos los animales menos los perros", "es", "animales", ("perros",)),
        ("sillas que no sean de plástico", "es", "sillas", ("plástico",)),
        ("animales sin perros ni gatos", "es", "animales", ("perros", "gatos")),
        ("nada de plástico", "es", "", ("plástico",)),
        ("animaux sauf les chiens", "fr", "animaux", ("chiens",)),
        ("sans plastique", "fr", "", ("plastique",)),
        ("pas de chaises en plastique", "fr", "chaises", ("plastique",)),
        ("animaux qui ne volent pas", "fr", "animaux", ("volent",)),
        ("je ne veux pas de chiens", "fr", "", ("chiens",)),
        ("犬以外の動物", "ja", "動物", ("犬",)),
        ("犬と猫以外の動物", "ja", "動物", ("犬", "猫")),
        ("プラスチックではない椅子", "ja", "椅子", ("プラスチック",)),
        ("砂糖なしのお茶", "ja", "お茶", ("砂糖",)),
        ("動物が見たいけど犬はいらない", "ja", "動物が見たい", ("犬",)),
    ],
)
def test_what_is_denied_is_named_and_not_wanted(text, language, wanted, without):
    found = read(text)
    assert (found.language, found.wanted) == (language, wanted)
    assert sorted(found.without) == sorted(without)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gibt es keine Hunde?", "Hunde"),
        ("nicht nur Hunde, alle Tiere", "nicht nur Hunde Tiere"),
        ("casque sans fil", "casque sans fil"),
        ("n'y a-t-il pas de chiens ?", "chiens"),
        ("¿no hay perros?", "perros"),
        ("つまらないおもちゃ", "つまらないおもちゃ"),
    ],
)
def test_words_that_only_look_like_a_denial_deny_nothing(text, wanted):
    found = read(text)
    assert (found.wanted, found.without) == (wanted, ())


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("Stühle unter 50 Euro", {"lt": 50}),
        ("Stiefel zwischen 50 und 100 Euro", {"gte": 50, "lte": 100}),
        ("Jacken für höchstens 1.250,50 €", {"lte": 1250.5}),
        ("keine Schuhe über 100 Euro", {"lte": 100}),
        ("Schuhe, nicht mehr als fünfzig Euro", {"lte": 50}),
        ("Ich möchte ein neues Handy, nicht zu teuer", {"lte": 100}),
        ("billige Stühle", {"lte": 30}),
        ("Schuhe unter 30 cm", None),
        ("Spielzeug ab 3 Jahren", None),
        ("chaises moins de 50 €", {"lt": 50}),
        ("des chaussures pas plus de 1 250 euros", {"lte": 1250}),
        ("bottes entre 50 et 100 €", {"gte": 50, "lte": 100}),
        ("des chaussures pas chères", {"lte": 100}),
        ("jouets à partir de 3 ans", None),
        ("sillas por menos de 50", {"lt": 50}),
        ("zapatos de 20 a 40 euros", {"gte": 20, "lte": 40}),
        ("zapatos no muy caros", {"lte": 100}),
        ("juguetes desde 3 años", None),
        ("50円以下の椅子", {"lte": 50}),
        ("5000円から1万円の靴", {"gte": 5000, "lte": 10_000}),
        ("安い椅子", {"lte": 30}),
        ("高すぎないスマホ", {"lte": 100}),
        ("3歳以上のおもちゃ", None),
    ],
)
def test_prices_are_read_and_other_measures_are_not(text, price):
    assert read(text).filter.get("price") == price


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ("rote Stühle", {"categories": "furniture/chairs"}),
        ("Stühle für die Küche", {"categories": "furniture/chairs"}),
        ("Küchenstühle", {}),
        ("Vögel mag ich nicht", {"not": {"categories": "animals/birds"}}),
        ("chaussures rouges", {"categories": "shoes"}),
        ("sillas o mesas", {}),
        ("sillas o lámparas", {"categories": {"in": ["furniture/chairs", "furniture/lamps"]}}),
        ("Sony Kopfhörer", {"brand": "Sony", "categories": "electronics/headphones"}),
        ("鳥以外の動物", {"categories": "animals", "not": {"categories": "animals/birds"}}),
        ("Bücher seit 2015", {"categories": "books", "released": {"gte": "2015-01-01"}}),
        ("livres en stock", {"categories": "books", "in_stock": True}),
    ],
)
def test_a_filter_is_what_the_whole_phrase_says(text, filter_):
    assert read(text, language="de").filter == filter_


def test_an_order_is_read():
    assert read("die billigsten Lampen").sort == Sort("price", "asc")
    assert read("les chaussures les plus chères").sort == Sort("price", "desc")
    assert read("las novedades en juguetes").sort == Sort("released", "desc")
    assert read("一番安いランプ").sort == Sort("price", "asc")


@pytest.mark.parametrize(
    ("text", "language"),
    [("nada de plástico", "es"), ("Obst ohne Bananen", "de"), ("perros no", "es"), ("table lamp", "en"),
     ("chat", "xx"), ("no Nokia either", "xx"), ("Handys ab 150 Euro", "de"), ("piano", "xx"), ("not plastic", "en"), ("犬以外の動物", "ja"), ("", "und")],
)  # fmt: skip
def test_a_few_words_tell_their_language_or_nothing(text, language):
    assert language_of(text, otherwise="xx") == language


def test_the_words_count_for_more_than_the_language_of_the_page():
    assert read("Tiere außer Hunden", language="en").without == ("Hunden",)
    assert read("animals except dogs", language="de").without == ("dogs",)


@pytest.mark.parametrize("code", TABLED)
def test_the_tables_agree_with_those_in_english(code):
    language = TABLED[code]
    kinds = {quality(word) for word in ("red", "wood", "small", "quiet", "light", "old")}

    assert set(language.qualities.values()) >= kinds
    assert len(language.names) > 70
    assert not [word for word in language.names if word != word.casefold()]


def test_a_word_is_known_without_its_ending():
    assert named("hunden", "de") == ("dog",)
    assert named("hunden", "fr") == named("chat") == ()
    assert named("chat", "fr") == ("cat",)
    assert quality("roten", "de") == quality("red")


@pytest.mark.parametrize(("split", "least"), [("dev", 0.95), ("held-out", 0.85)])
def test_most_labelled_questions_are_understood_in_every_slot(split, least):
    """Held-out ones are measured, never tuned on; a drop means that rules were lost."""
    asked = [q for q in interpretation.labelled() if q.split == split and q.language in TABLED]
    assert {q.language for q in asked} == set(TABLED)
    assert len(asked) >= 27

    found = interpretation.accuracy(lambda q: read(q.text), asked)

    assert found.whole >= least, [q.text for q, _, _ in found.wrong]


def test_tables_are_read():
    assert table("a, b: c, d\ne: f") == {"a": ("c", "d"), "b": ("c", "d"), "e": ("f",)}
    assert classes("red blue\nwood") == {"red": 0, "blue": 0, "wood": 1}


@pytest.mark.parametrize(
    ("said", "value"),
    [("50", 50), ("1.250", 1250), ("1 250,50", 1250.5), ("9,99", 9.99), ("9.99", 9.99), ("1.000.000", 1_000_000)],
)  # fmt: skip
def test_numbers_as_they_are_written_in_europe(said, value):
    assert european_value(said) == value


@pytest.mark.parametrize(
    ("code", "denial"),
    [("de", ", ohne Hund"), ("de", ", Hund"), ("fr", ", sans chat"), ("es", ", sin gato"), ("en", ", no dogs"), ("en", ", dogs")],
)  # fmt: skip
def test_many_denials_are_read_quickly(code, denial):
    text = ("animals without" + denial * 80)[:500] if code == "en" else (code + denial * 80)[:500]
    by_rules(text, known=SHOP, language=code)
    started = time.perf_counter()

    by_rules(text, known=SHOP, language=code)

    assert time.perf_counter() - started < 3


def test_any_text_is_read_quickly():
    parts = [
        "nicht ",
        "keine ",
        "pas de ",
        "ne ",
        "sin ",
        "no ",
        "以外",
        "ない",
        "の",
        "1.000 ",
        "unter ",
        "entre 1 et ",
    ]
    texts = [(one + other) * 60 for one in parts for other in parts]
    started = time.perf_counter()

    for code in TABLED:
        for text in texts:
            assert by_rules(text, known=SHOP, language=code).source == "rules"

    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    ("text", "language"),
    [("enséñame relojes", "es"), ("mochilas baratas", "es"), ("lampes, 40 euros maximum", "fr"), ("vêtements", "fr"), ("teurer", "de"),
     ("libros no menos de 15 euros", "es"), ("Wer quakt?", "de"), ("Qui sait chanter ?", "fr"), ("a cheap hat", "en"), ("too expensive", "en"), ("caballo", "es"), ("beautiful sac", "xx"),
     ("il libro con la mela in una casa", "it"), ("покажи мне красивый phone", "ru"),
     ("果物以外", "ja"), ("机", "ja"), ("図書以外", "ja"), ("狗以外的动物", "zh"), ("車以外", "zh"), ("猫以外", "zh"), ("警犬", "zh")],
)  # fmt: skip
def test_words_of_the_tables_tell_a_language_that_its_letters_do_not(text, language):
    assert language_of(text, otherwise="xx") == language


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("青くない椅子", "椅子", ("青い",)),
        ("重くない鞄", "鞄", ("重い",)),
        ("鳥でもない動物", "動物", ("鳥",)),
        ("魚でも鳥でもない動物", "動物", ("魚", "鳥")),
        ("歌えない鳥", "鳥", ("歌える",)),
        ("走らない動物", "動物", ("走る",)),
        ("泳ぐことができない鳥", "鳥", ("泳ぐ",)),
        ("動物、鳥はいらない、魚は不要", "動物", ("鳥", "魚")),
        ("動物、鳥、魚はいらない", "動物", ("鳥", "魚")),
        ("鳥、魚はいらない", "", ("鳥", "魚")),
        ("動物を見せて、鳥はいらない、馬はいらない", "動物", ("鳥", "馬")),
        ("猫は欲しくない", "", ("猫",)),
        ("蛇は見たくない", "", ("蛇",)),
        ("黒くも白くもない椅子", "椅子", ("黒い", "白い")),
        ("忘れられない本", "本", ("忘れられる",)),
    ],
)
def test_what_is_denied_in_japanese_is_no_more_than_that(text, wanted, without):
    found = read(text)
    assert (found.language, found.wanted) == ("ja", wanted)
    assert sorted(found.without) == sorted(without)
