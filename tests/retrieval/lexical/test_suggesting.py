"""What a prefix may become."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from catalog import services
from catalog.models import Category, Item
from retrieval import lexical
from retrieval.lexical import Suggestion, suggesting, vocabulary
from retrieval.models import LexicalEntry
from tests.retrieval.conftest import make_item

pytestmark = pytest.mark.django_db


def texts(prefix: str, limit: int = 10, **options) -> list[str]:
    return [each.text for each in lexical.suggest(prefix, limit, **options)]


@pytest.fixture
def phones(indexed) -> None:
    make_item("smart", "Smartphone", tags=("smart home",), categories=("electronics/Smart things",))
    make_item("mobile", "Mobile phone, smart", texts={"zh": "智能手机", "fr": "Téléphone mobile"})
    make_item("lamp", "Lamp")
    indexed()


def test_titles_that_begin_so_come_first_then_later_words(phones):
    assert lexical.suggest("smart", 10) == [
        Suggestion("Smartphone", "title", "smart"),
        Suggestion("Smart things", "category", None),
        Suggestion("smart home", "tag", None),
        Suggestion("Mobile phone, smart", "title", "mobile"),
    ]
    assert texts("smart", limit=2) == ["Smartphone", "Smart things"]


@pytest.mark.parametrize("prefix", ["téléph", "TELEPH", "teleph", " Tele ", "te"])
def test_case_and_accents_do_not_matter(prefix, phones):
    assert texts(prefix) == ["Téléphone mobile"]


@pytest.mark.parametrize("prefix", ["智", "智能", "智能手", "智能手机", "手机", "能手机", "手"])
def test_chinese_prefixes_need_no_word_boundary(prefix, phones):
    assert texts(prefix) == ["智能手机"]


@pytest.mark.parametrize(
    ("prefix", "found"), [("カエ", "アマカエル"), ("カエル", "アマカエル"), ("กบ", "ตากบ")]
)
def test_nor_do_japanese_and_thai_ones(prefix, found, indexed):
    make_item("frog", "frog", texts={"ja": "アマカエル", "th": "ตากบ"})
    indexed()
    assert found in texts(prefix) or len(prefix) < 3


@pytest.mark.parametrize("prefix", ["いち", "イチ", "ｲﾁ", "いちご"])
def test_katakana_and_hiragana_are_one(prefix, indexed):
    make_item("strawberry", "イチゴ", language="ja")
    indexed()
    assert texts(prefix) == ["イチゴ"]


def test_entries_folded_in_an_older_way_are_folded_anew(indexed):
    make_item("strawberry", "Berry", tags=("イチゴ",))
    indexed()
    LexicalEntry.objects.filter(kind="tag").update(folded="イチゴ")
    assert texts("いちご") == []
    vocabulary.entries_add([vocabulary.Entry("tag", "イチゴ", "en")])
    assert texts("いちご") == ["イチゴ"]


def test_every_word_that_may_be_meant_has_a_share(indexed):
    make_item("frog", "A frog")
    make_item("fort", "A fort")
    make_item("form", "A form")
    make_item("frogs", "Frog pond")
    indexed()
    assert texts("forg") == ["Frog pond", "A form", "A fort", "A frog"]
    assert texts("forg", limit=1) == ["Frog pond"]


@pytest.mark.parametrize(("picture", "found"), [("🐟", "Blue thing"), ("🐸", "A frog face")])
def test_an_emoji_becomes_the_title_of_its_item_or_of_its_name(picture, found, indexed):
    make_item("emoji:1F41F", "Blue thing")
    make_item("fish", "A fish")
    make_item("frog", "A frog face")
    make_item("frog-2", "A frog")
    indexed()
    assert texts(picture) == [found]


@pytest.mark.parametrize("prefix", ["smrat", "smatrph", "smartpone", "Mobil fone", "mobile phnoe"])
def test_mistyped_prefixes_are_mended_where_nothing_begins_so(prefix, phones):
    expected = {"s": "Smartphone", "M": None, "m": "Mobile phone, smart"}[prefix[0]]
    assert (expected in texts(prefix)) if expected else texts(prefix) == []


def test_one_language_may_be_asked_for(phones):
    assert texts("te", language="fr") == ["Téléphone mobile"]
    assert texts("te", language="en") == []
    assert texts("smart", language="zh") == ["Smart things"]


def test_equal_texts_come_once_with_the_first_item(indexed):
    for name in ("one", "two", "three"):
        make_item(name, "A frog", tags=("a frog",))
    make_item("four", "a FROG!")
    indexed()
    assert lexical.suggest("a fr", 10) == [Suggestion("A frog", "title", "one")]


def test_hidden_items_are_never_shown(indexed):
    make_item("hidden", "Frog", tags=("frogs",), categories=("frog things",), published=False)
    make_item("gone", "Frogs", expires_at=timezone.now() - timedelta(seconds=1))
    indexed()
    assert texts("frog") == []
    assert texts("frgo") == []
    services.items_publish(Item.objects.filter(external_id="hidden"), published=True)
    assert texts("frog") == ["Frog", "frogs", "frog things"]


def test_what_no_item_has_any_more_is_not_shown(indexed):
    item = make_item("frog", "Pond", tags=("frogs",), categories=("frog things",))
    indexed()
    services.item_update(item, tags=("toads",))
    services.category_rename(Category.objects.get(path="frog things"), "toad things")
    indexed()
    assert texts("frog") == []
    assert texts("toad") == ["toads", "toad things"]


def test_quotes_and_wildcards_are_letters_like_others(indexed):
    make_item("it", "It's 100% \\new_", tags=("it's \\ 'quoted'",), categories=("it's 'so'",))
    indexed()
    assert texts("it's") == ["it's 'so'", "It's 100% \\new_", "it's \\ 'quoted'"]
    assert texts("100%") == ["It's 100% \\new_"]
    assert texts("%") == []


def test_every_statement_can_use_an_index(many_items, monkeypatch):
    lexical.index_items([item.pk for item in many_items(3_000)])
    statements = []

    def explained(self, statement, text):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}", {**self._parameters, "text": text})
            statements.append("\n".join(row[0] for row in cursor.fetchall()))

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE retrieval_lexicaldocument")
        cursor.execute("SET LOCAL enable_seqscan = off")  # where an index can be used, it is
    monkeypatch.setattr(suggesting._Search, "_add", explained)
    for prefix in ("item 17", "item 9", "tem 5", "项目", "zzz"):
        lexical.suggest(prefix, 10)
    assert len(statements) >= 15
    assert not [plan for plan in statements if "Seq Scan on retrieval_lexical" in plan]
