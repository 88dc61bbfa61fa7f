"""The index follows the items, whoever changes them and whoever is told."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import services
from catalog.models import Category, Item
from retrieval import lexical, sweep
from retrieval.exceptions import EncoderUnavailable
from retrieval.lexical import documents
from retrieval.models import LexicalDocument
from tests.fakes import FakeTextEncoder
from tests.retrieval.conftest import make_item
from workers.sweeper import sweep as sweeper
from workers.tasks import embed_items

pytestmark = pytest.mark.django_db


def rows() -> dict[tuple[str, str], str]:
    listed = LexicalDocument.objects.values_list("item__external_id", "language", "words")
    return {(name, language): words for name, language, words in listed}


def test_a_row_holds_stems_by_weight():
    item = make_item(
        "SKU-7",
        "Walking boots",
        description="They last",
        tags=("Red things",),
        categories=("feet",),
    )
    lexical.index_items([item.pk])
    [row] = LexicalDocument.objects.all()
    assert (row.heading, row.title, row.language, row.length, row.content_version) == (
        "Walking boots",
        "walking boots",
        "en",
        8,
        1,
    )
    assert row.words == (
        "'#Red things':9 '/feet':10 '7':7C 'boot':2A 'feet':5C 'last':8 'red':3B 'sku':6C"
        " 'thing':4B 'walk':1A"
    )


def test_chinese_characters_are_found_singly_and_in_pairs():
    item = make_item("phone", "智能手机", language="zh")
    lexical.index_items([item.pk])
    lexemes = set(LexicalDocument.objects.get().words.split())
    assert {each.split(":")[0] for each in lexemes} >= {
        "'智能手机'", "'智能'", "'能手'", "'手机'", "'手'", "'机'",
    }  # fmt: skip


def test_the_worker_flow_keeps_the_index(found):
    item = make_item("frog", "a frog", texts={"de": "ein Frosch"})
    embed_items([item.pk])
    assert found("frog") == ["frog"]
    services.item_update(item, title="a toad", texts=())
    assert lexical.due(limit=10) == [item.pk]
    embed_items([item.pk])
    assert (found("toad"), found("frosch")) == (["frog"], [])
    assert set(rows()) == {("frog", "en")}
    assert lexical.due(limit=10) == []


def test_words_are_found_though_no_encoder_works(found, monkeypatch):
    def fail(*_, **__):
        raise EncoderUnavailable("gone")

    item = make_item("frog", "a frog")
    monkeypatch.setattr(FakeTextEncoder, "encode", fail)
    embed_items([item.pk])
    assert found("frog") == ["frog"]


def test_the_embed_command_brings_words_up_to_date(many_items, found, capsys):
    many_items(3)
    call_command("embed", "--here")
    assert found("item") == ["item-0", "item-1", "item-2"]
    assert lexical.due(limit=10) == []


def test_the_sweeper_finds_items_whose_words_alone_are_due(transactional_db):
    item = make_item("frog", "a frog")
    embed_items([item.pk])
    assert sweeper() == 0
    LexicalDocument.objects.all().delete()
    assert sweep.due_words() == [item.pk]
    assert sweeper() == 1
    Item.objects.update(content_changed_at=timezone.now() - timedelta(days=1))
    assert sweep.due_words() == []  # a full pass was made a moment ago
    cache.delete("sweep:words:full")  # what its time limit does
    assert sweep.due_words() == [item.pk]


def test_deleted_items_leave_no_row_behind():
    items = [make_item(f"item-{n}", f"item {n}") for n in range(3)]
    lexical.index_items([item.pk for item in items])
    services.item_delete(items[0])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_item WHERE id = %s", [items[1].pk])
    assert set(rows()) == {("item-2", "en")}
    lexical.index_items([items[0].pk, items[2].pk])
    assert set(rows()) == {("item-2", "en")}


def test_hidden_items_stay_in_the_index(found):
    item = make_item("frog", "a frog", published=False)
    lexical.index_due([item.pk])
    assert found("frog") == []
    services.items_publish(Item.objects.all(), published=True)
    assert found("frog") == ["frog"]


def test_a_renamed_category_changes_the_words_of_its_items(found):
    item = make_item("owl", "a thing", categories=("animals/birds",))
    lexical.index_due([item.pk])
    assert found("birds") == ["owl"]
    services.category_rename(Category.objects.get(path="animals/birds"), "raptors")
    assert lexical.index_due([item.pk]) == 1
    assert (found("birds"), found("raptor")) == ([], ["owl"])


def test_the_language_of_an_item_may_change():
    item = make_item("frog", "Frosch")
    lexical.index_due([item.pk])
    services.item_update(item, language="de")
    lexical.index_due([item.pk])
    assert set(rows()) == {("frog", "de")}


def test_a_late_worker_does_not_overwrite_what_is_newer():
    item = make_item("frog", "a frog", texts={"fr": "une grenouille"})
    late = documents.selectors.item_words([item.pk])
    services.item_update(item, title="a toad", texts=())
    lexical.index_due([item.pk])
    documents._write(late)
    assert rows() == {("frog", "en"): "'frog':2C 'toad':1A"}
    assert lexical.due(limit=10) == []


def test_another_recipe_makes_every_row_due():
    item = make_item("frog", "a frog")
    lexical.index_due([item.pk])
    LexicalDocument.objects.update(recipe=0)
    assert lexical.due(limit=10) == [item.pk]
    assert lexical.index_due([item.pk]) == 1
    assert lexical.index_due([item.pk]) == 0


def test_an_unchanged_text_touches_no_index(many_items):
    def updates() -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables"
                " WHERE relname = 'retrieval_lexicaldocument'"
            )
            return cursor.fetchone()

    items = many_items(50)
    ids = [item.pk for item in items]
    lexical.index_due(ids)
    services.items_touch(ids)
    before = updates()
    lexical.index_due(ids)
    after = updates()
    assert after[0] - before[0] == 50
    assert after[1] - before[1] > 10  # as many as their page has room for


def test_a_batch_costs_as_many_statements_as_an_item(many_items):
    ids = [item.pk for item in many_items(100)]
    lexical.index_items(ids[:1])
    counts = []
    for batch in (ids[1:2], ids[2:]):
        with CaptureQueriesContext(connection) as queries:
            lexical.index_items(batch)
        counts.append(len(queries))
    assert counts[1] <= counts[0] <= 10


def test_due_pages_by_id(many_items):
    ids = [item.pk for item in many_items(5)]
    assert lexical.due(limit=2) == ids[:2]
    assert lexical.due(limit=10, after=ids[2]) == ids[3:]
    assert lexical.due_among(ids[3:]) == ids[3:]


def test_long_texts_are_indexed(found):
    words = " ".join(f"w{n}" for n in range(3_000))
    item = make_item("long", "x" * 500, description=words, tags=tuple("y" * 99 + c for c in "abc"))
    lexical.index_items([item.pk])
    assert found("w7") == ["long"]
    assert found("x" * 500) == ["long"]
