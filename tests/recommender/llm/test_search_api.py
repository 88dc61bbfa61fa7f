"""A search that understands its words: ``POST /api/v1/search/`` with ``understand``."""

import time

import pytest
from django.core.cache import cache
from django.utils import timezone

from catalog.models import Item
from recommender.api import search
from recommender.llm.understanding import (
    by_rules,
    names_due,
    names_read,
    names_want,
    vocabulary,
)
from recommender.llm.understanding import names as reading
from recommender.models import ItemPopularity
from retrieval import lexical, services
from tests.clients import anonymous
from tests.retrieval.conftest import make_item, space  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/search/"


@pytest.fixture
def shop(space):  # noqa: F811
    cache.clear()
    rows = [
        ("red", "red boots", 40, "Acme", "2020-05-01", "shoes/boots"),
        ("blue", "blue boots leather", 80, "Acme", "2023-01-01", "shoes/boots"),
        ("old", "boots brown", 120, "Nokia", "1999-01-01", "shoes/boots"),
        ("phone", "phone red", 300, "Nokia", "2024-06-01", "electronics/phones"),
        ("cover", "boots cover", 5, "Nokia", "2021-01-01", "accessories"),
    ]
    items = {
        name: make_item(
            name,
            title,
            categories=(category,),
            attributes={
                "price": price,
                "brand": brand,
                "released": released,
                "in_stock": price < 100,
            },
        )
        for name, title, price, brand, released, category in rows
    }
    services.embed_items(space.id, [item.pk for item in items.values()])
    lexical.index_items([item.pk for item in items.values()])
    names_read()
    return items


