"""Paging while items come, go and change: everything that stays is shown once."""

import json
from itertools import cycle
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Item
from retrieval import lexical, pages, queries, search, services, spaces
from retrieval.scoring import Part
from retrieval.search import Query
from tests.retrieval.conftest import make_item, make_space
from tests.thoroughness import examples

pytestmark = pytest.mark.django_db

PATH = "/api/v1/search/"
ITEMS = 130  # more than the first page looks at


@pytest.fixture(scope="module", autouse=True)
def stored(module_db) -> None:
    make_space()
    items = [make_item(f"item-{n:03}", f"frog number {n}") for n in range(ITEMS)]
    for start in range(0, ITEMS, 32):
        services.embed_items(
            spaces.active_space().id, [each.pk for each in items[start : start + 32]]
        )


@pytest.fixture
def catalog(stored, space) -> list[Item]:
    return list(Item.objects.order_by("pk"))


def post(client: Client, **body):
    return client.post(PATH, json.dumps(body), content_type="application/json")


def walk(client: Client, **body) -> list[str]:
    """Names on all pages, in order."""
    answer = post(client, query=[{"text": "frog"}], **body)
    names: list[str] = []
    for _ in range(ITEMS + 5):
        assert answer.status_code == 200, answer.content
        page = answer.json()
        names += [hit["item"]["external_id"] for hit in page["hits"]]
        if page["next_cursor"] is None:
            return names
        assert page["hits"], "an empty page that is not the last"
        rest = {name: value for name, value in body.items() if name == "limit"}
        answer = post(client, cursor=page["next_cursor"], **rest)
    pytest.fail("the pages do not end")


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
@pytest.mark.parametrize("limit", [7, 50, 100])
def test_all_pages_together_are_the_catalog(client, catalog, mode, limit):
    names = walk(client, limit=limit, mode=mode)
    assert len(names) == len(set(names)) == ITEMS


def test_with_diversity_too(client, catalog):
    names = walk(client, limit=30, diversity=0.7, mode="dense")
    assert len(names) == len(set(names)) == ITEMS


def test_the_pages_are_the_ranking(client, catalog):
    whole = post(client, query=[{"text": "frog"}], limit=100, mode="dense").json()["hits"]
    paged = walk(client, limit=20, mode="dense")
    assert paged[:100] == [hit["item"]["external_id"] for hit in whole]


