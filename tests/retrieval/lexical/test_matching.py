"""Which items words find, and in which order."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from retrieval import lexical
from retrieval.lexical import vocabulary
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def test_english_words_are_found_in_any_form(indexed, found):
    make_item("boots", "Red walking boots")
    make_item("lamp", "A lamp")
    indexed()
    assert found("boot") == ["boots"]
    assert found("BOOTS") == ["boots"]
    assert found("walked") == ["boots"]


@pytest.mark.parametrize(
    "text", ["grüner Frosch", "gruner frosch", "gruener Frosch", "GRÜNE FRÖSCHE"]
)
def test_umlauts_may_be_written_in_any_way(text, indexed, found):
    make_item("frog", "Ein grüner Frosch", language="de")
    make_item("cat", "Eine graue Katze", language="de")
    indexed()
    assert found(text) == ["frog"]


@pytest.mark.parametrize("text", ["élève", "eleve", "Élèves", "ELEVES"])
def test_accents_do_not_matter(text, indexed, found):
    make_item("pupil", "Un élève", language="fr")
    make_item("lift", "Un ascenseur", language="fr")
    indexed()
    assert found(text) == ["pupil"]


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("zh", "智能手机保护壳", "手机"),
        ("zh", "智能手机保护壳", "智能手机"),
        ("zh", "智能手机保护壳", "手机壳"),
        ("zh-Hant", "綠色的青蛙", "青蛙"),
        ("ja", "東京都庁の展望台", "東京"),
        ("ja", "カエルの顔", "カエル"),
        ("ja", "ねこ", "ねこ"),
        ("ja", "いぬ", "いぬ"),
        ("ja", "ねこのぬいぐるみ", "ねこ"),
        ("ja", "ねこのぬいぐるみ", "ぬいぐるみ"),
        ("ja", "イチゴ", "いちご"),
        ("ja", "かえるの絵", "カエル"),
        ("ja", "ﾗｰﾒﾝ", "らーめん"),
        ("th", "รถยนต์สีแดง", "สีแดง"),
        ("th", "แมวดำตัวใหญ่", "แมว"),
        ("th", "แมวดำตัวใหญ่", "ดำ"),
        ("th", "เครื่องทำน้ำแข็ง", "น้ำ"),
        ("ko", "빨간 자동차", "자동차"),
        ("ru", "Зелёные лягушки", "зеленая лягушка"),
        ("ar", "الضفدع الأخضر", "الاخضر"),
        ("xx", "Qaplha batleth", "batleth"),
    ],
)
def test_languages_are_cut_and_stemmed_in_their_own_way(language, title, text, indexed, found):
    make_item("it", title, language=language)
    make_item("other", "something else entirely")
    indexed()
    assert found(text) == ["it"]


def test_every_language_of_an_item_finds_it(indexed, found):
    make_item("frog", "a frog", texts={"de": "ein Frosch", "zh": "青蛙", "ja": "カエル"})
    make_item("cat", "a cat", texts={"de": "eine Katze", "zh": "猫", "ja": "ネコ"})
    indexed()
    assert [found(text) for text in ("frog", "Frösche", "青蛙", "カエル")] == [["frog"]] * 4


def test_the_title_counts_most_then_tags_then_categories_then_the_description(indexed, found):
    make_item("description", "Thing one", description="with a copper rim")
    make_item("category", "Thing two", categories=("metal/copper",))
    make_item("tag", "Thing six", tags=("copper",))
    make_item("title", "Old copper pot")
    make_item("begins", "Copper pot")
    make_item("equals", "Copper")
    indexed()
    assert found("copper") == ["equals", "begins", "title", "tag", "category", "description"]


def test_items_with_all_the_words_come_before_those_with_some(indexed, found):
    make_item("red", "red red red", tags=("red",))
    make_item("boots", "boots")
    make_item("both", "something", description="long and red, and in the end it is about boots")
    indexed()
    assert found("red boots")[0] == "both"
    assert set(found("red boots")) == {"both", "boots", "red"}


def test_rare_words_count_more_than_common_ones(indexed, found):
    for number in range(40):
        make_item(f"box-{number}", f"box number{number}")
    make_item("zither", "zither")
    indexed()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE retrieval_lexicaldocument")
    assert found("box zither", limit=3)[0] == "zither"


def test_an_identifier_comes_first_with_score_one_whatever_its_case(indexed):
    exact = make_item("SKU-15.b", "plain")
    make_item("other", "SKU 15 b, or so they say")
    indexed()
    hits = lexical.matches(" sku-15.B ", 10, items=Item.objects.all())
    assert (hits[0].item_id, hits[0].score) == (exact.pk, 1.0)
    assert len(hits) == 2
    assert 0 < hits[1].score < 1


def test_an_identifier_is_found_before_the_item_is_indexed(found):
    make_item("SKU-1", "plain")
    assert found("sku-1") == ["SKU-1"]


def test_an_emoji_finds_what_is_named_after_it(indexed, found):
    make_item("emoji:1F438", "frog", language="en")
    make_item("face", "a frog face")
    make_item("sign", "Warning 🐸 ahead")
    make_item("emoji:1F436", "dog")
    indexed()
    assert set(found("🐸")) == {"emoji:1F438", "face", "sign"}
    assert found("🐶") == ["emoji:1F436"]


@pytest.mark.parametrize("text", ["elephnat", "elepant", "eelephant", "elefhant", "Elephabts"])
def test_long_words_may_have_two_errors(text, indexed, found):
    make_item("elephant", "An elephant")
    make_item("telephone", "A telephone")
    indexed()
    assert found(text) == ["elephant"]


@pytest.mark.parametrize("text", ["forg", "fro", "frgo", "frig", "frogg", "fog"])
def test_short_words_may_have_one_error_and_very_short_ones_none(text, indexed, found):
    make_item("frog", "A frog")
    indexed()
    assert found(text) == ([] if len(text) < 4 else ["frog"])


def test_one_mistyped_word_among_right_ones(indexed, found):
    make_item("apple", "A red apple")
    make_item("car", "A red car")
    indexed()
    assert found("red aplle")[0] == "apple"


def test_words_as_written_rank_above_what_may_be_meant(indexed):
    make_item("house", "A house")
    make_item("horse", "A horse")
    indexed()
    [hit] = lexical.matches("house", 10, items=Item.objects.all())
    [near] = lexical.matches("hourse", 1, items=Item.objects.all())
    assert hit.score > 0.4 > near.score


@pytest.mark.parametrize("text", ["冰淇林", "カレンダア", "ぬいくるみ", "เครื่อน", "カレンダ"])
def test_words_of_three_characters_without_spaces_may_have_one_error(text, indexed, found):
    make_item("it", "冰淇淋", texts={"ja": "カレンダーのぬいぐるみ", "th": "เครื่อง"})
    make_item("other", "青蛙", texts={"ja": "かえる", "th": "กบ"})
    indexed()
    assert found(text) == ["it"]


@pytest.mark.parametrize("text", ["青娃", "いむ", "กง"])
def test_those_of_two_may_have_none(text, indexed):
    make_item("it", "青蛙", texts={"ja": "いぬ", "th": "กบ"})
    indexed()
    assert vocabulary.near([text]) == {}


def test_a_word_that_nobody_wrote_is_not_its_stem_alone(indexed, found):
    """In English "butterly" has the stem of "butter"."""
    make_item("butter", "butter")
    make_item("butterfly", "butterfly")
    indexed()
    assert sorted(found("butterly")) == ["butter", "butterfly"]
    assert found("butters") == ["butter"]
    assert found("butter") == ["butter"]


def test_of_words_that_may_be_meant_the_likeliest_is_first(indexed, found):
    """Neighbours swapped before another letter, whichever item came first."""
    for title in ("fork", "form", "frog"):
        make_item(title, title)
    indexed()
    assert found("forg")[0] == "frog"


def test_the_items_given_are_all_that_is_found(indexed, found):
    make_item("hidden", "frog", published=False)
    make_item("gone", "frog", expires_at=timezone.now() - timedelta(seconds=1))
    make_item("stamp", "frog", kind="stamp", attributes={"a%s": "50%"})
    make_item("toy", "frog", kind="toy")
    indexed()
    assert found("frog") == ["stamp", "toy"]
    assert found("frog", items=Item.objects.filter(kind="toy")) == ["toy"]
    assert found("frog", items=Item.objects.filter(attributes={"a%s": "50%"})) == ["stamp"]
    assert found("frog", items=Item.objects.none()) == []
    assert found("hidden") == []


def test_a_filter_that_few_match_still_fills_the_limit(many_items, indexed, found):
    items = many_items(60)
    indexed()
    few = Item.objects.filter(pk__in=[item.pk for item in items[::10]])
    assert found("item", limit=6, items=few) == [f"item-{n}" for n in range(0, 60, 10)]


def test_ties_are_in_the_order_of_the_ids(indexed, found):
    for name in ("b", "c", "a"):
        make_item(name, "the very same frog")
    indexed()
    assert found("frog") == ["b", "c", "a"]
    assert found("frog", limit=2) == ["b", "c"]


def test_function_words_alone_find_their_title(indexed, found):
    make_item("who", "The Who")
    make_item("lamp", "The lamp")
    indexed()
    assert found("the who")[0] == "who"


def test_the_language_decides_how_words_are_read(indexed, found):
    make_item("die", "Die hard")
    make_item("hard", "A hard day")
    indexed()
    assert found("die hard", language="en") == ["die", "hard"]
    assert set(found("die hard", language="de")) == {"die", "hard"}


def test_a_query_costs_few_statements(indexed):
    make_item("frog", "a green frog", texts={"de": "ein grüner Frosch", "zh": "青蛙"})
    indexed()
    lexical.matches("green frog", 10, items=Item.objects.visible())
    with CaptureQueriesContext(connection) as queries:
        lexical.matches("green frog", 1, items=Item.objects.visible())
    assert len(queries) <= 6


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "!!!", "\0", "fr\0og", "\ud800", "frog\udfff", "a & b | !c <-> d:*", "'", "\\",
        "''", "%", "%s", "{}", "frog:A", "(((", "x" * 2_000, "word " * 400, "the of and",
        "\u200d", "👨\u200d👩\u200d👧", "🇩🇪", "ﷺ" * 100, "\u0301", "e\u0301" * 500, "null", "NULL",
        "1e10 .5 -3", "http://a.b/c?d=e", "a@b.c", "ａｂｃ", "İ", "ß" * 300,
    ],
)  # fmt: skip
def test_odd_texts_are_answered(text, indexed):
    make_item("frog", "a frog", texts={"zh": "青蛙", "th": "กบ", "ja": "カエル"})
    indexed()
    for hit in lexical.matches(text, 5, items=Item.objects.all()):
        assert 0 < hit.score <= 1
    lexical.suggest(text, 5)


@given(
    st.text(max_size=40) | st.text("aé'\\%:&|!()<>* \0\ud800青蛙かก🐸\u200d\ufe0f1-_", max_size=30)
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_can_be_asked_for(indexed, text):
    make_item("frog", "a frog", texts={"zh": "青蛙", "th": "กบ"})
    indexed()
    for hit in lexical.matches(text, 5, items=Item.objects.visible()):
        assert 0 < hit.score <= 1
    assert len(lexical.suggest(text, 5)) <= 5


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
    )
)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_title_can_be_indexed(indexed, text):
    title = text.strip() or "x"
    Item.objects.all().delete()
    item = Item.objects.create(
        external_id="it", title=title, description=text, tags=[text], language="zh"
    )
    lexical.index_items([item.pk])
    assert lexical.due(limit=1) == []


@pytest.mark.parametrize("language", ["", "\0", "\ud800", "zz-ZZ", "x" * 1_000])
def test_odd_languages_are_answered(language, indexed, found):
    make_item("frog", "a frog")
    indexed()
    assert found("frog", language=language) == ["frog"]
    asked = len(language) > 1
    assert bool(lexical.suggest("frog", 5, language=language)) is not asked  # in no such language


def test_limits_below_one_find_nothing(indexed):
    make_item("frog", "a frog")
    indexed()
    assert lexical.matches("frog", 0, items=Item.objects.all()) == []
    assert lexical.suggest("frog", 0) == []