def ask(text: str, *others, status: int = 200, **options):
    body = {"query": [{"text": text}, *others], "understand": True, **options}
    answer = anonymous().post(SEARCH, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def names(answer) -> list[str]:
    return [hit["item"]["external_id"] for hit in answer["hits"]]


def test_a_question_is_answered_by_what_it_means_and_says_what_that_is(shop):
    answer = ask("boots under 100, not leather")

    assert names(answer) == ["red"]  # the blue ones say that they are leather
    assert answer["interpretation"] == {
        "query": [{"text": "boots", "weight": 1.0}, {"text": "leather", "weight": -0.5}],
        "filter": {"categories": "shoes/boots", "price": {"lt": 100}},
        "without": ["leather"],
        "sort": None,
        "language": "en",
        "source": "rules",
        "degraded": False,
        "ignored": [],
        "conditions": [
            {"key": "without:leather", "kind": "without", "field": None, "value": "leather"},
            {
                "key": "filter:categories",
                "kind": "filter",
                "field": "categories",
                "value": "shoes/boots",
            },
            {"key": "filter:price", "kind": "filter", "field": "price", "value": {"lt": 100}},
        ],
    }


@pytest.mark.parametrize(
    ("question", "unread", "expected", "left"),
    [
        ("boots under 100, not leather", ["without:leather"], ["red", "blue"], ["filter:categories", "filter:price"]),
        ("boots under 100, not leather", ["filter:price", "nothing"], ["red", "old"], ["without:leather", "filter:categories"]),
        ("red things but no phones or boots", ["without:phones"], ["phone"], ["without:boots"]),
        ("red things but no phones", ["without:phones"], ["phone", "red", "old", "cover", "blue"], []),
        ("cheapest boots", ["sort"], ["blue", "old", "red"], ["filter:categories"]),
        ("靴子，不要皮革，一百块以下", ["filter:price"], ["blue", "old", "red"], ["without:皮革", "filter:categories"]),
    ],
)  # fmt: skip
def test_conditions_that_are_not_meant_are_left_out(shop, question, unread, expected, left):
    answer = ask(question, unread=unread)
    assert sorted(names(answer)) == sorted(expected)
    assert [each["key"] for each in answer["interpretation"]["conditions"]] == left


def test_by_rules_words_that_only_say_what_they_are_about_stay_as_they_are(shop, settings):
    settings.LLM = {**settings.LLM, "PROVIDER": "openai", "URL": "http://127.0.0.1:9"}
    plain = anonymous().post(SEARCH, {"query": [{"text": "acme boots"}]}, format="json").json()
    answer = ask("acme boots", by_rules=True)
    assert "interpretation" not in answer
    assert names(answer) == names(plain)
    read = ask("acme boots, not leather", by_rules=True)["interpretation"]
    assert (read["source"], read["degraded"], read["filter"]) == (
        "rules",
        False,
        {"categories": "shoes/boots", "brand": "Acme"},
    )


TITLES = ("Shirt without sleeves!", "arbre sans feuille", "Teetasse ohne Henkel", "camiseta sin mangas", "不要皮革的包")  # fmt: skip


@pytest.fixture
def denying(shop, space):  # noqa: F811
    """Items whose names deny something, each found by a translation but the first."""
    english, *others = TITLES
    tags = ("fr", "de", "es", "zh")
    texts = dict(zip(tags, others, strict=True))
    item = make_item("shirt", english, texts=texts)
    services.embed_items(space.id, [item.pk])
    lexical.index_items([item.pk])
    return item


@pytest.mark.parametrize("typed", [*TITLES, "SHIRT without sleeves", " arbre  sans FEUILLE. "])
def test_by_rules_words_that_are_a_title_are_no_sentence(denying, typed):
    answer = ask(typed, by_rules=True)
    assert "interpretation" not in answer
    plain = anonymous().post(SEARCH, {"query": [{"text": typed}]}, format="json").json()
    assert names(answer) == names(plain)
    assert "shirt" in names(answer)
    assert ask(typed)["interpretation"]["without"]  # who asks for it to be understood gets that
    Item.objects.filter(pk=denying.pk).update(published=False)
    assert ask(typed, by_rules=True)["interpretation"]["without"]


def test_by_rules_words_beside_a_title_are_read(denying):
    read = ask("arbre sans feuille verte", by_rules=True)["interpretation"]
    assert read["without"] == ["feuille verte"]


def test_titles_are_only_looked_up_where_conditions_were_found(shop, django_assert_max_num_queries):
    looked_up = {}
    for text in ("acme boots", "acme boots, not leather"):
        with django_assert_max_num_queries(100) as asked:
            ask(text, by_rules=True)
        looked_up[text] = sum(
            '"retrieval_lexicaldocument"."title" = ' in each["sql"]
            for each in asked.captured_queries
        )
    assert looked_up == {"acme boots": 0, "acme boots, not leather": 1}


def test_what_says_itself_that_it_is_denied_is_left_out(shop):
    assert names(ask("shoes except boots")) == []
    assert names(ask("not boots")) == ["phone"]  # the cover's title says boots
    assert names(ask("red things but no phones")) == ["red", "old", "cover", "blue"]
    assert ask("not boots")["interpretation"]["without"] == ["boots"]


@pytest.mark.parametrize(
    "question", ["anything but phones", "keine Handys", "tout sauf les téléphones", "不要手机"]
)
def test_who_only_denies_is_shown_what_is_used_most_of_the_rest(shop, question):
    for name, popular in (("cover", 5), ("blue", 9), ("phone", 50)):
        ItemPopularity.objects.create(
            item_id=shop[name].pk,
            popular=popular,
            trending=0,
            visitors=1,
            updated_at=timezone.now(),
        )

    answer = ask(question)

    assert names(answer)[:2] == ["blue", "cover"]
    assert "phone" not in names(answer)
    said = answer["interpretation"]
    assert [part["item"] for part in said["query"] if "item" in part] == ["red", "blue", "cover"]
    assert said["sort"] == {"by": "popularity", "order": "desc"}


def test_the_same_in_chinese(shop):
    answer = ask("诺基亚的靴子，一百块以上")

    assert names(answer) == ["old"]
    assert answer["interpretation"]["filter"] == {
        "categories": "shoes/boots", "price": {"gte": 100}, "brand": "Nokia",
    }  # fmt: skip


def test_without_it_words_are_words(shop):
    body = {"query": [{"text": "boots under 100, not leather"}]}

    answer = anonymous().post(SEARCH, body, format="json").json()

    assert "interpretation" not in answer
    assert len(answer["hits"]) == 5


def test_an_order_is_kept_among_what_fits_and_over_pages(shop):
    first = ask("cheapest boots", limit=2)
    second = anonymous().post(SEARCH, {"cursor": first["next_cursor"]}, format="json").json()

    assert (names(first), names(second)) == (["red", "blue"], ["old"])
    assert names(ask("newest boots")) == ["blue", "red", "old"]
    assert names(ask("最贵的靴子")) == ["old", "blue", "red"]


def test_the_most_popular_are_first_and_what_nobody_used_last(shop):
    from django.utils import timezone

    for name, popular in (("old", 5.0), ("red", 2.0)):
        ItemPopularity.objects.create(
            item_id=shop[name].pk,
            popular=popular,
            trending=0,
            visitors=1,
            updated_at=timezone.now(),
        )

    assert names(ask("popular boots")) == ["old", "red", "blue"]


def test_like_this_means_the_querys_item_and_cheaper_its_price(shop):
    answer = ask("like this but cheaper", {"item": "blue"})

    assert set(names(answer)) == {"red", "cover"}
    assert answer["interpretation"]["query"] == [{"item": "blue", "weight": 1.0}]
    assert answer["interpretation"]["filter"] == {"price": {"lt": 80}}


def test_not_like_this_turns_the_item_around(shop):
    answer = ask("boots, not like this", {"item": "blue"})

    assert answer["interpretation"]["query"][-1] == {"item": "blue", "weight": -1.0}


def test_what_holds_nothing_that_is_wanted_still_looks_for_something(shop):
    answer = ask("Acme")

    assert set(names(answer)) == {"red", "blue"}
    assert answer["interpretation"]["query"] == [{"text": "Acme", "weight": 1.0}]


def test_the_filter_of_the_request_holds_as_well(shop):
    assert names(ask("boots", filter={"price": {"gt": 100}})) == ["old"]
    problem = ask("boots", filter={"prise": 1}, status=400)
    assert "filter.prise" in problem["errors"]


def test_one_deadline_holds_for_all_that_a_search_waits_for(shop, endpoint, settings, monkeypatch):
    settings.LLM = settings.LLM | {"PURPOSES": ("understand", "rerank")}
    ask("boots")  # loads what is loaded once, the client of endpoints too
    endpoint.requests.clear()
    monkeypatch.setattr(search, "MODELS_S", 0.6)
    endpoint.always = "hanging"
    started = time.perf_counter()

    answer = ask("boots")

    # each alone would take 2 s, both 4; the second is not even begun
    assert time.perf_counter() - started < 2.6
    assert answer["interpretation"]["degraded"] is True
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "query",
    [
        [{"text": "boots"}, {"text": "red"}],
        [{"item": "red"}],
        [{"text": "boots", "weight": -1}, {"item": "red"}],
    ],
)
def test_one_text_can_be_a_question(shop, query):
    answer = anonymous().post(SEARCH, {"query": query, "understand": True}, format="json")

    assert answer.status_code == 400
    assert "understand" in answer.json()["errors"]