@settings(
    deadline=None,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_stays_is_shown_once_whatever_happens_in_between(space, catalog, data):
    """Hidden, shown, deleted, changed and new items between the pages."""
    Item.objects.update(published=True)
    active = spaces.active_space()
    query = Query((Part(queries.text_vector(active, "frog"), "text"),))
    limit = data.draw(st.integers(5, 60))
    page = pages.first(active, query, limit)
    seen = [hit.item_id for hit in page.hits]
    touched: set[int] = set()
    numbers = st.lists(st.integers(0, ITEMS - 1), max_size=15, unique=True)
    while page.next_cursor:
        for number in data.draw(numbers):
            item = catalog[number]
            touched.add(item.pk)
            Item.objects.filter(pk=item.pk).update(published=not item.published)
            item.published = not item.published
        hidden = set(Item.objects.filter(published=False).values_list("pk", flat=True))
        page = pages.following(page.next_cursor, limit)
        shown = [hit.item_id for hit in page.hits]
        assert not hidden & set(shown)
        assert len(shown) == limit or page.next_cursor is None
        seen += shown
    for item in catalog:
        item.published = True
    assert len(seen) == len(set(seen))
    assert {item.pk for item in catalog} - touched <= set(seen)


SHAPES: dict[str, dict[str, Any]] = {
    "hybrid": {},
    "words count more": {"lexical_share": 0.9},
    "lexical": {"mode": "lexical"},
    "not like": {"query": [{"text": "frog"}, {"text": "number 7", "weight": -0.6}]},
    "modalities": {"mode": "dense", "modalities": {"text": 1}},
    "diversity": {"diversity": 0.6},
    "least score": {"mode": "dense", "min_score": -0.9},
    "facets": {"facets": ["kind"]},
}
FEWER = 30
"""Candidates, for catalogs of tests."""


@pytest.fixture
def fewer(monkeypatch) -> None:
    monkeypatch.setattr(search, "CANDIDATES", FEWER)


class TestFrozen:
    """One list, whatever the pages' size, whatever comes in between."""

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_fewer_hits_are_the_beginning_of_more(self, client, catalog, fewer, shape):
        asked = {"query": [{"text": "frog number 12"}], **shape}
        whole = post(client, limit=FEWER // 2, **asked).json()["hits"]
        assert len(whole) == FEWER // 2
        for limit in range(1, FEWER // 2):
            assert post(client, limit=limit, **asked).json()["hits"] == whole[:limit], limit

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_pages_of_any_size_are_one_list_and_new_items_are_not_in_it(
        self, client, catalog, fewer, space, shape
    ):
        asked = {"query": [{"text": "frog number 12"}], **shape}
        whole = self.ids(post(client, limit=FEWER // 2, **asked).json())
        sizes = cycle([1, 4, 9, 14])
        answer = post(client, limit=1, **asked).json()
        names = self.ids(answer)
        while answer["next_cursor"]:
            new = make_item(f"new-{len(names)}", "frog number 12")
            services.embed_items(space.id, [new.pk])
            lexical.index_items([new.pk])
            answer = post(client, cursor=answer["next_cursor"], limit=next(sizes)).json()
            names += self.ids(answer)
        assert names[: FEWER // 2] == whole
        assert len(names) == len(set(names))
        assert not [name for name in names if name.startswith("new")]
        assert set(names) == {item.external_id for item in catalog}
        found = self.ids(post(client, limit=FEWER // 2, **asked).json())
        assert any(name.startswith("new") for name in found)

    @pytest.mark.parametrize("mode", ["hybrid", "lexical"])
    def test_words_that_are_gone_meanwhile_take_nothing_else_along(
        self, client, catalog, fewer, mode
    ):
        """The only item that has the word is hidden after the first page."""
        found = make_item("saxophone", "a saxophone")
        services.embed_items(spaces.active_space().id, [found.pk])
        lexical.index_items([found.pk])
        asked = {"query": [{"text": "saxophone"}], "mode": mode}
        answer = post(client, limit=1, **asked).json()
        assert self.ids(answer) == ["saxophone"]
        Item.objects.filter(pk=found.pk).update(published=False)
        names = []
        while answer["next_cursor"]:
            answer = post(client, cursor=answer["next_cursor"], limit=50).json()
            names += self.ids(answer)
        others = {item.external_id for item in catalog} if mode == "hybrid" else set()
        assert set(names) == others
        assert len(names) == len(others)

    def test_a_least_score_keeps_all_that_reach_it(self, client, catalog, fewer):
        """Of an order that is not the index's own, more may come after those that are too low."""
        asked = {"query": [{"text": "frog number 12"}], "mode": "dense"}
        asked |= {"similarity": "normalised"}
        whole = self.walked(client, asked)
        bound = whole[len(whole) // 2][1] - 1e-6  # told with six digits
        found = self.walked(client, asked | {"min_score": bound})
        assert {name for name, _ in found} == {name for name, score in whole if score >= bound}

    def walked(self, client, asked: dict[str, Any]) -> list[tuple[str, float]]:
        answer = post(client, limit=10, **asked).json()
        hits = list(answer["hits"])
        while answer["next_cursor"]:
            answer = post(client, cursor=answer["next_cursor"], limit=10).json()
            hits += answer["hits"]
        return [(hit["item"]["external_id"], hit["score"]) for hit in hits]

    @pytest.mark.parametrize("limit", [1, 3, 14])
    def test_parts_of_words_do_not_depend_on_the_page(self, client, catalog, limit):
        asked = [
            {"text": "frog number 12"},
            {"text": "number 31"},
            {"text": "frog", "weight": -0.4},
        ]
        answer = post(client, query=asked, mode="lexical", limit=limit, explain=True).json()
        assert len(answer["hits"]) == limit
        for hit in answer["hits"]:
            assert sum(hit["contributions"]["parts"]) == pytest.approx(hit["score"], abs=2e-6)

    def ids(self, answer: dict[str, Any]) -> list[str]:
        return [hit["item"]["external_id"] for hit in answer["hits"]]


def test_a_filter_holds_on_every_page(client, catalog):
    Item.objects.filter(pk__in=[item.pk for item in catalog[::2]]).update(kind="even")
    names = walk(client, limit=20, filter={"kind": "even"})
    assert sorted(names) == [item.external_id for item in catalog[::2]]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_facets_do_not_depend_on_the_page(client, catalog, mode):
    """More items than a small page looks at."""
    Item.objects.filter(pk__in=[item.pk for item in catalog[::2]]).update(kind="even")
    asked = {"query": [{"text": "frog"}], "mode": mode, "facets": ["kind"]}
    expected = {"kind": [{"value": each, "count": ITEMS // 2} for each in ("even", "item")]}
    for limit in (1, 20, 100):
        answer = post(client, **asked, limit=limit).json()
        assert answer["facets"] == expected, limit
        following = {"cursor": answer["next_cursor"], "facets": ["kind"]}
        assert post(client, **following).json()["facets"] == expected, limit


def test_facets_may_be_asked_for_on_a_later_page(client, catalog):
    answer = post(client, query=[{"text": "frog"}], limit=1, mode="dense").json()
    later = post(client, cursor=answer["next_cursor"], facets=["kind"]).json()
    assert [each["count"] for each in later["facets"]["kind"]] == [ITEMS]


class TestCursor:
    @pytest.fixture
    def cursor(self, client, catalog) -> str:
        return post(client, query=[{"text": "frog"}], limit=10).json()["next_cursor"]

    def refused(self, client, cursor, **body) -> str:
        answer = post(client, cursor=cursor, **body)
        assert answer.status_code == 400, answer.content
        assert list(answer.json()["errors"]) == ["cursor"]
        return answer.json()["errors"]["cursor"][0]

    def test_may_be_sent_with_its_query(self, client, cursor):
        alone = post(client, cursor=cursor).json()["hits"]
        assert post(client, query=[{"text": "frog"}], cursor=cursor).json()["hits"] == alone

    def test_not_with_another_query(self, client, cursor):
        for other in (
            {"query": [{"text": "toad"}]},
            {"query": [{"text": "frog"}], "mode": "dense"},
        ):
            assert "another query" in self.refused(client, cursor, **other)

    @pytest.mark.parametrize(
        "option",
        [
            {"mode": "dense"},
            {"similarity": "cosine"},
            {"modalities": {"text": 1}},
            {"filter": {"kind": "item"}},
            {"diversity": 0.5},
            {"min_score": 0},
            {"query": [{"text": "toad"}]},
        ],
        ids=lambda option: next(iter(option)),
    )
    def test_not_with_another_option_even_alone(self, client, cursor, option):
        (name,) = option
        assert f"another {name}:" in self.refused(client, cursor, **option)

    def test_with_the_same_options(self, client, catalog):
        options = {"mode": "dense", "filter": {"kind": "item"}, "modalities": {"text": 1}}
        options |= {"diversity": 0.5, "similarity": "cosine", "min_score": -1}
        first = post(client, query=[{"text": "frog"}], limit=10, **options).json()
        for name, value in options.items():
            answer = post(client, cursor=first["next_cursor"], **{name: value})
            assert answer.status_code == 200, name
        assert "another filter:" in self.refused(client, first["next_cursor"], filter=None)

    def test_options_of_the_answer_may_differ(self, client, cursor):
        options = {"limit": 3, "facets": ["kind"], "explain": True, "lang": "de"}
        answer = post(client, cursor=cursor, **options).json()
        assert (len(answer["hits"]), list(answer["facets"])) == (3, ["kind"])
        assert "contributions" in answer["hits"][0]

    def test_a_filter_that_is_none_is_refused_as_such(self, client, cursor):
        answer = post(client, cursor=cursor, filter={"nope": 1})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["filter.nope"])

    def test_in_the_url_without_the_words(self, client, catalog):
        cursor = client.get(PATH, {"q": "frog", "limit": 10}).json()["next_cursor"]
        alone = client.get(PATH, {"cursor": cursor})
        assert alone.status_code == 200, alone.content
        again = client.get(PATH, {"cursor": cursor, "q": "frog", "diversity": "0"})
        assert again.json()["hits"] == alone.json()["hits"]
        other = client.get(PATH, {"cursor": cursor, "q": "toad"})
        assert list(other.json()["errors"]) == ["cursor"]
        assert list(client.get(PATH).json()["errors"]) == ["q"]

    def test_of_similar_items(self, client, catalog):
        path = "/api/v1/items/item-000/similar/"
        cursor = client.get(path, {"limit": 10}).json()["next_cursor"]
        assert client.get(path, {"cursor": cursor}).status_code == 200
        for other, rest in ((path.replace("000", "001"), {}), (path, {"min_score": "0.5"})):
            answer = client.get(other, {"cursor": cursor, **rest})
            assert list(answer.json()["errors"]) == ["cursor"], other

    def test_of_several_examples(self, client, catalog):
        def ask(**body):
            return client.post(
                "/api/v1/similar/", json.dumps(body), content_type="application/json"
            )

        like = [{"item": "item-000"}]
        cursor = ask(positive=like, limit=10).json()["next_cursor"]
        Item.objects.filter(external_id="item-000").update(published=False)
        assert ask(cursor=cursor, positive=like, strategy="average").status_code == 200
        for other in ({"strategy": "best"}, {"positive": [{"item": "item-001"}]}):
            answer = ask(cursor=cursor, **other)
            assert list(answer.json()["errors"]) == ["cursor"], other

    def test_forged(self, client, cursor):
        payload, rest = cursor.split(":", 1)
        swapped = "".join(reversed(payload))
        for forged in (cursor[:-1], f"{swapped}:{rest}", "x", ":", "é", "a:b:c", cursor + "A"):
            assert "unchanged" in self.refused(client, forged)

    @given(st.text(max_size=200))
    @settings(
        deadline=None,
        max_examples=100,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_any_text_is_refused_by_name(self, client, catalog, text):
        answer = post(client, cursor=text or "x")
        assert answer.status_code == 400, answer.content

    @pytest.mark.parametrize("content", [[], "x", 5, ["a"], [1, 2], ["key", -3], ["key", "a"]])
    def test_signed_but_of_nothing(self, client, catalog, content):
        self.refused(client, signing.dumps(content, salt=pages.SALT))

    def test_of_another_purpose(self, client, catalog):
        self.refused(client, signing.dumps(["key", 1], salt="password-reset"))

    def test_expired(self, client, cursor):
        cache.clear()
        assert "expired" in self.refused(client, cursor)

    def test_of_a_retired_space(self, client, cursor, space):
        other = spaces.space_create_untrained("second", profile="fake", dim=64)
        services.embed_items(other.pk, list(Item.objects.values_list("pk", flat=True)))
        spaces.space_activate(other.pk)
        spaces.space_retire(space.id)
        answer = post(client, cursor=cursor)
        assert answer.status_code == 200  # from the frozen list
        while answer.status_code == 200 and answer.json()["next_cursor"]:
            answer = post(client, cursor=answer.json()["next_cursor"], limit=100)
        assert answer.status_code in (200, 400)
        if answer.status_code == 400:
            assert "expired" in answer.json()["errors"]["cursor"][0]
