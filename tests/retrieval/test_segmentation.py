"""Languages and words, by known answers and by what must hold for any text."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.preprocess import languages, segmentation
from retrieval.preprocess.languages import detect, primary
from retrieval.preprocess.segmentation import words
from retrieval.preprocess.stop_words import STOP_WORDS

any_text = st.text(max_size=60) | st.text("aあア亜の中กาéñßж 8-'・👍🏽\u200d\u0301", max_size=40)
any_language = st.sampled_from([None, "en", "zh", "zh-Hant", "ja", "th", "ar", "xx"])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("手机", "zh"),
        ("我們的手機殼", "zh"),
        ("東京都庁の展望台", "ja"),
        ("カエル", "ja"),
        ("優衣庫の店在城市的中心區", "zh"),
        ("자동차", "ko"),
        ("รถยนต์", "th"),
        ("Ελληνικά", "el"),
        ("שלום", "he"),
        ("iPhone 手机壳套装", "zh"),
        ("the Chinese word 猫 means cat", "en"),
        ("The quick brown fox jumps over the lazy dog", "en"),
        ("Ein grüner Frosch sitzt auf einem Blatt", "de"),
        ("Une grenouille verte est assise sur une feuille", "fr"),
        ("Una rana verde sentada en una hoja", "es"),
        ("Зелёная лягушка сидит на листе кувшинки", "ru"),
        ("الضفدع الأخضر يجلس على ورقة الشجر", "ar"),
        ("این یک کتاب است و من آن را خواندم", "fa"),
        ("सिंह एक जानवर है", "hi"),
    ],
)
def test_a_language_is_detected(text, language):
    assert detect(text) == language


@pytest.mark.parametrize("text", ["", "  ", "123", "👍", "…!?", "xyzzy", "Auto", "iPhone 15"])
def test_what_could_be_any_language_is_undetermined(text):
    assert detect(text) == "und"


def test_long_texts_are_judged_by_their_start():
    assert detect("青" * 1_000 + "a" * 100_000) == "zh"


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-Hant", "zh"), ("pt_BR", "pt"), ("EN", "en"), ("ja", "ja"), ("", "")],
)
def test_the_primary_language_of_a_tag(tag, language):
    assert primary(tag) == language


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("A frog's new pond", "en", ["frog", "new", "pond"]),
        ("Old computer face, small FIRE", "en", ["old", "computer", "face", "small", "fire"]),
        ("Straße des 17. Juni", "de", ["strasse", "17", "juni"]),
        ("l'eau de la mer", "fr", ["eau", "mer"]),
        ("cafe\u0301 CAFÉ", "fr", ["café", "café"]),
        ("一只红色的自行车", "zh", ["红色", "自行车"]),
        ("我爱北京天安门", "zh", ["爱", "北京", "天安门"]),
        ("青い自転車に乗った猫", "ja", ["青い", "自転車", "乗った", "猫"]),
        ("ペンギンの赤ちゃん", "ja", ["ペンギン", "赤ちゃん"]),
        ("ブルー・グルーパー", "ja", ["ブルー", "グルーパー"]),
        ("かに", "ja", ["かに"]),
        ("いぬ", "ja", ["いぬ"]),
        ("ねこのぬいぐるみ", "ja", ["ねこ", "ぬいぐるみ"]),
        ("うさぎとかめ", "ja", ["うさぎ", "かめ"]),
        ("はなびときのこ", "ja", ["はなび", "きのこ"]),
        ("ネコのぬいぐるみ", "ja", ["ネコ", "ぬいぐるみ"]),
        ("らーめん", "ja", ["らーめん"]),
        ("รถยนต์สีแดงคันใหญ่", "th", ["รถยนต์", "สี", "แดง", "คัน", "ใหญ่"]),
        ("แมวและหมา", "th", ["แมว", "หมา"]),
        ("แมวดำตัวใหญ่", "th", ["แมว", "ดำ", "ตัว", "ใหญ่"]),
        ("เครื่องทำน้ำแข็ง", "th", ["เครื่อง", "ทำ", "น้ำ", "แข็ง"]),
        ("الكِتاب الأحمر على الطاولة", "ar", ["الكتاب", "الاحمر", "الطاولة"]),
        ("सिंह एक जानवर है", "hi", ["सिंह", "जानवर"]),
        ("빨간 자동차 그리고 집", "ko", ["빨간", "자동차", "집"]),
        ("iPhone 15 手机壳 Pro", None, ["iphone", "15", "手机", "壳", "pro"]),
        ("カエル frog 青蛙 กบ", "ja", ["カエル", "frog", "青蛙", "กบ"]),
        ("a frog", None, ["frog"]),
        ("👩\u200d🚀 on the 🇯🇵 ❤\ufe0f moon", "en", ["👩\u200d🚀", "🇯🇵", "❤", "moon"]),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "en", ["full", "width"]),
        ("snake_case-and/slash", "xx", ["snake", "case", "and", "slash"]),
    ],
)
def test_words(text, language, expected):
    assert words(text, language) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The Who", "en", ["the", "who"]),
        ("to be or not to be", "en", ["to", "be", "or", "not", "to", "be"]),
        ("的", "zh", ["的"]),
        ("これはです", "ja", ["これ"]),
        ("  …!", None, []),
        ("", "en", []),
    ],
)
def test_function_words_alone_are_kept(text, language, expected):
    assert words(text, language) == expected


def test_han_is_cut_by_the_dictionary_of_its_language():
    assert words("自行车", "zh") == ["自行车"]
    assert words("東京都庁", "ja") == words("東京都庁の", None)[:1] == ["東京都庁"]


def test_the_same_word_is_found_with_and_without_particles():
    assert words("自転車", "ja") == words("自転車で", "ja") == words("自転車からの", "ja")


@settings(deadline=None)
@given(text=any_text, language=any_language)
def test_words_of_anything(text, language):
    found = words(text, language)
    assert found == words(text, language)
    assert all(word and not any(char.isspace() for char in word) for word in found)
    assert found == [word for word in map(segmentation._folded, found) if word]
    stop_words = segmentation._stop_words(primary(language) if language else detect(text))
    assert not stop_words.intersection(found) or stop_words.issuperset(found)


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1), max_size=8))
def test_words_between_spaces_are_words(parts):
    assert words(" ".join(parts), "xx") == parts
    assert words(", ".join(parts).upper(), "xx") == parts


def test_every_function_word_is_one_word():
    """Else it could never be met. Chinese and Thai ones may be cut further inside a sentence."""
    for language in STOP_WORDS.keys() - {"zh", "th", "ja"}:
        for word in STOP_WORDS[language]:
            assert words(word, language) == [segmentation._folded(word)], language


@pytest.mark.parametrize("char", ["の", "中", "ก", "あ", "\u0301", "\u200d", "a", "・", "👍", "で"])
def test_long_runs_take_no_time(char):
    assert len(words(char * 100_000, "ja")) <= 2_000


def test_threads_share_the_dictionaries():
    segmentation._loaded_dictionary.cache_clear()
    segmentation._phrases.cache_clear()
    languages._loaded.cache_clear()
    texts = [
        "一只红色的自行车",
        "青い自転車に乗った猫",
        "Ein grüner Frosch sitzt auf einem Blatt",
    ] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(words, texts))
    assert together == [words(text) for text in texts]


def test_dictionaries_are_loaded_when_they_are_needed():
    code = (
        "import sys; from retrieval.preprocess.segmentation import words; words('a frog', 'en');"
        "print(sorted({'jieba', 'budoux', 'py3langid', 'torch', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("['numpy']", "")