def test_the_catalogs_names_are_read_once(shop, django_assert_num_queries):
    found = vocabulary()
    assert found.roles == {n: n for n in ("price", "released", "brand", "in_stock")}
    assert found.brands == {"acme": "Acme", "nokia": "Nokia"}
    assert (found.low, found.high) == (40.0, 120.0)
    assert found.categories["boot"] == ("shoes/boots",)
    with django_assert_num_queries(0):
        assert vocabulary() == found


def test_a_request_reads_no_more_than_categories(shop, django_assert_num_queries):
    cache.clear()
    with django_assert_num_queries(1) as asked:
        found = vocabulary()
    assert "catalog_category" in asked.captured_queries[0]["sql"]
    assert (found.categories["boot"], found.brands, found.roles) == (("shoes/boots",), {}, {})
    assert ask("not boots, by Acme")["interpretation"]["without"] == ["boots"]

    assert names_due()
    assert names_read()
    assert vocabulary().brands == {"acme": "Acme", "nokia": "Nokia"}
    assert not names_due()


def test_names_are_read_again_when_they_are_wanted_or_old(shop, monkeypatch):
    assert not names_due()
    names_want()
    assert names_due()
    names_read()
    assert not names_due()
    monkeypatch.setattr(reading, "REMEMBER_S", 0)
    assert names_due()


def test_one_worker_reads_at_a_time(shop):
    cache.set(reading.READING, True, 60)
    names_want()
    assert not names_read()
    assert names_due()
    cache.delete(reading.READING)
    assert names_read()


def test_a_brand_takes_no_ordinary_word_from_a_question(space):  # noqa: F811
    brands = {
        " ": "mat", "...": "rug", "an": "zebra", "Show": "lamp", "Boot": "boots", "Owl": "night lamp",
        "貓": "貓砂", "Red  Fox": "red fox shoes", "Acme": "owls, two", "鸮": "大鸮",
    }  # fmt: skip
    for n, (brand, title) in enumerate(brands.items()):
        make_item(f"i{n}", title, categories=("shoes/boots",), attributes={"brand": brand})
    make_item("owl", "snowy owl")
    make_item("white", "white-owl", texts={"zh": "雪鸮"})
    make_item("other", "two 雪鸮 birds")
    names_read()

    found = vocabulary()

    assert found.brands == {"貓": "貓", "red fox": "Red  Fox", "acme": "Acme"}
    assert by_rules("zebra rugs with owls", known=found).wanted == "zebra rugs with owls"
    assert by_rules("斑马", known=found).wanted == "斑马"


def test_a_catalog_without_prices_is_not_asked_for_them(space):  # noqa: F811
    make_item("frog", "green frog")
    names_read()

    answer = ask("a cheap frog")

    assert answer["interpretation"]["ignored"] == ["price"]
    assert answer["interpretation"]["filter"] == {}
